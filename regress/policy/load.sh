#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Policies as the running server loads them: warnings are logged, what is not
# enforced is refused, approve and its kin deny, messages name what was denied,
# and the whole language is parsed under policyd's own sandbox.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
start_any
ws=$(new_workspace "$ME")
as "$ME" sh -c "cd $ws && echo x >a.approve && echo x >a.redirect && echo x >a.trash && echo x >\$(id -u).own" ||
    fail "workspace"
API_USER=$ME
dir=$T/var/policies
[ -d "$dir" ] || dir=$T/state/policies

cat >"$dir/whole.yaml" <<'P'
version: 1
name: whole
file_rules:
  - {name: ask, paths: ["**/*.approve"], decision: approve, timeout: 5s, message: "ask about {{.Path}} by {{.Rule}}"}
  - {name: else, paths: ["**/*.redirect"], decision: redirect, redirect_to: "${TMPDIR}/x"}
  - {name: trash, paths: ["**/*.trash"], decision: soft_delete}
  - {name: own, paths: ["${WORKSPACE}/${UID}.own"], operations: [open, read, stat], decision: allow}
  - {name: ws, paths: ["${WORKSPACE}"], decision: allow}
  - {name: hidden, paths: ["${WORKSPACE}/x.trash", "**/*.trash"], operations: [read], decision: allow}
  - {name: hidden too, paths: ["**/*.trash"], operations: [read], decision: allow}
command_rules:
  - {name: no, commands: ["no*"], decision: deny, message: "{{.Command}} {{.Args}}: {{.Rule}}"}
  - {name: all, commands: ["*"], decision: allow}
network_rules:
  - {name: net, domains: ["{a,bücher}.test", "**.corp.test"], cidrs: [10.0.0.0/8], ports: [443], decision: deny}
  - {name: open, decision: allow}
P
new_session s "$ws" '"policy":"whole"'
# shellcheck disable=SC2016 # the session's shell expands it
want "own file, by UID" "$(run_in s sh -c 'cat $(id -u).own')" x
run_in s rm a.trash || fail "a soft delete"
want "in the trash" "$(jq -r '[.events.file_operations[]|select(.type=="soft_delete")]|length' "$T/exec.json")" 1
for f in a.approve a.redirect; do
	run_in s cat $f >"$T/out" 2>&1 && fail "$f was read"
	[ ! -s "$T/out" ] || fail "$f: output"
	run_in s rm -f $f >"$T/out" 2>&1 && fail "$f was deleted"
	[ -e "$ws/$f" ] || fail "$f is gone"
done
run_in s cat a.approve >"$T/out"
want "message" "$(jq -r '[.events.blocked_operations[] | .policy.message // empty] | .[0]' "$T/exec.json")" \
    "ask about /workspace/a.approve by ask"
run_in s nothing 'a b' >"$T/out"
want "message of a command" "$(jq -r '.result.error.context.policy_message' "$T/exec.json")" "nothing a b: no"
[ "$(grep -c 'whole.yaml:10:.*rule hidden too is never reached: trash on line 6' \
    "$T/server.log")" = 1 ] || fail "not once in the log"

# refused TEXT POLICY WANT: no session under it, and the reason
refused()
{
	printf 'version: 1\nname: r\n%s\n' "$2" >"$dir/refused.yaml"
	out=$(api POST /api/v1/sessions "{\"workspace\":\"$ws\",\"policy\":\"refused\"}")
	want "$1" "$(status)" 400
	want_in "$1" "$(say "$out" | jq -r .error)" "refused.yaml:$3"
}
refused "a later kind" 'audit: {log_allowed: true}' \
    '3:1: audit: not enforced by this build'
refused "an expression" "command_rules: [{name: a, args_patterns: ['a('], decision: deny}]" \
    '3:43: args_patterns: a(: at byte 3: missing closing parenthesis'
refused "a domain" 'network_rules: [{name: a, domains: ["x\u2028.test"], decision: deny}]' '3:37: domains: '
refused "a slip" 'file_rule: []' '3:1: file_rule: unknown key of the policy, did you mean "file_rules"?'
printf 'version: 1\nname: r\nallow_unenforced: true\nresource_limits: {max_memory_mb: 5}\n' >"$dir/partly.yaml"
new_session p "$ws" '"policy":"partly"'
grep -q 'partly.yaml:4:.*max_memory_mb: not enforced by this build' "$T/server.log" || fail "no warning of partly.yaml"
