#!/usr/bin/env bash
# with-docker.sh COMMAND…: runs COMMAND with a Docker engine to talk to. One that answers already is used; otherwise
# one is started for COMMAND alone, with its own state and socket, and ended and removed afterwards.
set -euo pipefail

if docker info >/dev/null 2>&1; then
  exec "$@"
fi

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
state=$(mktemp -d /var/tmp/warmfront-docker.XXXXXX)
engine=
finish() {
  status=$?
  if [ -n "$engine" ]; then
    "${as_root[@]}" kill "$("${as_root[@]}" cat "$state/pid" 2>/dev/null || echo "$engine")" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  "${as_root[@]}" rm -rf "$state"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# In a session of its own, so that Ctrl-C ends COMMAND first and the engine after it.
"${as_root[@]}" setsid dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/pid" \
  --host "unix://$state/socket" --group "$(id -gn)" >"$state/log" 2>&1 &
engine=$!
export DOCKER_HOST=unix://$state/socket
for _ in $(seq 120); do
  docker info >/dev/null 2>&1 && break
  kill -0 "$engine" 2>/dev/null || break
  sleep 0.5
done
if ! docker info >/dev/null 2>&1; then
  tail -n 20 "$state/log" >&2
  echo "no Docker engine answers, and one could not be started (its last words are above)" >&2
  exit 1
fi
"$@"
