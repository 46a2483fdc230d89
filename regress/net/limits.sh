#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a session has of the network: how much in a second where its policy says so,
# what an exec's answer tells of it, and what happens when there is too much.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool python3 jq
own_policies
python3 "$TEST_SRC/regress/net/limits_server.py" "$HOST4" >"$T/servers" 2>&1 &
wait_for 20 grep -q ready "$T/servers" || fail "servers: $(cat "$T/servers")"
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/limits_client.py" "$T/ws/client.py"

policy()
{
	cat >"$policies/.net" <<P
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: no, cidrs: [$HOST4/32], ports: [9], decision: deny}
  - {name: near, cidrs: [$HOST4/32], decision: allow}
  - {name: nowhere, cidrs: ["2001:db8:dead::/48"], decision: allow}
resource_limits: {net_bandwidth_mbps: $1}
P
	chmod 0644 "$policies/.net"
	mv "$policies/.net" "$policies/net.yaml"
}

resources()
{
	jq -r '.resources | [.net_connections, .net_connections_denied, .net_bytes_sent,
	    .net_bytes_received] | map(tostring) | join(" ")' "$T/exec.json"
}

policy 8
start_any "sandbox.network.tcp.max_connections: 64"
new_session s "$T/ws" '"policy":"net"'

# 8 Mbit/s are a million bytes a second, and a tenth of that goes at once
took=$(run_in s python3 client.py all 600000) || fail "transfers: $took $(jq -c .result "$T/exec.json")"
[ "$took" -ge 1700 ] || fail "1800000 bytes took $took ms"
# the lines of the clients and the server's; the request of the proxy is not in them
want "resources" "$(resources)" "3 0 600014 1200007"

# another limit holds for what is under way as well: at the old one this would
# take three minutes
run_in s python3 client.py all 60000000 >"$T/took" &
job=$!
sleep 1
policy 0
ctl reload >"$T/reload" 2>&1 || fail "reload: $(cat "$T/reload")"
wait $job || fail "transfers: $(cat "$T/took")"
[ "$(cat "$T/took")" -lt 179000 ] || fail "180000000 bytes took $(cat "$T/took") ms"
policy 8
ctl reload >"$T/reload" 2>&1 || fail "reload: $(cat "$T/reload")"
took=$(run_in s python3 client.py all 600000) || fail "transfers: $took $(jq -c .result "$T/exec.json")"
[ "$took" -ge 1700 ] || fail "1800000 bytes took $took ms after a reload"
policy 0
ctl reload >"$T/reload" 2>&1 || fail "reload: $(cat "$T/reload")"

# each command has its own
run_in s python3 client.py many 20 3000 &
job=$!
(
	T=$T/two
	mkdir -p "$T"
	run_in s python3 client.py many 30 100 || fail "many"
	want "resources of the second" "$(resources)" "30 0 3000 3000"
) || fail "the second command"
wait $job || fail "many"
want "resources of the first" "$(resources)" "20 0 60000 60000"
run_in s python3 client.py denied 3 || fail "denied"
want "resources of what is denied" "$(resources)" "0 3 0 0"
run_in s true
want "resources of nothing" "$(resources)" "0 0 0 0"
# where the host has no way to nobody waits for one, and it is no connection
run_in s python3 client.py nowhere >"$T/out" || fail "nowhere: $(cat "$T/out")"
say "an address without a route: $(cat "$T/out") ms"
want "resources of it" "$(resources)" "0 0 0 0"
want "its event" "$(jq -r '[.events.network_operations[] | select(.type == "net_connect")][0] |
    [.policy.effective_decision, .fields.error] | join(" ")' "$T/exec.json")" \
    "allow Network is unreachable"
# what is open has had so much when the command ends
run_in s python3 client.py hold || fail "hold"
want "resources of what goes on" "$(resources)" "1 0 1000 1000"

# eight may wait without a server: those that say nothing do not keep others out
want "behind silent ones" "$(run_in s python3 client.py silent 12)" x
api GET "/api/v1/events/search?session_id=s&type=net_limit" >"$T/events" ||
    fail "events"
want "the event" "$(jq -r '[.[] | select(.type == "net_limit") | .fields.reason] |
    join(" ")' "$T/events")" too-many-waiting
