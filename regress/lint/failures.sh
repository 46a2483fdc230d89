#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What regress/run shows of a test that failed: the reason that a test which it ran
# gave, and not that one's end alone; at its line, and once more at the end.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_dir
mkdir -p "$T/src/regress/a" "$T/build"
cp "$TEST_SRC/regress/run" "$T/src/regress/run"
: >"$T/src/regress/longest"
cd "$T/src/regress/a" || exit 1
cat >inner.sh <<'S'
echo "FAILED: the cause" >&2
echo "--- last lines of the server's log"
i=0
while [ $i -lt 80 ]; do
	echo "line $i of the server's log"
	i=$((i + 1))
done
echo "FAILED: the cause" >&2
exit 1
S
cat >outer.sh <<'S'
sh "$TEST_SRC/regress/a/inner.sh"
echo "status $?"
echo "FAILED: inner: status 1"
exit 1
S
cat >python.sh <<'S'
echo "FAILED: Traceback (most recent call last):
  File x, line 1
AssertionError: that
--- last lines of the server's log
serves"
exit 1
S
printf 'echo "FAILED: events: one\ntwo\nthree"; echo status 1; exit 1\n' >long.sh
echo 'echo so it was; exit 1' >plain.sh
printf '# timeout: 1\necho at that point\nsleep 60\n' >late.sh
echo 'echo "FAILED: nothing"; exit 0' >well.sh
echo 'echo not today; exit 77' >skipped.sh
TEST_SLOW=1 python3 "$T/src/regress/run" -b "$T/build" >"$T/out"
want "status" $? 1

# line START: the one that starts so, without the time that it took
line()
{
	grep "^$1" "$T/out" | sed 's/ ([0-9.]* s)//'
}
for at in "FAIL a/" "failed: a/"; do
	[ "$at" = "FAIL a/" ] && gap="  " || gap=": "
	want "$at" "$(line "$at" | LC_ALL=C sort)" "${at}inner${gap}the cause
${at}late${gap}not done after 1 s, after: at that point
${at}long${gap}events: one ... three
${at}outer${gap}the cause; inner: status 1
${at}plain${gap}so it was
${at}python${gap}AssertionError: that"
done
want "skipped" "$(line SKIP)" "SKIP a/skipped  not today"
want "passed" "$(line PASS)" "PASS a/well"
want "the last line" "$(tail -n 1 "$T/out")" "1 passed, 6 failed, 1 skipped"
