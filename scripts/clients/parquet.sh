#!/usr/bin/env bash
# parquet.sh FOLDER: access logs in Parquet, by the AWS CLI, come into a bucket and are read by the hyparquet that npm has
# put into the folder.
set -euo pipefail
reader=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AWS_PAGER='' AWS_DEFAULT_OUTPUT=text

cat >"$work/config.json" <<'END'
{"CallerReference": "parquet", "Comment": "", "Enabled": true,
 "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "parquet-site.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
 "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}}
END
cat >"$work/policy.json" <<'END'
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
  "Action": "s3:PutObject", "Resource": "arn:aws:s3:::parquet-logs/*"}]}
END
aws s3api create-bucket --bucket parquet-logs >/dev/null
aws s3api put-bucket-policy --bucket parquet-logs --policy "file://$work/policy.json"
read -r id arn domain < <(aws cloudfront create-distribution --distribution-config "file://$work/config.json" --query 'Distribution.[Id,ARN,DomainName]')
aws logs put-delivery-source --name parquet --log-type ACCESS_LOGS --resource-arn "$arn" >/dev/null
to=$(aws logs put-delivery-destination --name parquet --output-format parquet --query deliveryDestination.arn \
  --delivery-destination-configuration destinationResourceArn=arn:aws:s3:::parquet-logs/x)
aws logs create-delivery --delivery-source-name parquet --delivery-destination-arn "$to" \
  --record-fields x-edge-location 'cs(User-Agent)' cs-uri-stem sc-status >/dev/null
sleep 1
aws cloudfront wait distribution-deployed --id "$id"
# It is answered 403, for there is no such bucket: a line all the same.
curl -sS -o "$work/body" -A 'a b' --cacert "$WARMFRONT_CA" --resolve "$domain:$EDGE_PORT:$EDGE" "https://$domain:$EDGE_PORT/in-parquet"

for _ in $(seq 60); do
  aws s3 sync --only-show-errors s3://parquet-logs "$work/got"
  file=$(find "$work/got" -name '*.parquet' | head -n 1)
  [ -z "$file" ] || break
  sleep 1
done
[ -n "$file" ] || { echo "parquet: no file has come" >&2; exit 1; }
rows=$(node "$(dirname "$0")/../../edge/logship/columns/testdata/read.mjs" "$reader" "$file")
echo "parquet: $rows"
[[ $rows =~ ^\[\{\"x_edge_location\":\"FRA86-P1\",\"cs_user_agent\":\"a%20b\",\"cs_uri_stem\":\"/in-parquet\",\"sc_status\":\"40[34]\"\}\]$ ]]
