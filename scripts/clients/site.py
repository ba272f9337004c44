"""A static site by boto3, as cli.sh does it. It ends at the first call that is not answered as CloudFront would."""

import json
import pathlib
import subprocess
import sys
import time

import boto3
from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).parent
cloudfront = boto3.client("cloudfront")
s3 = boto3.client("s3")


def say(*words):
    print("boto3:", *words, flush=True)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            sys.exit(f"boto3: want {code}, got {error}")
        return
    sys.exit(f"boto3: not refused with {code}: {arguments}")


def equal(what, want, got):
    if want != got:
        sys.exit(f"boto3: {what}: want {want!r}, got {got!r}")


def fetch(domain, path="/"):
    return subprocess.run([HERE / "fetch.sh", domain, path], check=True, capture_output=True, text=True).stdout


def wait(name, **arguments):
    cloudfront.get_waiter(name).wait(WaiterConfig={"Delay": 1, "MaxAttempts": 60}, **arguments)


def update(id, **changes):
    read = cloudfront.get_distribution_config(Id=id)
    cloudfront.update_distribution(Id=id, IfMatch=read["ETag"], DistributionConfig=read["DistributionConfig"] | changes)


bucket = "boto3-site"
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="index.html", Body=b"first")

access = cloudfront.create_origin_access_control(OriginAccessControlConfig={
    "Name": bucket, "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"})["OriginAccessControl"]["Id"]
cache = cloudfront.create_cache_policy(CachePolicyConfig={
    "Name": "boto3-cache", "MinTTL": 1, "DefaultTTL": 3600, "MaxTTL": 86400,
    "ParametersInCacheKeyAndForwardedToOrigin": {
        "EnableAcceptEncodingGzip": True, "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"}}})["CachePolicy"]["Id"]
headers = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig={
    "Name": "boto3-headers", "CustomHeadersConfig": {"Quantity": 1, "Items": [{"Header": "X-Site", "Value": "boto3", "Override": True}]}})["ResponseHeadersPolicy"]["Id"]
made = cloudfront.create_function(
    Name="boto3-rewrite", FunctionConfig={"Comment": "rewrite", "Runtime": "cloudfront-js-2.0"}, FunctionCode=(HERE / "function.js").read_bytes())
function = cloudfront.publish_function(Name="boto3-rewrite", IfMatch=made["ETag"])["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
say("access control", access, "policies, function", function)

config = json.loads((HERE / "distribution.json").read_text().replace("REFERENCE", f"boto3-{time.time_ns()}").replace("BUCKET", bucket)
                    .replace("ACCESS", access).replace("CACHE", cache).replace("HEADERS", headers).replace("FUNCTION", function))
made = cloudfront.create_distribution_with_tags(DistributionConfigWithTags={
    "DistributionConfig": config, "Tags": {"Items": [{"Key": "Name", "Value": "boto3"}]}})["Distribution"]
id, domain, arn = made["Id"], made["DomainName"], made["ARN"]
refused("DistributionAlreadyExists", cloudfront.create_distribution, DistributionConfig=config)
wait("distribution_deployed", Id=id)
equal("tags", [{"Key": "Name", "Value": "boto3"}], cloudfront.list_tags_for_resource(Resource=arn)["Tags"]["Items"])
s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringEquals": {"AWS:SourceArn": arn}}}}))
equal("the site", "first", fetch(domain))
say("distribution", id, "serves the site at", domain)

s3.put_object(Bucket=bucket, Key="index.html", Body=b"second")
invalidation = cloudfront.create_invalidation(DistributionId=id, InvalidationBatch={
    "CallerReference": "1", "Paths": {"Quantity": 1, "Items": ["/*"]}})["Invalidation"]["Id"]
wait("invalidation_completed", DistributionId=id, Id=invalidation)
equal("the site after the invalidation", "second", fetch(domain))
say("invalidation", invalidation, "is completed, and the site is new")

read = cloudfront.get_distribution_config(Id=id)
update(id, Comment="changed")
equal("comment", "changed", cloudfront.get_distribution(Id=id)["Distribution"]["DistributionConfig"]["Comment"])
refused("PreconditionFailed", cloudfront.update_distribution, Id=id, IfMatch=read["ETag"], DistributionConfig=read["DistributionConfig"])
refused("DistributionNotDisabled", cloudfront.delete_distribution, Id=id, IfMatch=cloudfront.get_distribution(Id=id)["ETag"])
refused("OriginAccessControlInUse", cloudfront.delete_origin_access_control, Id=access, IfMatch=cloudfront.get_origin_access_control(Id=access)["ETag"])
listed = [d["Id"] for page in cloudfront.get_paginator("list_distributions").paginate(PaginationConfig={"PageSize": 1}) for d in page["DistributionList"].get("Items", [])]
equal("what is listed page by page", 1, listed.count(id))
say("updated, and what must not be done is refused")

update(id, Enabled=False)
wait("distribution_deployed", Id=id)
cloudfront.delete_distribution(Id=id, IfMatch=cloudfront.get_distribution(Id=id)["ETag"])
refused("NoSuchDistribution", cloudfront.get_distribution, Id=id)
cloudfront.delete_function(Name="boto3-rewrite", IfMatch=cloudfront.describe_function(Name="boto3-rewrite")["ETag"])
cloudfront.delete_cache_policy(Id=cache, IfMatch=cloudfront.get_cache_policy(Id=cache)["ETag"])
cloudfront.delete_response_headers_policy(Id=headers, IfMatch=cloudfront.get_response_headers_policy(Id=headers)["ETag"])
cloudfront.delete_origin_access_control(Id=access, IfMatch=cloudfront.get_origin_access_control(Id=access)["ETag"])
s3.delete_object(Bucket=bucket, Key="index.html")
s3.delete_bucket(Bucket=bucket)
say("disabled, deleted, and nothing is left")
