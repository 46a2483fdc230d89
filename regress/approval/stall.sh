#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An operation that waits for an operator keeps the kernel's lock of its
# directory: who looks up a name there that is not known yet waits as well, and
# nobody else. Other commands execute programs, whoever else is stuck and how
# often; time limits and kills work, and the client of who waits has its answer
# in time.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
# programs, and directories, that nobody in the session has looked up
as "$ME" sh -c "cd $ws && for i in \$(seq 91); do printf '#!/bin/sh\necho here\n' >new\$i; done &&
    chmod 0755 new* && mkdir dir1 dir2"

# within SECONDS WHAT COMMAND...: it does not take longer
within()
{
	limit_=$(($1 * ${TEST_SLOW:-1}))
	what_=$2
	shift 2
	begin_=$(date +%s)
	"$@"
	within_rc_=$?
	took_=$(($(date +%s) - begin_))
	[ "$took_" -le "$limit_" ] || fail "$what_: took $took_ s"
	return $within_rc_
}

# others: what has nothing to do with that directory
others()
{
	within 10 "another command $1" run_in s true || fail "true: $1"
	within 10 "a shell $1" run_in s sh -c '/bin/echo a; cd /; ls / >/dev/null && uname' >"$T/out"
	want "what it says $1" "$(tr '\n' ' ' <"$T/out")" "a Linux "
}

# started TEXT: the id of the command with that last word, once it is known
started()
{
	cid=$(events command_started "[.[] | select(.fields.args[-1] == \"$1\")][0].command_id // \"\"")
	[ -n "$cid" ]
}

timed_out()
{
	want "$1" "$(of "$1" '.result.exit_code, .result.error.code' | tr '\n' ' ')" "124 E_TIMEOUT "
}

run_in s true || fail true
bg m s sh -c 'echo x >d.ask'
request 1
first=$id

# a program of that directory: execd looks for it
bg n s ./new1
sleep 1
others "beside one that waits"
[ ! -e "$T/n.status" ] || fail "new1 did not wait: $(cat "$T/n.json")"
# a time limit, of who does not wait and of who does
BG_MORE='{"timeout":"1s"}' bg l s sleep 60
BG_MORE='{"timeout":"1s"}' bg k s ./new2
within 10 "a time limit" await l
timed_out l
within 10 "a time limit of who waits" await k
timed_out k
# a process that is killed while it is looked for, and a signal that is none
want "killed meanwhile" "$(within 10 "a kill" run_in s sh -c 'timeout -s KILL 1 ./new3; echo $?')" 137
# killed by the API
bg k s sh -c ./new4
wait_for 10 started ./new4 || fail "new4 did not start"
api POST "/api/v1/sessions/s/kill/$cid" >/dev/null
within 10 "a kill" await k
want "killed" "$(of k .result.exit_code)" 137
# approvals of programs meanwhile
bg p s printenv HOME
request 2
ctl approve "$id" >/dev/null
within 10 "an approved program" await p
want "approved" "$(of p .result.exit_code)" 0

# who is stuck in the kernel itself cannot be killed, but answered
BG_MORE='{"timeout":"1s"}' bg c s cat new5
BG_MORE='{"timeout":"1s","working_dir":"/workspace/dir1"}' bg d s true
within 15 "a time limit of who is stuck" await c
timed_out c
within 15 "a time limit of who is stuck in its start" await d
timed_out d
# longer than init fights with what it cannot kill
sleep 6
others "after the end of one that is stuck"

# as many as there are, of one command: it cannot take all threads
bg a s sh -c 'for i in $(seq 10 59); do ./new$i & done; wait'
sleep 2
others "beside fifty that wait"
bg b s sh -c 'for i in $(seq 60 89); do ./new$i & done; wait'
sleep 2
others "beside two commands with eighty that wait"
want "a storm beside" "$(within 60 "a storm" run_in s sh -c 'cd /; i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i + 1)); done; echo $i')" 200
BG_MORE='{"timeout":"1s"}' bg l s sleep 60
within 10 "a time limit" await l
timed_out l

ctl approve "$first" >/dev/null || fail approve
await m
want "the operation" "$(of m .result.exit_code)" 0
for i in n a b; do
	within 30 "who waited: $i" await $i
done
want "it goes on" "$(out n)" "here "
want "they go on" "$(of a .result.stdout | grep -c here) $(of b .result.stdout | grep -c here)" "50 30"
others "when all is over"

# once more, by a name of which nothing is known yet
bg m s sh -c 'echo x >e.ask'
request 1
# a command that has too many of them has an error, and others their programs
cat >"$T/crowd" <<'S'
for i in $(seq 200); do ./new91 & done 2>/dev/null
# sleep(1) would wait as well
seconds() { read -r now _ </proc/uptime; now=${now%.*}; }
seconds
end=$((now + 12))
while [ "$now" -lt "$end" ]; do seconds; done
./new91 2>/dev/null
echo "crowd $?"
S
BG_MORE='{"timeout":"40s"}' bg e s sh -c "$(cat "$T/crowd")"
sleep 2
others "beside a crowd"
[ ! -e "$T/e.status" ] || fail "the crowd was gone: $(cat "$T/e.json")"
within 40 "a crowd" await e
want "too many" "$(out e)" "crowd 126 "
want "too many, recorded" "$(of e '.events.blocked_operations | map(.type + " " + .policy.rule + " " + .operation) | unique[]')" \
    "execve exec-crowd execve"
others "after a crowd"
ctl approve "$id" >/dev/null || fail approve
await m
want "the operation" "$(of m .result.exit_code)" 0
want "programs" "$(run_in s sh -c 'for i in $(seq 60); do ./new91 & done; wait' | grep -c here)" 60
