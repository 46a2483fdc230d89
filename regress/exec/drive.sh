# SPDX-License-Identifier: Apache-2.0
# execd and init without the rest: results, signals, time limits, trees of
# processes, dead keepers, refused system calls, descriptors that stay.
# timeout: 300
#
# shellcheck shell=sh

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

drive=$TEST_BUILD/regress/exec/exec_drive
probe=$TEST_BUILD/regress/escape/probe
for file in "$drive" "$probe" "$STAGE/execd" "$STAGE/init"; do
	[ -x "$file" ] || skip "$file is missing: run make check-programs stage"
done
unshare --user true 2>/dev/null || skip "no user namespaces"
need_tool perl python3
out=$("$drive" "$STAGE/execd" "$STAGE/init" "$probe") || {
	say "$out"
	fail "exec_drive"
}
say "$out"
left=$(say "$out" | sed -n 's/^# SKIP //p')
[ -z "$left" ] || skip "the rest passed; $left"
