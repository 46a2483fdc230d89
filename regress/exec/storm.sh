#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many processes that execute, fail to, and are killed meanwhile, until their time
# is over and their session ends: no event is lost, of whom the files tell that
# they ran, and the server's log is not theirs to fill.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
need_tool curl jq python3
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
new_session s "$ws"
cat >"$ws/storm.py" <<'P'
import os
import signal
import sys
import time
for i in range(int(sys.argv[1])):
    argv = ["touch", f"ran.{sys.argv[2]}.{i}"]
    kind = i % 4
    if kind == 0:
        pid = os.posix_spawn("/bin/touch", argv, {})
    else:
        pid = os.fork()
    if pid == 0:
        try:
            os.execv("/nonexistent/x" if kind == 1 else "/bin/touch", argv)
        except OSError:
            os._exit(0)
    if kind > 1:
        time.sleep(i % 13 / 4000)
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
P
storm='for k in 1 2 3 4 5 6; do python3 storm.py "$1" "$0.$k" & done; wait'
run_in s sh -c "$storm" a 220 || fail "a storm"
api POST /api/v1/sessions/s/exec "$(jq -cn --arg s "$storm" '{command: "sh", args: ["-c", $s, "b", "100000"], timeout: "4s"}')" >"$T/exec.json"
want "a time limit" "$(jq .result.exit_code "$T/exec.json")" 124
mkdir "$T/c"
(T=$T/c; api POST /api/v1/sessions/s/exec "$(jq -cn --arg s "$storm" '{command: "sh", args: ["-c", $s, "c", "100000"]}')" >/dev/null 2>&1) &
storm_began()
{
	[ "$(find "$ws" -name 'ran.c.*' | wc -l)" -gt 20 ]
}
wait_for 60 storm_began || fail "no third storm"
api DELETE /api/v1/sessions/s >/dev/null
want "the end" "$(status)" 204
log=$T/var/log
[ "$MODE" = service ] || log=$T/state/log
python3 - "$log" "$ws" <<'P' || fail "events"
import glob
import json
import os
import sys
events = [json.loads(line) for line in open(glob.glob(sys.argv[1] + "/*/s.jsonl")[0])]
assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
ran = {f for f in os.listdir(sys.argv[2]) if f.startswith("ran.")}
executed = {e["argv"][1] for e in events if e["type"] == "execve" and len(e["argv"]) == 2}
made = {e["path"].rsplit("/", 1)[1] for e in events if e["type"] == "file_create"}
print(len(events), "events,", len(ran), "ran")
# of the first storm those that nobody kills; of the others what there was time for
assert len(ran) >= 6 * 38
assert not ran - executed, ran - executed
assert not ran - made, ran - made
P
lines=$(wc -l <"$T/server.log")
[ "$lines" -le 8 ] || fail "$lines lines in the server's log"
