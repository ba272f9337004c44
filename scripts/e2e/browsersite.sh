#!/usr/bin/env bash
# What a browser makes of a site: it is redirected to HTTPS, speaks HTTP/2, keeps a cookie and sends it, and lets a page
# of one distribution read another's objects where that says so by CORS, and nowhere else. Chromium goes straight to an
# edge: names are mapped to its address.
# Environment, set by run.sh: NAME (the demo site's), HTTP_PORT, HTTPS_PORT, NRT_EDGE, WARMFRONT, and AWS's variables.
set -euo pipefail

work=$(mktemp -d)
mkdir "$work/browser"
trap 'rm -rf "$work"' EXIT

cat >"$work/site.yaml" <<YAML
Resources:
  Cross:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        Name: browser-cross
        CorsConfig:
          AccessControlAllowOrigins: {Items: ["https://$NAME:$HTTPS_PORT"]}
          AccessControlAllowHeaders: {Items: [X-Asked]}
          AccessControlAllowMethods: {Items: [GET, HEAD]}
          AccessControlAllowCredentials: true
          OriginOverride: true
        CustomHeadersConfig: {Items: [{Header: Set-Cookie, Value: "seen=yes; Path=/; Secure; SameSite=None", Override: true}]}
  ByCookie:
    Type: AWS::CloudFront::CachePolicy
    Properties:
      CachePolicyConfig:
        Name: browser-cookie
        MinTTL: 60
        DefaultTTL: 60
        MaxTTL: 600
        ParametersInCacheKeyAndForwardedToOrigin:
          EnableAcceptEncodingGzip: false
          CookiesConfig: {CookieBehavior: whitelist, Cookies: [seen]}
          HeadersConfig: {HeaderBehavior: none}
          QueryStringsConfig: {QueryStringBehavior: none}
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig: {Name: browser, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}
  Other:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        HttpVersion: http2
        Origins: [{Id: demo, DomainName: demo.s3.us-east-1.amazonaws.com, S3OriginConfig: {}, OriginAccessControlId: !GetAtt Access.Id}]
        DefaultCacheBehavior:
          TargetOriginId: demo
          ViewerProtocolPolicy: redirect-to-https
          AllowedMethods: [GET, HEAD, OPTIONS]
          CachePolicyId: !Ref ByCookie
          OriginRequestPolicyId: 88a5eaf4-2fd4-4709-b370-b4c650ea3fcf
          ResponseHeadersPolicyId: !Ref Cross
        CacheBehaviors:
          - {PathPattern: browser/closed.txt, TargetOriginId: demo, ViewerProtocolPolicy: https-only, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
YAML
other=$("$WARMFRONT" import "$work/site.yaml" --wait -o json 2>"$work/import" | sed -n 's/^ *"DomainName": "\(d[a-z0-9]*\.[a-z.]*\)".*/\1/p' | tail -n 1)
[ -n "$other" ] || { cat "$work/import"; exit 1; }

# The page says itself what it sees.
cat >"$work/browser/site.html" <<HTML
<!doctype html><title>site</title><pre id="said"></pre>
<script>
const other = 'https://$other:$HTTPS_PORT/browser/'
const say = (what, value) => { said.textContent += what + ': ' + value + '\n' }
const get = async (what, url, init) => {
  try {
    const r = await fetch(url, init)
    say(what, r.status + ' ' + (await r.text()).trim() + ' ' + (r.headers.get('x-cache') || 'hidden'))
  } catch (e) { say(what, e.name) }
}
(async () => {
  say('page', location.protocol + ' ' + performance.getEntriesByType('navigation')[0].nextHopProtocol)
  await get('cross', other + 'open.txt', {credentials: 'include'})
  await get('preflight', other + 'open.txt', {headers: {'X-Asked': '1'}})
  await get('not allowed', other + 'open.txt', {headers: {'X-Other': '1'}})
  await get('closed', other + 'closed.txt')
  say('all', 'said')
})()
</script>
HTML
cat >"$work/browser/cookie.html" <<'HTML'
<!doctype html><title>cookie</title><pre id="said"></pre>
<script>
(async () => {
  const say = async (what, init) => { said.textContent += what + ': ' + (await fetch('open.txt?' + what, init)).headers.get('x-cache') + '\n' }
  said.textContent += 'kept: ' + document.cookie + '\n'
  await say('without', {credentials: 'omit', cache: 'no-store'})
  await say('without again', {credentials: 'omit', cache: 'no-store'})
  await say('with', {cache: 'no-store'})
  await say('with again', {cache: 'no-store'})
})()
</script>
HTML
echo 'open to all' >"$work/browser/open.txt"
echo 'closed' >"$work/browser/closed.txt"
aws s3 cp --quiet --recursive "$work/browser" s3://demo/browser
aws s3api put-bucket-cors --bucket demo --cors-configuration \
  '{"CORSRules":[{"AllowedMethods":["GET","HEAD"],"AllowedOrigins":["https://'"$NAME:$HTTPS_PORT"'"],"AllowedHeaders":["x-asked"]}]}'
finish() {
  aws s3api delete-bucket-cors --bucket demo || true
  aws s3 rm --quiet --recursive s3://demo/browser/ || true
  rm -rf "$work"
}
trap finish EXIT

digest() {
  openssl s_client -connect "$NRT_EDGE:$HTTPS_PORT" -servername "$1" </dev/null 2>/dev/null |
    openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
}
digests=$(digest "$NAME"),$(digest "$other")
browse() { # browse URL: what the page says, in $work/dom
  timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage --virtual-time-budget=20000 --user-data-dir="$work/profile" \
    --host-resolver-rules="MAP $NAME $NRT_EDGE, MAP $other $NRT_EDGE" --ignore-certificate-errors-spki-list="$digests" \
    --dump-dom "$1" >"$work/dom" 2>"$work/log" || { tail -n 5 "$work/log"; exit 1; }
  sed -n '/<pre id="said">/,/<\/pre>/p' "$work/dom" | sed 's/.*<pre id="said">//; s/<[^>]*>//g' >"$work/said"
}
says() { grep -qxF -- "$1" "$work/said" || { echo "the page says, but not \"$1\":" && cat "$work/said" && exit 1; }; }

browse "http://$NAME:$HTTP_PORT/browser/site.html"
says 'page: https: h2'
says 'cross: 200 open to all hidden'
says 'preflight: 200 open to all hidden'
says 'not allowed: TypeError'
says 'closed: TypeError'

browse "http://$other:$HTTP_PORT/browser/cookie.html"
says 'kept: seen=yes'
says 'without: Miss from cloudfront'
says 'without again: Hit from cloudfront'
says 'with: Miss from cloudfront'
says 'with again: Hit from cloudfront'
