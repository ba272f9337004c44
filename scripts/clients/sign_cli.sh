#!/usr/bin/env bash
# Signs URLs with `aws cloudfront sign`, for signatures.py: sign_cli.sh URL EXPIRES KEY=ID…
set -euo pipefail
url=$1 expires=$2
shift 2
say() { # say WHAT KEY URL
  printf '{"what": "%s", "key": "%s", "url": "%s"}\n' "$1" "$2" "$3"
}
for pair in "$@"; do
  key=${pair%=*} id=${pair#*=}
  # Most releases read RSA keys in PKCS #1 alone; newer ones read others too.
  file=$key
  if [ -f "${key%.pem}.pkcs1.pem" ]; then file=${key%.pem}.pkcs1.pem; fi
  sign() { aws cloudfront sign --url "$url" --key-pair-id "$id" --private-key "file://$file" --date-less-than "$expires" "$@"; }
  if [[ $key = *ec.pem ]] && ! sign >/dev/null 2>&1; then continue; fi
  canned=$(sign)
  custom=$(sign --date-greater-than "$((expires - 86400))" --ip-address 127.0.0.0/8)
  say 'canned URL' "$key" "$canned"
  say 'custom URL' "$key" "$custom"
done
