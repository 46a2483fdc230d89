#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sandbox.seccomp.execve: how much of a program's arguments is looked at, what
# becomes of more, how long an operator is waited for; and what is no choice.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
conf=$T/bad.yaml
copy_stage
# no_conf KEY VALUE WORDS: agentshd does not start with it, and says these words
no_conf()
{
	printf 'sandbox: {seccomp: {execve: {%s: %s}}}\n' "$1" "$2" >"$conf"
	chmod 0644 "$conf"
	as "$ME" env AGENTSH_HELPER_DIR="$T/stage" "$T/stage/agentshd" -n -f "$conf" >"$T/out" 2>&1 && fail "$1: $2"
	want_in "$1: $2" "$(cat "$T/out")" "$3"
}
no_conf enabled false "is not one of true"
no_conf on_truncated allow "is not one of auto|deny"
no_conf approval_timeout_action allow "is not one of deny"
no_conf internal_bypass '[ls]' "no program is left out; write a command rule that allows it"
no_conf internal_bypass ls "no program is left out"
no_conf max_argc 0 "not between 1 and 65536"
no_conf max_argv_bytes 2MiB "not between 4096 and 1048576"
printf 'sandbox: {seccomp: {execve: {enabled: true, internal_bypass: []}}}\n' >"$conf"
as "$ME" env AGENTSH_HELPER_DIR="$T/stage" "$T/stage/agentshd" -n -f "$conf" >"$T/out" 2>&1 || fail "an empty list: $(cat "$T/out")"

policy open <<P
  - {name: all, commands: ["*"], decision: allow}
P
policy ask <<P
  - {name: ask, commands: [tool], decision: approve}
  - {name: ask-long, commands: [direct], decision: approve, timeout: 3s}
  - {name: all, commands: ["*"], decision: allow}
P
start_any "sandbox.seccomp.execve.max_argc: 10" "sandbox.seccomp.execve.max_argv_bytes: 4096" \
    "sandbox.seccomp.execve.on_truncated: deny" "sandbox.seccomp.execve.approval_timeout: 1s" \
    "approvals.enabled: true" "approvals.timeout: 60s"
ws=$(new_workspace "$ME")
for name_ in tool direct; do
	cp "$execs" "$ws/$name_" || fail "copy"
done
[ "$ME" = self ] || chown "$ME" "$ws"/*
new_session open "$ws" '"policy":"open"'
new_session ask "$ws" '"policy":"ask"'

# words N [BYTES]: a program with so many words
words()
{
	run_in open python3 -c "import os
try:
    os.execv('/workspace/tool', ['tool'] + ['x' * ${2:-1}] * ($1 - 1))
except OSError as e:
    print('NOT:', e.strerror)"
}
case $(words 10) in
"RAN tool x"*) ;;
*) fail "ten words" ;;
esac
want "eleven words" "$(words 11)" "NOT: Permission denied"
want "their rule" "$(jq -r '.events.blocked_operations[0].policy.rule' "$T/exec.json")" exec-arguments-too-long
case $(words 3 2000) in
"RAN tool x"*) ;;
*) fail "4006 bytes" ;;
esac
want "6006 bytes" "$(words 4 2000)" "NOT: Permission denied"

waited()
{
	start_=$(date +%s%N)
	run_in ask "$1" >/dev/null
	want "nobody approves $1" "$(jq -r .result.error.code "$T/exec.json")" E_APPROVAL_TIMEOUT
	took=$((($(date +%s%N) - start_) / 1000000))
}
waited ./tool
[ $took -ge 1000 ] && [ $took -lt 20000 ] || fail "it was waited $took ms"
waited ./direct
[ $took -ge 3000 ] || fail "the rule's own timeout: $took ms"
