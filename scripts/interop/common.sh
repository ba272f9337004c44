#!/usr/bin/env bash
# What the scripts that put resolvers in front of the routers share. It is sourced: it sets ports, a folder of its own
# that is removed at the end, and ends what was started (pids).
#
# Environment: PORT_BASE is added to every port of the network.

# shellcheck disable=SC2034 # used by those who source this
base=${PORT_BASE:-900}
dns=$((5300 + base)) unbound=$((5391 + base)) bind=$((5392 + base)) knot=$((5393 + base))
# shellcheck disable=SC2034
zone=warmfront.test aliases=shop.test
warmfront=$PWD/bin/warmfront
work=$(mktemp -d)
export WARMFRONT_DATA=$work/state
pids=()
failed=0

finish() {
  local status=$?
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  "$warmfront" down >/dev/null 2>&1 || true
  for _ in $(seq 50); do
    local left=0
    for pid in "${pids[@]}"; do ! kill -0 "$pid" 2>/dev/null || left=1; done
    [ $left = 1 ] || break
    sleep 0.1
  done
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  if [ "$failed" != 0 ]; then tail -n 15 "$work"/*.log >&2 || true; fi
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

# ask PORT FROM NAME TYPE [OPTION…]: asks as a viewer at the address FROM.
ask() {
  local port=$1 from=$2
  shift 2
  timeout 20 dig @127.0.0.1 -p "$port" -b "$from" +time=5 +tries=2 "$@"
}

# expect WHAT WANT COMMAND…: what the command prints must match the pattern.
expect() {
  local what=$1 want=$2 got
  shift 2
  got=$("$@" 2>&1) || true
  if grep -Eq -- "$want" <<<"$got"; then
    echo "ok    $what"
  else
    echo "FAIL  $what: no \"$want\" in:"
    echo "        ${got//$'\n'/$'\n'        }"
    failed=$((failed + 1))
  fi
}

# answers PORT: waits until a resolver answers for the zone.
answers() {
  for _ in $(seq 60); do
    if ask "$1" 127.0.0.1 "$zone" SOA +short 2>/dev/null | grep -q "^ns1.$zone"; then return 0; fi
    sleep 0.25
  done
  echo "the resolver at port $1 does not answer for $zone" >&2
  failed=1
  return 1
}

