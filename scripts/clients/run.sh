#!/usr/bin/env bash
# Runs one edge, and a static site on it by each client that people have: the AWS CLI, of Debian too, boto3, the AWS SDK
# for JavaScript. Then each of them, and the SDK for Go, signs URLs and cookies for private content there, and access logs
# are read by a reader of Parquet. A client that is not here and cannot be installed is skipped, in so many words.
#
# Environment: PORT_BASE is added to every port. REQUIRE=1 takes a skipped client for a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

base=${PORT_BASE:-1700}
warmfront=$PWD/bin/warmfront
CLIENTS=$PWD/scripts/clients
export CLIENTS
work=$(mktemp -d)
export WARMFRONT_DATA=$work/state
# Versions are pinned: what is tested does not change by itself.
boto3=1.43.11 javascript=3.1164.0 signer=3.1166.0 hyparquet=1.33.0 encryption=5.0.2
passed=() failed=() skipped=()

finish() {
  local status=$?
  "$warmfront" down >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

# client NAME COMMAND…: runs a scenario.
client() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then passed+=("$name ($((SECONDS - start)) s)"); else failed+=("$name"); fi
}
skip() { # skip NAME WHY
  skipped+=("$1: $2")
}

# endpoints COMMAND DIRECTORY: makes an `aws` in the directory that is COMMAND with the endpoints as options. The CLI
# reads AWS_ENDPOINT_URL from 1.29 and 2.13 on.
endpoints() {
  mkdir -p "$2"
  # shellcheck disable=SC2016 # for then
  printf '#!/bin/sh\ncase $1 in s3|s3api) at=$AWS_ENDPOINT_URL_S3 ;; *) at=$AWS_ENDPOINT_URL ;; esac\nexec %s --endpoint-url "$at" "$@"\n' "$1" >"$2/aws"
  chmod 755 "$2/aws"
}
version() { "$1" --version 2>&1 | sed 's/ .*//'; } # aws-cli/2.9.19

with_boto3() { # sets $python to one that has boto3
  python=python3
  command -v python3 >/dev/null || { skip boto3 "there is no python3"; return 1; }
  python3 -c 'import boto3' 2>/dev/null && return
  python=$work/venv/bin/python
  { python3 -m venv "$work/venv" && "$python" -m pip install --quiet "boto3==$boto3"; } >"$work/pip" 2>&1 ||
    { skip boto3 "it is not installed, and pip cannot: $(tail -n 1 "$work/pip")"; return 1; }
}
with_javascript() { # installs the SDK beside a copy of the scenario
  command -v node >/dev/null || { skip javascript "there is no node"; return 1; }
  command -v npm >/dev/null || { skip javascript "there is no npm"; return 1; }
  mkdir -p "$work/javascript"
  cp "$CLIENTS/site.mjs" "$CLIENTS/sign.mjs" "$work/javascript/"
  npm install --silent --no-audit --no-fund --prefix "$work/javascript" \
    "@aws-sdk/client-cloudfront@$javascript" "@aws-sdk/client-s3@$javascript" "@aws-sdk/cloudfront-signer@$signer" >"$work/npm" 2>&1 ||
    { skip javascript "npm cannot install the SDK: $(tail -n 1 "$work/npm")"; return 1; }
}
with_hyparquet() { # a reader of Parquet, for the access logs that are written so
  command -v node >/dev/null || { skip hyparquet "there is no node"; return 1; }
  command -v npm >/dev/null || { skip hyparquet "there is no npm"; return 1; }
  npm install --silent --no-audit --no-fund --prefix "$work/hyparquet" "hyparquet@$hyparquet" >"$work/npm" 2>&1 ||
    { skip hyparquet "npm cannot install it: $(tail -n 1 "$work/npm")"; return 1; }
}

"$warmfront" up --port-base "$base" --pops FRA --wan off --no-demo --detach --wait >"$work/up"
eval "$("$warmfront" env)"
export EDGE=127.86.0.1 EDGE_PORT=$((8443 + base))

debian=/usr/bin/aws
if [ "$(command -v aws)" != "$debian" ]; then client "AWS CLI $(version aws)" "$CLIENTS/cli.sh"; fi
if [ -x "$debian" ]; then
  endpoints "$debian" "$work/debian"
  client "Debian's AWS CLI $(version "$debian")" env PATH="$work/debian:$PATH" "$CLIENTS/cli.sh"
else
  skip "Debian's AWS CLI" "$debian is not installed: apt-get install awscli"
fi
boto=() script=()
if with_boto3; then
  boto=("$python")
  client "boto3 $("$python" -c 'import boto3; print(boto3.__version__)')" "$python" "$CLIENTS/site.py"
fi
if with_javascript; then
  script=(node)
  client "AWS SDK for JavaScript $javascript" node "$work/javascript/site.mjs"
fi

# Signatures for private content.
export KEYS=$work/keys WARMFRONT=$warmfront
mkdir "$KEYS"
SIGNED_DOMAIN=$("$CLIENTS/site_signed.sh" "$KEYS")
export SIGNED_DOMAIN
signatures() { # signatures NAME COMMAND…
  client "signatures by $1" python3 "$CLIENTS/signatures.py" "$@"
}
signatures "AWS CLI $(version aws)" "$CLIENTS/sign_cli.sh"
if [ -x "$debian" ] && [ "$(command -v aws)" != "$debian" ]; then
  PATH="$work/debian:$PATH" signatures "Debian's AWS CLI $(version "$debian")" "$CLIENTS/sign_cli.sh"
fi
if command -v go >/dev/null; then
  go build -o "$work/gosign" ./scripts/clients/gosign
  signatures "AWS SDK for Go" "$work/gosign"
else
  skip "signatures by the AWS SDK for Go" "there is no go"
fi
if [ ${#boto[@]} != 0 ]; then signatures boto3 "${boto[@]}" "$CLIENTS/sign_boto3.py"; fi
if [ ${#script[@]} != 0 ]; then signatures "@aws-sdk/cloudfront-signer $signer" node "$work/javascript/sign.mjs"; fi
if with_hyparquet; then client "hyparquet $hyparquet" "$CLIENTS/parquet.sh" "$work/hyparquet/node_modules/hyparquet"; fi

# Fields that an edge encrypts, by the AWS Encryption SDK.
decrypts() {
  NODE_PATH=$work/encryption/node_modules go test -count=1 -v -run TestAWSEncryptionSDK ./edge/fieldencryption >"$work/decrypts" 2>&1
  if grep -q '^--- PASS: TestAWSEncryptionSDK' "$work/decrypts"; then return; fi # it is skipped where node does not find the SDK
  cat "$work/decrypts" >&2
  return 1
}
if ! command -v go >/dev/null || ! command -v npm >/dev/null; then
  skip "AWS Encryption SDK for JavaScript" "it takes go, node and npm"
elif npm install --silent --no-audit --no-fund --prefix "$work/encryption" "@aws-crypto/client-node@$encryption" >"$work/npm" 2>&1; then
  client "AWS Encryption SDK for JavaScript $encryption" decrypts
else
  skip "AWS Encryption SDK for JavaScript" "npm cannot install it: $(tail -n 1 "$work/npm")"
fi

[ ${#passed[@]} = 0 ] || printf 'passed: %s\n' "${passed[@]}"
[ ${#skipped[@]} = 0 ] || printf 'SKIPPED: %s\n' "${skipped[@]}"
[ ${#failed[@]} = 0 ] || { printf 'FAILED: %s\n' "${failed[@]}"; exit 1; }
[ "${REQUIRE:-0}" = 0 ] || [ ${#skipped[@]} = 0 ]
