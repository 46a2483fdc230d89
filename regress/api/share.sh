#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What one user takes leaves something for the others: connections, sessions,
# the disk of the event logs.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 pgrep
need_root
start_service "server.http.max_connections: 256" "sessions.max_user_sessions: 2" \
    "audit.max_session_size: 1MB"

# bob holds all connections, and connects again as soon as he loses one
cat >"$T/hold.py" <<'PY'
import os
import socket
import sys
import time

where = sys.argv[1]
tcp = not where.startswith("/")
held = {}
while os.path.exists(sys.argv[2]):
    for i in range(700):
        try:
            if i in held and held[i].recv(1) != b"":
                continue
        except BlockingIOError:
            continue
        except OSError:
            pass
        held[i] = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        held[i].setblocking(False)
        try:
            held[i].connect(("127.0.0.1", int(where.rsplit(":")[-1])) if tcp else where)
        except BlockingIOError:
            continue
        except OSError:
            del held[i]
    time.sleep(0.05)
PY
sessiond=$(pgrep -x sessiond) || fail "sessiond is not found"
is_full()
{
	kill -0 "$holder" && [ "$(ls "/proc/$sessiond/fd" | wc -l)" -ge 250 ]
}
touch "$T/more"
as bob python3 "$T/hold.py" "$API_SOCK" "$T/more" &
holder=$!
wait_for 20 is_full || fail "bob does not hold the connections: this test shows nothing"
# a full queue refuses at once: a client tries again, and gets its turn
alice_is_served()
{
	as alice curl -sf --max-time 3 --unix-socket "$API_SOCK" http://localhost/health
}
for i in 1 2 3; do
	wait_for 20 alice_is_served || fail "alice is locked out (turn $i)"
done
rm "$T/more"
wait $holder || fail "bob's clients"

# the same by TCP: who has the most there is found out too, and a client of
# alice's that was there before, and is idle, keeps its connection
cat >"$T/idle.py" <<'PY'
import http.client
import os
import sys
import time

c = http.client.HTTPConnection(sys.argv[1])
for i in range(2):
    c.request("GET", "/health")
    print(c.getresponse().read().decode().strip(), flush=True)
    c.auto_open = 0
    while i == 0 and not os.path.exists(sys.argv[2]):
        time.sleep(0.05)
PY
as alice python3 "$T/idle.py" "$API_TCP" "$T/full" >"$T/idle.out" 2>&1 &
idle=$!
wait_for 10 test -s "$T/idle.out" || fail "alice's client by TCP is not served"
touch "$T/more"
as bob python3 "$T/hold.py" "$API_TCP" "$T/more" &
holder=$!
wait_for 20 is_full || fail "bob does not hold the connections by TCP: this test shows nothing"
wait_for 20 alice_is_served || fail "alice is locked out by TCP clients"
touch "$T/full"
wait $idle || fail "alice's idle client: $(tail -n 1 "$T/idle.out")"
want "alice's idle client" "$(tr '\n' ' ' <"$T/idle.out")" "ok ok "
rm "$T/more"
wait $holder || fail "bob's clients by TCP"

API_USER=bob
ws=$(new_workspace bob)
new_session b1 "$ws"
new_session b2 "$ws"
api POST /api/v1/sessions "{\"id\":\"b3\",\"workspace\":\"$ws\"}" >/dev/null
want "status of one session too many" "$(status)" 400
API_USER=alice
new_session a1 "$(new_workspace alice)"

# a command that makes events for ever ends its session, and no other
API_USER=bob
api POST /api/v1/sessions/b1/exec '{"command":"sh","args":["-c",
    "while :; do : >a; rm a; done"], "timeout":"'$((60 * ${TEST_SLOW:-1}))'s","include_events":"none"}' >"$T/flood.json"
want "outcome" "$(jq -r .result.error.code "$T/flood.json")" E_SESSION_ENDED
want_in "reason" "$(cat "$T/flood.json")" audit.max_session_size
[ "$(stat -c %s "$T/var/log/$BOB_UID/b1.jsonl")" -lt 8000000 ] || fail "the log is too large"
want "bob's other session" "$(run_in b2 echo alive)" alive
API_USER=alice
want "alice's session" "$(run_in a1 echo alive)" alive
