#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every NAME.in must be a policy; every bad-NAME.in must be refused with exactly
# the text in bad-NAME.err; shipped policies must be policies.
# With UPDATE=1 the texts are written anew: read them before you commit them.
set -u
check=${TEST_BUILD:?run it by regress/run}/regress/policy/check
dir=${TEST_SRC:?}/regress/policy
if [ ! -x "$check" ]; then
	echo "SKIP: $check is missing: run make check-programs"
	exit 77
fi
failed=0
cd "$dir" || exit 1
for f in bad-*.in; do
	want=${f%.in}.err
	if got=$("$check" "$f"); then
		echo "$f: was accepted"
		failed=1
	elif [ "${UPDATE:-0}" = 1 ]; then
		printf '%s\n' "$got" >"$want"
	elif [ "$got" != "$(cat "$want")" ]; then
		printf '%s: got:\n%s\nwant:\n' "$f" "$got"
		cat "$want"
		failed=1
	fi
done
for f in good-*.in "$TEST_SRC"/etc/policies/*.yaml; do
	if ! got=$("$check" "$f"); then
		printf '%s\n' "$got"
		failed=1
	fi
done
exit $failed
