#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where memory is short the kernel ends commands first, then what serves their
# session alone, and what serves all sessions is as it was started: many small
# commands must not make the largest process that of everybody else.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
need_tool curl jq
read -r usual </proc/self/oom_score_adj
[ "$usual" -le 300 ] || skip "this process has $usual already"
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
new_session s "$ws"
want "a command" "$(run_in s cat /proc/self/oom_score_adj)" 500
want "what pid 1 has" "$(run_in s cat /proc/1/oom_score_adj)" 500
run_in s sh -c 'echo 0 >/proc/self/oom_score_adj' 2>/dev/null && fail "a command can change it"

# all that the server started: name and number
all_of()
{
	for child_ in $(cat "/proc/$1/task/$1/children"); do
		read -r name_ <"/proc/$child_/comm"
		read -r adj_ <"/proc/$child_/oom_score_adj"
		say "$name_ $adj_"
		all_of "$child_"
	done
}
all_of "$SERVER_PID" | sort -u >"$T/have"
for i in "fsd 300" "execd 300" "init 500" "sessiond $usual" "policyd $usual" "eventd $usual"; do
	grep -qx "$i" "$T/have" || fail "not $i: $(cat "$T/have")"
done
