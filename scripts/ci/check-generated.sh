#!/usr/bin/env bash
# Fails if `make generate` would change a generated file. Only generated files are compared, so a work tree with
# other changes in it can be checked too; after a failure the fresh files are left in place, ready to commit.
set -euo pipefail
cd "$(dirname "$0")/../.."

sums() {
  git ls-files -co --exclude-standard '*.go' |
    xargs grep -lE '^// Code generated .* DO NOT EDIT\.$' | sort | xargs --no-run-if-empty sha256sum
}
before=$(sums)
go generate ./...
if ! diff <(echo "$before") <(sums) >&2; then
  echo "generated files were not fresh; run 'make generate' and commit what it wrote" >&2
  exit 1
fi
