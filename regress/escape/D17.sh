#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D17: a process that left its session, its group and its parents behind ends
# with the session of agentsh, whose file system it can no longer write to.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 setsid
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
cat >"$ws/stay.py" <<'PY'
import os
import signal
import time
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(s, signal.SIG_IGN)
if os.fork() != 0:
    os._exit(0)
os.setsid()
if os.fork() != 0:
    os._exit(0)
for fd in range(3):
    os.close(fd)
for i in range(600):
    with open("beat.new", "w", encoding="ascii") as f:
        f.write(f"{i} {time.time()}")
    os.rename("beat.new", "beat")
    time.sleep(0.05)
PY
chmod 0644 "$ws/stay.py"
# outside it stays, so that its end means something
(cd "$ws" && as "$ME" python3 stay.py)
wait_for 20 test -s "$ws/beat" || fail "it does not run outside"
rm -f "$ws/beat"
wait_for 20 test -s "$ws/beat" || fail "it does not stay outside"
pids=$(pgrep -u "$ME_UID" -f 'python3 stay.py')
[ "$(say "$pids" | wc -l)" = 1 ] || fail "not one process outside: $pids"
kill -KILL "$pids"
rm -f "$ws/beat"

new_session s "$ws"
run_in s sh -c 'python3 stay.py; while [ ! -s beat ]; do sleep 0.1; done' ||
    fail "it does not run: $(cat "$T/exec.json")"
api DELETE /api/v1/sessions/s >/dev/null
gone()
{
	api GET /api/v1/sessions/s >/dev/null
	[ "$(status)" = 404 ] || api GET /api/v1/sessions/s | grep -q '"stopped"'
}
wait_for 10 gone || fail "the session does not end"
before=$(cat "$ws/beat" 2>/dev/null)
sleep 1
want "its last beat" "$(cat "$ws/beat" 2>/dev/null)" "$before"
pgrep -u "$ME_UID" -f 'python3 stay.py' >/dev/null && fail "it runs after the end of its session"
true
