#!/usr/bin/env bash
# site_signed.sh FOLDER: makes two keys in the folder, and a distribution whose files beneath /private/ take a signature by
# one of them; prints its domain name.
set -euo pipefail
keys=$1
export AWS_PAGER='' AWS_DEFAULT_OUTPUT=text
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$keys/rsa.pem" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/ec.pem" 2>/dev/null
openssl rsa -in "$keys/rsa.pem" -traditional -out "$keys/rsa.pkcs1.pem" 2>/dev/null
for k in rsa ec; do
  openssl pkey -in "$keys/$k.pem" -pubout -out "$keys/$k.pub"
  printf '{"CallerReference": "signed-%s", "Name": "signed-%s", "EncodedKey": "%s"}' $k $k "$(awk '{printf "%s\\n", $0}' "$keys/$k.pub")" >"$keys/$k.json"
  aws cloudfront create-public-key --public-key-config "file://$keys/$k.json" --query PublicKey.Id >"$keys/$k.id"
done
group=$(aws cloudfront create-key-group --key-group-config "Name=signed,Items=$(cat "$keys/rsa.id"),$(cat "$keys/ec.id")" --query KeyGroup.Id)
access=$(aws cloudfront create-origin-access-control --query OriginAccessControl.Id --origin-access-control-config \
  Name=signed,SigningProtocol=sigv4,SigningBehavior=always,OriginAccessControlOriginType=s3)
aws s3api create-bucket --bucket signed-site >/dev/null
echo film | aws s3 cp --quiet - s3://signed-site/private/film
cat >"$keys/distribution.json" <<JSON
{"CallerReference": "signed", "Comment": "", "Enabled": true,
 "Origins": {"Quantity": 1, "Items": [{"Id": "bucket", "DomainName": "signed-site.s3.us-east-1.amazonaws.com",
   "OriginAccessControlId": "$access", "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
 "DefaultCacheBehavior": {"TargetOriginId": "bucket", "ViewerProtocolPolicy": "https-only",
   "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6", "TrustedKeyGroups": {"Enabled": true, "Quantity": 1, "Items": ["$group"]}}}
JSON
read -r id domain arn < <(aws cloudfront create-distribution --distribution-config "file://$keys/distribution.json" --query 'Distribution.[Id,DomainName,ARN]')
aws s3api put-bucket-policy --bucket signed-site --policy "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"cloudfront.amazonaws.com\"},
  \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::signed-site/*\", \"Condition\": {\"StringEquals\": {\"AWS:SourceArn\": \"$arn\"}}}}"
sleep 1
aws cloudfront wait distribution-deployed --id "$id"
echo "$domain"
