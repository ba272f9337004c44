#!/usr/bin/env bash
# Validates what the routers sign: with delv, and with unbound (which passes its clients' subnets on), BIND and Knot
# Resolver as validating resolvers in front of them. The zone has two keys, as while one is replaced: each validator is
# given but one of them. Starts a network and resolvers of its own, in a folder of its own, and ends them afterwards.
#
# Environment: PORT_BASE is added to every port of the network.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/interop/common.sh
wrong=$((5394 + base))

# ds ZONE N: the DS of the zone's Nth key, as "TAG ALGORITHM TYPE DIGEST".
ds() {
  "$warmfront" router keys show "$1" --keys "$work/keys.pem" | awk '$4 == "DS" {print $5, $6, $7, $8}' | sed -n "$2p"
}

# start_unbound PORT DS [ANCHOR…]: a validating unbound that trusts that.
start_unbound() {
  local port=$1
  cat >"$work/unbound-$port.conf" <<CONF
server:
  directory: "$work"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  port: $port
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  module-config: "subnetcache validator iterator"
  client-subnet-zone: "$zone"
  client-subnet-zone: "$aliases"
  max-client-subnet-ipv4: 24
  use-caps-for-id: yes
  qname-minimisation: yes
  aggressive-nsec: yes
  local-zone: "test." transparent
  trust-anchor: "$zone. IN DS $2"
  trust-anchor: "$aliases. IN DS $(ds "$aliases" 1)"
stub-zone:
  name: "$zone"
  stub-addr: 127.0.0.1@$dns
stub-zone:
  name: "$aliases"
  stub-addr: 127.0.0.1@$dns
remote-control:
  control-enable: no
CONF
  unbound -d -c "$work/unbound-$port.conf" >"$work/unbound-$port.log" 2>&1 &
  pids+=($!)
}

# BIND stands in Tokyo: that is where its queries come from.
start_bind() {
  local tag algorithm type digest
  read -r tag algorithm type digest <<<"$(ds "$zone" 2)"
  cat >"$work/named.conf" <<CONF
options {
  directory "$work";
  pid-file none;
  session-keyfile none;
  listen-on port $bind { 127.0.0.1; };
  listen-on-v6 { none; };
  query-source address 127.120.9.9;
  allow-query { 127.0.0.0/8; };
  allow-recursion { 127.0.0.0/8; };
  dnssec-validation yes;
  send-cookie yes;
};
controls { };
trust-anchors { $zone. static-ds $tag $algorithm $type "$digest"; };
zone "$zone" { type forward; forward only; forwarders { 127.0.0.1 port $dns; }; };
CONF
  named -g -c "$work/named.conf" >"$work/named.log" 2>&1 &
  pids+=($!)
}

# Knot Resolver stands in Sao Paulo.
start_knot() {
  mkdir "$work/knot"
  cat >"$work/kresd.conf" <<CONF
net.listen('127.0.0.1', $knot, { kind = 'dns' })
net.ipv6 = false
net.outgoing_v4('127.150.9.9')
cache.open(10 * MB, 'lmdb://$work/knot/cache')
trust_anchors.remove('.')
trust_anchors.add('$zone. IN DS $(ds "$zone" 1)')
policy.add(policy.suffix(policy.FORWARD('127.0.0.1@$dns'), policy.todnames({'$zone'})))
CONF
  kresd -n -q -c "$work/kresd.conf" "$work/knot" >"$work/kresd.log" 2>&1 </dev/null &
  pids+=($!)
}

# validate NAME TYPE: asks a router with delv, which trusts the second key.
validate() {
  timeout 20 delv @127.0.0.1 -p "$dns" -a "$work/anchors.conf" "+root=$zone" "$@"
}

"$warmfront" router keys create --keys "$work/keys.pem" --zone "$zone" --zone-for-aliases "$aliases" >/dev/null
"$warmfront" router keys roll --keys "$work/keys.pem" >/dev/null
"$warmfront" router keys show "$zone" --keys "$work/keys.pem" |
  awk '$4 == "DNSKEY" {anchor = "trust-anchors { " $1 " static-key " $5 " " $6 " " $7 " \"" $8 "\"; };"} END {print anchor}' >"$work/anchors.conf"
"$warmfront" router keys create --keys "$work/others.pem" --zone "$zone" >/dev/null
forged=$("$warmfront" router keys show --keys "$work/others.pem" | awk '$4 == "DS" {print $5, $6, $7, $8}')

"$warmfront" up --port-base "$base" --zone-for-aliases "$aliases" --dnssec "$work/keys.pem" --wan off --disk 0 --detach --wait >"$work/up.log" 2>&1
start_unbound "$unbound" "$(ds "$zone" 1)"
start_unbound "$wrong" "$forged"
start_bind
start_knot
for port in "$unbound" "$bind" "$knot"; do answers "$port"; done

demo=$("$warmfront" distribution list -o json | grep -o "d[a-z0-9]*\.$zone" | head -n 1)
for question in "$demo A" "$demo HTTPS" "_explain.$demo TXT" "$zone SOA" "$zone NS" "$zone DNSKEY" "$zone CDS" "ns1.$zone A"; do
  # shellcheck disable=SC2086 # a name and a type
  expect "delv, $question" '^; fully validated' validate $question
done
for question in "$demo MX" "$demo AAAA" "nope.$zone A" "a.b.nope.$zone TXT" "nope.$zone DS" "$zone MX"; do
  # shellcheck disable=SC2086
  expect "delv, that there is no $question" '^; negative response, fully validated' validate $question
done

# An edge's address is 127.n.0.1, a viewer's 127.n.9.9, n the number of the city.
for city in IAD:1 FRA:86 NRT:120 SYD:143 GRU:150; do
  n=${city#*:}
  expect "unbound, a viewer in ${city%:*}" "^127\.$n\.0\.1$" ask "$unbound" "127.$n.9.9" "$demo" A +short
  expect "unbound, and it is authentic" 'flags:[^;]* ad' ask "$unbound" "127.$n.9.9" "$demo" A +dnssec
done
for resolver in "unbound:$unbound" "BIND:$bind" "Knot Resolver:$knot"; do
  name=${resolver%:*} port=${resolver#*:}
  for type in A HTTPS; do
    expect "$name, $type is authentic" 'flags:[^;]* ad' ask "$port" 127.0.0.1 "$demo" "$type" +dnssec
    expect "$name, $type is there" "[[:space:]]IN[[:space:]]+${type}[[:space:]]" ask "$port" 127.0.0.1 "$demo" "$type" +dnssec
  done
  expect "$name, TXT is authentic" 'flags:[^;]* ad' ask "$port" 127.0.0.1 "_explain.$demo" TXT +dnssec +tcp
  expect "$name, TXT is there" 'question name=' ask "$port" 127.0.0.1 "_explain.$demo" TXT +dnssec +tcp
  # A resolver that does not know of compact denial takes both for names without that type.
  for missing in "$demo MX" "nope.$zone A" "x.y.nope.$zone HTTPS"; do
    # shellcheck disable=SC2086
    expect "$name, that there is no $missing is authentic" 'status: (NOERROR|NXDOMAIN)' ask "$port" 127.0.0.1 $missing +dnssec
    # shellcheck disable=SC2086
    expect "$name, with AD and nothing in answer" 'flags:[^;]* ad[^;]*; QUERY: 1, ANSWER: 0' ask "$port" 127.0.0.1 $missing +dnssec
  done
done
expect "unbound, the zone for aliases is authentic" 'flags:[^;]* ad' ask "$unbound" 127.0.0.1 "$aliases" SOA +dnssec
expect "unbound, nobody's name in it is denied" 'flags:[^;]* ad' ask "$unbound" 127.0.0.1 "www.$aliases" A +dnssec
expect "unbound that trusts another key" 'status: SERVFAIL' ask "$wrong" 127.0.0.1 "$demo" A +dnssec
expect "unbound that trusts another key, and does not check" 'status: NOERROR' ask "$wrong" 127.0.0.1 "$demo" A +dnssec +cdflag

expect "the router, to one who knows of compact answers" 'status: NXDOMAIN' ask "$dns" 127.0.0.1 "nope.$zone" A +dnssec +coflag
expect "the router, to one who does not" 'status: NOERROR' ask "$dns" 127.0.0.1 "nope.$zone" A +dnssec
expect "the router, to one who asks for no signatures" 'status: NXDOMAIN' ask "$dns" 127.0.0.1 "nope.$zone" A
one=$(ask "$dns" 127.0.0.1 "$demo" A +dnssec +short)
expect "both routers sign alike" "$(grep -F A <<<"$one" | head -n 1 | sed 's/[+/.]/\\&/g')" dig @127.0.0.54 -p "$dns" -b 127.0.0.1 "$demo" A +dnssec +short
[ "$failed" = 0 ] || { echo "$failed failed" >&2; exit 1; }
echo "all agree"
