#!/usr/bin/env bash
# compose.sh ARGUMENTS…: Docker Compose on deploy/compose.yaml, v2 if this machine has it, else docker-compose 1.29.
# Makes the secrets that the file mounts if there are none yet: under .warmfront/compose, readable by their owner only.
set -euo pipefail
cd "$(dirname "$0")/../.."

state=${WARMFRONT_COMPOSE_STATE:-$PWD/.warmfront/compose}
export WARMFRONT_COMPOSE_STATE=$state

# random ALPHABET LENGTH: that many characters of the alphabet.
random() { LC_ALL=C tr -dc "$1" </dev/urandom | head -c "$2" || true; }

umask 077
mkdir -p "$state/ca"
chmod 755 "$state/ca" # the authority's certificate: public
if [ ! -s "$state/cluster-secret" ]; then
  random 'a-zA-Z0-9' 43 >"$state/cluster-secret"
fi
if [ ! -s "$state/access-key" ]; then
  printf '[default]\naws_access_key_id = AKIA%s\naws_secret_access_key = %s\n' \
    "$(random 'A-Z2-7' 16)" "$(random 'a-zA-Z0-9' 40)" >"$state/access-key"
fi
umask 022

if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  echo "Docker Compose is missing; on Debian: apt-get install docker-compose" >&2
  exit 1
fi
exec "${compose[@]}" --project-name "${WARMFRONT_COMPOSE_PROJECT:-warmfront}" --file deploy/compose.yaml "$@"
