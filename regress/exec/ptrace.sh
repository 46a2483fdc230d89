#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debuggers (sandbox.ptrace): off, none traces anybody, and says why; children: a
# process traces what came of it and nobody else, and what is executed under a
# tracer is decided and compared like every other exec.
# timeout: 600
#
# shellcheck disable=SC2031
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
ptraces=$TEST_BUILD/regress/exec/ptraces
[ -x "$ptraces" ] || skip "$ptraces is missing: run make check-programs"
w=/workspace

begin()
{
	cp "$ptraces" "$ws/ptraces"
	[ "$ME" = self ] || chown "$ME" "$ws/ptraces"
}
# tried WANT WORDS...: what ptraces prints, in the session without rules
tried()
{
	want_=$1
	shift
	want "$*" "$(run_in open $w/ptraces "$@")" "$want_"
}
# said NEEDLE: the events of refusals of the command that ran last
said()
{
	want_in "events" "$(jq -r '.events.blocked_operations[] | .type + " " + .policy.rule + ": " + .policy.message' "$T/exec.json")" "$1"
}

# --- off, as by itself
supervise_start
begin
tried "traceme:EPERM " self
said "ptrace_blocked ptrace-refused: debuggers are off here (sandbox.ptrace"
want_in "guidance" "$(jq -r '.guidance | tostring' "$T/exec.json")" "sandbox.ptrace"
tried "seize:EPERM attach:EPERM seize:EPERM attach:EPERM seize:EPERM attach:EPERM " children
tried "suspend:EPERM forks:EPERM seize:EPERM options:EPERM suspend:EPERM forks:EPERM old:EPERM filter:EPERM metadata:EPERM dispatch:EPERM setcall:EPERM high:EPERM peek:EPERM poke:EPERM cont:EPERM " requests
stop_server

# --- children
config="sandbox.ptrace: children"
start_any "$config"
ws=$(new_workspace "$ME")
for name_ in execs tool denied direct; do
	cp "$execs" "$ws/$name_" || fail "copy"
done
[ "$ME" = self ] || chown "$ME" "$ws"/*
begin
new_session sup "$ws" '"policy":"sup"'
new_session open "$ws" '"policy":"open"'

tried "seize:done attach:done seize:done attach:done seize:done attach:done " children
want "what is refused" "$(jq '.events.blocked_operations_count' "$T/exec.json")" 0
tried "suspend:EPERM forks:EPERM seize:done options:done suspend:EPERM forks:EPERM old:EPERM filter:EPERM metadata:EPERM dispatch:EPERM setcall:EPERM high:EPERM peek:done poke:done cont:done " requests
# whom it may not: its parent, its sibling, pid 1, the keeper, another command's
tried "seize:EPERM attach:EPERM " parent
said "a process traces its descendants only"
tried "seize:EPERM attach:EPERM " sibling
tried "seize:EPERM attach:EPERM " of 1
tried "traceme:EPERM " self
said "the parent is no process of the command"
out=$(run_in open sh -c "exec $w/ptraces of \$PPID")
want "the keeper" "$out" "seize:EPERM attach:EPERM "
out=$(run_in open sh -c "$w/ptraces of \$\$")
want "the parent" "$out" "seize:EPERM attach:EPERM "
(
	# shellcheck disable=SC2030
	mkdir "$T/other" && T=$T/other
	# shellcheck disable=SC2016
	run_in open sh -c 'echo $$ >other; while ! [ -e stop ]; do sleep 0.1; done'
) &
other=$!
wait_for 20 test -s "$ws/other" || fail "the other command does not run"
tried "seize:EPERM attach:EPERM " of "$(cat "$ws/other")"
tried "seize:EPERM attach:EPERM " of 999999
said "no such process is in the session"
run_in open touch stop
wait "$other"

# execs under a tracer
tried "traceme:done RAN tool pull" trace $w/tool pull
want "the events" "$(exec_events '.filename + " " + .effective_action' | paste -sd ' ')" \
    "$w/ptraces allowed $w/tool allowed"
want "depth" "$(exec_events '.depth' | paste -sd ' ')" "0 1"
want "denied by a rule" "$(run_in sup $w/ptraces trace $w/denied)" "traceme:done exec:EACCES "
said "execve no-denied"
want "denied by its words" "$(run_in sup $w/ptraces trace $w/tool push)" "traceme:done exec:EACCES "
said "execve no-push"
want "denied below a command" "$(run_in sup $w/ptraces trace $w/direct)" "traceme:done exec:EACCES "
want "allowed" "$(run_in sup $w/ptraces trace $w/tool pull)" "traceme:done RAN tool pull"
want "steered to a denied one" "$(run_in sup $w/ptraces steer $w/denied)" "set:done steered:EACCES "
said "execve no-denied"
want "steered to an allowed one" "$(run_in sup $w/ptraces steer $w/tool pull)" "set:done RAN tool pull"
tried "seize:done exec:EACCES " loose $w/tool
said "execve exec-traced: the process is traced without PTRACE_O_TRACEEXEC"
tried "traceme:done exec:EACCES " blocked $w/tool
said "execve exec-traced: the process is traced and blocks SIGTRAP"
tried "traceme:done exec:EACCES " threads $w/tool
said "execve exec-traced: the process is traced and has several threads"
tried "traceme:done exec:ENOENT " trace $w/nosuch
put $w/text <<'P'
echo text
P
want "no program" "$(run_in open $w/ptraces trace $w/text)" "traceme:done exec:ENOEXEC "

# a tracer that executes while it is held; each ends in the end
out=$(run_in open $w/ptraces both 200 $w/tool pull)
n=$(say "$out" | grep -c "RAN tool pull")
say "pairs: $n"
want "pairs that execute" "$(say "$out" | tail -n 1)" "over "
[ "$n" -ge 250 ] || fail "of 200 pairs $n run"

# a tracer that is killed lets go of nobody before the program was looked at: no
# program is killed for that, and none runs that was not decided
out=$(run_in sup $w/ptraces dying 400 $w/tool)
say "killed tracers: $out, $(jq -c '[.events.blocked_operations[] | .policy | "\(.rule) \(.message)"] | group_by(.) | map([.[0], length])' "$T/exec.json") $(jq .events.blocked_operations_count "$T/exec.json")"
want "nobody is denied because its tracer ends" "$(jq '[.events.blocked_operations[] | .policy |
    select((.rule == "exec-traced") and (.message | test("is ending|from outside|traced itself")))] | length' "$T/exec.json")" 0
case $out in
*"wrong 0") ;;
*) fail "a tracer is killed: $out" ;;
esac
case $out in
*" right 0 "*) fail "nothing runs: $out" ;;
esac
# refusals NEEDLE: how many say so
refusals()
{
	jq --arg s "$1" '[.events.blocked_operations[] | .policy | select("\(.rule) \(.message)" | contains($s))] | length' "$T/exec.json"
}
want "let go too early" "$(refusals "tracer of the process has ended")" 0
[ "$(refusals "exec-changed the program")" -gt 0 ] || fail "nothing is ever changed in time"

# who traces is held while an exec is looked at, whatever changes meanwhile, and
# whoever kills it: nothing runs that was not decided
command -v strace >/dev/null 2>&1 || skip "the rest passed; strace is not installed"
race()
{
	out=$(run_in "$1" strace -f -e trace=none -o /dev/null $w/execs "race-$2" "$3" $w/tool $w/denied) || true
	say "$1 $2 traced: $out"
	wrong=$(say "$out" | sed -n 's/^tries .* wrong \([0-9]*\) .*/\1/p')
	right=$(say "$out" | sed -n 's/^tries .* right \([0-9]*\) wrong.*/\1/p')
	[ -n "$wrong" ] || fail "$2: no result: $out $(jq -c .result "$T/exec.json")"
}
race open shared-word 300
[ "$wrong" -gt 0 ] || fail "nothing is ever changed in time"
all=0
for way in path word link shared-word; do
	race sup $way 300
	want "$way: what was not decided and ran" "$wrong" 0
	all=$((all + right))
done
[ "$all" -gt 0 ] || fail "nothing runs at all"
# shellcheck disable=SC2016
out=$(run_in sup bash -c 'for i in $(seq 25); do
	strace -f -e trace=none -o /dev/null '$w'/execs race-word 40 '$w'/tool '$w'/denied &
	sleep 0.$((RANDOM % 3))$((RANDOM % 10))$((RANDOM % 10))
	kill -KILL $!
done; wait; sleep 1; while pgrep -x execs >/dev/null; do sleep 0.1; done') || true
say "$out" | grep -c '^tries' || fail "no race is over: $out"
say "$out" | grep '^tries' | grep -v ' wrong 0 ' && fail "what was not decided ran when the tracer was killed"
run_in open strace -f -o /dev/null strace -o /dev/null $w/tool >/dev/null && fail "a tracer is traced"
said "ptrace-refused"
[ "$(run_in open echo alive)" = alive ] || fail "the session does not go on"
