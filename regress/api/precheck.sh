#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the policy says of a command before it starts: its arguments, the shell
# script in them, what is run in its place, and the environment it gets.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
own_policies
cat >"$policies/pre.yaml" <<'EOF'
version: 1
name: pre
file_rules:
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - name: no-wipe
    commands: [rm]
    args_patterns: ['(^|\s)-[a-z]*r[a-z]*f', '(^|\s)-[a-z]*f[a-z]*r']
    decision: redirect
    redirect_to: {command: echo, args: ["not", "run here"]}
    message: "{{.Command}} {{.Args}} is not run, by {{.Rule}}"
  - {name: no-curl, commands: [curl], decision: deny, message: "No {{.Command}} here."}
  - {name: ask, commands: [git], args_patterns: ['^push'], decision: approve}
  - {name: env-own, commands: [printenv], args_patterns: ['^OWN'], decision: allow, env_deny: ["SECRET*"], env_max_keys: 40}
  - {name: env-few, commands: [printenv], args_patterns: ['^FEW'], decision: allow, env_allow: [PATH], env_max_keys: 1}
  - {name: rest, commands: ["*"], decision: allow}
env_policy:
  deny: ["BAD_*"]
env_inject:
  INJECTED: "by ${USER}"
EOF
chmod -R a+rX "$policies"
start_any "policies.default: pre" "sandbox.seccomp.shellc.opaque: enforce"
ws=$(new_workspace "$ME")
new_session s "$ws"

answer()
{
	jq -r "$1" "$T/exec.json"
}

# a rule looks at the arguments, and another command runs
out=$(run_in s rm -rf build)
want "a redirect's output" "$out" "not run here"
want "its status" "$(answer .guidance.status)" ok
want "its substitution" "$(answer '.guidance.substitutions[0].action + " " + .guidance.substitutions[0].command')" "redirected echo"
want "its reason" "$(answer '.guidance.substitutions[0].reason')" "rm -rf build is not run, by no-wipe"
want "its event" "$(api GET "/api/v1/sessions/s/history?type=command_redirected" |
    jq -r '.[0] | .fields.from_command + " " + (.fields.from_args | join(" ")) + " -> " + .fields.to_command + " " + (.fields.to_args | join(" ")) + " " + .policy.effective_decision')" \
    "rm -rf build -> echo not run here redirect"
run_in s rm -i nothing >/dev/null
want "rm of one file" "$(answer '.result.error.policy_rule // "ran"')" ran

# inside of a shell script and behind wrappers
denied()
{
	rule_=$1
	shift
	run_in s "$@" >/dev/null
	want "status of $*" "$(status)" 403
	want "rule for $*" "$(answer .guidance.policy_rule)" "$rule_"
}
denied no-curl curl x
want "a message's field" "$(answer '.guidance.suggestions[] | select(.action == "adjust_policy") | .reason')" \
    "the rule says: No curl here."
denied no-curl sh -c 'cd /tmp && curl x | cat'
denied no-curl bash -c "bash -c 'curl x'"
denied no-curl env A=b timeout 5 curl x
denied no-curl sh -c 'eval "curl x"'
run_in s sh -c 'for i in curl; do $i x; done' >/dev/null
want "a command of a script that cannot be read" "$(answer '.result.exit_code') $(answer .guidance.policy_rule)" "126 no-curl"
denied shellc-wrapper-bypass sh -c 'PATH=/tmp ls'
denied ask git push
want "what to do about approve" "$(answer '.guidance.suggestions[0].action')" enable_approvals
want "a script that can be read" "$(run_in s sh -c 'echo a && echo b | cat; true')" "a
b"
want "no script at all" "$(run_in s sh -c '')" ""

# the environment
envs='{"BAD_X":"1","AWS_SECRET_ACCESS_KEY":"k","SECRET_X":"s","GOOD":"g"}'
printenv()
{
	api POST /api/v1/sessions/s/exec "{\"command\":\"printenv\",\"args\":[\"$1\"],\"env\":$envs}" >"$T/exec.json"
	answer '.result.stdout // ""'
}
want "what is injected" "$(printenv INJECTED)" "by $(run_in s printenv USER)"
want "what is denied" "$(printenv BAD_X)" ""
want "a secret of the built-in list" "$(printenv AWS_SECRET_ACCESS_KEY)" ""
want "what is left" "$(printenv GOOD)" g
want "dropped names in the event" "$(api GET "/api/v1/sessions/s/history?type=command_policy&limit=1&order=desc" |
    jq -r '.[0].fields.env_dropped | sort | join(" ")')" "AWS_SECRET_ACCESS_KEY BAD_X"
api POST /api/v1/sessions/s/exec "{\"command\":\"printenv\",\"args\":[\"OWN\",\"SECRET_X\",\"BAD_X\"],\"env\":$envs}" >"$T/exec.json"
want "a rule's own list replaces the policy's" "$(answer .result.stdout)" 1
api POST /api/v1/sessions/s/exec "{\"command\":\"printenv\",\"args\":[\"FEW\"],\"env\":$envs}" >"$T/exec.json"
want "too many names" "$(status) $(answer .guidance.policy_rule)" "403 env-max-keys"
want "the mark of a session stays" "$(run_in s printenv AGENTSH_IN_SESSION)" 1
