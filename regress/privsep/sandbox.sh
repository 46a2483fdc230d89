#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each helper closes its sandbox before it hears anybody but agentshd, and the
# sandbox is the one of sandbox.def: Landlock with the rights of the process's
# LANDLOCK row, on the directories that it was given, and then seccomp. Seen by
# strace from outside.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 strace pgrep
need_modes
[ "$ME" != self ] || skip "only root's strace sees into another user namespace"
strace -f true 2>/dev/null || skip "strace may not trace here"
mkdir -m 1777 "$T/trace"
SERVER_WRAP="strace -X raw -y -ff -qq -o $T/trace/t -e trace=execve,execveat,prctl,seccomp,landlock_create_ruleset,landlock_add_rule,landlock_restrict_self,accept4,setrlimit,prlimit64,capset"
[ "$MODE" = service ] || SERVER_WRAP="$SERVER_WRAP -u $ME"
start_any
ws=$(new_workspace "$ME")
new_session s "$ws"
# strace holds the commands too: execd cannot see what they would run
run_in s true && fail "a command runs unwatched"
want "rule" "$(jq -r .result.error.policy_rule "$T/exec.json")" exec-untraceable
# the server is strace's child
# shellcheck disable=SC2046
kill -TERM $(pgrep -P "$SERVER_PID") && wait_for 10 server_is_gone || fail "the server does not end"
python3 "$TEST_SRC/regress/privsep/sandbox.py" "$TEST_SRC" "$T/trace" "$T" "$ws" "$ME_UID" ||
    fail "a sandbox is not as sandbox.def says"
