#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Connections out of a session: by which names, SNI and Host, and how their bytes
# pass. The servers are on the test's own loopback.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool openssl jq curl
FAR4=203.0.113.11
ip addr add "$FAR4/32" dev lo || fail "a second address"
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/tcp_client.py" "$T/ws/"

# an authority, and a certificate for all
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj "/CN=test" -keyout "$T/key" -out "$T/ws/ca.pem" \
    -addext "subjectAltName=DNS:a.test,DNS:b.test,DNS:far.test" 2>/dev/null ||
    fail "certificate"
cat "$T/ws/ca.pem" "$T/key" >"$T/ws/a.pem"
chmod 644 "$T/ws/ca.pem"
python3 "$TEST_SRC/regress/net/tcp_servers.py" "$T/ws" "$HOST4" "$FAR4" >"$T/servers" 2>&1 &
wait_for 10 grep -q ready "$T/servers" || fail "servers: $(cat "$T/servers")"

own_policies
cat >"$policies/net.yaml" <<END
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: names, domains: [a.test, b.test], cidrs: [$HOST4/32],
     ports: [25, 80, 443, 8443, 8080, 9000, 9001, 9002, 9003, 9004, 7000], decision: allow}
  - {name: far, cidrs: [$FAR4/32], decision: allow}
connect_redirects:
  - {name: mirror, match: '^a\.test:7000\$', redirect_to: "$FAR4:9000", message: "by the mirror"}
END
start_any "sandbox.network.dns.queries_per_second: 0" \
    "sandbox.network.dns.upstream: [127.0.0.1:5353]"

new_session s "$T/ws" '"policy":"net"'

run_in s python3 tcp_client.py "$HOST4" "$FAR4" ca.pem || fail "connections"
want "curl" "$(run_in s curl -sS --cacert ca.pem https://a.test/ http://b.test/)" \
    "server of a.test
server of b.test"

# what is written down of it, by the command that did it
event()
{
	type_=$1
	shift
	run_in s "$@" >"$T/out" 2>&1
	jq -c "[.events.network_operations[], .events.blocked_operations[] |
	    select(.type == \"$type_\")] | unique[]" "$T/exec.json" >"$T/event"
	[ "$(wc -l <"$T/event")" = 1 ] || fail "$*: events: $(cat "$T/event"); $(cat "$T/out")"
}

field()
{
	jq -r "[$1] | map(tostring) | join(\" \")" "$T/event"
}

event net_connect curl -sS --http1.1 --cacert ca.pem https://a.test/
want "TLS" "$(field .domain,.remote,.policy.decision,.policy.rule,.fields.sni,.fields.alpn,.fields.executable)" \
    "a.test $HOST4:443 allow names a.test http/1.1 /usr/bin/curl"
event net_connect curl -sS http://b.test:8080/
want "HTTP" "$(field .domain,.policy.effective_decision,.fields.http_host)" "b.test allow b.test"
event net_connect curl -sS -H "Host: denied.test" http://a.test/
want "another Host" "$(field .domain,.policy.effective_decision,.policy.rule,.fields.blocked)" \
    "denied.test deny default-deny-network true"
want "what the client hears" "$(cat "$T/out")" "agentsh: default-deny-network"
event net_connect curl -sS --cacert ca.pem --connect-to far.test:443:a.test:443 https://far.test/
want "another SNI" "$(field .domain,.policy.effective_decision,.fields.sni)" "far.test deny far.test"
event net_connect curl -sS -H "Host: far.test" http://a.test/
want "a name of another address" "$(field .domain,.policy.effective_decision)" "far.test deny"

# the same by a proxy
proxy=192.0.2.1:3128
for how in "-x http://$proxy" "-p -x http://$proxy" "--socks5-hostname $proxy" "--socks5 $proxy"; do
	# shellcheck disable=SC2086
	want "$how" "$(run_in s curl -sS $how --cacert ca.pem https://a.test/ http://b.test:8080/)" \
	    "server of a.test
server of b.test:8080"
	# shellcheck disable=SC2086
	run_in s curl -sS $how http://denied.test/ >"$T/out" 2>&1 && grep -q "server of" "$T/out" &&
	    fail "$how: a name that is denied: $(cat "$T/out")"
	# shellcheck disable=SC2086
	run_in s curl -sS $how --cacert ca.pem --connect-to far.test:443:a.test:443 https://far.test/ \
	    >"$T/out" 2>&1 && fail "$how: fronting: $(cat "$T/out")"
done
want "a tunnel that is refused" "$(run_in s curl -sS -o /dev/null -w '%{http_connect}' \
    -x "http://$proxy" https://denied.test/ 2>/dev/null)" 403

# a redirect, of what the rules allow
event net_connect python3 -c 'import socket
with socket.create_connection(("a.test", 7000), 60) as s:
    s.sendall(b"hello")
    print(s.recv(100).decode())'
want "what comes of it" "$(cat "$T/out")" hello
want "redirect" "$(field .domain,.remote,.policy.effective_decision,.policy.rule,.policy.message,.fields.redirect_to)" \
    "a.test $HOST4:7000 redirect mirror by the mirror $FAR4:9000"
