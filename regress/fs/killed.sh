#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a call has written is written: when fsd is killed in the middle of it, all
# of which a command was told is in the host's files, synced or not; and what
# comes after it fails.
# timeout: 60
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd
need_tool python3
allow_all
dir=$(mktemp -d /var/tmp/agentsh-killed.XXXXXX) || skip "no /var/tmp"
trap 'keep_=$?; rm -rf "$dir"; (exit $keep_); cleanup' EXIT
chmod 755 "$dir"
said_enough() { [ "$(wc -l <"$T/said")" -gt 3000 ] && grep -q '^synced 30$' "$T/said"; }
all_ended() { ! grep -qsa 'killed\.py.write' /proc/[0-9]*/cmdline; }
for round in 1 2 3; do
	mkdir "$dir/$round"
	cp "$TEST_SRC/regress/fs/killed.py" "$dir/$round/"
	chown -R $ALICE_UID:$ALICE_UID "$dir/$round"
	: >"$T/said"
	ASAN_OPTIONS=detect_leaks=0 "$drive" "$T/fsd" "$T/policy.yaml" $ALICE_UID $ALICE_UID "$dir/$round" \
	    "exec python3 killed.py write" 9>/dev/null >>"$T/said" 2>"$T/err" &
	pid=$!
	wait_for 20 said_enough || {
		cat "$T/err"
		fail "nothing is written"
	}
	fsd_=
	for child in $(cat "/proc/$pid/task/$pid/children"); do
		[ "$(cat "/proc/$child/comm")" != fsd ] || fsd_=$child
	done
	[ -n "$fsd_" ] || fail "no fsd to kill"
	kill -KILL "$fsd_"
	wait $pid && fail "the session goes on without fsd"
	# none hangs: each has an error, or the signal for a page of its program
	wait_for 20 all_ended || fail "something hangs"
	grep -q '^#' "$T/said" || fail "no call has failed"
	(cd "$dir/$round" && python3 killed.py check <"$T/said") >"$T/lost" || {
		cat "$T/lost"
		fail "something is lost"
	}
done
cat "$T/lost"
