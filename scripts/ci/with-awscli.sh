#!/usr/bin/env bash
# with-awscli.sh COMMAND…: runs it with an `aws` that is loaded once instead of for each command (scripts/ci/preload.py).
# Where that cannot be, COMMAND has the one that is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

real=$(command -v aws || true)
if [[ $real == */shims/aws ]] && command -v pyenv >/dev/null; then
  real=$(pyenv which aws)
fi
python=
[ -z "$real" ] || python=$(sed -n '1s/^#!//p' "$real" | tr -d '\0')
if [ ! -x "$python" ] || ! "$python" -c 'import awscli.clidriver, socket; socket.send_fds' 2>/dev/null; then
  exec "$@"
fi

work=$(mktemp -d)
"$python" "$here/preload.py" serve "$work/socket" &
server=$!
finish() {
  kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

mkdir "$work/bin"
printf '#!/bin/sh\nexec %q -IS %q run %q %q "$@"\n' "$python" "$here/preload.py" "$work/socket" "$real" >"$work/bin/aws"
chmod +x "$work/bin/aws"
export PATH=$work/bin:$PATH
for _ in $(seq 100); do
  [ ! -S "$work/socket" ] || break
  sleep 0.1
done
"$@"
