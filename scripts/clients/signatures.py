"""Has an edge judge what AWS's own libraries sign, and compares it with what `warmfront sign` makes.

signatures.py NAME COMMAND…: COMMAND URL EXPIRES KEY=ID… prints a JSON document for each signature that a library makes.
Each of them must be let in, and no longer once it is altered; those with an RSA key must be warmfront's to the byte.
The network is run.sh's; KEYS is a folder with rsa.pem and ec.pem, and rsa.id and ec.id, which site_signed.sh makes."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from urllib.parse import parse_qsl, urlsplit

name, command = sys.argv[1], sys.argv[2:]
domain, keys, warmfront = os.environ["SIGNED_DOMAIN"], os.environ["KEYS"], os.environ["WARMFRONT"]
url = f"https://{domain}/private/film?quality=high"
expires = int(time.time()) + 3600
ids = {f"{keys}/{k}.pem": open(f"{keys}/{k}.id").read().strip() for k in ("rsa", "ec")}


def fetch(url, cookies):
    port, edge = os.environ["EDGE_PORT"], os.environ["EDGE"]
    args = ["curl", "-sS", "--max-time", "20", "--cacert", os.environ["WARMFRONT_CA"], "--connect-to", f"::{edge}:{port}", "-w", "\n%{http_code}"]
    if cookies:
        args += ["-H", "Cookie: " + "; ".join(f"{n}={v}" for n, v in cookies.items())]
    return subprocess.run([*args, url], check=True, capture_output=True, text=True).stdout


def altered(value):
    """One character of the signature's middle is another one."""
    i = len(value) // 2
    return value[:i] + ("A" if value[i] != "A" else "B") + value[i + 1 :]


def ours(key, parts):
    """The signature that warmfront makes for the same policy, with the same key and hash."""
    args = [warmfront, "sign", url, "--key", key, "--key-pair-id", ids[key], "--cookies", "-o", "json", "--hash", parts.get("Hash-Algorithm", "SHA1")]
    with tempfile.NamedTemporaryFile() as policy:
        if "Policy" in parts:
            policy.write(base64.b64decode(parts["Policy"].translate(str.maketrans("-_~", "+=/"))))
            policy.flush()
            args += ["--policy", policy.name]
        else:
            args += ["--now", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(parts["Expires"]) - 3600))]
        made = json.loads(subprocess.run(args, check=True, capture_output=True, text=True).stdout)
    return {n.removeprefix("CloudFront-"): v for n, v in made.items()}


count = equal = 0
out = subprocess.run([*command, url, str(expires), *(f"{k}={i}" for k, i in ids.items())], check=True, capture_output=True, text=True).stdout
for made in map(json.loads, filter(None, out.splitlines())):
    what, key, cookies = f"{name}: {made['what']} by {os.path.basename(made['key'])}", made["key"], made.get("cookies") or {}
    parts = {n.removeprefix("CloudFront-"): str(v) for n, v in cookies.items()} or dict(parse_qsl(urlsplit(made["url"]).query.replace("+", "%2B")))
    parts = {n: v for n, v in parts.items() if n in ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")}
    if (got := fetch(made["url"], cookies)) != "film\n\n200":
        sys.exit(f"{what} is not let in: {got!r}\n{made}")
    spoilt = altered(parts["Signature"])
    other = {n: spoilt if n == "CloudFront-Signature" else v for n, v in cookies.items()}
    if not fetch(made["url"].replace(parts["Signature"], spoilt), other).endswith("\n403"):
        sys.exit(f"{what} is let in when it is altered: {made}")
    count += 1
    if key.endswith("rsa.pem"):
        if (mine := ours(key, parts)) != parts:
            sys.exit(f"{what}: warmfront sign makes another one:\n{mine}\n{parts}")
        equal += 1
if not count:
    sys.exit(f"{name} signs nothing")
print(f"{name}: {count} signatures are let in, and not when altered; the {equal} by RSA are warmfront's to the byte", flush=True)
