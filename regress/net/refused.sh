#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is neither TCP nor a question to a name server is refused with an event, of
# the command that has sent it; a flood of it is counted, and is not many events.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool python3 jq curl
start_any
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$T/ws\"}" >"$T/answer.json"
want "session" "$(status)" 201

cat >"$T/ws/send.py" <<'P'
import socket, sys, time
I4, I6, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM
def send(fam, addr, port, n=1):
    s = socket.socket(fam, UDP)
    for i in range(n):
        try:
            s.sendto(b"x" * 1000, (addr, port))
        except OSError as e:
            print(e)
    return s
kind = sys.argv[1]
if kind == "some":
    held = [send(I4, "203.0.113.10", 443), send(I6, "2001:db8::10", 4433),
            send(I6, "::ffff:198.51.100.7", 123), send(I4, "192.0.2.1", 53)]
    time.sleep(1)
elif kind == "flood":
    send(I4, "203.0.113.10", 443, 50000)
elif kind == "ports":
    for p in range(1000, 3000):
        send(I4, "203.0.113.10", p)
P
# refused FILTER: what the events of the command that ran last say
refused()
{
	jq -r "[.events.network_operations[] | select(.type == \"net_refused\")] | $1" "$T/exec.json"
}

run_in s python3 send.py some || fail "datagrams: $(cat "$T/exec.json")"
jq -c '.events.network_operations[]' "$T/exec.json" >"$T/events"
for where in 203.0.113.10:443 '[2001:db8::10]:4433' 198.51.100.7:123 192.0.2.1:53; do
	want "$where" "$(refused "map(select(.remote == \"$where\" and .fields.count == 1 and
	    .fields.protocol == \"udp\" and .fields.blocked and .policy.decision == \"deny\" and
	    .policy.rule == \"network-protocol\" and (.fields.executable | test(\"python3\")))) | length")" 1
done
want "denied ones" "$(jq '[.events.blocked_operations[] | select(.type == "net_refused")] | length' "$T/exec.json")" 4

run_in s python3 send.py flood || fail "a flood: $(jq -c .result "$T/exec.json")"
run_in s sleep 2 || fail "sleep"
api GET '/api/v1/sessions/s/history?type=net_refused&limit=1000' >"$T/all.json"
want "the session's events" "$(status)" 200
n=$(jq '[.. | objects | select(.type? == "net_refused" and .remote? == "203.0.113.10:443")] | length' "$T/all.json")
[ "$n" -ge 2 ] && [ "$n" -lt 60 ] || fail "a flood has $n events"
[ "$(jq '[.. | objects | select(.type? == "net_refused") | .fields.count] | add' "$T/all.json")" -gt 100 ] ||
    fail "they count nothing"

run_in s python3 send.py ports || fail "many ports"
run_in s sleep 2 || fail "sleep"
api GET '/api/v1/sessions/s/history?type=net_refused&limit=1000' >"$T/all.json"
want "places too many" "$(jq '[.. | objects | select(.type? == "net_refused" and (has("remote") | not))] | length > 0' "$T/all.json")" true
n=$(jq '[.. | objects | select(.type? == "net_refused" and ((.fields.port? // 0) >= 1000) and .fields.port < 3000)] | length' "$T/all.json")
[ "$n" -lt 1500 ] || fail "$n events of 2000 ports"

# the session works on, and so does what it may do
run_in s python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 8080))
socket.create_connection(("127.0.0.1", 8080))' || fail "the session's own loopback"
