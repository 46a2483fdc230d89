#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The network of a session as far as its namespace goes: whatever is dialled comes
# to netd, what is not served is refused at once, what is the session's own stays
# inside, and nobody inside can change any of it.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
start_any
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/plumbing.py" "$T/ws/"

run_in()
{
	as "$ME" "$T/stage/agentsh" exec --root "$T/ws" s -- "$@"
}

run_in python3 plumbing.py || fail "the network of the session"

# nothing of it is the session's to change
run_in sh -c '
for cmd in "ip link set lo down" "ip link add x type dummy" \
    "ip route add local 10.0.0.0/8 dev lo" "ip route flush table local" \
    "ip addr add 10.0.0.1/32 dev lo" "nft flush ruleset" "nft list ruleset" \
    "sysctl -w net.ipv4.ip_forward=1" "unshare -n true" "unshare -Urn true"; do
	command -v ${cmd%% *} >/dev/null || continue
	$cmd >/dev/null 2>&1 && { echo "worked: $cmd"; exit 1; }
done
for file in ipv4/ip_unprivileged_port_start netfilter/nf_conntrack_tcp_timeout_time_wait; do
	[ -e /proc/sys/net/$file ] || continue
	{ echo 2 >/proc/sys/net/$file; } 2>/dev/null && { echo "written: $file"; exit 1; }
done
exit 0' || fail "a session changes its network"
run_in python3 plumbing.py || fail "the network of the session, afterwards"

# netd gone: nothing goes on
run_in sleep 1000 >"$T/out" 2>&1 &
client=$!
wait_for 10 pgrep -x sleep || fail "no command: $(cat "$T/out")"
netd=$(pgrep -x netd) || fail "no netd"
kill -KILL "$netd"
wait_for 10 server_is_gone || fail "agentshd goes on without netd"
wait "$client" && fail "the command goes on without netd"
wait_for 10 sh -c '! pgrep -x sleep' || fail "a process of the session goes on"
SERVER_PID=

nothing_outside()
{
	run_in python3 -c '
import errno, socket
for fam, dst in ((socket.AF_INET, "198.51.100.7"), (socket.AF_INET6, "2001:db8::7")):
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        s = socket.socket(fam, kind)
        try:
            s.connect((dst, 53))
        except OSError as e:
            assert e.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL), e
        else:
            raise SystemExit("reached %s" % dst)
s = socket.create_server(("127.0.0.1", 8080))
socket.create_connection(("127.0.0.1", 8080))
'
}

# switched off: there is a loopback and nothing else
start_any "sandbox.network.enabled: false"
nothing_outside || fail "sandbox.network.enabled: false"
stop_server

[ "${TEST_STEER:-tproxy}" = tproxy ] || exit 0
TEST_STEER=tproxy
# a kernel without nf_tables: no session, but where the configuration wants one
refuse=$TEST_BUILD/regress/privsep/refuse
[ -x "$refuse" ] || fail "regress/privsep/refuse is not built"
cp "$refuse" "$T/refuse"
SERVER_WRAP="$T/refuse socket:2=12 EPERM"
[ "$MODE" = service ] || SERVER_WRAP="$SERVER_WRAP setpriv --reuid $ME --regid $ME --init-groups"
start_any
out=$(run_in true 2>&1) && fail "a session without a network that it should have"
want_in "no nf_tables" "$out" "the kernel has no nf_tables"
want_in "what to do" "$out" "sandbox.network.unavailable"
stop_server
start_any "sandbox.network.unavailable: none"
nothing_outside || fail "sandbox.network.unavailable: none"
grep -q "has no network" "$T/server.log" || fail "the log does not say so"
run_in true || fail "the session does not go on"
