#!/usr/bin/env bash
# Runs one edge with two distributions, of one of which everything is logged, into a bucket and as real-time logs into a
# file; and measures hits of both in turn (bin/bench-logs -hosts).
#
# Environment: PORT_BASE is added to every port. ARGS are those of bench-logs.
set -euo pipefail
cd "$(dirname "$0")/../../.."

base=${PORT_BASE:-1800}
work=$(mktemp -d)
export WARMFRONT_DATA=$work/state AWS_PAGER='' AWS_DEFAULT_OUTPUT=text
stream=arn:aws:kinesis:us-east-1:123456789012:stream/requests
finish() {
  local status=$?
  bin/warmfront down >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

bin/warmfront up --port-base "$base" --pops FRA --wan off --log-interval 1s --realtime-log "$stream=file:$work/requests.tsv" --detach --wait >"$work/up"
eval "$(bin/warmfront env)"
aws s3api create-bucket --bucket logs >/dev/null
aws s3api put-bucket-ownership-controls --bucket logs --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerPreferred}]'
realtime=$(aws cloudfront create-realtime-log-config --name all --sampling-rate 100 --fields timestamp c-ip cs-uri-stem sc-status x-edge-result-type \
  --end-points "StreamType=Kinesis,KinesisStreamConfig={RoleARN=arn:aws:iam::123456789012:role/logs,StreamARN=$stream}" --query RealtimeLogConfig.ARN)
# Two copies of the demo site's distribution.
aws cloudfront get-distribution-config --id "$WARMFRONT_DISTRIBUTION" --output json |
  jq '.DistributionConfig | .CallerReference = "plain" | .DefaultCacheBehavior.ViewerProtocolPolicy = "allow-all"' >"$work/plain.json"
jq --arg realtime "$realtime" '.CallerReference = "logged" | .DefaultCacheBehavior.RealtimeLogConfigArn = $realtime
  | .Logging = {Enabled: true, IncludeCookies: true, Bucket: "logs.s3.amazonaws.com", Prefix: ""}' "$work/plain.json" >"$work/logged.json"
hosts=
for name in plain logged; do
  read -r id host < <(aws cloudfront create-distribution --distribution-config "file://$work/$name.json" --query 'Distribution.[Id,DomainName]')
  arn=arn:aws:cloudfront::123456789012:distribution/$id
  aws s3api get-bucket-policy --bucket demo --query Policy | jq --arg arn "$arn" 'walk(if type == "object" and has("AWS:SourceArn") then .["AWS:SourceArn"] |= ([.] | flatten + [$arn]) else . end)' >"$work/policy.json"
  aws s3api put-bucket-policy --bucket demo --policy "file://$work/policy.json"
  sleep 1
  aws cloudfront wait distribution-deployed --id "$id"
  hosts=$hosts,$host
done
# shellcheck disable=SC2086 # several arguments
bin/bench-logs -edge "127.86.0.1:$((8080 + base))" -hosts "${hosts#,}" ${ARGS:-}
sleep 3
echo "lines: $(wc -l <"$work/requests.tsv") in real time, $(aws s3 ls --recursive s3://logs | wc -l) files in the bucket"
