#!/usr/bin/env bash
# Private content in a browser: a page with a picture and a video behind signed cookies, which the application's login
# sets; the page itself sets nothing and cannot read them. Chromium shows both after the login, and neither before it,
# after the logout, or when the cookies' policy has ended.
# Environment, set by run.sh: HTTPS_PORT, APP_PORT (free, for the application), NRT_EDGE, WARMFRONT, and AWS's variables.
set -euo pipefail

work=$(mktemp -d)
mkdir "$work/video"
app=
finish() {
  aws s3 rm --quiet --recursive s3://demo/video/ || true
  aws s3 rm --quiet s3://demo/private.html || true
  [ -z "$app" ] || kill "$app" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# What is private.
echo '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30" fill="green"/></svg>' >"$work/video/poster.svg"
clip=
if command -v ffmpeg >/dev/null && ffmpeg -nostdin -v error -f lavfi -i testsrc=duration=1:size=64x48:rate=10 -c:v libvpx "$work/video/clip.webm" 2>/dev/null; then
  clip=clip.webm
fi

# The page, which is everybody's. It says what it sees.
cat >"$work/private.html" <<HTML
<!doctype html><title>private</title><pre id="said"></pre>
<script>
const say = (what, value) => { said.textContent += what + ': ' + value + '\n' }
const status = async (url, init) => (await fetch(url, {cache: 'no-store', ...init})).status
const picture = (n) => new Promise((done) => {
  const i = new Image()
  i.onload = () => done(i.naturalWidth + ' x ' + i.naturalHeight)
  i.onerror = () => done('broken')
  i.src = 'video/poster.svg?' + n
})
const film = (n) => new Promise((done) => {
  const v = document.createElement('video')
  v.onloadeddata = () => done(v.videoWidth + ' x ' + v.videoHeight)
  v.onerror = () => done('broken')
  v.src = 'video/$clip?' + n
});
(async () => {
  say('refused', (await (await fetch('video/poster.svg')).text()).includes('<Code>MissingKey</Code>'))
  say('picture before', await picture(1))
  say('login', await status('app/login?seconds=3600', {method: 'POST'}))
  say('cookies of the page', JSON.stringify(document.cookie))
  say('picture', await picture(2))
  ${clip:+say('film', await film(2))}
  say('logout', await status('app/logout', {method: 'POST'}))
  say('picture after', await picture(3))
  ${clip:+say('film after', await film(3))}
  say('login', await status('app/login?seconds=4', {method: 'POST'}))
  say('at first', await status('video/poster.svg'))
  say('waited', await status('app/wait?seconds=6'))
  say('in the end', await status('video/poster.svg'))
  say('all', 'said')
})()
</script>
HTML

# The application: at login it signs a policy for /video/* and answers with the three cookies.
cat >"$work/app.py" <<'PY'
import json, os, subprocess, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class App(BaseHTTPRequestHandler):
    def answer(self, cookies=()):
        self.send_response(204)
        for c in cookies:
            self.send_header("Set-Cookie", c + "; Path=/; Secure; HttpOnly; SameSite=Lax")
        self.end_headers()

    def do_POST(self):
        u = urlsplit(self.path)
        if u.path == "/app/logout":
            names = ["Policy", "Signature", "Key-Pair-Id"]
            return self.answer(f"CloudFront-{n}=; Max-Age=0" for n in names)
        site = open(os.environ["SITE"]).read().strip()
        signed = subprocess.run([os.environ["WARMFRONT"], "sign", site + "/video/", "--cookies", "-o", "json", "--key", os.environ["KEY"],
                                 "--key-pair-id", open(os.environ["KEYID"]).read().strip(), "--resource", site + "/video/*",
                                 "--expires-in", parse_qs(u.query)["seconds"][0] + "s"], check=True, capture_output=True).stdout
        self.answer(f"{n}={v}" for n, v in json.loads(signed).items())

    def do_GET(self):
        time.sleep(float(parse_qs(urlsplit(self.path).query).get("seconds", ["0"])[0]))
        self.answer()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["APP_PORT"])), App).serve_forever()
PY
openssl genrsa -out "$work/key.pem" 2048 2>/dev/null
openssl rsa -in "$work/key.pem" -pubout -out "$work/key.pub" 2>/dev/null
SITE=$work/site KEY=$work/key.pem KEYID=$work/keyid WARMFRONT=$WARMFRONT APP_PORT=$APP_PORT python3 "$work/app.py" &
app=$!

cat >"$work/site.yaml" <<YAML
Resources:
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig: {Name: browser-private, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}
  Key:
    Type: AWS::CloudFront::PublicKey
    Properties:
      PublicKeyConfig:
        CallerReference: browser-private
        Name: browser-private
        EncodedKey: |
$(sed 's/^/          /' "$work/key.pub")
  Keys:
    Type: AWS::CloudFront::KeyGroup
    Properties:
      KeyGroupConfig: {Name: browser-private, Items: [!Ref Key]}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {Id: demo, DomainName: demo.s3.us-east-1.amazonaws.com, S3OriginConfig: {}, OriginAccessControlId: !GetAtt Access.Id}
          - {Id: app, DomainName: app.example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}
        DefaultCacheBehavior: {TargetOriginId: demo, ViewerProtocolPolicy: https-only, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
        CacheBehaviors:
          - {PathPattern: /video/*, TargetOriginId: demo, ViewerProtocolPolicy: https-only, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6, TrustedKeyGroups: [!Ref Keys]}
          - PathPattern: /app/*
            TargetOriginId: app
            ViewerProtocolPolicy: https-only
            AllowedMethods: [GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]
            CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
            OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac
YAML
"$WARMFRONT" import "$work/site.yaml" --origin "app.example.com=http://127.0.0.1:$APP_PORT" --wait -o json >"$work/made" 2>"$work/import" || { cat "$work/import"; exit 1; }
name=$(sed -n 's/^ *"DomainName": "\(d[a-z0-9]*\.[a-z.]*\)".*/\1/p' "$work/made" | tail -n 1)
[ -n "$name" ] || { cat "$work/import" "$work/made"; exit 1; }
echo "https://$name:$HTTPS_PORT" >"$work/site"
aws cloudfront list-public-keys --query "PublicKeyList.Items[?Name=='browser-private'].Id" >"$work/keyid"
aws s3 cp --quiet --recursive "$work/video" s3://demo/video
aws s3 cp --quiet --content-type text/html "$work/private.html" s3://demo/private.html

digest() {
  openssl s_client -connect "$NRT_EDGE:$HTTPS_PORT" -servername "$1" </dev/null 2>/dev/null |
    openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
}
timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --disable-dev-shm-usage --virtual-time-budget=60000 --user-data-dir="$work/profile" \
  --host-resolver-rules="MAP $name $NRT_EDGE" --ignore-certificate-errors-spki-list="$(digest "$name")" \
  --dump-dom "https://$name:$HTTPS_PORT/private.html" >"$work/dom" 2>"$work/log" || { tail -n 5 "$work/log"; exit 1; }
sed -n '/<pre id="said">/,/<\/pre>/p' "$work/dom" | sed 's/.*<pre id="said">//; s/<[^>]*>//g' >"$work/said"
sed '/^$/d' >"$work/want" <<WANT
refused: true
picture before: broken
login: 204
cookies of the page: ""
picture: 40 x 30
${clip:+film: 64 x 48}
logout: 204
picture after: broken
${clip:+film after: broken}
login: 204
at first: 200
waited: 204
in the end: 403
all: said
WANT
diff "$work/want" <(sed '/^ *$/d' "$work/said") || { echo 'that is what the page should have said, and what it said'; exit 1; }
[ -n "$clip" ] || echo "without a video, for ffmpeg is not installed"
