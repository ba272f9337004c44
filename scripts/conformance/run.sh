#!/usr/bin/env bash
# run.sh [TEST-ID]: runs the HTTP caching suite http-cache-tests (https://cache-tests.fyi) against an edge: its origin
# server behind a distribution that caches by RFC 9111, its client in front. Prints how many tests pass and fails below
# the committed floor. Then runs exchanges of our own (exchanges.mjs) the same way. With a TEST-ID, shows only what that
# test sends and receives.
#
# The suite comes from npm into bin/conformance, at the versions and digests of package-lock.json. Needs node, npm and
# the AWS CLI. PORT_BASE is added to every port. SUITE is the folder of another release of the suite, to run in place of
# that one; no floor holds then.
set -euo pipefail
cd "$(dirname "$0")/../.."

base=${PORT_BASE:-900}
origin=$((8000 + base)) http=$((8080 + base))
work=$(mktemp -d)
server=
finish() {
  local status=$?
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  bin/warmfront down --data "$work/state" >/dev/null 2>&1 || true
  if [ "$status" -ne 0 ]; then tail -n 20 "$work"/*.log >&2 || true; fi
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

for command in node npm aws; do
  command -v $command >/dev/null || { echo "this needs $command; on Debian: apt-get install nodejs npm awscli" >&2; exit 1; }
done
suite=bin/conformance/node_modules/http-cache-tests floor=scripts/conformance/floor
if [ -n "${SUITE:-}" ]; then
  suite=$(realpath "$SUITE") floor=/dev/null
elif ! cmp -s scripts/conformance/package-lock.json bin/conformance/package-lock.json || [ ! -d "$suite" ]; then
  mkdir -p bin/conformance
  cp scripts/conformance/package.json scripts/conformance/package-lock.json bin/conformance/
  npm ci --prefix bin/conformance --ignore-scripts --no-audit --no-fund --silent
fi

env npm_config_protocol=http npm_config_port=$origin npm_config_pidfile="$work/pid" \
  node "$(realpath "$suite")/server/server.mjs" >"$work/origin.log" 2>&1 &
server=$!
for _ in $(seq 100); do
  grep -qs Listening "$work/origin.log" && break
  kill -0 "$server" 2>/dev/null || { echo "the suite's origin server does not start" >&2; exit 1; }
  sleep 0.1
done

bin/warmfront up --pops FRA --no-demo --wan off --port-base "$base" --data "$work/state" \
  --origin "http-cache-tests.example=127.0.0.1:$origin" --origin "exchanges.example=127.0.0.1:$((origin + 1))" --detach --wait >"$work/up.log"
eval "$(bin/warmfront env --data "$work/state")"
export AWS_PAGER=''
unset AWS_SESSION_TOKEN AWS_PROFILE
# distribution ORIGIN: makes a distribution of the origin of that name that caches by RFC 9111, and prints its domain name.
# Nothing is kept longer, or shorter, than the origin says, and only the URL is the key.
distribution() {
  sed "s/ORIGIN/$1/g" >"$work/distribution.json" <<'JSON'
{
  "DistributionConfig": {
    "CallerReference": "ORIGIN", "Comment": "", "Enabled": true,
    "Origins": {"Quantity": 1, "Items": [{
      "Id": "suite", "DomainName": "ORIGIN",
      "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
      "TargetOriginId": "suite", "ViewerProtocolPolicy": "allow-all",
      "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 31536000,
      "ForwardedValues": {"QueryString": true, "Cookies": {"Forward": "none"}, "Headers": {"Quantity": 0}},
      "AllowedMethods": {
        "Quantity": 7, "Items": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
        "CachedMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]}}}
  },
  "Tags": {"Items": [{"Key": "warmfront:caching", "Value": "rfc9111"}]}
}
JSON
  local id domain
  read -r id domain < <(aws cloudfront create-distribution-with-tags --output text \
    --distribution-config-with-tags "file://$work/distribution.json" --query 'Distribution.[Id,DomainName]')
  aws cloudfront wait distribution-deployed --id "$id"
  echo "$domain"
}

domain=$(distribution http-cache-tests.example)
node --no-warnings scripts/conformance/http-cache-tests.mjs "$suite" "http://$domain:$http" 127.86.0.1 \
  "$floor" bin/conformance/http-cache-tests.json "$@"
if [ $# -eq 0 ]; then
  domain=$(distribution exchanges.example)
  node --no-warnings scripts/conformance/exchanges.mjs "http://$domain:$http" 127.86.0.1 $((origin + 1))
fi
