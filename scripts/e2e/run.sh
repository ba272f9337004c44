#!/usr/bin/env bash
# Runs the whole network on this machine, as `warmfront up` does, and drives it with what its users have: dig, curl, the
# AWS CLI, a browser if there is one. Starts its own network, in a folder of its own, and ends it afterwards.
#
# Environment: PORT_BASE is added to every port, so that a network that runs already is not in the way (0 for the ports
# that users see). LOAD_SECONDS is how long 2,000 requests a second are asked. ONLY=PATTERN runs the checks whose
# function names match (what they need first is theirs to have). SCREENSHOT=FILE keeps the browser's picture.
set -euo pipefail
cd "$(dirname "$0")/../.."

base=${PORT_BASE:-700}
load_seconds=${LOAD_SECONDS:-15}
only=${ONLY:-.}
dns=$((5300 + base)) http=$((8080 + base)) https=$((8443 + base)) control=$((8800 + base)) proxy=$((3128 + base))

# The cities, in the order of their edges' addresses: code and number of the POP.
cities="IAD:1 QRO:22 SFO:24 FRA:86 LHR:90 DXB:109 JNB:117 NRT:120 SIN:130 BOM:137 SYD:143 GRU:150"
number() { sed -n "s/.*\b$1:\([0-9]*\).*/\1/p" <<<"$cities"; } # number CODE
edge() { echo "127.$(number "$1").0.1"; }                       # edge CODE: its address
viewer() { echo "127.$(number "$1").9.9"; }                     # viewer CODE: someone in that city

work=$(mktemp -d)
export WARMFRONT_DATA=$work/state
warmfront=$PWD/bin/warmfront
pid=

finish() {
  local status=$?
  if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
    kill -TERM "$pid"
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
  fi
  if [ "$failed" != 0 ] && [ -s "$work/state/up.log" ]; then
    echo "the network's last words:" >&2
    tail -n 20 "$work/state/up.log" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
passed=0 failed=0
trap finish EXIT

# check WHAT FUNCTION: runs it in a subshell that ends at the first failure; what it prints is the figure to show, or,
# when it fails, the reason.
check() {
  [[ $2 =~ $only ]] || return 0
  local start=$EPOCHREALTIME status said
  set +e
  (
    set -e
    "$2"
  ) >"$work/said" 2>&1
  status=$?
  set -e
  said=$(tail -n 8 "$work/said")
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    printf 'ok   %5d ms  %s%s\n' "$(elapsed "$start")" "$1" "${said:+: $said}"
  else
    failed=$((failed + 1))
    printf 'FAIL %5d ms  %s\n     %s\n' "$(elapsed "$start")" "$1" "${said//$'\n'/$'\n'     }"
  fi
}
elapsed() { # milliseconds since START; the decimal mark of EPOCHREALTIME depends on the locale
  local now=$EPOCHREALTIME
  echo $(((${now//[.,]/} - ${1//[.,]/}) / 1000))
}
fail() {
  echo "$*"
  exit 1
}
equal() { [ "$2" = "$3" ] || fail "$1: want '$2', got '$3'"; } # equal WHAT WANT GOT
matches() { [[ $3 =~ $2 ]] || fail "$1: want $2, got '$3'"; }  # matches WHAT PATTERN GOT
has() { grep -qE -- "$2" "$work/answer" || fail "$1: no $2 in: $(cat "$work/answer")"; }
within() { # within SECONDS COMMAND…: it succeeds before the time is over; prints what that took
  local limit=$1 start=$EPOCHREALTIME
  shift
  until "$@" >"$work/attempt" 2>&1; do
    [ "$(elapsed "$start")" -lt $((limit * 1000)) ] || fail "not within $limit s: $* ($(tail -n 3 "$work/attempt"))"
    sleep 0.1
  done
  echo "$(elapsed "$start") ms, allowed $limit s"
}
runs() { kill -0 "$pid" 2>/dev/null; }
stopped() { ! runs; }

ask() { dig @127.0.0.1 -p $dns +time=2 +tries=2 "$@"; }        # ask DIG-ARGUMENTS…
resolves() { [ "$(ask -b "$(viewer "$1")" +short "$name")" = "$(edge "$2")" ]; } # resolves FROM-CITY TO-CITY
# at CITY NAME URL-PATH CURL-ARGUMENTS…: a GET over HTTPS by a viewer in the city, from its edge.
at() {
  local city=$1 host=$2 path=$3
  shift 3
  curl -sS --max-time 20 --interface "$(viewer "$city")" --cacert "$ca" --resolve "$host:$https:$(edge "$city")" \
    "https://$host:$https$path" "$@"
}
# fetch CITY NAME PATH: sets $headers (names in lower case, no CR) and the file body.
fetch() {
  headers=$(at "$1" "$2" "$3" -D - -o "$work/body" | tr -d '\r' | sed 's/^[A-Za-z0-9-]*:/\L&/')
}
header() { sed -n "s/^$1: //p" <<<"$headers"; }
x_cache() { # x_cache CITY NAME PATH WANT: what the edge says of the answer
  fetch "$1" "$2" "$3"
  equal "$1 $3" "$4 from cloudfront" "$(header x-cache)"
}

# --- starting ----------------------------------------------------------------------------------------------------

start() { # start UP-ARGUMENTS…: sets $pid, $ca, $name and AWS's variables
  "$warmfront" up --port-base "$base" --detach --wait "$@" >"$work/up" || { failed=1; exit 1; }
  eval "$("$warmfront" env)"
  pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$WARMFRONT_DATA/running.json")
  ca=$WARMFRONT_CA name=$WARMFRONT_DOMAIN distribution=$WARMFRONT_DISTRIBUTION
}
export AWS_PAGER='' AWS_DEFAULT_OUTPUT=text
unset AWS_SESSION_TOKEN AWS_PROFILE

ready_in_time() { # a loaded machine is given twice what is promised
  local seconds
  seconds=$(sed -n 's/.*ready in \([0-9.]*\) s\./\1/p' "$work/up")
  echo "$seconds s (promised 3, allowed 6)"
  awk "BEGIN {exit !($seconds < 6)}"
}
memory() { # memory LIMIT-MIB
  local kib
  kib=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
  echo "$((kib / 1024)) MiB (allowed $1)"
  [ $((kib / 1024)) -lt "$1" ]
}
memory_of_twelve() { memory 300; }
says_what_to_paste() { # and what it says works
  grep -q "^Warmfront is up: 12 edges in 12 cities" "$work/up" || fail "$(cat "$work/up")"
  local line
  line=$(grep '^  dig ' "$work/up")
  equal "$line" "$(edge NRT)" "$(eval "$line")"
  while read -r line; do
    eval "$line" >"$work/answer" 2>&1
    has "$line" '^(HTTP/2|status +) ?200'
  done < <(grep -E '^  (curl|.*warmfront get) ' "$work/up")
}

# --- DNS ---------------------------------------------------------------------------------------------------------

dns_in_each_city() {
  local city
  for city in $cities; do
    city=${city%:*}
    equal "$city" "$(edge "$city")" "$(ask -b "$(viewer "$city")" +short "$name")"
  done
}
dns_by_subnet() { # public prefixes of universities and providers: two cities at most are right for each
  local prefix want got
  while read -r prefix want; do
    got=$(ask +subnet="$prefix" +short "$name")
    grep -qwF "${got:-none}" < <(for city in $want; do edge "$city"; done) || fail "$prefix: want $want, got '$got'"
  done <<'PREFIXES'
18.10.0.0/16 IAD
169.229.0.0/16 SFO
132.248.0.0/16 QRO
143.107.0.0/16 GRU
131.111.0.0/16 LHR
130.149.0.0/16 FRA
137.158.0.0/16 JNB
217.165.0.0/16 DXB
14.139.0.0/16 BOM
137.132.0.0/16 SIN
133.11.0.0/16 NRT
129.78.0.0/16 SYD
2001:200::/32 NRT
2001:630::/32 LHR
2001:638::/32 FRA
PREFIXES
  ask +subnet=133.11.0.0/24 "$name" >"$work/answer"
  has "EDNS Client Subnet in the answer" 'CLIENT-SUBNET: 133\.11\.0\.0/24/[0-9]+'
}
dns_negative() {
  ask "unknown.${name#*.}" >"$work/answer"
  has "unknown name" 'status: NXDOMAIN'
  has "unknown name" 'IN[[:space:]]+SOA'
  ask www.example.com >"$work/answer"
  has "another zone" 'status: REFUSED'
  ask AAAA "$name" >"$work/answer"
  has "AAAA" 'status: NOERROR.*'
  has "AAAA" 'ANSWER: 0, AUTHORITY: 1'
}
dns_tcp_and_the_second_router() {
  equal TCP "$(edge NRT)" "$(ask +tcp -b "$(viewer NRT)" +short "$name")"
  ask -b "$(viewer NRT)" "$name" >"$work/answer"
  has "TTL" "^$name\.[[:space:]]+60[[:space:]]+IN[[:space:]]+A"
  equal "second router" "$(edge SYD)" "$(dig @127.0.0.54 -p $dns -b "$(viewer SYD)" +short "$name")"
}

# --- one object --------------------------------------------------------------------------------------------------

miss_then_hit() {
  aws s3 cp --quiet s3://demo/style.css "$work/style.css"
  x_cache NRT "$name" /style.css Miss
  cmp "$work/body" "$work/style.css"
  matches X-Amz-Cf-Pop '^NRT120-P[0-9]+$' "$(header x-amz-cf-pop)"
  matches Via '\.cloudfront\.net \(CloudFront\)$' "$(header via)"
  [ -n "$(header x-amz-cf-id)" ] || fail "no X-Amz-Cf-Id"
  matches Cache-Status 'fwd=' "$(header cache-status)"
  x_cache NRT "$name" /style.css Hit
  cmp "$work/body" "$work/style.css"
  matches Cache-Status '; hit' "$(header cache-status)"
  local first
  first=$(header age)
  within 5 older "$first" >/dev/null
  x_cache SYD "$name" /style.css Miss # each city fetches for itself
}
older() { fetch NRT "$name" /style.css && [ "$(header age)" -gt "$1" ]; }
large_file() {
  aws s3 cp --quiet s3://demo/large.bin "$work/large.bin"
  equal "its length" 10485760 "$(stat -c %s "$work/large.bin")"
  x_cache GRU "$name" /large.bin Miss
  cmp "$work/body" "$work/large.bin"
  x_cache GRU "$name" /large.bin Hit
  cmp "$work/body" "$work/large.bin"
  at GRU "$name" /large.bin -r 1000000-1999999 -o "$work/body"
  cmp "$work/body" <(tail -c +1000001 "$work/large.bin" | head -c 1000000)
}
redirects_to_https() {
  equal "http" "301 https://$name:$https/style.css?a=b" "$(curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' \
    --resolve "$name:$http:$(edge FRA)" "http://$name:$http/style.css?a=b")"
  equal "followed" 200 "$(curl -sS -L -o /dev/null -w '%{http_code}' --cacert "$ca" --resolve "$name:$http:$(edge FRA)" \
    --resolve "$name:$https:$(edge FRA)" "http://$name:$http/style.css")"
}
verifies() {
  local status=0
  curl -sS -o /dev/null --resolve "$name:$https:$(edge FRA)" "https://$name:$https/" 2>/dev/null || status=$?
  equal "curl without --cacert ends with" 60 $status
  status=0
  at FRA "unknown.${name#*.}" / -o /dev/null 2>/dev/null || status=$?
  equal "a name that nobody serves: curl ends with" 35 $status
}

# --- CloudFront's API --------------------------------------------------------------------------------------------

publish() { # publish TEXT: the object that changes
  printf '%s\n' "$1" >"$work/page.html"
  aws s3 cp --quiet --content-type text/html "$work/page.html" s3://awsexamplebucket/index.html
}
is() { # is CITY X-CACHE TEXT
  x_cache "$1" "$second" / "$2"
  equal "$1" "$3" "$(cat "$work/body")"
}
creates_a_distribution() { # with the configuration that AWS's documentation has for the CLI
  aws s3 mb s3://awsexamplebucket >/dev/null
  aws s3api delete-public-access-block --bucket awsexamplebucket
  aws s3api put-bucket-policy --bucket awsexamplebucket --policy '{"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::awsexamplebucket/*"}]}'
  publish one
  aws cloudfront create-distribution --distribution-config file://scripts/e2e/distribution.json \
    --query 'Distribution.[Id,DomainName,Status]' >"$work/second"
  read -r id domain status <"$work/second"
  matches "$id $domain" '^E[A-Z0-9]+ d[a-z0-9]+\.warmfront\.test$' "$id $domain"
  aws cloudfront wait distribution-deployed --id "$id"
  echo "$id is $status, then Deployed"
}
second_distribution() { read -r second_id second _ <"$work/second"; }
every_edge_has_it() {
  second_distribution
  local city
  for city in $cities; do
    is "${city%:*}" Miss one
    is "${city%:*}" Hit one
  done
  publish two
  is NRT Hit one
}
invalidates_everywhere() {
  second_distribution
  local id city start=$EPOCHREALTIME
  id=$(aws cloudfront create-invalidation --distribution-id "$second_id" --paths '/*' --query Invalidation.Id)
  complete "$second_id" "$id" 15
  echo "Completed after $(elapsed "$start") ms, the CLI's own start included"
  aws cloudfront wait invalidation-completed --distribution-id "$second_id" --id "$id"
  for city in $cities; do is "${city%:*}" Miss two; done
  for city in $cities; do is "${city%:*}" Hit two; done
}
completed() {
  [ "$(aws cloudfront get-invalidation --distribution-id "$1" --id "$2" --query Invalidation.Status)" = Completed ]
}
complete() { within "$3" completed "$1" "$2" >/dev/null; }
updates_on_condition() {
  second_distribution
  local etag
  etag=$(aws cloudfront get-distribution-config --id "$second_id" --query ETag)
  aws cloudfront get-distribution-config --id "$second_id" --query DistributionConfig --output json |
    sed 's/"Comment": ""/"Comment": "changed"/' >"$work/config.json"
  aws cloudfront update-distribution --id "$second_id" --if-match "$etag" --distribution-config "file://$work/config.json" \
    --query 'Distribution.DistributionConfig.Comment' >"$work/answer"
  has "the change" '^changed$'
  refuses PreconditionFailed cloudfront update-distribution --id "$second_id" --if-match "$etag" \
    --distribution-config "file://$work/config.json"
}
refuses() { # refuses CODE AWS-ARGUMENTS…
  local code=$1 status=0
  shift
  aws "$@" >"$work/answer" 2>&1 || status=$?
  [ $status -ne 0 ] || fail "aws $*: succeeded"
  has "aws $*" "\($code\)"
}
wrong_keys() {
  AWS_SECRET_ACCESS_KEY=wrong refuses SignatureDoesNotMatch cloudfront list-distributions
  AWS_ACCESS_KEY_ID=AKIANOBODYKNOWSTHIS1 refuses InvalidClientTokenId cloudfront list-distributions
  AWS_SECRET_ACCESS_KEY=wrong refuses SignatureDoesNotMatch s3api list-buckets
  AWS_ACCESS_KEY_ID=AKIANOBODYKNOWSTHIS1 refuses InvalidAccessKeyId s3api list-buckets
  refuses NoSuchDistribution cloudfront get-distribution --id E1NOSUCHTHING
}

# --- S3 ----------------------------------------------------------------------------------------------------------

s3_commands() {
  mkdir -p "$work/site/deep/er" "$work/back"
  head -c 20000000 /dev/urandom >"$work/site/big" # more than one part
  echo hello >"$work/site/deep/er/hello.txt"
  echo 'a b' >"$work/site/a name & more.txt"
  # sync compares with a Last-Modified of whole seconds: a file of this very second would be newer than its upload
  find "$work/site" -type f -exec touch -d '1 minute ago' {} +
  aws s3 mb s3://files >/dev/null
  aws s3 sync --quiet "$work/site" s3://files/site
  aws s3 sync "$work/site" s3://files/site >"$work/answer"
  equal "a second sync" '' "$(cat "$work/answer")"
  equal "ls" 'big deep/er/hello.txt' "$(aws s3 ls --recursive s3://files/site/ | awk '{print $4}' | sed 's,site/,,' | grep -v '^a$' | xargs)"
  aws s3 sync --quiet s3://files/site "$work/back"
  diff -r "$work/site" "$work/back"
  aws s3 cp --quiet s3://files/site/big s3://files/copy
  aws s3api get-object --bucket files --key copy --range bytes=5-14 "$work/range" >/dev/null
  cmp "$work/range" <(tail -c +6 "$work/site/big" | head -c 10)
  curl -sSf -o "$work/signed" "$(aws s3 presign s3://files/copy --expires-in 60)"
  cmp "$work/signed" "$work/site/big"
  refuses BucketNotEmpty s3api delete-bucket --bucket files
  aws s3 rm --quiet --recursive s3://files
  aws s3 rb s3://files >/dev/null
  refuses NoSuchBucket s3api list-objects-v2 --bucket files
}

# --- being somewhere else ----------------------------------------------------------------------------------------

served_by() { # served_by POP CURL-ARGUMENTS…: whose edge answers
  local pop=$1
  shift
  curl -sS --max-time 20 --cacert "$ca" -o /dev/null -D - "$@" | tr -d '\r' | sed 's/^[A-Za-z0-9-]*:/\L&/' >"$work/answer"
  has "$*" "^x-amz-cf-pop: $pop"
}
viewer_proxy() {
  served_by NRT -x "http://NRT@127.0.0.1:$proxy" "https://$name/index.html"
  served_by GRU -x "http://GRU@127.0.0.1:$proxy" "https://$name/index.html"
  served_by FRA -x "http://127.0.0.1:$proxy" "https://$name/index.html" # nobody in particular is at home
  equal "plain http through the proxy" 301 \
    "$(curl -sS -o /dev/null -w '%{http_code}' -x "http://SYD@127.0.0.1:$proxy" "http://$name/index.html")"
  local url
  for url in https://www.example.com/ "https://$name:22/" "https://127.0.0.1:$control/"; do
    equal "$url" 403 "$(curl -sS -o /dev/null -w '%{http_connect}' -x "http://NRT@127.0.0.1:$proxy" "$url" 2>/dev/null || true)"
  done
}
city_ports() {
  served_by NRT -x "http://127.0.0.1:$((31000 + base + $(number NRT)))" "https://$name/index.html"
  served_by JNB -x "http://127.0.0.1:$((31000 + base + $(number JNB)))" "https://$name/index.html"
  curl -sSf "http://127.0.0.1:$control/proxy/NRT.pac" >"$work/answer"
  has "PAC file" FindProxyForURL
  has "PAC file" "PROXY 127\.0\.0\.1:$((31000 + base + $(number NRT)))"
}
front_door() {
  equal "localhost, no redirect" 200 "$(curl -sS -o "$work/body" -w '%{http_code}' "http://${name%%.*}.localhost:$http/")"
  grep -q '<title>Warmfront demo</title>' "$work/body"
  served_by FRA --resolve "$name:$https:127.0.0.1" "https://$name:$https/"
  served_by FRA "https://${name%%.*}.localhost:$https/"
}
get_from() {
  "$warmfront" get "https://$name/" --from SYD >"$work/answer"
  has "--from SYD" '^viewer +Sydney, Australia'
  has "--from SYD" '^edge +SYD143-P1 \(127\.143\.0\.1'
  "$warmfront" get "https://$name/" --from Sydney >"$work/answer"
  has "--from Sydney" '^cache +Hit from cloudfront, Age'
  "$warmfront" get "https://$name/" --from 133.11.0.1 >"$work/answer" # the University of Tokyo
  has "--from 133.11.0.1" '^edge +NRT120-P1'
}
time_fits_distance() { # light in fibre needs 10 ms for 2,000 km; TCP, TLS and the request are a round trip each
  "$warmfront" get "https://$name/" --from Auckland >/dev/null
  "$warmfront" get "https://$name/" --from Auckland -o json >"$work/answer" # a hit by now
  has "Auckland's edge" '"pop": "SYD143-P1"'
  local ms
  ms=$(sed -n 's/.*"first_byte_ms": \([0-9.]*\),*/\1/p' "$work/answer")
  echo "2,150 km away: $ms ms"
  awk "BEGIN {exit !($ms > 63 && $ms < 1000)}"
}
browser() { scripts/e2e/browser.sh; }
browsersite() { WARMFRONT=$warmfront scripts/e2e/browsersite.sh; }
browserprivate() { WARMFRONT=$warmfront APP_PORT=$((3300 + base)) scripts/e2e/browserprivate.sh; }
http3() {
  second_distribution
  NAME=$name OTHER=$second CA=$ca HTTPS_PORT=$https NRT_EDGE=$(edge NRT) SYD_EDGE=$(edge SYD) NRT_VIEWER=$(viewer NRT) \
    SYD_VIEWER=$(viewer SYD) scripts/e2e/http3.sh
}

# --- faults ------------------------------------------------------------------------------------------------------

stopped_edge() {
  local away back
  "$warmfront" fault stop NRT >/dev/null
  away=$(within 5 resolves NRT SIN) || fail "Tokyo is not sent to Singapore: $away"
  equal "Tokyo, by way of Singapore" 200 "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$ca" \
    -x "http://NRT@127.0.0.1:$proxy" "https://$name/style.css")"
  "$warmfront" fault heal NRT >/dev/null
  back=$(within 20 resolves NRT NRT) || fail "Tokyo is not sent to Tokyo again: $back"
  echo "Tokyo is sent to Singapore after $away, to Tokyo again after $back"
}
# A partitioned edge cannot acknowledge an invalidation. It is complete when the edge's lease has ended, and from then
# on the edge, which still reaches the origin, serves nothing that it stored before without asking.
partitioned_edge() {
  second_distribution
  publish old
  complete "$second_id" "$(aws cloudfront create-invalidation --distribution-id "$second_id" --paths '/*' --query Invalidation.Id)" 15
  is JNB Miss old
  is JNB Hit old
  publish new
  local cut=$EPOCHREALTIME
  "$warmfront" fault partition JNB >/dev/null
  # A viewer in Johannesburg who never stops asking: when each request began, and what it got.
  : >"$work/asked"
  (
    while [ ! -e "$work/enough" ]; do
      start=$EPOCHREALTIME
      body=$(at JNB "$second" / 2>/dev/null) || body=error
      echo "${start//[.,]/} $body" >>"$work/asked"
    done
  ) &
  local id asking=$! start=$EPOCHREALTIME took
  id=$(aws cloudfront create-invalidation --distribution-id "$second_id" --paths '/*' --query Invalidation.Id)
  # On a busy machine the command line takes longer than the lease of ten seconds, some of which may have passed.
  ! completed "$second_id" "$id" || [ "$(elapsed "$cut")" -gt 7000 ] ||
    fail "Completed although an edge that has a lease has not acknowledged"
  complete "$second_id" "$id" 30
  local complete_at=$EPOCHREALTIME
  took=$(elapsed "$start")
  "$warmfront" nodes >"$work/answer"
  has "the lease has ended" '^JNB-1 .* fenced .*partitioned'
  within 30 asked_since "${complete_at//[.,]/}" 10 >/dev/null
  touch "$work/enough"
  wait $asking
  awk -v t="${complete_at//[.,]/}" '$1 > t && $2 == "old"' "$work/asked" >"$work/stale"
  [ ! -s "$work/stale" ] || fail "served old after Completed: $(wc -l <"$work/stale") times"
  grep -q ' old$' "$work/asked" || fail "never had the old object: nothing was tested"
  "$warmfront" fault heal JNB >/dev/null
  within 20 leased JNB-1 >/dev/null
  fetch JNB "$second" /
  equal "healed" new "$(cat "$work/body")"
  echo "Completed after $took ms; $(wc -l <"$work/asked") answers, $(awk -v t="${complete_at//[.,]/}" '$1 > t' "$work/asked" | wc -l) since then, none old"
}

asked_since() { [ "$(awk -v t="$1" '$1 > t' "$work/asked" | wc -l)" -ge "$2" ]; }
leased() { "$warmfront" nodes >"$work/answer" && grep -q "^$1 " "$work/answer" && ! grep -q "^$1 .* fenced " "$work/answer"; }

# --- load, stopping, starting again ------------------------------------------------------------------------------

load() {
  local edges='' city
  for city in $cities; do edges+=",$(edge "${city%:*}")=$(viewer "${city%:*}")"; done
  go build -o "$work/load" ./scripts/e2e/load
  "$work/load" -rate 2000 -for "${load_seconds}s" -ca "$ca" -edges "${edges#,}" \
    -urls "https://$name:$https/index.html,https://$name:$https/style.css,https://$name:$https/images/front.png"
}
memory_under_load() { memory 300; }
finishes_what_it_began() { # SIGTERM in the middle of a slow transfer: it is finished
  local start
  at NRT "$name" /large.bin -o /dev/null # stored
  at NRT "$name" /large.bin --limit-rate 2500k -o "$work/slow" &
  local transfer=$!
  within 5 flows "$work/slow" >/dev/null
  start=$EPOCHREALTIME
  kill -TERM "$pid"
  within 10 stopped >/dev/null
  echo "stopped after $(elapsed "$start") ms"
  wait $transfer || fail "the transfer in flight was cut off"
  cmp "$work/slow" "$work/large.bin"
}
flows() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt 100000 ]; }
stops_on_ctrl_c() {
  kill -INT "$pid"
  within 10 stopped
  [ ! -e "$WARMFRONT_DATA/running.json" ] || fail "running.json is still there"
}
distributions() { aws cloudfront list-distributions --query 'DistributionList.Items[].Id' | xargs -n 1 | sort | xargs; }
state_survived() { # after a restart: the same keys (the environment still has them), names and objects
  second_distribution
  equal "distributions" "$(cat "$work/distributions")" "$(distributions)"
  grep -qw "$distribution" "$work/distributions" || fail "the demo site's was not among them"
  equal "what was changed" changed "$(aws cloudfront get-distribution-config --id "$second_id" --query DistributionConfig.Comment)"
  equal "the demo site's name" "$name" "$(cat "$work/name")"
  cmp "$ca" "$work/ca"
  x_cache NRT "$name" /large.bin Miss
  cmp "$work/body" "$work/large.bin"
  resolves NRT NRT
}
memory_of_all() { memory 1536; }
dns_of_all() {
  local want
  for want in CPT:118:137.158.0.0/16 HEL:98:128.214.0.0/16; do
    IFS=: read -r city _ prefix <<<"$want"
    "$warmfront" get "https://$name/" --from "$city" >"$work/answer"
    has "$city" "^edge +$city"
    [ -n "$(ask +subnet="$prefix" +short "$name")" ] || fail "$prefix: no answer"
  done
}

start
check "ready with twelve edges" ready_in_time
check "memory with twelve edges" memory_of_twelve
check "every line that up prints can be pasted" says_what_to_paste
check "dig from each of the twelve cities: that city's edge" dns_in_each_city
check "dig +subnet with public prefixes on six continents" dns_by_subnet
check "NXDOMAIN, REFUSED, and no AAAA" dns_negative
check "DNS over TCP, TTL 60, and from the second router" dns_tcp_and_the_second_router
check "Miss, then Hit with Age rising, the origin's bytes; another city misses" miss_then_hit
check "a file of ten megabytes, whole and in part" large_file
check "http redirects to https on the port that can be reached" redirects_to_https
check "certificates verify with --cacert, and only for names that are served" verifies
check "aws cloudfront create-distribution, wait" creates_a_distribution
check "every edge misses, then hits" every_edge_has_it
check "aws cloudfront create-invalidation '/*', wait; every edge misses and has the new page" invalidates_everywhere
check "update-distribution, on condition that nobody else did" updates_on_condition
check "wrong keys and names get AWS's own errors" wrong_keys
check "aws s3 mb, cp, sync, ls, rm, rb, presign, ranges and parts" s3_commands
check "the viewer proxy makes its user a viewer in Tokyo, and goes nowhere else" viewer_proxy
check "each city's port, and the PAC file" city_ports
check "the front door, without set-up" front_door
check "warmfront get --from a POP, a city, an address" get_from
check "the time fits the distance" time_fits_distance
if command -v chromium >/dev/null; then
  export NAME=$name CA=$ca HTTP_PORT=$http HTTPS_PORT=$https NRT_PROXY=127.0.0.1:$((31000 + base + 120)) NRT_EDGE=127.120.0.1
  check "Chromium shows the page from Tokyo, and under localhost" browser
  check "Chromium is redirected, speaks HTTP/2, reads across distributions by CORS alone, keeps a cookie" browsersite
  if command -v python3 >/dev/null; then
    check "Chromium shows a picture and a video behind signed cookies after the login, and not before, after the logout or in the end" browserprivate
  else
    echo "skip           private content in Chromium: python3, for its application, is not installed"
  fi
else
  echo "skip           Chromium is not installed (Debian: apt-get install chromium)"
fi
check "HTTP/3: announced, the same bytes, at its distance; in Chromium where there is one" http3
check "fault stop, fault heal" stopped_edge
check "an edge cut off from the cluster delays an invalidation for its lease and never serves the old object" partitioned_edge
check "2,000 requests a second over all edges for $load_seconds s" load
check "memory afterwards" memory_under_load
cp "$ca" "$work/ca"
echo "$name" >"$work/name"
distributions >"$work/distributions"
[ -e "$work/large.bin" ] || aws s3 cp --quiet s3://demo/large.bin "$work/large.bin"
check "Ctrl-C stops it" stops_on_ctrl_c
runs || start
check "state survives a restart" state_survived
check "SIGTERM in the middle of a slow transfer: it is finished, all stops within 10 s" finishes_what_it_began
runs || start --pops all
check "memory with every city" memory_of_all
check "every city has its edge" dns_of_all

echo "e2e: $passed passed, $failed failed"
[ $failed -eq 0 ]
