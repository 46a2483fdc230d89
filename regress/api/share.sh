#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What one user takes leaves something for the others: connections, sessions,
# the disk of the event logs.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service "server.http.max_connections: 256" "sessions.max_user_sessions: 2" \
    "audit.max_session_size: 1MB"

# bob holds all connections, and connects again as soon as he loses one
cat >"$T/hold.py" <<'PY'
import os
import socket
import sys
import time

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
        held[i] = socket.socket(socket.AF_UNIX)
        held[i].setblocking(False)
        try:
            held[i].connect(sys.argv[1])
        except OSError:
            del held[i]
    time.sleep(0.05)
PY
touch "$T/more"
as bob python3 "$T/hold.py" "$API_SOCK" "$T/more" &
holder=$!
sleep 1
# a full queue refuses at once: a client tries again, and gets its turn
alice_is_served()
{
	as alice curl -sf --max-time 3 --unix-socket "$API_SOCK" http://localhost/health
}
for i in 1 2 3; do
	wait_for 20 alice_is_served || fail "alice is locked out (turn $i)"
done
rm "$T/more"
wait $holder

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
[ "$(stat -c %s "$T/var/log/b1.jsonl")" -lt 8000000 ] || fail "the log is too large"
want "bob's other session" "$(run_in b2 echo alive)" alive
API_USER=alice
want "alice's session" "$(run_in a1 echo alive)" alive
