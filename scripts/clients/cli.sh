#!/usr/bin/env bash
# A static site by the AWS CLI: bucket, access control, policies, a function, the distribution, an invalidation, an
# update, a signed URL, and everything deleted again. It ends at the first call that is not answered as CloudFront would.
set -euo pipefail
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AWS_PAGER='' AWS_DEFAULT_OUTPUT=text

cf() { aws cloudfront "$@"; }
say() { echo "cli: $*"; }
# refused CODE COMMAND…: the call fails with that error.
refused() {
  local code=$1
  shift
  if "$@" >"$work/out" 2>"$work/err"; then
    echo "cli: not refused: $*" >&2
    return 1
  fi
  grep -q "($code)" "$work/err" || { cat "$work/err" >&2; return 1; }
}
equal() { [ "$2" = "$3" ] || { echo "cli: $1: want '$2', got '$3'" >&2; return 1; }; }

deployed() { # the CLI looks at once, and then after a minute, or of an invalidation after 20 s
  sleep 1
  cf wait distribution-deployed --id "$id"
}

bucket=cli-site
aws s3api create-bucket --bucket $bucket >/dev/null
echo first | aws s3 cp --quiet - s3://$bucket/index.html
echo nothing | aws s3 cp --quiet - s3://$bucket/404.html

access=$(cf create-origin-access-control --query OriginAccessControl.Id --origin-access-control-config \
  Name=$bucket,SigningProtocol=sigv4,SigningBehavior=always,OriginAccessControlOriginType=s3)
cache=$(cf create-cache-policy --query CachePolicy.Id --cache-policy-config \
  'Name=cli-cache,MinTTL=1,DefaultTTL=3600,MaxTTL=86400,ParametersInCacheKeyAndForwardedToOrigin={EnableAcceptEncodingGzip=true,HeadersConfig={HeaderBehavior=none},CookiesConfig={CookieBehavior=none},QueryStringsConfig={QueryStringBehavior=whitelist,QueryStrings={Quantity=1,Items=[page]}}}')
headers=$(cf create-response-headers-policy --query ResponseHeadersPolicy.Id --response-headers-policy-config \
  'Name=cli-headers,CustomHeadersConfig={Quantity=1,Items=[{Header=X-Site,Value=cli,Override=true}]}')
cf create-function --name cli-rewrite --function-config Comment=rewrite,Runtime=cloudfront-js-2.0 \
  --function-code "fileb://$here/function.js" >/dev/null
etag=$(cf describe-function --name cli-rewrite --query ETag)
function=$(cf publish-function --name cli-rewrite --if-match "$etag" --query FunctionSummary.FunctionMetadata.FunctionARN)
say "access control $access, policies, function $function"

sed "s/REFERENCE/cli-$(date +%s%N)/; s/BUCKET/$bucket/; s/ACCESS/$access/; s/CACHE/$cache/; s/HEADERS/$headers/; s#FUNCTION#$function#" \
  "$here/distribution.json" >"$work/config.json"
printf '{"DistributionConfig": %s, "Tags": {"Items": [{"Key": "Name", "Value": "cli"}]}}' "$(cat "$work/config.json")" >"$work/tagged.json"
read -r id domain arn < <(cf create-distribution-with-tags --distribution-config-with-tags "file://$work/tagged.json" \
  --query 'Distribution.[Id,DomainName,ARN]')
refused DistributionAlreadyExists cf create-distribution --distribution-config "file://$work/config.json"
deployed
equal tags cli "$(cf list-tags-for-resource --resource "$arn" --query 'Tags.Items[0].Value')"
aws s3api put-bucket-policy --bucket $bucket --policy "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"cloudfront.amazonaws.com\"},
  \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::$bucket/*\", \"Condition\": {\"StringEquals\": {\"AWS:SourceArn\": \"$arn\"}}}}"
equal "the site" first "$("$here/fetch.sh" "$domain" /)"
say "distribution $id serves the site at $domain"

echo second | aws s3 cp --quiet - s3://$bucket/index.html
equal "the site before the invalidation" first "$("$here/fetch.sh" "$domain" /)"
invalidation=$(cf create-invalidation --distribution-id "$id" --paths '/*' --query Invalidation.Id)
sleep 1
cf wait invalidation-completed --distribution-id "$id" --id "$invalidation"
equal "the site after the invalidation" second "$("$here/fetch.sh" "$domain" /)"
say "invalidation $invalidation is completed, and the site is new"

old=$(cf get-distribution-config --id "$id" --query ETag)
update() { # update PYTHON: changes the configuration c
  cf get-distribution-config --id "$id" --output json |
    python3 -c "import json, sys; c = json.load(sys.stdin)['DistributionConfig']; $1; json.dump(c, sys.stdout)" >"$work/new.json"
  cf update-distribution --id "$id" --if-match "$(cf get-distribution-config --id "$id" --query ETag)" \
    --distribution-config "file://$work/new.json" >/dev/null
}
update "c['Comment'] = 'changed'"
equal comment changed "$(cf get-distribution --id "$id" --query Distribution.DistributionConfig.Comment)"
refused PreconditionFailed cf update-distribution --id "$id" --if-match "$old" --distribution-config "file://$work/new.json"
refused DistributionNotDisabled cf delete-distribution --id "$id" --if-match "$(cf get-distribution --id "$id" --query ETag)"
etag=$(cf get-origin-access-control --id "$access" --query ETag)
refused OriginAccessControlInUse cf delete-origin-access-control --id "$access" --if-match "$etag"
equal "who uses the cache policy" "$id" "$(cf list-distributions-by-cache-policy-id --cache-policy-id "$cache" --query 'DistributionIdList.Items[0]')"
say "updated, and what must not be done is refused"

# What is beneath /private/ is for whoever has a URL signed with a key of the group.
echo film | aws s3 cp --quiet - s3://$bucket/private/film
openssl genrsa -out "$work/key.pem" 2048 2>/dev/null
openssl rsa -in "$work/key.pem" -traditional -out "$work/private.pem" 2>/dev/null
openssl rsa -in "$work/key.pem" -pubout -out "$work/public.pem" 2>/dev/null
key=$(cf create-public-key --query PublicKey.Id --public-key-config \
  "$(python3 -c 'import json, sys; print(json.dumps({"CallerReference": "cli", "Name": "cli-key", "EncodedKey": open(sys.argv[1]).read()}))' "$work/public.pem")")
group=$(cf create-key-group --key-group-config "Name=cli-keys,Items=$key" --query KeyGroup.Id)
update "c['CacheBehaviors'] = {'Quantity': 1, 'Items': [{**c['DefaultCacheBehavior'], 'PathPattern': '/private/*', 'FunctionAssociations': {'Quantity': 0}, 'TrustedKeyGroups': {'Enabled': True, 'Quantity': 1, 'Items': ['$group']}}]}"
deployed
if "$here/fetch.sh" "$domain" /private/film >/dev/null 2>&1; then
  echo "cli: /private/film is given to who has no signature" >&2
  exit 1
fi
signed=$(cf sign --url "https://$domain/private/film" --key-pair-id "$key" --private-key "file://$work/private.pem" \
  --date-less-than "$(date -u -d '10 minutes' +%Y-%m-%dT%H:%M:%SZ)")
equal "the film, by its signed URL" film "$("$here/fetch.sh" "$domain" "${signed#"https://$domain"}")"
say "a URL that the CLI signs is let in"

update "c['Enabled'] = False"
deployed
cf delete-distribution --id "$id" --if-match "$(cf get-distribution --id "$id" --query ETag)"
refused NoSuchDistribution cf get-distribution --id "$id"
cf delete-key-group --id "$group" --if-match "$(cf get-key-group --id "$group" --query ETag)"
cf delete-public-key --id "$key" --if-match "$(cf get-public-key --id "$key" --query ETag)"
cf delete-function --name cli-rewrite --if-match "$(cf describe-function --name cli-rewrite --stage DEVELOPMENT --query ETag)"
cf delete-cache-policy --id "$cache" --if-match "$(cf get-cache-policy --id "$cache" --query ETag)"
cf delete-response-headers-policy --id "$headers" --if-match "$(cf get-response-headers-policy --id "$headers" --query ETag)"
cf delete-origin-access-control --id "$access" --if-match "$etag"
aws s3 rb --force s3://$bucket >/dev/null
say "disabled, deleted, and nothing is left"
