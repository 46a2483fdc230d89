#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many connections: at once, one after the other (NET_CONNECTIONS of them, 3000 by
# default), by clients that do not read, that say nothing, and that vanish; and ten
# sessions at once. None is lost, each has its events, and what netd had for them
# it gives back.
# timeout: 1800
# alone
. "${TEST_SRC:?}/regress/lib.sh"
need_net
need_root
need_tool python3 jq
policies=$T/var/policies
mkdir -p "$policies"
cat >"$policies/net.yaml" <<P
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: near, cidrs: [$HOST4/32], decision: allow}
P
chmod 0644 "$policies/net.yaml"
sysctl -qw net.ipv4.ip_local_port_range="1024 65000" net.ipv4.tcp_tw_reuse=1 2>/dev/null
python3 "$TEST_SRC/regress/net/limits_server.py" "$HOST4" >"$T/servers" 2>&1 &
wait_for 20 grep -q ready "$T/servers" || fail "servers: $(cat "$T/servers")"
start_service
API_USER=alice
cat >"$T/client.py" <<'PY'
import resource
import selectors
import socket
import struct
import sys
import time

ADDR = "203.0.113.10"
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def dial(port):
    return socket.create_connection((ADDR, port), 300)


def ask(s):
    s.sendall(b"ping")
    got = b""
    while len(got) < 4:
        got += s.recv(4) or sys.exit("lost")


what, n = sys.argv[1], int(sys.argv[2])
if what == "sequential":
    for _ in range(n):
        with dial(7002) as s:
            ask(s)
elif what == "parallel":
    held = [dial(7002) for _ in range(n)]
    for s in held:
        ask(s)
elif what == "slow":
    # what the kernel and netd keep for them is all that ever comes
    held = [dial(7003) for _ in range(n)]
    open("held", "w").close()
    time.sleep(3)
elif what == "silent":
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.setblocking(False)
        s.connect_ex((ADDR, 443))
    with dial(7002) as s:
        ask(s)
elif what == "vanish":
    for _ in range(n):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.connect((ADDR, 443))
        s.close()
PY

NETD=$(pgrep -P "$SERVER_PID" -x netd) || NETD=$(pgrep -x netd) || fail "no netd"
rss()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$NETD/status"
}

descriptors()
{
	find "/proc/$NETD/fd" -maxdepth 1 -type l | wc -l
}

none_more()
{
	[ "$(descriptors)" -le "$fds" ]
}

# do_it SESSION WHAT NUMBER: what its exec's answer says of connections
do_it()
{
	run_in "$1" python3 client.py "$2" "$3" >"$T/out" ||
	    fail "$2 $3: $(jq -c .result "$T/exec.json")"
	jq -r '.resources.net_connections' "$T/exec.json"
}

of_type()
{
	grep -c "\"type\":\"$1\"" "$T/var/log/$ALICE_UID/s.jsonl"
}

ws=$(new_workspace alice)
cp "$T/client.py" "$ws/"
new_session s "$ws" '"policy":"net"'
# a pipe for what is much, of the session's thread, comes when it is needed
fds=$(($(descriptors) + 2))
want "a thousand at once" "$(do_it s parallel 1000)" 1000
want "again" "$(do_it s parallel 1000)" 1000
wait_for 20 none_more || fail "descriptors: $(descriptors), before $fds"
memory=$(rss)
say "after 2000 connections, 1000 at once: $memory kB, $(descriptors) descriptors"

many=${NET_CONNECTIONS:-3000}
began=$(date +%s)
left=$many
while [ "$left" -gt 0 ]; do
	n=$((left < 3000 ? left : 3000)) # a command has its time limit
	want "one after the other" "$(do_it s sequential "$n")" "$n"
	left=$((left - n))
done
say "$many one after the other: $(($(date +%s) - began)) s, $(rss) kB, $(descriptors) descriptors"
wait_for 20 none_more || fail "descriptors: $(descriptors), before $fds"
[ "$(rss)" -le $((memory + 4096)) ] || fail "memory of netd: $(rss) kB, before $memory"
for type in net_connect net_close; do
	want "events" "$(of_type $type)" $((many + 2000))
done

# a buffer each way, and some, for each that does not read
want "slow ones" "$(do_it s slow 1000)" 1000 &
job=$!
wait_for 120 test -e "$ws/held" || fail "slow ones"
most=0
while [ $most -eq 0 ] || kill -0 $job 2>/dev/null; do
	now=$(rss)
	[ "$now" -le $most ] || most=$now
	sleep 0.2
done
wait $job || fail "slow ones"
say "a thousand that do not read: $most kB"
[ $((most - memory)) -le $((1000 * 96)) ] || fail "memory of netd: $most kB, before $memory"
wait_for 20 none_more || fail "descriptors: $(descriptors), before $fds"

# those that end before they are refused may be made
do_it s silent 2000 >/dev/null
do_it s vanish 3000 >/dev/null
wait_for 60 none_more || fail "descriptors: $(descriptors), before $fds"
[ "$(rss)" -le $((memory + 65536)) ] || fail "memory of netd: $(rss) kB, before $memory"
say "after floods: $(rss) kB, $(descriptors) descriptors"

# ten sessions: each makes its own, and none of them has to wait for all others
for i in 0 1 2 3 4 5 6 7 8 9; do
	w=$(new_workspace alice)
	cp "$T/client.py" "$w/"
	new_session "t$i" "$w" '"policy":"net"'
done
jobs=
for i in 0 1 2 3 4 5 6 7 8 9; do
	(
		T=$T/t$i
		mkdir "$T"
		want "of session $i" "$(do_it "t$i" sequential 300)" 300
	) &
	jobs="$jobs $!"
done
for job in $jobs; do
	wait "$job" || fail "ten sessions"
done
kill -0 "$SERVER_PID" || fail "the server ended"
