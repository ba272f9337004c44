"""Signs URLs with boto3's CloudFrontSigner, for signatures.py: sign_boto3.py URL EXPIRES KEY=ID…

boto3 makes URLs; it has the caller sign, which openssl does here, and has no cookies of its own: they hold what its URL
does, as its documentation says of the policy."""

import datetime
import json
import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

from botocore.signers import CloudFrontSigner

url, expires, keys = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
until = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc)
for key, id in (k.split("=") for k in keys):
    def sign(message, key=key):
        return subprocess.run(["openssl", "dgst", "-sha1", "-sign", key], input=message, check=True, capture_output=True).stdout

    signer = CloudFrontSigner(id, sign)
    policy = signer.build_policy(url.rsplit("/", 1)[0] + "/*", until, until - datetime.timedelta(days=1), "127.0.0.0/8")
    for what, signed in [("canned", signer.generate_presigned_url(url, date_less_than=until)), ("custom", signer.generate_presigned_url(url, policy=policy))]:
        print(json.dumps({"what": what + " URL", "key": key, "url": signed}))
        cookies = {"CloudFront-" + n: v for n, v in parse_qsl(urlsplit(signed).query) if n in ("Expires", "Policy", "Signature", "Key-Pair-Id")}
        print(json.dumps({"what": what + " cookies", "key": key, "url": url, "cookies": cookies}))
