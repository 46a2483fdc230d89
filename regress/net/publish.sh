#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Published ports: what the host reaches of a session's servers, who may ask for
# it, and that nothing but these ports is reached.
# timeout: 300

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool jq curl
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/publish_servers.py" "$T/ws/"
client()
{
	python3 "$TEST_SRC/regress/net/publish_clients.py" "$@"
}

agentsh()
{
	as "$ME" "$T/stage/agentsh" "$@"
}

# the servers in session s, which listen when this is over
serve()
{
	run_in s python3 -c '
import socket, subprocess, time
null = subprocess.DEVNULL
subprocess.Popen(["python3", "publish_servers.py"], stdin=null, stdout=null, stderr=null)
for port, host in (8000, "127.0.0.1"), (8001, "::1"), (8002, "127.0.0.1"):
    for i in range(200):
        try:
            socket.create_connection((host, port), 5).close()
            break
        except OSError:
            time.sleep(0.05)' || fail "servers"
}

own_policies
cat >"$policies/net.yaml" <<END
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: loopback, cidrs: [127.0.0.0/8], decision: allow}
END
start_any
new_session s "$T/ws" '"policy":"net"'
serve

events()
{
	api GET "/api/v1/sessions/s/history?type=$1&order=asc&limit=5000" | jq -c ".[] | $2"
}

# the command
out=$(agentsh session publish s 8000) || fail "publish: $out"
port=$(say "$out" | sed -n 's/^127\.0\.0\.1:\([0-9]*\):8000$/\1/p')
[ -n "$port" ] || fail "publish prints: $out"
[ "$port" -ge 1024 ] || fail "port $port"
want "the list" "$(agentsh session publish s --list)" "127.0.0.1:$port:8000"
want "by whose address" "$(client peer 127.0.0.1 "$port")" 127.0.0.1
client half 127.0.0.1 "$port" || fail "a half that is closed"
want "a server at ::1 alone" "$(agentsh session publish s --json 127.0.0.1::8001 >"$T/json" &&
    client peer 127.0.0.1 "$(jq .host_port "$T/json")")" ::1
fixed=$(free_port)
want "a port of choice" "$(agentsh session publish s "$fixed:8002")" "127.0.0.1:$fixed:8002"
want "it" "$(client peer 127.0.0.1 "$fixed")" 127.0.0.1
agentsh session publish s "$fixed:8000" >"$T/out" 2>&1 && fail "one port twice: $(cat "$T/out")"
want_in "one port twice" "$(cat "$T/out")" "in use (HTTP 409)"
want "at ::1 of the host" "$(agentsh session publish s "[::1]:$fixed:8000")" "[::1]:$fixed:8000"
want "it" "$(client peer ::1 "$fixed")" 127.0.0.1
agentsh session unpublish s "[::1]:$fixed" || fail unpublish
client refused ::1 "$fixed" >"$T/out" || fail "what is not published any more is"
agentsh session unpublish s "$fixed" || fail unpublish
client refused 127.0.0.1 "$fixed" >"$T/out" || fail "what is not published any more is"
agentsh session unpublish s "$fixed" >"$T/out" 2>&1 && fail "unpublish twice"
want_in "unpublish twice" "$(cat "$T/out")" "has not published that port"
for bad in x 0 :8000 1:2:3:4 "[::1:1:2" 70000 1:0; do
	agentsh session publish s "$bad" >"$T/out" 2>&1
	want "$bad" $? 2
done
agentsh session publish s 80:8000 >"$T/out" 2>&1 && fail "a port below 1024"
want_in "a port below 1024" "$(cat "$T/out")" "a right that netd does not have"
agentsh session publish s "0.0.0.0:$fixed:8000" >"$T/out" 2>&1 && fail "another address"
want_in "another address" "$(cat "$T/out")" "loopback alone (HTTP 403)"
agentsh session publish s "::ffff:0.0.0.0:$fixed:8000" >"$T/out" 2>&1 && fail "another spelling"

# nobody listens there: a client is told so, and it is written down
agentsh session publish s "$fixed:8009" >"$T/out" || fail "publish: $(cat "$T/out")"
client refused 127.0.0.1 "$fixed" >"$T/out" || fail "nobody listens"
comes "the event" "[\"127.0.0.1:$fixed\",\"Connection refused\"]" \
    events net_accept 'select(.fields.port == 8009) | [.fields.published, .fields.error]'
agentsh session unpublish s "$fixed" || fail unpublish

# netd's own sockets in there are no servers of the session
for own in 1 53 3128; do
	agentsh session publish s "$fixed:$own" >"$T/out" || fail "publish: $(cat "$T/out")"
	client refused 127.0.0.1 "$fixed" >"$T/out" || fail "port $own of netd is reached"
	agentsh session unpublish s "$fixed" || fail unpublish
done
agentsh session publish s "$fixed:3" >"$T/out" 2>&1 && fail "the port of netd's own"

# many at once, and some who never read
client many 127.0.0.1 "$port" || fail "1000 connections"
netd=$(pgrep -x netd)
before=$(awk '/VmRSS/ { print $2 }' "/proc/$netd/status")
mkfifo "$T/stop"
client never 127.0.0.1 "$port" <"$T/stop" >"$T/never" 2>&1 &
never=$!
exec 9>"$T/stop"
wait_for 20 grep -q ready "$T/never" || fail "never: $(cat "$T/never")"
client half 127.0.0.1 "$port" || fail "another client of one that does not read"
after=$(awk '/VmRSS/ { print $2 }' "/proc/$netd/status")
[ $((after - before)) -lt 8192 ] || fail "netd has grown from $before to $after KiB"
# one that is over is counted until its ends are
connections()
{
	agentsh session publish s --list --json | jq 'map(.connections) | max'
}
comes "connections" 10 connections
echo >&9
exec 9>&-
wait "$never"

# what is written down
want "the events of one" "$(events port_publish 'select(.fields.port == 8002) | [.operation, .fields.published, .fields.error]' | sort | uniq | wc -l)" 2
want "a connection" "$(events net_accept 'select(.fields.port == 8000) | [.operation, (.remote | startswith("127.0.0.1:")), .fields.published, .fields.error]' | sort -u | grep -c "127.0.0.1:$port")" 1
bytes()
{
	events net_close 'select(.fields.bytes_received == 3000006) | [.fields.bytes_sent, .fields.published]' | head -n 1
}
comes "its bytes" "[8,\"127.0.0.1:$port\"]" bytes

# a command of the session asks for nothing, and finds no port of the host there
cat >"$T/ws/inside.py" <<END
import json, os, socket, sys, time
api_sock, api_tcp, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
for how in "unix", "loopback", "proxy", "socks":
    try:
        if how == "unix":
            c = socket.socket(socket.AF_UNIX)
            c.connect(api_sock)
        elif how == "loopback":
            c = socket.create_connection(("127.0.0.1", int(api_tcp)), timeout=20)
        else:
            c = socket.create_connection(("192.0.2.1", 3128), timeout=20)
            if how == "socks":
                c.sendall(b"\5\1\0")
                assert c.recv(2) == b"\5\0"
                c.sendall(b"\5\1\0\1\x7f\0\0\1" + int(api_tcp).to_bytes(2, "big"))
                if c.recv(10)[1] != 0:
                    raise OSError("socks")
            else:
                c.sendall(("CONNECT 127.0.0.1:%s HTTP/1.1\r\nHost: x\r\n\r\n" % api_tcp).encode())
                if b" 200 " not in c.recv(1000):
                    raise OSError("tunnel")
        body = json.dumps({"port": 8000})
        c.sendall(("POST /api/v1/sessions/s/ports HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                   % (len(body), body)).encode())
        got = c.recv(1000)
    except OSError:
        continue
    sys.exit("%s: the API answers %r" % (how, got))
try:
    socket.create_connection(("127.0.0.1", port), timeout=20)
except ConnectionRefusedError:
    pass
else:
    sys.exit("the port of the host is there")
# who connects to where netd makes its sockets gets nothing, and keeps nobody
fill = []
for _ in range(100):
    c = socket.socket()
    c.setblocking(False)
    try:
        c.connect(("127.0.0.1", 3))
    except BlockingIOError:
        pass
    fill.append(c)
open("filled", "w").close()
while len(sys.argv) > 4 and not os.path.exists(sys.argv[4]):
    time.sleep(0.05)
END
run_in s python3 inside.py "$API_SOCK" "${API_TCP##*:}" "$port" || fail "from inside: $(cat "$T/exec.json")"
rm "$T/ws/filled"
(
	T=$T/fill
	mkdir "$T"
	run_in s python3 inside.py "$API_SOCK" "${API_TCP##*:}" "$port" enough
) &
fill=$!
wait_for 60 test -e "$T/ws/filled" || fail "fill: $(cat "$T/fill/exec.json")"
want "while it is flooded" "$(client peer 127.0.0.1 "$port")" 127.0.0.1
as "$ME" touch "$T/ws/enough"
wait $fill || fail "fill: $(cat "$T/fill/exec.json")"

# a reload changes nothing
sed 's/loopback,/other,/' "$policies/net.yaml" >"$T/net.yaml" && cat "$T/net.yaml" >"$policies/net.yaml"
kill -HUP "$SERVER_PID"
has_changed()
{
	[ -n "$(events policy_changed .type)" ]
}
wait_for 20 has_changed || fail "no reload"
want "after a reload" "$(client peer 127.0.0.1 "$port")" 127.0.0.1

# another user's session is none of hers
if [ "$MODE" = service ]; then
	for call in "GET /api/v1/sessions/s/ports" "DELETE /api/v1/sessions/s/ports/$port"; do
		# shellcheck disable=SC2086
		API_USER=bob api $call >/dev/null
		want "bob: $call" "$(status)" 404
	done
	API_USER=bob api POST /api/v1/sessions/s/ports '{"port":8000}' >/dev/null
	want "bob publishes" "$(status)" 404
fi
for body in '{}' '{"port":0}' '{"port":65536}' '{"port":1,"host_port":65536}' \
    '{"port":1,"address":"localhost"}' '{"port":1,"x":1}' '{"port":"1"}'; do
	api POST /api/v1/sessions/s/ports "$body" >"$T/out"
	want "$body" "$(status)" 400
done
n=$(api GET /api/v1/sessions/s/ports | jq length)
while [ "$n" -lt 32 ]; do
	api POST /api/v1/sessions/s/ports '{"port":8000}' >"$T/out"
	want "port $n" "$(status)" 201
	n=$((n + 1))
done
api POST /api/v1/sessions/s/ports '{"port":8000}' >"$T/out"
want "one too many" "$(status)" 409

# the end of the session is the end of it
api DELETE /api/v1/sessions/s >/dev/null
want "the end" "$(status)" 204
client refused 127.0.0.1 "$port" >"$T/out" || fail "a session that is gone"
api GET /api/v1/sessions/s/ports >/dev/null
want "a session that is gone" "$(status)" 404
stop_server

start_any "sandbox.network.publish: off"
new_session s "$T/ws" '"policy":"net"'
agentsh session publish s 8000 >"$T/out" 2>&1 && fail "published though it is off"
want_in "off" "$(cat "$T/out")" "sandbox.network.publish of the server is off"
want "off: the list" "$(agentsh session publish s --list)" ""
comes "off: the event" "[8000,true]" events port_publish '[.fields.port, (.fields.error | length > 0)]'
stop_server

# whoever comes, half of netd's descriptors is for the other sessions
SERVER_WRAP="prlimit --nofile=2048:2048"
[ "$MODE" = service ] || SERVER_WRAP="$SERVER_WRAP setpriv --reuid $ME --regid $ME --init-groups"
start_any
SERVER_WRAP=
new_session s "$T/ws" '"policy":"net"'
serve
agentsh session publish s "$fixed:8000" >"$T/out" || fail "publish: $(cat "$T/out")"
mkfifo "$T/crowd.stop"
client crowd 127.0.0.1 "$fixed" <"$T/crowd.stop" >"$T/crowd" 2>&1 &
crowd=$!
exec 9>"$T/crowd.stop"
wait_for 20 grep -q ready "$T/crowd" || fail "crowd: $(cat "$T/crowd")"
is_crowd()
{
	[ "$(connections)" = 384 ]
}
wait_for 20 is_crowd || fail "a crowd: $(agentsh session publish s --list --json)"
# and no more than that
sleep 1
is_crowd || fail "a crowd: $(agentsh session publish s --list --json)"
exec 9>&-
wait $crowd || fail "crowd: $(cat "$T/crowd")"
client half 127.0.0.1 "$fixed" || fail "behind a crowd"
stop_server

start_any "sandbox.network.publish: any"
new_session s "$T/ws" '"policy":"net"'
serve
want "any" "$(agentsh session publish s "0.0.0.0:$fixed:8000")" "0.0.0.0:$fixed:8000"
want "by the host's address" "$(client peer "$HOST4" "$fixed")" 127.0.0.1
# the end of the service: netd has its last words, after sessiond has gone
stop_server
! grep "fatal: " "$T/server.log" || fail "a process ends by itself"

start_any "sandbox.network.enabled: false"
new_session s "$T/ws" '"policy":"net"'
agentsh session publish s 8000 >"$T/out" 2>&1 && fail "published without a network"
want_in "no network" "$(cat "$T/out")" "the session has no network"
