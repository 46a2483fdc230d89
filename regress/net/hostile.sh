#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sessions and servers that say to netd whatever they like, while others are made
# and ended in the middle of it, policies change and operators answer: netd goes on,
# another session is served all the time, and nothing is left of what is over.
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
need_tool curl jq python3 ip pgrep
SECONDS_=${HOSTILE_SECONDS:-8}
FAR4=203.0.113.11
ip addr add "$FAR4/32" dev lo || fail "a second address"
mkdir "$T/ws" && cp "$TEST_SRC/regress/net/hostile.py" "$T/ws/" &&
    chown -R "$ME_UID:$ME_UID" "$T/ws"
python3 "$T/ws/hostile.py" servers "$T" "$HOST4" "$FAR4" >"$T/servers" 2>&1 &
wait_for 10 test -e "$T/ready" || fail "servers: $(cat "$T/servers")"

own_policies
write_policy()
{
	cat >"$T/net.new" <<END
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: denied, domains: [denied.test], decision: deny}
  - {name: ask, domains: [ask.test], cidrs: [$HOST4/32], decision: approve, timeout: 1s, message: "$1"}
  - {name: names, domains: [a.test, b.test, "**.x.test"], cidrs: [$HOST4/32], decision: allow, message: "$1"}
  - {name: seen, cidrs: [$HOST4/32], decision: allow}
  - {name: far, cidrs: [$FAR4/32], decision: approve, timeout: 1s, message: "$1"}
END
	chmod 0644 "$T/net.new"
	mv "$T/net.new" "$policies/net.yaml"
}
write_policy one
start_any "approvals.enabled: true" "sandbox.network.dns.queries_per_second: 0" \
    "sandbox.network.dns.names_per_minute: 0" \
    "sandbox.network.dns.upstream: ['127.0.0.1:5353']"
netd=$(pgrep -P "$SERVER_PID" -f netd) || fail "no netd"
new_session v "$T/ws" '"policy":"net"'
new_session a "$T/ws" '"policy":"net"'
victim='import socket, time
for i in range(15):
    s = socket.create_connection(("'$HOST4'", 7000), 30)
    s.sendall(b"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
    s.settimeout(30)
    assert s.recv(12) == b"HTTP/1.1 200"
    time.sleep('"$SECONDS_"' / 15)
print("served")'
bg settle v python3 -c "$victim"
await settle
want "without an attack" "$(out settle)" "served "
before=$(find "/proc/$netd/fd" -mindepth 1 | wc -l)

bg victim v python3 -c "$victim"
bg one a python3 hostile.py attack "$SECONDS_" 1 "$HOST4" "$FAR4" 198.51.100.1
i=0
while [ $i -lt "$((SECONDS_ / 2))" ]; do
	i=$((i + 1))
	new_session "k$i" "$T/ws" '"policy":"net"'
	bg "k$i" "k$i" python3 hostile.py attack 60 "$((100 + i))" "$HOST4" "$FAR4"
	write_policy "$i"
	ctl reload >"$T/reload" 2>&1 || fail "reload: $(cat "$T/reload")"
	ctl approvals --json 2>/dev/null | jq -r '.[].id' | head -n 20 >"$T/ids"
	while read -r id; do
		ctl approve "$id" >"$T/null" 2>&1 || true
	done <"$T/ids"
	sleep 1
	api DELETE "/api/v1/sessions/k$i" >"$T/null"
	want "end of k$i" "$(status)" 204
done
await victim
want "meanwhile" "$(out victim)" "served "
await one
[ "$(out one | tr -d ' ')" -gt 50 ] || fail "hardly any attack: $(of one .)"
kill -0 "$netd" || fail "netd has ended"
api DELETE /api/v1/sessions/a >"$T/null"
want "end of a" "$(status)" 204
is_as_before()
{
	[ "$(find "/proc/$netd/fd" -mindepth 1 | wc -l)" -le "$before" ]
}
# a is gone as well
wait_for 20 is_as_before ||
    fail "descriptors of netd: $before before, now $(ls -l "/proc/$netd/fd")"
! grep -E 'Sanitizer|runtime error|agentsh-netd: (fatal|exit)' "$T/server.log" ||
    fail "see the log"
