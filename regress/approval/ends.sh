#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every end of a request but an operator's word is a denial: its time, the death
# of who waits, a time limit, an object that is not what it was, the end of the
# session, approvals that are off (A06).
# timeout: 180
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
as "$ME" sh -c "echo old >$ws/a.ask; echo old >$ws/b.ask; echo old >$ws/x.short; mkdir $ws/d; echo old >$ws/d/e.ask; echo key >$ws/k.secret"

# time
bg w s sh -c 'echo new >x.short'
await w
want "time is up" "$(cat "$ws/x.short")" old
told "time is up" file_open '.[0] | .policy.effective_decision + ": " + .fields.error' \
    "deny: nobody approved it in time"

# a signal that kills, and one that does not: the caller is not kept
bg w s sh -c "$victim victim sh -c 'echo new >a.ask'"
request 1
tell s
await w
want "killed" "$(out w)$(cat "$ws/a.ask")" "137 old"
comes "nobody waits" 0 pending
told "withdrawn" approval_resolved '.[0] | .fields.resolved_by + " " + (.fields.approved | tostring)' "withdrawn false"
cat >"$ws/intr.py" <<'P'
import os
import signal
class Enough(Exception):
    pass
def stop(*_):
    raise Enough
signal.signal(signal.SIGALRM, stop)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    os.open("a.ask", os.O_WRONLY)
    print("opened")
except Enough:
    print("interrupted")
P
if command -v python3 >/dev/null; then
	want "interrupted" "$(run_in s python3 intr.py)" interrupted
	comes "nobody waits" 0 pending
fi

# of a program: the process dies, and a time limit of the command
bg p s sh -c "$victim"'i=printenv; victim $i HOME'
request 1
tell s
await p
want "a program whose process dies" "$(out p)" "137 "
wait_for 20 is_pending 0 || fail "a dead process waits"
BG_MORE='{"timeout":"1s"}' bg p s printenv HOME
await p
want "a time limit" "$(of p '.result.exit_code, .result.error.code' | tr '\n' ' ')" "124 E_TIMEOUT "
want "it did not start" "$(of p '[.events.other[] | select(.type == "command_started")] | length')" 0
wait_for 20 is_pending 0 || fail "a timed out command waits"
# the client goes away, and one that is killed by the API
bg p s printenv HOME
request 1
pkill -P "$bg_p" curl
wait_for 10 is_pending 0 || fail "a command waits whose client is gone"
bg p s printenv HOME
request 1
api POST "/api/v1/sessions/s/kill/$(asked .command_id)" >/dev/null
want "kill" "$(status)" 200
await p
want "killed" "$(of p .result.exit_code)" 137
wait_for 20 is_pending 0 || fail "a killed command waits"

# the object: renamed, replaced, its directory moved
bg w s sh -c 'echo new >>a.ask'
request 1
as "$ME" mv "$ws/a.ask" "$ws/a.other"
as "$ME" sh -c "echo other >$ws/a.ask"
ctl approve "$id"
await w
want "replaced" "$(cat "$ws/a.ask" "$ws/a.other" | tr '\n' ' ')" "other old "
as "$ME" mv "$ws/a.other" "$ws/a.ask"
bg w s rm -f b.ask
request 1
as "$ME" sh -c "rm $ws/b.ask; echo precious >$ws/b.ask"
ctl approve "$id"
await w
want "another one is not removed" "$(cat "$ws/b.ask")" precious
told_in "why" file_delete '.[0].fields.error' "not the one that was approved"
bg w s cat k.secret
request 1
first=$id
# by such a rename it could be read: that is asked for as well
bg m s mv k.secret k.free
request 2
want "the rename" "$(asked '.target + " " + .fields.operation + " " + .fields.to_path')" "/workspace/k.secret rename: open,read /workspace/k.free"
ctl approve "$id"
await m
want "the rename" "$(of m .result.exit_code)" 0
ctl approve "$first"
await w
want "renamed by a command" "$(out w)" ""
told_in "why" file_open '[.[] | select(.path == "/workspace/k.free")][0].policy.rule' approval-object-moved
bg w s sh -c 'echo new >d/e.ask'
request 1
as "$ME" mv "$ws/d" "$ws/f"
ctl approve "$id"
await w
want "its directory" "$(cat "$ws/f/e.ask")" old

# the policy is another by then
as "$ME" sh -c "echo old >$ws/p.ask"
bg w s sh -c 'echo new >p.ask'
bg p s printenv HOME
request 2
sed -i 's/{name: rest,/{name: no-env, commands: [printenv], decision: deny}\n  - {name: rest,/; /name: ask-env/d; s/^file_rules:/&\n  - {name: no-p, paths: ["${WORKSPACE}\/p.ask"], operations: [write], decision: deny}/' "$policies/appr.yaml"
ctl reload >"$T/out" || fail "reload: $(cat "$T/out")"
for id in $(jq -r '.[].id' "$T/pending.json"); do
	ctl approve "$id" || fail approve
done
await w
await p
want "denied by the new policy" "$(cat "$ws/p.ask") $(of p .result.error.policy_rule)" "old no-env"
told "denied by the new policy" file_open '[.[] | select(.path == "/workspace/p.ask")][0].policy.rule' no-p
sed -i '/name: no-p/d; /name: no-env/d; s/^command_rules:/&\n  - {name: ask-env, commands: [printenv], decision: approve, timeout: 60s}/' "$policies/appr.yaml"
ctl reload >"$T/out" || fail "reload: $(cat "$T/out")"

# the session ends, also with those who wait in the kernel for the directory in
# which somebody waits
bg w s sh -c 'rm -f b.ask'
request 1
bg l s sh -c 'echo x >new'
bg p s printenv HOME
request 2
api DELETE /api/v1/sessions/s >/dev/null
want "the session" "$(status)" 204
wait_for 20 is_pending 0 || fail "requests of a session that is gone"
wait_for 10 test -e "$T/p.status"
want "not removed" "$(cat "$ws/b.ask")" precious
stop_server

# off: nobody is asked, and both say so
start_any "policies.default: appr" "approvals.enabled: false"
new_session s "$ws"
run_in s sh -c 'echo new >a.ask' && fail "written with approvals off"
want "off" "$(cat "$ws/a.ask") $(jq -r '.events.blocked_operations[0] | .policy.decision + " " + .policy.effective_decision' "$T/exec.json")" "old approve deny"
want_in "why" "$(jq -r '.events.blocked_operations[0].fields.error' "$T/exec.json")" approvals.enabled
run_in s printenv HOME && fail "run with approvals off"
want "off" "$(status) $(jq -r '.result.error.code + " " + .guidance.suggestions[0].action + " " + (.guidance.retryable | tostring)' "$T/exec.json")" \
    "403 E_APPROVAL_DENIED enable_approvals false"
run_in s sh -c 'i=printenv; $i HOME'
want "of a program inside" "$(jq -r '.result.exit_code, .events.blocked_operations[0].fields.error' "$T/exec.json" | head -c 3)" 126
