#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# While the file system of the event log is full sessions wait, end when they are
# told to, and none begins: it could have the id, and so the file, of one that
# ended and still has to write. No event is lost, and no line is torn.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
[ "$MODE$ME" != userself ] || skip "needs root, to mount a file system"
need_tool curl jq python3
log=$T/var/log
[ "$MODE" = service ] || log=$T/state/log
mkdir -p "$log"
mount -t tmpfs -o size=256k log "$log" || fail "a small file system"
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
new_session s "$ws"
new_session o "$ws"

is_full()
{
	grep -q 'cannot write events' "$T/server.log"
}

# begin NAME: a session, which must not stay; its answer in $T/session.json
begin()
{
	api POST /api/v1/sessions "{\"id\":\"$1\",\"workspace\":\"$ws\"}" >"$T/session.json"
	[ "$(status)" = 201 ] || return 0
	wait_for 10 is_gone "$1"
}

is_gone()
{
	api GET "/api/v1/sessions/$1" >/dev/null
	[ "$(status)" = 404 ]
}

for i in s o; do
	mkdir "$T/$i"
	(T=$T/$i; run_in $i sh -c "i=0; while [ \$i -lt 1500 ]; do >$i\$i; rm $i\$i; i=\$((i + 1)); done; echo done" >"$T/out") &
	eval "bg_$i=\$!"
done
wait_for 30 is_full || fail "the log is not full"
sleep 1
[ ! -s "$T/o/out" ] || fail "it did not wait"
api DELETE /api/v1/sessions/s >/dev/null || fail "no answer"
want "a session ends" "$(status)" 204
# the same id, and so the same file; and others
begin s || fail "a session began without a log"
for i in $(seq 2); do
	begin "n$i" || fail "session n$i began without a log"
done
mount -o remount,size=16m "$log"
wait "$bg_o" || fail "the other session's command"
want "it goes on" "$(cat "$T/o/out")" "done"
wait "$bg_s"
again()
{
	api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$ws\"}" >"$T/session.json"
	[ "$(status)" = 201 ] && ! wait_for 1 is_gone s
}
wait_for 20 again || fail "no session begins any more"
run_in s true || fail true
sleep 1
python3 - "$log" >"$T/out" <<'P' || fail "a line is torn, or an event is lost: $(cat "$T/out")"
import glob
import json
import sys
files = {}
for path in glob.glob(sys.argv[1] + "/*/*.jsonl"):
    runs = []
    for line in open(path):
        e = json.loads(line)
        if e["type"] == "session_created":
            runs.append([])
        runs[-1].append(e)
    for run in runs:
        assert [e["seq"] for e in run] == list(range(1, len(run) + 1)), path
    files[path.rsplit("/", 1)[1]] = runs
made = [e for e in files["o.jsonl"][0] if e["type"] == "file_create"]
assert len(made) == 1500, len(made)
assert files["s.jsonl"][0][-1]["type"] == "session_destroyed", files["s.jsonl"][0][-1]
print({k: [len(r) for r in v] for k, v in files.items()})
P
cat "$T/out"
kill -0 "$SERVER_PID" || fail "the server ended"
