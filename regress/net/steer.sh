#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which way sessions reach netd by: the first that works, and it is said; or the one
# that the configuration names, and none else. What is left where there is none.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

export TEST_NET_MODE=namespace
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

# by WAY: a session says so, the log does, and what it dials gets to netd
by()
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

# not TEXT: there is no session, and that is why
not()
{
	api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$WS\"}" >"$T/answer.json"
	want "a session" "$(status)" 500
	want_in "why" "$(cat "$T/answer.json")" "$1"
	grep -q "warning: sessions .*: .*$1" "$T/server.log" ||
	    fail "the log does not say so"
}

start_any
by tproxy
for way in tproxy redirect; do
	start_any "sandbox.network.steer: $way"
	grep -q "by $way, as configured" "$T/server.log" || fail "the log does not say why"
	by "$way"
done

# a kernel without transparent sockets has the next one
on setsockopt:2=19
grep -q "tproxy: transparent sockets: Operation not permitted" "$T/server.log" ||
    fail "the log does not say why not tproxy"
by redirect
# but not where another is wanted
on setsockopt:2=19 "sandbox.network.steer: tproxy"
not "tproxy: transparent sockets: Operation not permitted"
! grep -q "redirect" "$T/answer.json" || fail "another one was tried: $(cat "$T/answer.json")"
stop_server

# one without nf_tables has none for an ordinary user
if [ "$MODE" = user ]; then
	why="an ordinary user may load no programs into the kernel"
	grep -q '^have_bpf = yes' "$TEST_BUILD/Makefile" ||
	    why="this agentshd was built without programs for the kernel"
	on socket:2=12
	not "redirect: the kernel has no nf_tables"
	not "sk_lookup: $why"
	stop_server
	start_any "sandbox.network.steer: sk_lookup"
	not "sk_lookup: $why"
	exit 0
fi
# and with neither a service has none
on bpf "sandbox.network.steer: sk_lookup"
grep -q "built without programs for the kernel" "$T/server.log" &&
    left_out "sk_lookup: built without programs for the kernel" && exit 0
not "sk_lookup: load a program into the kernel: Operation not permitted"
stop_server
on socket:2=12
by sk_lookup
start_any "sandbox.network.steer: sk_lookup"
new_session b "$WS"
want "bpf(2) of a session" "$(run_in b python3 -c 'import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall({"x86_64": 321}.get(os.uname().machine, 280), 0, 0, 0)
print(errno.errorcode[ctypes.get_errno()])')" EPERM
by sk_lookup
