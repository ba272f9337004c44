#!/usr/bin/env bash
# Runs every fuzz target of the module for $FUZZTIME each. `go test -fuzz` takes one target at a time.
set -euo pipefail
cd "$(dirname "$0")/../.."

targets=$(git ls-files -co --exclude-standard '*_test.go' | xargs grep -oHE '^func Fuzz[A-Za-z0-9_]+' || true)
if [ -z "$targets" ]; then
  echo "no fuzz target found" >&2
  exit 1
fi
while IFS=: read -r file func; do
  name=${func#func }
  echo "fuzz $(dirname "$file") $name"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" "./$(dirname "$file")"
done <<<"$targets"
