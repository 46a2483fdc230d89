#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is opened on native mounts is counted for the command that did it, and
# told before its end; what others open there is not. Where it is not counted
# the session says so.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
API_USER=alice
ws=$(new_workspace alice)
new_session s "$ws"
want "the session says so" "$(json .native_reads <"$T/session.json")" counted

# opened COMMAND...: how often it opened what is in /usr, as its answer says
opened()
{
	run_in s "$@" >/dev/null || fail "$*: $(cat "$T/exec.json")"
	jq -r '[.events.file_operations[] | select(.type == "file_read_summary")] |
	    if length == 1 then .[0].fields.opened["/usr"] // 0 else "events: \(length)" end' "$T/exec.json"
}

idle=$(opened true)
[ "$idle" -ge 2 ] || fail "a program and its libraries: $idle opens"
# files that differ: the same one may be told once
# shellcheck disable=SC2046
set -- $(find /usr/share/doc /usr/include /usr/share/perl /usr/lib/python3 -xdev -type f -perm -o=r 2>/dev/null | head -n 200)
[ $# = 200 ] || skip "too few files in /usr"
many=$(opened cat "$@")
base=$(opened cat)
want "200 files" "$((many - base))" 200

# what others open in the same directory is not in it
(while :; do cat "$@" >/dev/null; done) &
busy=$!
want "with others at work" "$(opened cat "$@")" "$many"
kill $busy

# each its own, at one time; children, and those that are faster than fsd
n=5
for i in 1 2 3 4 $n; do
	f=$((i * 20))
	# shellcheck disable=SC2046
	jq -cn '{command: "sh", args: (["-c", "sleep 1; cat \"$@\" >/dev/null; sleep 1", "sh"] + $ARGS.positional)}' \
	    --args -- $(printf '%s\n' "$@" | head -n $f) >"$T/body$i"
	chmod 644 "$T/body$i"
	as alice curl -sf --max-time 60 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
	    --data-binary "@$T/body$i" http://localhost/api/v1/sessions/s/exec >"$T/answer$i" &
	eval "pid$i=\$!"
done
for i in 1 2 3 4 $n; do
	eval "wait \$pid$i"
done
of()
{
	jq -r '[.events.file_operations[] | select(.type == "file_read_summary")][0].fields.opened["/usr"]' "$T/answer$1"
}
for i in 2 3 4 $n; do
	want "of the one with $((i * 20)) files" "$(($(of $i) - $(of 1)))" "$((i * 20 - 20))"
done
# a process that is gone when it is looked for is of the only command
short=$(opened sh -c 'i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i + 1)); done')
[ "$short" -ge 100 ] || fail "50 short programs: $short opens"

# more than the kernel keeps for fsd, which is stopped meanwhile
cat >"$ws/many.py" <<'P'
import os, signal, sys
# USR2 is what one sees from outside: the other is not blocked while it is waited for
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
signal.sigwait({signal.SIGUSR1})
for i in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        for name in sys.argv[2:]:
            os.close(os.open(name, os.O_RDONLY))
        os._exit(0)
    os.waitpid(pid, 0)
P
bound=$(cat /proc/sys/fs/fanotify/max_queued_events)
jq -cn '{command: "python3", args: $ARGS.positional}' --args -- many.py $((bound / 200 + 10)) "$@" >"$T/body1"
as alice curl -sf --max-time 60 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
    --data-binary "@$T/body1" http://localhost/api/v1/sessions/s/exec >"$T/answer1" &
many_pid=$!
# it waits to be told, and is told while fsd does not look
many_waits()
{
	pid_=$(pgrep -f 'python3 many[.]py') && grep -q '^SigBlk:.*[1-9a-f]' "/proc/$pid_/status"
}
wait_for 20 many_waits || fail "no program"
fsd_pid=$(pgrep -x fsd)
kill -STOP "$fsd_pid"
kill -USR1 "$pid_"
wait_for 60 test ! -d "/proc/$pid_" || fail "the program does not end"
kill -CONT "$fsd_pid"
wait $many_pid
want "more than the kernel keeps" "$(jq -r '.events.file_operations[] | select(.type == "file_read_summary") | .fields.incomplete' "$T/answer1")" true
run_in s true
want "told once" "$(jq -r '[.events.file_operations[] | select(.fields.incomplete)] | length' "$T/exec.json")" 0

# its end comes after it
api GET "/api/v1/sessions/s/history?limit=1000" >"$T/events.json"
jq -r 'sort_by(.seq)[] | select(.type == "file_read_summary" or .type == "command_finished") | "\(.command_id) \(.type)"' \
    "$T/events.json" >"$T/order"
awk '$2 == "command_finished" && !seen[$1] { print "early: " $1; bad = 1 } { seen[$1] = 1 } END { exit bad || !NR }' "$T/order" ||
    { cat "$T/order"; fail "a command ended before its summary"; }
api DELETE /api/v1/sessions/s >/dev/null
stop_server

start_service "sandbox.fuse.native_events: off"
new_session s "$ws"
want "switched off" "$(json .native_reads <"$T/session.json")" uncounted
want "nothing counted" "$(opened true)" 0
api DELETE /api/v1/sessions/s >/dev/null
stop_server

start_service "sandbox.fuse.scope: all"
new_session s "$ws"
want "no native mounts" "$(json .native_reads <"$T/session.json")" none
want "fsd counts the same" "$(($(opened cat "$@") - $(opened cat)))" 200
api DELETE /api/v1/sessions/s >/dev/null
stop_server

# An ordinary user's server has no right to it; the session says so, and works.
start_user_server alice
new_session s "$ws"
reads=$(json .native_reads <"$T/session.json")
usr=$(opened true)
case $reads in
uncounted) want "nothing counted" "$usr" 0 ;;
counted) [ "$usr" -ge 2 ] || fail "counted: $usr opens" ;;
*) fail "native_reads: $reads" ;;
esac
say "of an ordinary user: $reads"
