#!/usr/bin/env bash
# Lints Go code and shell scripts. GOLANGCI_LINT names the pinned linter; the first run compiles it.
set -euo pipefail
cd "$(dirname "$0")/../.."

unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs --no-run-if-empty gofmt -l)
if [ -n "$unformatted" ]; then
  printf 'not formatted, run gofmt -w on:\n%s\n' "$unformatted" >&2
  exit 1
fi
git ls-files -co --exclude-standard '*.sh' .ci/run | xargs shellcheck
go run "$GOLANGCI_LINT" run ./...
