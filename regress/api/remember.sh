#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a session remembers, changed by PATCH, and what rules say of the commands
# that change it.
#
# shellcheck disable=SC2016

. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
own_policies
cat >"$policies/few.yaml" <<'P'
version: 1
name: few
file_rules:
  - {name: shut, paths: ["/workspace/shut", "/workspace/shut/**"], decision: deny}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: no-history, commands: [history], decision: deny, message: "no {{.Command}}"}
  - {name: no-preload, commands: [export], args_patterns: ['LD_PRELOAD'], decision: deny}
  - {name: no-target, commands: [denied], decision: deny}
  - {name: ask, commands: [unset], decision: approve}
  - {name: advice, commands: [pwd], decision: redirect, redirect_to: {command: echo, args: [ask, nobody]}}
  - {name: some, commands: [echo, sh, printenv, acat], decision: allow}
env_policy:
  deny: ["BAD_*"]
env_inject:
  INJECTED: "the policy's"
P
cat >"$policies/all.yaml" <<'P'
version: 1
name: all
file_rules:
  - {name: shut, paths: ["/workspace/shut", "/workspace/shut/**"], decision: deny}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: no-target, commands: [denied], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
P
chmod -R a+rX "$policies"
start_any "policies.default: all"
ws=$(new_workspace "$ME")
mkdir -p "$ws/shut" "$ws/listed"
printf 'hello\n' >"$ws/listed/a.txt"
printf 'kept\n' >"$ws/shut/secret"
cp /bin/echo "$ws/denied"
[ "$ME" = self ] || chown -R "$ME" "$ws"
new_session s "$ws"
new_session few "$ws" '"policy":"few"'

answer()
{
	jq -r "$1" "$T/exec.json"
}

# patch SESSION BODY
patch()
{
	api PATCH "/api/v1/sessions/$1" "$2" >"$T/patch.json"
}

run_in s export B=b
patch s '{"cwd":"listed","env":{"P":"q"},"unset":["B"]}'
want "PATCH" "$(status) $(jq -r '.id + " " + .cwd' "$T/patch.json")" "200 s /workspace/listed"
want "what it does" "$(run_in s sh -c 'echo "$(pwd) $P ${B-no}"')" "/workspace/listed q no"
patch s '{"cwd":"../nowhere","env":{"P":"r"}}'
want "a bad directory" "$(status) $(jq -r .error "$T/patch.json")" \
    '400 field "cwd": session-update: ../nowhere: No such file or directory'
want "nothing of it is done" "$(run_in s sh -c 'echo "$(pwd) $P"')" "/workspace/listed q"
patch s '{"cwd":"/workspace/shut"}'
want "one that is shut" "$(status)" 400
for body_ in '{}' '{"cwd":""}' '{"env":{"AGENTSH_X":"1"}}' '{"env":{"A B":"1"}}' '{"unset":["A="]}' '{"env":{"N":"a\u0000"}}' '{"nosuch":1}' '{"cwd":1}'; do
	patch s "$body_"
	want "PATCH $body_" "$(status)" 400
done
patch nobody '{"cwd":"/"}'
want "no such session" "$(status)" 404
want "its event tells names, not values" \
    "$(patch s '{"env":{"TOKEN":"hidden-value"}}'; api GET "/api/v1/sessions/s/history?type=command_policy&limit=1&order=desc" |
	jq -r '.[0].fields | .command + " " + (.args | join(" "))')" "session-update env=TOKEN"
run_in s session-update >/dev/null
want "it is no command" "$(answer .result.error.code)" E_COMMAND_FAILED
big=$(printf '%070000d' 0)
patch s "{\"env\":{\"X1\":\"$big\"}}"
want "much" "$(status)" 200
patch s "{\"env\":{\"X2\":\"$big\"}}"
want "more than a session remembers" "$(status) $(jq -r .error "$T/patch.json" | cut -c 1-40)" "400 session-update: a session remembers 512 "
patch s '{"unset":["X1"]}'
many=$(seq 1 513 | sed 's/.*/"V&":"x"/' | paste -sd, -)
patch s "{\"env\":{$many}}"
want "too many names" "$(status)" 400
as "$ME" agentsh session update s --cwd /workspace --set-env CLI=1 --set-env CLI=2 --unset-env P >"$T/out" ||
    fail "agentsh session update"
want "agentsh session update" "$(jq -r .cwd "$T/out") $(run_in s sh -c 'echo "$CLI ${P-no}"')" "/workspace 2 no"
as "$ME" agentsh session update s 2>/dev/null && fail "agentsh session update without options"

# a policy that names few commands: harmless builtins need no rule
want "cd without a rule" "$(run_in few cd listed; answer '.events.other[0].policy.rule')" builtin
run_in few pwd >"$T/out"
want "a redirect's words" "$(cat "$T/out") $(answer '.events.other[1].type')" "ask nobody command_redirected"
run_in few history >/dev/null
want "one that is denied by its name" "$(status) $(answer .guidance.policy_rule)" "403 no-history"
run_in few als >/dev/null
want "one that reads files needs a rule" "$(status)" 403
want "and has it" "$(run_in few acat a.txt | jq -r .content)" hello
run_in few unset X >/dev/null
want "nobody can be asked" "$(status) $(answer .result.error.code)" "403 E_POLICY_DENIED"
run_in few export LD_PRELOAD=x >/dev/null
want "a rule sees the names" "$(status)" 403
run_in few export BAD_X=1 INJECTED=mine AWS_SECRET_ACCESS_KEY=k GOOD=g >/dev/null
want "the policy's environment rules hold" "$(run_in few sh -c 'echo "${BAD_X-no} $INJECTED ${AWS_SECRET_ACCESS_KEY-no} $GOOD"')" \
    "no the policy's no g"
want "for env as well" "$(run_in few env | grep -c 'BAD_X\|AWS_SECRET')" 0
run_in few alias 'echo=denied' >/dev/null
run_in few echo >/dev/null
want "an alias allows nothing" "$(status) $(answer .guidance.policy_rule)" "403 no-target"
run_in few alias 'x=ls' >/dev/null
run_in few x >/dev/null
want "nor does a new name" "$(status)" 403
want "policy test knows them" "$(as "$ME" agentsh policy test --session few exec cd x | head -n 2)" "decision: allow
rule: builtin"

# all commands at once
both_run()
{
	[ "$(api GET "/api/v1/sessions/s/history?type=command_started&limit=2" | jq 'map(select(.fields.command == "sleep")) | length')" = 2 ]
}
for i in 1 2; do
	as "$ME" agentsh exec s -- sleep 60 >"$T/killed.$i" 2>&1 &
	eval "pid$i=\$!"
done
wait_for 20 both_run || fail "two commands do not run"
want "all are killed" "$(api POST /api/v1/sessions/s/kill | jq -c .)" '{"ok":true,"killed":2}'
wait "$pid1"
want "its status" $? 137
wait "$pid2"
want "the other's" $? 137
want "nobody is left" "$(as "$ME" agentsh kill s) $(api POST /api/v1/sessions/s/kill | jq .killed)" "ok 0"
api POST /api/v1/sessions/nobody/kill >/dev/null
want "kill in no session" "$(status)" 404
