#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/files measures what it is asked for, in a session, outside, and in one of
# a server with another configuration; and says what it does not understand.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool python3 jq
need_stage
need_fuse
[ -x "$TEST_BUILD/bench/fileio" ] || skip "not built: run make bench/fileio"
if [ "$(id -u)" = 0 ]; then
	[ "${TEST_ROOT:-0}" = 1 ] || skip "as root this needs private namespaces"
else
	need_user_mode
fi
need_dir
chmod 0755 "$T"
bench=$TEST_SRC/bench/files
echo 'sandbox.fuse.scope: all' >"$T/scope-all"
"$bench" -j -n 2 -b "$TEST_BUILD" -c "$T/scope-all" -d "$T" stat >"$T/json" || fail "bench/files"
want "works" "$(jq -c '.works | keys' "$T/json")" '["git status","stat"]'
for who in native agentsh scope-all; do
	want "rounds of $who" "$(jq ".works.stat.times[\"$who\"] | map(select(. > 0)) | length" "$T/json")" 2
done
jq -e '.works.stat.ratio.agentsh == .works.stat.median.agentsh / .works.stat.median.native' "$T/json" >/dev/null ||
    fail "ratio"
echo 'sandbox.fuse.nothing: 1' >"$T/bad"
"$bench" -n 1 -b "$TEST_BUILD" -c "$T/bad" -d "$T" stat >"$T/out" 2>&1 && fail "a key that is not known"
"$bench" -n 0 2>"$T/out" && fail "no rounds"
want_in "usage" "$(cat "$T/out")" "usage: files"
want_in "help" "$("$bench" --help)" "bubblewrap"
