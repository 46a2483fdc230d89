#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# One user who floods the API gets 429 and takes no more of sessiond than a
# share: bodies that are not complete, answers that are not read, output on
# disk, by either socket. Another user works meanwhile.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service "server.http.max_request_size: 2MB" "server.http.max_memory: 64MB" \
    "sessions.max_user_output: 1MB" "server.http.max_connections: 256"
export API_TCP

for API_USER in alice bob; do
	new_session s "$(new_workspace $API_USER)"
done
sessiond=$(pgrep -x sessiond) || fail "sessiond is not found"
memory_kb()
{
	sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$sessiond/status"
}
before=$(memory_kb)

cat >"$T/flood.py" <<'PY'
"""flood.py SOCKET TCP KIND N STOP: N clients that send all but the end of a
body, or read nothing of an answer; "N of 429", then until STOP is there."""
import os
import select
import socket
import sys
import time

path, tcp, kind, n, stop = sys.argv[1:]
size = 1900000
bodies = {
    "body": b"POST /api/v1/sessions/s/exec HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n" % size + b" " * (size - 1),
    "answer": b"GET /api/v1/sessions/s/output/" + os.environ.get("CMD", "").encode() +
              b"?limit=10000000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
held, refused, other = [], 0, 0
for i in range(int(n)):
    if tcp != "-" and i % 2:
        s = socket.create_connection(tcp.rsplit(":", 1))
    else:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
    s.settimeout(5)
    try:
        s.sendall(bodies[kind])
    except OSError:
        pass
    held.append(s)
for s in held:
    s.setblocking(False)
seen, end = -1, time.monotonic() + 30
# until all that are answered at once are
while time.monotonic() < end and (not refused or seen != refused + other):
    seen = refused + other
    time.sleep(1)
    refused = other = 0
    for s in held:
        try:
            start = s.recv(4096, socket.MSG_PEEK)
        except OSError:
            continue
        if start.startswith(b"HTTP/1.1 429 ") and b'{"error":"too much is under way' in start:
            refused += 1
        elif start and not start.startswith(b"HTTP/1.1 200 "):
            other += 1
print(refused, other, flush=True)
while not os.path.exists(stop):
    time.sleep(0.05)
PY

# flood KIND N: 429s in $refused, and bob's clients stay until calm
flood()
{
	rm -f "$T/stop" "$T/refused"
	as bob CMD="${cmd:-}" python3 "$T/flood.py" "$API_SOCK" "$API_TCP" "$1" "$2" "$T/stop" >"$T/refused" &
	flooder=$!
	wait_for 60 test -s "$T/refused" || fail "flood: $1"
	read -r refused other <"$T/refused"
	want "other answers than 200 and 429" "$other" 0
	[ "$refused" -gt 0 ] || fail "$1: nothing is refused"
	[ "$refused" -lt "$2" ] || fail "$1: all are refused"
}
# sessiond looks each half second which connections have gone: until then they count
calm()
{
	touch "$T/stop"
	wait $flooder
	sleep 1
}
alice_works()
{
	API_USER=alice
	head -c 1500000 /dev/zero | tr '\0' x >"$T/tmp/x"
	jq -Rcs '{command: "wc", args: ["-c"], stdin: .}' "$T/tmp/x" >"$T/tmp/body"
	want "alice's large request ($1)" "$(api POST /api/v1/sessions/s/exec "@$T/tmp/body" |
	    jq -r .result.stdout | tr -d '\n')" 1500000
	want "alice by TCP ($1)" "$(as alice curl -s "http://$API_TCP/api/v1/sessions" | jq -r '.[0].id')" s
	now=$(memory_kb)
	# AddressSanitizer keeps what was freed
	grep -q libasan "/proc/$sessiond/maps" || [ $((now - before)) -lt 90000 ] || fail "$1: sessiond has grown from $before to $now kB"
	say "$1: $refused refused, sessiond $before -> $now kB"
}

flood body 100
alice_works bodies
calm

# what bob wrote is kept as far as his share goes, the newest; alice's stays
API_USER=alice
run_in s sh -c 'head -c 600000 /dev/zero | tr "\0" a' >/dev/null
hers=$(jq -r .command_id "$T/exec.json")
API_USER=bob
bob_is_let()
{
	api GET /api/v1/sessions/s >/dev/null && [ "$(status)" = 200 ]
}
wait_for 10 bob_is_let || fail "bob stays refused after the flood: $(status)"
for i in 1 2 3 4; do
	run_in s sh -c 'head -c 600000 /dev/zero | tr "\0" b' >/dev/null
	jq -r .command_id "$T/exec.json" >"$T/cmd$i"
done
kept=$(cat "$T/var/lib/$BOB_UID-s"/* | wc -c)
[ "$kept" -le 1000000 ] || fail "$kept bytes of bob's output are kept"
api GET "/api/v1/sessions/s/output/$(cat "$T/cmd1")" >/dev/null
want "bob's oldest output" "$(status)" 404
want "bob's newest output" "$(api GET "/api/v1/sessions/s/output/$(cat "$T/cmd4")?offset=599999" |
    jq -c '[.data, .truncated, .total_bytes]')" '["b",false,600000]'
run_in s sh -c 'head -c 3000000 /dev/zero | tr "\0" b' >/dev/null
cmd=$(jq -r .command_id "$T/exec.json")
want "more than the share" "$(api GET "/api/v1/sessions/s/output/$cmd?limit=1" |
    jq -c '[.truncated, .total_bytes]')" '[true,3000000]'
kept=$(cat "$T/var/lib/$BOB_UID-s"/* | wc -c)
[ "$kept" -le 1000000 ] || fail "$kept bytes of bob's output are kept"
API_USER=alice
want "alice's output" "$(api GET "/api/v1/sessions/s/output/$hers?offset=599999" | jq -r .data)" a

flood answer 100
alice_works answers
calm
API_USER=bob
wait_for 10 bob_is_let || fail "bob stays refused after the flood: $(status)"
want "bob later" "$(run_in s echo again)" again
# nothing stays charged: as much as at first is let in
flood body 100
calm
