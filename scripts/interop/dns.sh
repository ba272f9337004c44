#!/usr/bin/env bash
# Puts real resolvers in front of the routers: unbound, which passes its clients' subnets on (EDNS Client Subnet), and
# BIND and Knot Resolver, which do not. A viewer must be given the edge that is right for what the router is told. Starts
# a network and resolvers of its own, in a folder of its own, and ends them afterwards.
#
# Environment: PORT_BASE is added to every port of the network.
set -euo pipefail
cd "$(dirname "$0")/../.."

. scripts/interop/common.sh

start_unbound() {
  cat >"$work/unbound.conf" <<CONF
server:
  directory: "$work"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  port: $unbound
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  module-config: "subnetcache iterator"
  client-subnet-zone: "$zone"
  client-subnet-zone: "$aliases"
  max-client-subnet-ipv4: 24
  use-caps-for-id: yes
  qname-minimisation: yes
  local-zone: "test." transparent
  minimal-responses: no
stub-zone:
  name: "$zone"
  stub-addr: 127.0.0.1@$dns
stub-zone:
  name: "$aliases"
  stub-addr: 127.0.0.1@$dns
remote-control:
  control-enable: no
CONF
  unbound -d -c "$work/unbound.conf" >"$work/unbound.log" 2>&1 &
  pids+=($!)
}

# BIND stands in Tokyo: that is where its queries come from.
start_bind() {
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
  dnssec-validation no;
  send-cookie yes;
};
controls { };
zone "$zone" { type forward; forward only; forwarders { 127.0.0.1 port $dns; }; };
zone "$aliases" { type forward; forward only; forwarders { 127.0.0.1 port $dns; }; };
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
policy.add(policy.suffix(policy.STUB('127.0.0.1@$dns'), policy.todnames({'$zone', '$aliases'})))
CONF
  kresd -n -q -c "$work/kresd.conf" "$work/knot" >"$work/kresd.log" 2>&1 </dev/null &
  pids+=($!)
}

"$warmfront" up --port-base "$base" --zone-for-aliases "$aliases" --wan off --disk 0 --detach --wait >"$work/up.log" 2>&1
start_unbound
start_bind
start_knot
for port in "$unbound" "$bind" "$knot"; do answers "$port"; done

demo=$("$warmfront" distribution list -o json | grep -o "d[a-z0-9]*\.$zone" | head -n 1)
# An edge's address is 127.n.0.1, a viewer's 127.n.9.9, n the number of the city.
for city in IAD:1 FRA:86 NRT:120 SYD:143 GRU:150; do
  n=${city#*:}
  expect "unbound, a viewer in ${city%:*}" "^127\.$n\.0\.1$" ask "$unbound" "127.$n.9.9" "$demo" A +short
  expect "BIND, a viewer in ${city%:*} is where BIND is" "^127\.120\.0\.1$" ask "$bind" "127.$n.9.9" "$demo" A +short
  expect "Knot Resolver, a viewer in ${city%:*} is where it is" "^127\.150\.0\.1$" ask "$knot" "127.$n.9.9" "$demo" A +short
done
sleep 1.1 # a TTL below 60 shows what comes from the cache: the scope is the city's /16
for city in IAD:1 SYD:143; do
  n=${city#*:}
  expect "unbound, another subnet in ${city%:*}, from its cache" "[[:space:]][1-5][0-9][[:space:]]+IN[[:space:]]+A[[:space:]]+127\.$n\.0\.1$" \
    ask "$unbound" "127.$n.77.7" "$demo" A +noall +answer
done
expect "unbound, HTTPS of a viewer in Sydney" 'alpn="h3,h2".*ipv4hint=127\.143\.0\.1' ask "$unbound" 127.143.9.9 "$demo" HTTPS +short
expect "BIND, HTTPS" 'alpn="h3,h2".*ipv4hint=127\.120\.0\.1' ask "$bind" 127.0.0.1 "$demo" HTTPS +short
expect "Knot Resolver, HTTPS" 'alpn="h3,h2".*ipv4hint=127\.150\.0\.1' ask "$knot" 127.0.0.1 "$demo" HTTPS +short
for resolver in "unbound:$unbound" "BIND:$bind" "Knot Resolver:$knot"; do
  name=${resolver%:*} port=${resolver#*:}
  expect "$name, a name that does not exist" 'status: NXDOMAIN' ask "$port" 127.0.0.1 "nope.$zone" A
  expect "$name, a type that does not" 'status: NOERROR' ask "$port" 127.0.0.1 "$demo" MX
  expect "$name, and nothing in answer" 'ANSWER: 0' ask "$port" 127.0.0.1 "$demo" MX
  expect "$name, the SOA of a negative answer" "$zone\.[[:space:]]+[0-9]+[[:space:]]+IN[[:space:]]+SOA" ask "$port" 127.0.0.1 "nope2.$zone" A
  expect "$name, an answer that needs TCP" "question name=$demo" ask "$port" 127.0.0.1 "_explain.$demo" TXT +tcp
  expect "$name, the zone for aliases" "^ns1\.$zone\.$" ask "$port" 127.0.0.1 "$aliases" NS +short
  expect "$name, a name of nobody in it" 'status: NXDOMAIN' ask "$port" 127.0.0.1 "www.$aliases" A
done
[ "$failed" = 0 ] || { echo "$failed failed" >&2; exit 1; }
echo "all agree"
