#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/exec measures what it is asked for, in a session and outside, and says
# what it does not understand.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool python3 jq
need_stage
need_fuse
[ -x "$TEST_BUILD/bench/spawn" ] || skip "not built: run make bench/spawn"
if [ "$(id -u)" = 0 ]; then
	[ "${TEST_ROOT:-0}" = 1 ] || skip "as root this needs private namespaces"
else
	need_user_mode
fi
need_dir
chmod 0755 "$T"
bench=$TEST_SRC/bench/exec
"$bench" -j -n 1 -k 20 -b "$TEST_BUILD" -d "$T" spawn shell make >"$T/json" || fail "bench/exec"
want "works" "$(jq -c '[.works | keys[] | select(. != "make")]' "$T/json")" '["shell","shells","spawn","spawn p50","spawn p99"]'
for who in native agentsh; do
	want "rounds of $who" "$(jq "[.works[].times[\"$who\"] | length == 1 and .[0] > 0] | all" "$T/json")" true
done
jq -e '.works.spawn | .ratio.agentsh == .median.agentsh / .median.native' "$T/json" >/dev/null || fail "ratio"
jq -e '.works | .["spawn p50"].median.native <= .["spawn p99"].median.native' "$T/json" >/dev/null || fail "percentiles"
"$bench" -k 1 2>"$T/out" && fail "no execs"
want_in "usage" "$(cat "$T/out")" "usage: exec"
want_in "help" "$("$bench" --help)" "bubblewrap"
"$TEST_BUILD/bench/spawn" 2 /bin/false >"$T/out" 2>&1
want "spawn of what fails" $? 1
