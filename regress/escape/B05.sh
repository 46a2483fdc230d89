#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A01 A02 A04 A20 B05: between decision and exec, threads and other processes
# change the path, the words, the pointers to them, a symbolic link on the way
# or the line of a script, thousands of times: never runs what was not decided.
# Without rules it does run, so the races are real. ESCAPE_TRIES makes them
# longer, ESCAPE_WAYS has some of them alone:
#	ESCAPE_TRIES=100000 regress/run -r -t 20 -v escape/B05
# timeout: 900
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
# many tries are many events
supervise_start "audit.max_session_size: 32GiB"
w=/workspace

# race SESSION WAY TRIES: "right" and "wrong" programs that were seen. A command
# has a time limit, so that many tries are several commands.
race()
{
	right=0 wrong=0 left=$3
	while [ "$left" -gt 0 ]; do
		n=$((left < 10000 ? left : 10000))
		left=$((left - n))
		out=$(run_in "$1" $w/execs "race-$2" "$n" $w/tool $w/denied) || true
		say "$1 $2: $out"
		seen=$(say "$out" | sed -n 's/^tries .* right \([0-9]*\) wrong \([0-9]*\) .*/\1 \2/p')
		[ -n "$seen" ] || fail "$2: no result: $out $(jq -c .result "$T/exec.json")"
		right=$((right + ${seen% *}))
		wrong=$((wrong + ${seen#* }))
	done
}

for way in ${ESCAPE_WAYS:-path word pointer link script shared-path shared-word shared-pointer}; do
	case $way in
	path | word) tries=${ESCAPE_TRIES:-4000} ;;
	*) tries=${ESCAPE_TRIES:-1500} ;;
	esac
	race open $way 1000
	[ "$wrong" -gt 0 ] || fail "$way: nothing is ever changed in time"
	race sup $way $tries
	want "$way: what was not decided and ran" "$wrong" 0
	[ "$right" -gt 0 ] || fail "$way: nothing runs at all"
done
