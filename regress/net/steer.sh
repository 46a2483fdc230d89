#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which way sessions reach netd by: the first that works, and it is said; or the one
# that the configuration names, and none else. What is left where there is none.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool python3 jq curl
[ -z "${TEST_STEER:-}" ] || skip "it is about all of them"
refuse=$TEST_BUILD/regress/privsep/refuse
[ -x "$refuse" ] || fail "regress/privsep/refuse is not built"
cp "$refuse" "$T/refuse"
WS=$(new_workspace "$ME")

# on CONDITION [config line...]: a server on a kernel that refuses this call
on()
{
	SERVER_WRAP="$T/refuse $1 EPERM"
	[ "$MODE" = service ] || SERVER_WRAP="$SERVER_WRAP setpriv --reuid $ME --regid $ME --init-groups"
	shift
	start_any "$@"
	SERVER_WRAP=
}

# steered WAY: a session says so, the log does, and what it dials gets to netd
steered()
{
	grep -q "sessions reach netd by $1" "$T/server.log" || fail "the log does not say $1"
	new_session s "$WS"
	want "network" "$(jq -r .network "$T/session.json")" "$1"
	grep -q "session s of .* network $1\$" "$T/server.log" || fail "the log of the session"
	run_in s python3 -c 'import socket
try:
    socket.create_connection(("198.51.100.7", 80), 10).recv(1)
except ConnectionResetError:
    pass' || fail "nothing is reached: $(jq -c .result "$T/exec.json")"
	want "what netd tells of it" "$(jq -r '[.events.blocked_operations[] |
	    select(.type == "net_connect")][0].remote' "$T/exec.json")" "198.51.100.7:80"
	stop_server
}

start_any
steered tproxy
for way in tproxy redirect; do
	start_any "sandbox.network.steer: $way"
	steered "$way"
	grep -q "by $way, as configured" "$T/server.log" || fail "the log does not say why"
done

# a kernel without transparent sockets has the next one
on setsockopt:2=19
steered redirect
grep -q "tproxy: transparent sockets: Operation not permitted" "$T/server.log" ||
    fail "the log does not say why not tproxy"
# but not where another is wanted
on setsockopt:2=19 "sandbox.network.steer: tproxy"
api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$WS\"}" >"$T/answer.json"
want "a session without tproxy" "$(status)" 500
want_in "why" "$(cat "$T/answer.json")" "tproxy: transparent sockets: Operation not permitted"
! grep -q "redirect" "$T/answer.json" || fail "another one was tried: $(cat "$T/answer.json")"
stop_server
