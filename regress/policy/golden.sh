#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bad.txt holds policies that are refused, each with exactly the text that says
# why. Every NAME.in must be a policy, its warnings and normal form as in
# NAME.ok. Shipped policies must be policies without warnings. The normal form
# of each is a policy with the same image (check.c).
# With --update, or UPDATE=1, the texts are written anew: read them before you
# commit them. The examples of agentsh-policy(5) are policies.
set -u
[ "${1:-}" != --update ] || UPDATE=1
here=$(cd "$(dirname "$0")/../.." && pwd)
src=${TEST_SRC:-$here}
check=${TEST_BUILD:-$here/build}/regress/policy/check
if [ ! -x "$check" ]; then
	echo "SKIP: $check is missing: run make check-programs"
	exit 77
fi
failed=0
cd "$src/regress/policy" || exit 1
python3 bad.py "$check" "${UPDATE:-0}" || failed=1
for f in *.in; do
	want=${f%.in}.ok
	if ! got=$("$check" -p "$f"); then
		printf '%s\n' "$got"
		failed=1
	elif [ "${UPDATE:-0}" = 1 ]; then
		printf '%s\n' "$got" >"$want"
	elif [ "$got" != "$(cat "$want")" ]; then
		printf '%s: got:\n%s\nwant:\n' "$f" "$got"
		cat "$want"
		failed=1
	fi
done
for f in "$src"/etc/policies/*.yaml; do
	got=$("$check" "$f") && [ -z "$got" ] && continue
	printf '%s\n' "$got"
	failed=1
done
# the examples of the manual, too
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
awk -v dir="$tmp" '/^\.Bd/ { f = dir "/example" ++n; next } /^\.Ed/ { f = "" } f {
	gsub(/\\e/, "\\")
	print >f
}' "$src/man/agentsh-policy.5"
for f in "$tmp"/*; do
	grep -q '^version:' "$f" || continue
	if ! got=$("$check" "$f"); then
		printf '%s\n' "$got"
		failed=1
	fi
done
for kind in file command network signal unix_socket; do
	cat "$tmp"/* | grep -q "^${kind}_rules:" && continue
	echo "agentsh-policy(5) has no example of ${kind}_rules"
	failed=1
done
exit $failed
