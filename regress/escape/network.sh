#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ways out over the network, network.py: in a session none reaches what it may not,
# and all that a session can do is recorded without addresses that it has not had.
# Outside of one each of them does, so that "stopped" means something: E01 E02 E03
# E04 E06 E07 E08 E09 E11 E12 E16 E17 E18 E19 E21 E22 E23 E24 E26 E27 E28 E32 E33 E34
# E36 E38 E41 E42 E61 E62 E63 E64. (E32 as far as the kernel has it.)
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool python3 jq curl ip unshare
own_policies
for a in 203.0.113.11 203.0.113.12 169.254.169.254 100.100.100.200 168.63.129.16 \
    192.0.0.192 ; do
	ip addr add "$a/32" dev lo || fail "address $a"
done
if [ -e /proc/net/if_inet6 ]; then
	for a in fd00:ec2::254 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe 2002:a9fe:a9fe::1 \
	    2001:0:4136:e378:8000:63bf:5601:5601 2a00:db8::5efe:a9fe:a9fe; do
		ip addr add "$a/128" dev lo nodad || fail "address $a"
	done
fi
ip route add local 198.51.100.0/29 dev lo || fail "route"
cat >"$policies/out.yaml" <<'P'
version: 1
name: out
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: ok, domains: [ok.test, rebind.ok.test], cidrs: [203.0.113.11/32], ports: [80, 443], decision: allow}
  - {name: literal, domains: [literal.test], cidrs: [203.0.113.12/32], decision: allow}
  - {name: wide, domains: ["**.wide.test"], decision: allow}
  - {name: careless, cidrs: ["0.0.0.0/0", "::/0"], ports: [8000], decision: allow}
P
chmod 0644 "$policies/out.yaml"
mkdir "$T/ws" && cp "$TEST_SRC/regress/escape/network.py" "$T/ws/" &&
    chown -R "$ME_UID:$ME_UID" "$T/ws"
python3 "$T/ws/network.py" servers "$T" >"$T/servers" 2>&1 &
wait_for 10 test -e "$T/ready" || fail "servers: $(cat "$T/servers")"

# with the layer off
python3 "$T/ws/network.py" 127.0.0.1 5353 '!E33' >"$T/off" 2>&1 || fail "outside: $(cat "$T/off")"
# shellcheck disable=SC2016 # $1 is the inner shell's
unshare -n sh -c 'ip link set lo up && ip route add local default dev lo &&
    exec python3 "$1" 127.0.0.1 5353 E33' sh "$T/ws/network.py" >"$T/off33" 2>&1
cat "$T/off" "$T/off33" >"$T/outside"
cat "$T/outside"
grep -v ' REACHED ' "$T/outside" | grep -v '^E32' >"$T/not"
[ ! -s "$T/not" ] || fail "outside of a session too: $(cat "$T/not")"
tries=$(grep -c '^def E[0-9]' "$T/ws/network.py")
[ "$tries" -ge 31 ] || fail "only $tries tries"
want "tries" "$(wc -l <"$T/outside")" "$tries"

# E38: one fills what there is, and another does not get in
hoard()
{
	wait_for 60 test -e "$1/held" || fail "nothing is held"
	say "held: $(cat "$1/held")"
}
mkdir "$T/hoard"
(cd "$T/hoard" && exec python3 "$T/ws/network.py" 127.0.0.1 5353 hoard) &
hoarder=$!
hoard "$T/hoard"
want "outside, with a careless proxy" "$(python3 "$T/ws/network.py" 127.0.0.1 5353 E38 | cut -c 1-11)" \
    "E38 REACHED"
touch "$T/hoard/enough"
wait "$hoarder"

start_any "sandbox.network.dns.upstream: ['127.0.0.1:5353']" \
    "sandbox.network.dns.queries_per_second: 0" \
    "sandbox.network.tcp.max_connections: 300"
new_session s "$T/ws" '"policy":"out"'
# what is allowed works, or all would be stopped
run_in s python3 -c 'import socket
s = socket.create_connection(("ok.test", 80), 5)
s.sendall(b"GET / HTTP/1.0\r\nHost: ok.test\r\n\r\n")
assert s.recv(7) == b"REACHED"' || fail "what is allowed: $(jq -r .result.stderr "$T/exec.json")"
run_in s python3 network.py 192.0.2.53 53 >"$T/inside" 2>&1 ||
    fail "inside: $(cat "$T/inside")"
cat "$T/inside"
want "tries inside" "$(wc -l <"$T/inside")" "$tries"
# without a namespace of its own a server is one on the host's loopback (SECURITY)
gap=^$
[ "${TEST_NET_MODE:-}" != ebpf ] || gap='^E34 REACHED '
[ "$gap" = ^$ ] || grep -q "$gap" "$T/inside" || fail "a gap is none: $gap"
grep -v ' stopped ' "$T/inside" | grep -v "$gap" >"$T/escaped"
[ ! -s "$T/escaped" ] || fail "$(cat "$T/escaped")"

# E42: the events of a name that leads inward do not say where to
run_in s python3 network.py 192.0.2.53 53 E42 >"$T/inside" 2>&1
jq -e '[.events.blocked_operations[] | select(.domain == "meta.wide.test")] | length > 0' \
    "$T/exec.json" >"$T/null" || fail "no event of a name that leads inward"
! grep -q '169\.254\.169' "$T/exec.json" || fail "an answer tells where a name leads"

# E38: a session that has all the connections it may, most without an end, and
# reads of one only, keeps no other from its own
(
	T=$T/hoarding
	mkdir "$T"
	run_in s python3 network.py 192.0.2.53 53 hoard >"$T/out" 2>&1 || say "hoard: $(cat "$T/out")"
) &
hoarder=$!
hoard "$T/ws"
[ "$(cat "$T/ws/held")" -ge 250 ] || fail "held: $(cat "$T/ws/held")"
new_session other "$T/ws" '"policy":"out"'
want "another session" "$(run_in other python3 network.py 192.0.2.53 53 E38 | cut -c 1-11)" \
    "E38 stopped"
as "$ME" touch "$T/ws/enough"
wait "$hoarder"
