#!/usr/bin/env bash
# root-certificates.sh FILE: copies this machine's root certificates to FILE, for an image FROM scratch.
set -euo pipefail

for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  if [ -s "$bundle" ]; then
    cp -L "$bundle" "$1"
    exit
  fi
done
echo "no root certificates found on this machine; on Debian: apt-get install ca-certificates" >&2
exit 1
