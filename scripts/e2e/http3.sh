#!/usr/bin/env bash
# HTTP/3 from edges: what Alt-Svc announces is served to a client from each end of the world, at the distance it has,
# and to Chromium where there is one.
# Environment, set by run.sh: NAME (a distribution whose HttpVersion is http2and3), OTHER (one without HTTP/3), CA,
# HTTPS_PORT, and AWS's variables; NRT_EDGE and SYD_EDGE, NRT_VIEWER and SYD_VIEWER.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$*"
  exit 1
}
go build -o "$work/h3get" ./scripts/e2e/h3get
h3() { # h3 VIEWER EDGE HOST PATH H3GET-ARGUMENTS…: the answer in $work/answer, times in $work/times
  local viewer=$1 edge=$2 host=$3 path=$4
  shift 4
  "$work/h3get" -from "$viewer" -to "$edge:$HTTPS_PORT" -ca "$CA" "$@" "https://$host:$HTTPS_PORT$path" \
    >"$work/answer" 2>"$work/times"
}
has() { grep -qiE -- "$2" "$work/answer" || fail "$1: no $2 in: $(head -c 2000 "$work/answer")"; }

# Announced where it is reachable, over TCP.
curl -sS --max-time 20 --interface "$NRT_VIEWER" --cacert "$CA" --resolve "$NAME:$HTTPS_PORT:$NRT_EDGE" -D "$work/answer" \
  -o "$work/body" "https://$NAME:$HTTPS_PORT/style.css"
has "over TCP" "^alt-svc: h3=\":$HTTPS_PORT\"; ma=86400"

# The same bytes, from the same cache.
h3 "$NRT_VIEWER" "$NRT_EDGE" "$NAME" /style.css
has "over HTTP/3" '^HTTP/3 200'
has "over HTTP/3" '^X-Amz-Cf-Pop: NRT120-P1'
has "over HTTP/3" '^X-Cache: Hit from cloudfront'
cmp "$work/body" <(tail -c "$(stat -c %s "$work/body")" "$work/answer")
h3 "$NRT_VIEWER" "$NRT_EDGE" "$NAME" /style.css -X HEAD
has "HEAD" "^Content-Length: $(stat -c %s "$work/body")"
h3 "$NRT_VIEWER" "$NRT_EDGE" "$NAME" /style.css -H 'Range: bytes=0-9'
has "a range" '^HTTP/3 206'

# A viewer in Sydney is 7,800 km from Tokyo: light in fibre needs 78 ms for the way and back, the handshake once more.
h3 "$SYD_VIEWER" "$NRT_EDGE" "$NAME" /style.css -n 2
awk 'NR == 1 && $1 < 156 || NR == 2 && ($1 < 78 || $1 > 1000) {exit 1}' "$work/times" ||
  fail "Sydney to Tokyo, handshake and request, then a request: $(xargs <"$work/times")"
echo "Sydney to Tokyo: $(sed -n 2p "$work/times") a request"

# Not announced and not served where the distribution does not have it.
if [ -n "${OTHER:-}" ]; then
  curl -sS --max-time 20 --cacert "$CA" --resolve "$OTHER:$HTTPS_PORT:$NRT_EDGE" -D "$work/answer" -o /dev/null \
    "https://$OTHER:$HTTPS_PORT/"
  ! grep -qi '^alt-svc' "$work/answer" || fail "Alt-Svc for a distribution without HTTP/3: $(cat "$work/answer")"
  ! h3 "$NRT_VIEWER" "$NRT_EDGE" "$OTHER" / || fail "HTTP/3 for a distribution without it"
  grep -q 'no application protocol' "$work/times" || fail "refused otherwise than by ALPN: $(cat "$work/times")"
fi

command -v chromium >/dev/null || exit 0
# The page says itself what brought it. Chromium goes to QUIC at once, and nowhere else, for the origin it is told to.
# The certificate is trusted by its key's digest: Chromium takes no file with an authority.
cat >"$work/protocol.html" <<'HTML'
<!doctype html><title>protocol</title><p id="p"></p>
<script>p.textContent = 'brought by ' + performance.getEntriesByType('navigation')[0].nextHopProtocol</script>
HTML
aws s3 cp --quiet --content-type text/html "$work/protocol.html" s3://demo/protocol.html
digest=$(openssl s_client -connect "$NRT_EDGE:$HTTPS_PORT" -servername "$NAME" </dev/null 2>/dev/null |
  openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
timeout 60 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --disable-dev-shm-usage --virtual-time-budget=15000 \
  --user-data-dir="$work/profile" --enable-quic --origin-to-force-quic-on="$NAME:$HTTPS_PORT" \
  --host-resolver-rules="MAP $NAME $NRT_EDGE" --ignore-certificate-errors-spki-list="$digest" \
  --dump-dom "https://$NAME:$HTTPS_PORT/protocol.html" >"$work/dom" 2>"$work/log" || fail "$(tail -n 5 "$work/log")"
grep -q 'brought by h3' "$work/dom" || fail "$(cat "$work/dom")"
