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
     ports: [25, 80, 443, 8080, 9000, 9001, 9002, 9003, 9004, 7000], decision: allow}
  - {name: far, cidrs: [$FAR4/32], decision: allow}
connect_redirects:
  - {name: mirror, match: '^a\.test:7000\$', redirect_to: "$FAR4:9000", message: "by the mirror"}
END
start_any "policies.allowed: [net]" "sandbox.network.dns.upstream: [127.0.0.1:5353]"

new_session s "$T/ws" '"policy":"net"'

run_in s python3 tcp_client.py "$HOST4" "$FAR4" ca.pem || fail "connections"
want "curl" "$(run_in s curl -sS --cacert ca.pem https://a.test/ http://b.test/)" \
    "server of a.test
server of b.test"

# what is written down of it
event()
{
	run_in s "$@" >"$T/out" 2>&1
	jq -c '.events.network_operations[] | select(.type == "net_connect")' "$T/exec.json"
}
