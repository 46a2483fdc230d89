#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several processes that want the same of a signal, a socket or a program wait for
# one answer. When the one that asked first dies, the operator sees one that waits
# still, whose answer it is then; when what they want to signal dies, they are told
# so; and when the last one dies nobody is asked any more.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
cat >"$policies/two.yaml" <<'P'
version: 1
name: two
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: run, commands: [printenv], decision: approve, timeout: 900s}
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: send, signals: [TERM], target: {type: session}, decision: approve, timeout: 900s}
  - {name: rest, signals: ['@all'], target: {type: session}, decision: allow}
unix_socket_rules:
  - {name: reach, paths: ["/tmp/ask*"], operations: [connect], decision: approve, timeout: 900s}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
chmod 0644 "$policies/two.yaml"
new_session d "$ws" '"policy":"two"'
events_of=d

# what is signalled, and who is connected to
target()
{
	rm -f "$ws/target" "$ws/end"
	bg t d python3 -c 'import os, signal, socket, sys
if os.path.exists("/tmp/ask"):
    os.unlink("/tmp/ask")
v = socket.socket(socket.AF_UNIX); v.bind("/tmp/ask"); v.listen()
open("target.new", "w").write(str(os.getpid()))
os.rename("target.new", "target")
signal.pause()'
	wait_for 20 test -e "$ws/target" || fail "no target"
	target=$(cat "$ws/target")
}

# want_it KIND: each by the same words and the same program
want_it()
{
	case $1 in
	signal) echo "kill -TERM $target && echo did" ;;
	unix_socket) echo "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/tmp/ask\"); print(\"did\")'" ;;
	command) echo "printenv HOME >/dev/null && echo did" ;;
	esac
}

waits()
{
	pending >/dev/null
	[ "$(asked .fields.waiting)" = "$1" ]
}

# kills who is shown; its number is the session's
kill_shown()
{
	run_in d kill -KILL "$(asked .fields.pid)" || fail "kill"
}

for kind in signal unix_socket command; do
	target
	# shellcheck disable=SC2046 # one word
	bg one d sh -c "$(want_it $kind)"
	request 1
	want "$kind" "$(asked .kind)" $kind
	first=$(asked .command_id)
	bg two d sh -c "$(want_it $kind)"
	wait_for 20 waits 2 || fail "$kind: the second does not share"
	want "$kind: shown is the first" "$(asked .command_id)" "$first"
	kill_shown
	await one
	wait_for 20 waits 1 || fail "$kind: who is dead waits"
	pending >/dev/null
	[ "$(asked .command_id)" != "$first" ] || fail "$kind: shown is who is dead"
	ctl approve "$id" || fail approve
	await two
	want "$kind: who waited on" "$(out one)$(out two)" "did "
	told "$kind: who is told of" approval_resolved "[.[] | select(.fields.approval_id == \"$id\") | .fields.resolved_by | sub(\" uid.*\"; \"\")] | sort | join(\" \")" \
	    "operator withdrawn"
	# the last one
	[ "$kind" = signal ] && target
	bg one d sh -c "$(want_it $kind)"
	request 1
	kill_shown
	await one
	wait_for 20 is_pending 0 || fail "$kind: a request of nobody"
	want "$kind: nothing came of it" "$(out one)" ""
	run_in d kill -KILL "$target" || fail "$kind: the target is gone"
	await t
done

# the target dies first
target
bg one d sh -c "$(want_it signal)"
request 1
bg two d sh -c "$(want_it signal)"
wait_for 20 waits 2 || fail "the second does not share"
run_in d kill -KILL "$target"
await t
ctl approve "$id" || fail approve
await one
await two
want "nobody is there" "$(out one)$(out two)" ""
want_in "what they are told" "$(of one .result.stderr)" "No such process"
want_in "what they are told" "$(of two .result.stderr)" "No such process"
