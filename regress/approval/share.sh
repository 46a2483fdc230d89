#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who wants the same waits for the same answer; an answer for the session holds
# for the same object, operation and rule, in that session alone; and what a
# session can have waiting is bounded.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
new_session other "$ws"
as "$ME" sh -c "echo 1 >$ws/a.secret; echo 2 >$ws/b.secret; : >$ws/a.ask"

# two of one session share, another session's does not
bg one s cat a.secret
request 1
bg two s cat a.secret
waits()
{
	pending >/dev/null
	[ "$(asked .fields.waiting)" = "$1" ]
}
wait_for 20 waits 2 || fail "the second does not share"
bg three other cat a.secret
request 2
want "a request of its own" "$(asked .session_id)" other
ctl deny "$id"
await three
request 1
ctl approve "$id"
await one
await two
want "both" "$(out one)$(out two)" "1 1 "
want "not the other" "$(out three)" ""
want "once" "$(pending)" 0

# one of two goes away: the other waits on
bg one s sh -c "$victim victim cat a.secret"
request 1
bg two s cat a.secret
wait_for 20 waits 2 || fail "the second does not share"
first=$(asked '.command_id + " " + (.fields.pid | tostring)')
tell s
await one
wait_for 10 waits 1 || fail "a request of nobody"
request 1
# who is gone is not shown for who waits
now=$(asked '.command_id + " " + (.fields.pid | tostring)')
[ "${now% *}" != "${first% *}" ] && [ "${now#* }" != "${first#* }" ] || fail "shown is still who is gone: $now"
told "who it is" approval_requested "[.[] | select(.fields.approval_id == \"$id\") | .command_id + \" \" + (.pid | tostring)] | index(\"$now\") != null" true
ctl approve "$id"
await two
want "who stays" "$(out two)" "1 "

# for the session
bg one s cat a.secret
request 1
ctl approve --session --reason "for today" "$id"
await one
want "again, nobody asked" "$(run_in s cat a.secret)" 1
told "on record" file_open '[.[] | select(.path == "/workspace/a.secret")][0] | .policy.decision + " " + .policy.approval.id' "approve $id"
bg one s cat b.secret
request 1
want "another object" "$(asked .target)" /workspace/b.secret
ctl deny "$id"
await one
bg one other cat a.secret
request 1
want "another session" "$(asked .session_id)" other
ctl deny "$id"
await one
bg one s mv a.secret a.free
request 1
want "another operation" "$(asked .fields.operation)" "rename: open,read"
ctl deny "$id"
await one
as "$ME" sh -c "mv $ws/a.secret $ws/old; echo 3 >$ws/a.secret"
# the kernel may believe a name for a second
sleep 1.2
bg one s cat a.secret
request 1
ctl deny "$id"
await one
want "another file of that name" "$(out one)" ""

# a flood: ten wait, others are refused at once, and who does not need an
# approval is not kept
as "$ME" sh -c "cd $ws; i=0; while [ \$i -lt 25 ]; do : >flood\$i.ask; i=\$((i+1)); done"
# shellcheck disable=SC2016 # the session's shell expands it
bg flood s sh -c 'i=0; while [ $i -lt 25 ]; do (echo x >>flood$i.ask; echo $? >>done) & i=$((i+1)); done; wait'
request 10
refused()
{
	[ "$(grep -c '[12]' "$ws/done")" -ge 15 ]
}
wait_for 20 refused || fail "the others were not refused"
want "ten" "$(pending)" 10
want "another command" "$(run_in s echo on)" on
want "another session" "$(run_in other echo on)" on
told_in "the record" file_open '[.[] | select(.policy.effective_decision == "deny")][0].fields.error' "no operator was asked: too many"
for id in $(jq -r '.[].id' "$T/pending.json"); do
	ctl deny "$id" || fail "deny"
done
await flood
# and not many in a short time: on a slow machine it takes longer until they ask
for limit in 0.1 0.5 2; do
	run_in s sh -c "for i in \$(seq 6); do
		for j in \$(seq 9); do timeout -s KILL $limit sh -c \"echo x >>flood\$j.ask\" & done
		wait
	done" >/dev/null
	events file_open '[.[] | .fields.error // ""]' | grep -q "short time" && break
done
told_in "the record" file_open '[.[] | select(.fields.error // "" | contains("short time"))][0].fields.error' "too many requests in a short time"
wait_for 20 is_pending 0 || fail "somebody waits: $(cat "$T/pending.json")"
