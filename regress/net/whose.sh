#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Connections are of the command and process that made them, also where several
# commands run, with other sockets and descriptors about, and by a child that its
# parent has left; and an address that the host is given while a session runs is
# one of the host's from then on.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool python3 jq curl ip
own_policies
ip addr add 203.0.113.11/32 dev lo || fail "address"
cat >"$policies/net.yaml" <<'P'
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: near, cidrs: [203.0.113.11/32], decision: allow}
  - {name: all, decision: allow}
P
sed 's/^name: net/name: short/' "$policies/net.yaml" >"$policies/short.yaml"
cat >>"$policies/short.yaml" <<'P'
unix_socket_rules:
  - {name: all, paths: ["/**", "@**"], decision: allow}
P
chmod 0644 "$policies/net.yaml" "$policies/short.yaml"
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cat >"$T/server.py" <<'P'
import socket, sys
v6 = socket.has_dualstack_ipv6()
s = socket.create_server(("", 7000), backlog=100, dualstack_ipv6=v6,
                         family=socket.AF_INET6 if v6 else socket.AF_INET)
open(sys.argv[1], "w").close()
while True:
    s.accept()[0].close()
P
cat >"$T/ws/client.py" <<'P'
import errno, os, socket, sys, time
held = [socket.socket() for _ in range(200)]
def dial(host="203.0.113.11"):
    s = socket.create_connection((host, 7000), 60)
    s.recv(1)
    time.sleep(0.05)
kind = sys.argv[1]
if kind == "orphan":
    if os.fork() == 0:
        if os.fork() == 0:
            dial()
            open("done", "w").close()
        os._exit(0)
    os.wait()
    while not os.path.exists("done"):
        time.sleep(0.05)
elif kind == "short":
    for i in range(100):
        pid = os.fork()
        if pid == 0:
            s = socket.socket()
            s.connect(("203.0.113.11", 7000))
            os._exit(0)
        os.waitpid(pid, 0)
elif kind == "fast":
    # with the first bytes, and past connect(2)
    fast, to = 0x20000000, ("203.0.113.11", 7000)
    for f in (lambda s: s.sendto(b"x", fast, to), lambda s: s.sendmsg([b"x"], [], fast, to),
              lambda s: s.setsockopt(socket.IPPROTO_TCP, 30, 1)):
        s = socket.socket()
        try:
            f(s)
            print("made", end=" ")
        except OSError as e:
            print("refused" if e.errno == errno.EOPNOTSUPP else e, end=" ")
elif kind == "other":
    try:
        dial(sys.argv[2])
    except OSError as e:
        print(e)
else:
    for i in range(20):
        dial()
P
python3 "$T/server.py" "$T/there" &
wait_for 10 test -e "$T/there" || fail "the server did not start"
start_any
new_session s "$T/ws" '"policy":"net"'
new_session short "$T/ws" '"policy":"short"'

# two at once: each has its own in its answer
run_in s python3 client.py many >"$T/one.out" &
one=$!
(
	T=$T/two
	mkdir -p "$T"
	run_in s python3 client.py many >"$T/out"
	jq -r '.command_id as $c | [.events.network_operations[] | select(.type == "net_connect")] |
	    [length, ([.[] | select(.command_id == $c and .pid > 1 and
	    (.fields.executable | test("python")))] | length)] | join(" ")' "$T/exec.json" >"$T/is"
)
wait "$one" || fail "the first command"
want "of the first" "$(jq -r '.command_id as $c | [.events.network_operations[] |
    select(.type == "net_connect" and .command_id == $c and .pid > 1)] | length' "$T/exec.json")" 20
want "of the second" "$(cat "$T/two/is")" "20 20"

# connections that are over before they could be looked for, where execd made them:
# also by their ports, as a socket can be gone before netd knows which one it was
run_in short python3 client.py short || fail "short connections"
known=$(jq -r '.command_id as $c | [.events.network_operations[] | select(.type == "net_connect" and
    .command_id == $c and .pid > 1 and (.fields.executable | test("python")))] | length' "$T/exec.json")
[ "$known" -ge 95 ] || fail "short ones: $known of 100"

# MSG_FASTOPEN (sendto, sendmsg) and TCP_FASTOPEN_CONNECT would make one elsewhere: who
# asks for them is told to call connect(2), and curl does
for in in s short; do
	run_in $in python3 client.py fast >"$T/out" || fail "fast open: $(cat "$T/out")"
	want "fast open in $in" "$(cat "$T/out")" "refused refused refused "
	want "connections of it" "$(jq '[.events.network_operations[]?] | length' "$T/exec.json")" 0
done
run_in short curl -s --tcp-fastopen http://203.0.113.11:7000/ >"$T/out"
want "of curl" "$(jq -r '[.events.network_operations[] | select(.type == "net_connect" and
    .pid > 1 and (.fields.executable | test("curl")))] | length' "$T/exec.json")" 1

run_in s python3 client.py orphan || fail "orphan"
want "of an orphan" "$(jq -r '[.events.network_operations[] | select(.type == "net_connect" and
    .pid > 1 and (.fields.executable | test("python")))] | length' "$T/exec.json")" 1
orphan=$(jq -r .command_id "$T/exec.json")
ends()
{
	api GET "/api/v1/sessions/s/history?type=net_close&limit=5000" | jq -r --arg c "$orphan" '[.[] |
	    select(.command_id == $c and .fields.bytes_sent == 0 and .fields.duration_ms >= 0)] | length'
}
comes "its end" 1 ends

# nobody's address, which becomes the host's
reason()
{
	run_in s python3 client.py other 198.51.100.7 >"$T/out" || fail "client: $(cat "$T/out")"
	jq -r '[.events.network_operations[] | select(.type == "net_connect")][0] |
	    [.policy.effective_decision, .fields.reason // ""] | join(" ")' "$T/exec.json"
}
case $(reason) in
allow*) ;;
*) fail "an address of the Internet: $(reason)" ;;
esac
# netd hears of it a moment later
ip addr add 198.51.100.7/32 dev lo || fail "address"
comes "the host's" "deny host address, which no rule names by cidrs" reason
ip addr del 198.51.100.7/32 dev lo
comes_in "no address of the host any more" allow reason

# and of addresses that the host has by a route alone, as a balancer's
for route in "" "src $HOST4"; do
	# shellcheck disable=SC2086 # words
	ip route add local 198.51.100.0/29 dev lo $route || fail "route $route"
	want "the host's by a route $route" "$(reason)" \
	    "deny host address, which no rule names by cidrs"
	ip route del local 198.51.100.0/29 dev lo
done
if [ -e /proc/net/if_inet6 ]; then
	ip -6 route add local 2a00:db8:9::/64 dev lo || fail "route of IPv6"
	run_in s python3 client.py other 2a00:db8:9::5 >"$T/out" || fail "client: $(cat "$T/out")"
	want "the same of IPv6" "$(jq -r '[.events.network_operations[] |
	    select(.type == "net_connect")][0] | .fields.reason' "$T/exec.json")" \
	    "host address, which no rule names by cidrs"
fi
