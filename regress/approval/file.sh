#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file operation that a rule wants approved waits, others go on, and the
# operator's word decides; what was asked and answered is on record.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
as "$ME" sh -c "echo old >$ws/a.ask; echo x >$ws/b.ask; echo hidden >$ws/c.secret"

# granted
bg w s sh -c 'echo new >a.ask && cat a.ask'
request 1
want "who asks" "$(asked '.kind + " " + .session_id + " " + .rule')" "file s ask"
want "what" "$(asked '.target + " " + .fields.operation')" "/workspace/a.ask write"
want "the rule's message" "$(asked .message)" "may it write /workspace/a.ask?"
want "nothing has happened" "$(cat "$ws/a.ask")" old
want_in "a list for people" "$(ctl approvals)" "$id  file  write  /workspace/a.ask"
# others go on meanwhile, in the same directory too
want "another command" "$(run_in s sh -c 'echo y >other && cat other b.ask')" "y
x"
ctl approve "$id" >"$T/out" || fail "approve: $(cat "$T/out")"
await w
want "granted" "$(of w .result.stdout)" "new"
want "on the host" "$(cat "$ws/a.ask")" new
told "its event" file_open '[.[] | select(.path == "/workspace/a.ask" and .policy.rule == "ask")][0] | .policy.decision + " " + .policy.effective_decision + " " + .policy.approval.id + " " + .policy.approval.mode' \
    "approve allow $id enforced"
told "requested" approval_requested '.[0] | .fields.approval_id + " " + .fields.target + " " + .fields.kind + " " + (.fields.timeout_ms | tostring | length | tostring) + " " + .operation' \
    "$id /workspace/a.ask file 5 write"
told "resolved" approval_resolved '.[0] | .fields.approval_id + " " + (.fields.approved | tostring) + " " + .fields.resolved_by' \
    "$id true operator uid $(if [ "$MODE" = service ]; then echo 0; else echo "$ME_UID"; fi)"

# once: the same again asks again; and denied, with a reason
bg w s sh -c 'echo newer >a.ask'
request 1
ctl deny --reason 'not on a Friday' "$id" || fail "deny"
await w
[ "$(of w .result.exit_code)" != 0 ] || fail "a denied write succeeded"
want "denied" "$(cat "$ws/a.ask")" new
told "its record" file_open '.[0] | .policy.effective_decision + " " + (.fields.blocked | tostring) + ": " + .fields.error' \
    "deny true: an operator refused it: not on a Friday"
want "what the agent can do" "$(of w '.guidance.suggestions[0].action + " " + (.guidance.retryable | tostring)')" "request_approval true"
told "resolved" approval_resolved '.[0] | (.fields.approved | tostring) + " " + .fields.reason' "false not on a Friday"
ctl deny "$id" 2>"$T/out" && fail "the same request was answered twice"
want_in "a second answer" "$(cat "$T/out")" "no such request"

# removing and creating; several operations of one open are one request
bg w s rm -f b.ask
request 1
want "delete" "$(asked '.target + " " + .fields.operation')" "/workspace/b.ask delete"
ctl approve "$id"
await w
[ ! -e "$ws/b.ask" ] || fail "an approved delete did nothing"
bg w s sh -c 'echo made >d.ask'
request 1
want "create" "$(asked '.target + " " + .fields.operation')" "/workspace/d.ask write,create"
ctl approve "${id#approval-}"
await w
want "created" "$(cat "$ws/d.ask")" made
bg w s cat c.secret
request 1
want "read" "$(asked '.target + " " + .fields.operation')" "/workspace/c.secret open,read"
ctl approve "$id"
await w
want "read" "$(of w .result.stdout)" hidden
# access(2) says what an open may come to, and asks nobody
run_in s sh -c 'test -w a.ask && test -r c.secret' || fail "access(2) refuses what can be approved"
want "nobody was asked" "$(pending)" 0

# a rename needs an approval for each of its ends that has such a rule
bg w s mv a.ask e.ask
request 1
want "first end" "$(asked '.target + " " + .fields.operation + " " + .fields.to_path')" "/workspace/a.ask rename: write,rename /workspace/e.ask"
ctl approve "$id"
wait_for 20 sh -c '! test -e '"$T/w.status"
first=$id
is_next()
{
	request 1
	[ "$id" != "$first" ]
}
wait_for 20 is_next || fail "no request for the second end"
want "second end" "$(asked .target)" /workspace/e.ask
ctl approve "$id"
await w
want "renamed" "$(of w .result.exit_code) $(cat "$ws/e.ask")" "0 new"
