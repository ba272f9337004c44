#!/usr/bin/env bash
# Tests the network in Docker Compose the way its users meet it: dig and curl in viewers' containers, the AWS CLI on the
# host, edges stopped and cut off. Starts its own network, under its own project name, and removes it afterwards.
# Needs the images (make image viewer-image) and the ports of deploy/compose.yaml free.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
export WARMFRONT_COMPOSE_STATE=$work/state WARMFRONT_COMPOSE_PROJECT=warmfront-test
compose=scripts/compose/compose.sh
network=${WARMFRONT_COMPOSE_PROJECT}_net

export AWS_SHARED_CREDENTIALS_FILE=$work/state/access-key AWS_CONFIG_FILE=$work/aws-config
export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true AWS_PAGER='' AWS_DEFAULT_OUTPUT=text
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE
printf '[default]\ns3 =\n  addressing_style = path\n' >"$AWS_CONFIG_FILE"
cloudfront() { aws --endpoint-url http://127.0.0.1:8800 cloudfront "$@"; }
s3() { aws --endpoint-url http://127.0.0.1:9000 "$@"; }

finish() {
  local status=$?
  if [ $status -ne 0 ]; then
    $compose ps >&2 || true
    $compose logs --no-color --tail=30 >&2 || true
    echo "compose test failed; the containers' last words are above" >&2
  fi
  $compose down -v >"$work/down" 2>&1 || cat "$work/down" >&2
  rm -rf "$work"
  exit $status
}
trap finish EXIT

passed=0
pass() {
  passed=$((passed + 1))
  printf 'ok %6ss  %s\n' "$SECONDS" "$1"
}
fail() {
  echo "FAIL: $1" >&2
  exit 1
}
equal() { # equal WHAT WANT GOT
  [ "$2" = "$3" ] || fail "$1: want '$2', got '$3'"
}
within() { # within SECONDS WHAT COMMAND…: COMMAND succeeds before that time is over; what it took is printed
  local limit=$1 what=$2 start=$EPOCHREALTIME
  shift 2
  until "$@"; do
    [ "$(elapsed "$start")" -lt $((limit * 1000)) ] || fail "$what: not within $limit s"
    sleep 0.2
  done
  pass "$what ($(elapsed "$start") ms, allowed $limit s)"
}
elapsed() { # milliseconds since START; the decimal mark of EPOCHREALTIME depends on the locale
  local now=$EPOCHREALTIME
  echo $(((${now//[.,]/} - ${1//[.,]/}) / 1000))
}

# The viewers: a city's own edge is the nearest to it. Addresses: 10.77.n.11, n the number of the POP.
declare -A edge_of=(
  [north-america]=10.77.24.11 [south-america]=10.77.150.11 [europe]=10.77.90.11
  [africa]=10.77.117.11 [asia]=10.77.120.11 [oceania]=10.77.143.11
)
declare -A pop_of=([north-america]=SFO [south-america]=GRU [europe]=LHR [africa]=JNB [asia]=NRT [oceania]=SYD)
singapore=10.77.130.11 # next nearest to Tokyo (5,318 km; Mumbai 6,724)
dubai=10.77.109.11     # next nearest to Johannesburg (6,402 km; Mumbai 6,983)

declare -A viewer # CONTINENT -> container; docker exec answers in a tenth of what docker-compose 1.29 exec takes
in_viewer() { # in_viewer CONTINENT COMMAND…
  local continent=$1
  shift
  docker exec "${viewer[$continent]}" "$@"
}
resolves_to() { # resolves_to CONTINENT ADDRESS
  [ "$(in_viewer "$1" dig +short +time=1 +tries=1 "$name")" = "$2" ]
}
# fetch CONTINENT PATH: sets $headers, lower-case names, and $body of a GET over HTTPS.
fetch() {
  local answer
  answer=$(in_viewer "$1" curl -sS -i --http1.1 --max-time 20 "https://$name$2" | tr -d '\r')
  headers=${answer%%$'\n\n'*}
  body=${answer#*$'\n\n'}
}
header() { sed -n "s/^$1: //Ip" <<<"$headers"; }
fetch_is() { # fetch_is CONTINENT X-CACHE BODY
  fetch "$1" /index.html
  equal "$1: status" "HTTP/1.1 200 OK" "$(head -n 1 <<<"$headers")"
  equal "$1: X-Cache" "$2 from cloudfront" "$(header x-cache)"
  equal "$1: body" "$3" "$body"
  case $(header x-amz-cf-pop) in
    "${pop_of[$1]}"*) ;;
    *) fail "$1: X-Amz-Cf-Pop is $(header x-amz-cf-pop), not ${pop_of[$1]}…" ;;
  esac
}
publish() { # publish BODY: the site's page
  printf '%s' "$1" >"$work/index.html"
  s3 s3 cp --quiet --content-type text/html "$work/index.html" s3://site/index.html
}
invalidate_and_wait() {
  local id
  id=$(cloudfront create-invalidation --distribution-id "$distribution" --paths '/*' --query Invalidation.Id)
  within "$1" "invalidation $id completes" completed "$id"
  # The CLI's own waiter asks once more and must agree.
  cloudfront wait invalidation-completed --distribution-id "$distribution" --id "$id"
}
completed() {
  [ "$(cloudfront get-invalidation --distribution-id "$distribution" --id "$1" --query Invalidation.Status)" = Completed ]
}
deployed() { [ "$(cloudfront get-distribution --id "$distribution" --query Distribution.Status)" = Deployed ]; }

starts() {
  $compose up -d >"$work/up" 2>&1 || { cat "$work/up" >&2; fail "compose up"; }
  scripts/compose/wait.sh 90
  local continent
  for continent in "${!edge_of[@]}"; do viewer[$continent]=$($compose ps -q "viewer-$continent"); done
  pass "every container is up and healthy"
}

creates_a_distribution() {
  s3 s3 mb s3://site >/dev/null
  s3 s3api delete-public-access-block --bucket site # as at S3, a new bucket blocks public policies
  cat >"$work/policy.json" <<'JSON'
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*"}]}
JSON
  s3 s3api put-bucket-policy --bucket site --policy "file://$work/policy.json"
  publish 'one'
  cat >"$work/distribution.json" <<'JSON'
{
  "CallerReference": "compose-test", "Comment": "", "Enabled": true, "PriceClass": "PriceClass_All",
  "Origins": {"Quantity": 1, "Items": [{
    "Id": "site", "DomainName": "site.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
  "DefaultCacheBehavior": {
    "TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https",
    "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
}
JSON
  read -r distribution name < <(cloudfront create-distribution --distribution-config "file://$work/distribution.json" \
    --query 'Distribution.[Id,DomainName]')
  within 15 "distribution $distribution ($name) is deployed" deployed
  cloudfront wait distribution-deployed --id "$distribution"
}

refuses_a_wrong_key() {
  local answer
  answer=$(AWS_SECRET_ACCESS_KEY=wrong AWS_ACCESS_KEY_ID=$(sed -n 's/aws_access_key_id = //p' "$AWS_SHARED_CREDENTIALS_FILE") \
    aws --endpoint-url http://127.0.0.1:8800 cloudfront list-distributions 2>&1) && fail "a wrong key was accepted"
  grep -q SignatureDoesNotMatch <<<"$answer" || fail "a wrong key: $answer"
  pass "a wrong key gets SignatureDoesNotMatch"
}

steers_each_viewer_to_its_city() {
  local continent
  for continent in "${!edge_of[@]}"; do
    equal "$continent: dig" "${edge_of[$continent]}" "$(in_viewer "$continent" dig +short "$name")"
  done
  pass "dig in six cities gives each city's own edge"
  equal "an unknown name" NXDOMAIN "$(in_viewer asia dig "unknown.${name#*.}" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p')"
  pass "an unknown name is NXDOMAIN"
}

caches_in_each_city() {
  local continent
  for continent in "${!edge_of[@]}"; do
    fetch_is "$continent" Miss one
    fetch_is "$continent" Hit one
    [[ $(header age) =~ ^[0-9]+$ ]] || fail "$continent: a hit without Age"
  done
  pass "curl in six cities: Miss, then Hit with Age, the same bytes, at that city's edge"
  equal "http" "301 https://$name/index.html" \
    "$(in_viewer asia curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' "http://$name/index.html")"
  pass "http redirects to https"
}

answers_on_the_host() {
  equal "dig on the host" 10.77.86.11 "$(dig +short @127.0.0.1 -p 5300 "$name")" # the host is at home, in Frankfurt
  equal "dig over TCP" 10.77.86.11 "$(dig +short +tcp @127.0.0.1 -p 5300 "$name")"
  pass "dig on the host gives the edge nearest to home"
  local pop
  pop=$(curl -sS -o /dev/null -D - --max-time 20 -x http://SIN@127.0.0.1:3128 --cacert "$work/state/ca/ca.pem" \
    "https://$name/index.html" | sed -n 's/^x-amz-cf-pop: //Ip')
  [[ $pop == SIN* ]] || fail "viewer proxy as SIN: X-Amz-Cf-Pop is '$pop'"
  pass "the viewer proxy makes its user a viewer in Singapore"
  # Plain HTTP: a browser without set-up does not trust the network's authority, so there is no redirect here.
  equal "front door" one "$(curl -sS --max-time 20 "http://${name%%.*}.localhost:8080/index.html")"
  pass "the front door shows the site under localhost"
}

survives_a_stopped_edge() {
  $compose stop edge-nrt >/dev/null 2>&1
  equal "exit status of a stopped edge" 0 "$(docker inspect -f '{{.State.ExitCode}}' "$($compose ps -aq edge-nrt)")"
  within 5 "edge-nrt stopped: Tokyo is sent to Singapore" resolves_to asia $singapore
  equal "Tokyo by way of Singapore" one "$(in_viewer asia curl -sS --max-time 20 "https://$name/index.html")"
  $compose start edge-nrt >/dev/null 2>&1
  within 20 "edge-nrt started: Tokyo is sent to Tokyo again" resolves_to asia "${edge_of[asia]}"
}

survives_a_cut_network() {
  local edge
  edge=$($compose ps -q edge-jnb)
  docker network disconnect "$network" "$edge"
  within 8 "edge-jnb cut off: Johannesburg is sent to Dubai" resolves_to africa $dubai
  publish 'two'
  # The cut-off edge cannot acknowledge: its lease has to end first.
  invalidate_and_wait 30
  docker network connect --ip "${edge_of[africa]}" "$network" "$edge"
  within 30 "edge-jnb back: Johannesburg is sent to Johannesburg again" resolves_to africa "${edge_of[africa]}"
  fetch africa /index.html
  equal "the edge that missed an invalidation" two "$body"
  pass "an edge that was cut off during an invalidation serves nothing older"
}

invalidates_everywhere() {
  local continent
  for continent in "${!edge_of[@]}"; do fetch "$continent" /index.html; done
  for continent in "${!edge_of[@]}"; do fetch_is "$continent" Hit two; done
  publish 'three'
  fetch_is asia Hit two
  invalidate_and_wait 15
  for continent in "${!edge_of[@]}"; do fetch_is "$continent" Miss three; done
  pass "after an invalidation every city misses and has the new page"
}

stops_cleanly() {
  local start=$EPOCHREALTIME id status
  $compose stop >/dev/null 2>&1
  for id in $($compose ps -aq); do
    status=$(docker inspect -f '{{.Config.Image}} {{.State.ExitCode}}' "$id")
    [[ $status == *viewer* || $status == *" 0" ]] || fail "$(docker inspect -f '{{.Name}}' "$id") ended with $status"
  done
  pass "everything stops cleanly on SIGTERM, nothing had to be killed ($(elapsed "$start") ms)"
}

starts
creates_a_distribution
refuses_a_wrong_key
steers_each_viewer_to_its_city
caches_in_each_city
answers_on_the_host
survives_a_stopped_edge
survives_a_cut_network
invalidates_everywhere
stops_cleanly
echo "compose: $passed passed, 0 failed"
