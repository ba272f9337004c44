#!/usr/bin/env bash
# Starts the network in Compose, waits until it is ready, makes the demo site and says what to try.
set -euo pipefail
cd "$(dirname "$0")/../.."

scripts/compose/compose.sh up -d
scripts/compose/wait.sh
# As in `warmfront up`: bucket demo with a small site and a distribution for it, if there is none; prints its name.
name=$(scripts/compose/compose.sh exec -T control /warmfront demo --endpoint http://10.77.0.10:8800 --s3-endpoint http://10.77.0.20:9000)

cat <<TXT

The network is up: http://127.0.0.1:8800. Its demo site is $name. Try:

  scripts/compose/compose.sh exec viewer-asia dig $name
  scripts/compose/compose.sh exec viewer-africa curl -sI https://$name/
  dig @127.0.0.1 -p 5300 $name +subnet=1.1.1.0/24
  curl -x http://NRT@127.0.0.1:3128 --cacert .warmfront/compose/ca/ca.pem -I https://$name/
  scripts/compose/compose.sh stop edge-nrt

AWS tools take their keys from .warmfront/compose/access-key (AWS_SHARED_CREDENTIALS_FILE); the endpoints are
http://127.0.0.1:8800 for CloudFront and http://127.0.0.1:9000 for S3. End it with: make compose-down
TXT
