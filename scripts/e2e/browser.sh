#!/usr/bin/env bash
# Opens the demo site in Chromium: as a viewer in Tokyo through that city's proxy port, at the plain URL, and under
# localhost with no set-up at all. Prints what the page says; SCREENSHOT=FILE keeps a picture of the first.
# Environment, set by run.sh: NAME, HTTP_PORT, HTTPS_PORT, NRT_PROXY, NRT_EDGE.
set -euo pipefail

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

# chromium ARGUMENTS…: in a profile of its own, bounded in time.
browse() {
  timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --virtual-time-budget=15000 \
    --user-data-dir="$profile/$RANDOM" "$@" 2>"$profile/log" || { cat "$profile/log" >&2; exit 1; }
}
# The edge's certificate is trusted by its key's digest: Chromium takes no file with an authority.
digest() {
  openssl s_client -connect "$NRT_EDGE:$HTTPS_PORT" -servername "$NAME" </dev/null 2>/dev/null |
    openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
}
tokyo=(--proxy-server="http://$NRT_PROXY" --ignore-certificate-errors-spki-list="$(digest)")

browse "${tokyo[@]}" --dump-dom "https://$NAME/" >"$profile/dom"
grep -q 'You are being served by <span id="pop">NRT120-P1</span>' "$profile/dom" || { cat "$profile/dom" "$profile/log" >&2; exit 1; }
[ "$(grep -o 'from cloudfront' "$profile/dom" | wc -l)" -eq 3 ] || { cat "$profile/dom" >&2; exit 1; }
if [ -n "${SCREENSHOT:-}" ]; then
  browse "${tokyo[@]}" --window-size=960,720 --screenshot="$SCREENSHOT" "https://$NAME/"
fi

browse --dump-dom "http://${NAME%%.*}.localhost:$HTTP_PORT/" >"$profile/dom"
grep -qE 'You are being served by <span id="pop">FRA86-P1</span>' "$profile/dom" || { cat "$profile/dom" "$profile/log" >&2; exit 1; }
