#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The host's files and the session's view of them: one file is one inode, two
# files are two, and what the host changes is seen after a second at most.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_tool python3
need_fsd
allow_all
w=$T/home/alice/w
# not in /tmp, which the session has its own of
o=$(mktemp -d /var/tmp/agentsh-views.XXXXXX) || skip "no /var/tmp"
trap 'keep_=$?; rm -rf "$o"; (exit $keep_); cleanup' EXIT
mkdir -p "$w/m1" "$w/m2" "$w/d"
mount -t tmpfs one "$w/m1" && mount -t tmpfs two "$w/m2" || fail "tmpfs"
for f in "$w/m1/f" "$w/m2/f" "$w/file" "$o/file" "$w/gone" "$w/old"; do echo AAAA >"$f"; done
ln "$w/file" "$w/hard"
chown -R $ALICE_UID:$ALICE_UID "$w" "$o"
cp "$TEST_SRC/regress/fs/views.py" "$w/views.py"

session()
{
	drive "$w" "$@" >"$T/out" 2>"$T/err" || {
		cat "$T/out" "$T/err"
		fail "the session"
	}
}

# shellcheck disable=SC2016
numbers='stat -c "%n %i %h" m1/f m2/f file hard m1 m2 d . /usr /run /sys'
session "$numbers"
cp "$T/out" "$T/first"
session "cat m2/f m1/f >/dev/null; ls -lR /var/log >/dev/null 2>&1; $numbers"
cmp -s "$T/first" "$T/out" || {
	diff "$T/first" "$T/out"
	fail "inode numbers are not the same in the next session"
}
want "hard links" "$(awk '$1 == "file" || $1 == "hard" {print $2, $3}' "$T/out" | sort -u | wc -l)" 1
want "distinct numbers" "$(awk '{print $2}' "$T/out" | sort -u | wc -l)" 10
want "the workspace's own numbers" "$(awk '$1 == "file" {print $2}' "$T/out")" "$(stat -c %i "$w/file")"

# the host changes things when the session says that it is ready
{
	wait_for 20 test -e "$w/ready" || exit
	for f in "$w/file" "$o/file"; do
		# in place, and of the same size
		printf BBBB | dd of="$f" conv=notrunc 2>/dev/null
	done
	rm "$w/gone"
	mv "$w/old" "$w/new"
	touch "$w/appeared" && chown $ALICE_UID "$w/appeared"
	touch "$w/changed"
} &
session "python3 views.py $o ${TEST_SLOW:-1}"
want "seen in time" "$(grep -v ' ok$' "$T/out")" ""
want "what was looked at" "$(wc -l <"$T/out")" 8
