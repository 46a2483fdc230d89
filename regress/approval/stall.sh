#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An operation that waits for an operator holds the kernel's lock of a directory:
# who looks up a name there that is not known yet waits with it, and nobody
# else. Other commands execute programs, time limits and kills work, and the
# client of who waits has its answer in time.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
# programs that nobody in the session has looked up
as "$ME" sh -c "cd $ws && mkdir d && for i in \$(seq 60); do printf '#!/bin/sh\necho here\n' >new\$i; done && chmod 0755 new*"

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

is_stuck()
{
	run_in s sh -c 'grep -l "^State:.D" /proc/[0-9]*/status 2>/dev/null | wc -l' >"$T/stuck"
	[ "$(cat "$T/stuck")" -ge "$1" ]
}

run_in s true || fail true
bg m s sh -c 'echo x >d.ask'
request 1

# a program of that directory: execd looks for it
bg n s ./new1
sleep 1
within 5 "another command" run_in s true || fail true
within 5 "a shell" run_in s sh -c '/bin/echo a; cd /; ls / >/dev/null && uname' >"$T/out"
want "what it says" "$(tr '\n' ' ' <"$T/out")" "a Linux "
[ ! -e "$T/n.status" ] || fail "new1 did not wait: $(cat "$T/n.json")"
# a time limit of who does not wait
BG_MORE='{"timeout":"1s"}' bg l s sleep 60
within 10 "a time limit" await l
want "it" "$(of l '.result.exit_code, .result.error.code' | tr '\n' ' ')" "124 E_TIMEOUT "
# a time limit of who waits for execd
BG_MORE='{"timeout":"1s"}' bg l s ./new2
within 10 "a time limit of who waits" await l
want "it" "$(of l '.result.exit_code, .result.error.code' | tr '\n' ' ')" "124 E_TIMEOUT "
# killed by the API
bg k s sh -c './new3; echo after'
wait_for 10 sh -c "[ \"\$(jq length $T/pending.json)\" = 1 ]"
sleep 1
id=$(events command_started '[.[] | select(.fields.command == "sh" or .fields.args[1] != null)][0].command_id' 2>/dev/null)
# approvals of programs meanwhile
bg p s printenv HOME
request 2
ctl approve "$id"
within 10 "an approved program" await p
want "approved" "$(of p .result.exit_code)" 0

ctl approve "$(jq -r '.[0].id' "$T/pending.json")"
await m
want "the operation" "$(of m .result.exit_code)" 0
within 10 "who waited" await n
want "it goes on" "$(out n)" "here "
within 10 "who waited" await k
want "it goes on" "$(out k)" "here after "
