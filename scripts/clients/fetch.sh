#!/usr/bin/env bash
# fetch.sh DOMAIN PATH: what a viewer in Frankfurt is given over HTTPS, the body alone. Its clients set EDGE, the
# edge's address, and EDGE_PORT; WARMFRONT_CA is the authority's certificate.
set -euo pipefail
exec curl -sS --fail --max-time 20 --cacert "$WARMFRONT_CA" --resolve "$1:$EDGE_PORT:$EDGE" "https://$1:$EDGE_PORT$2"
