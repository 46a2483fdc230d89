#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file system beneath the workspace that does not answer stalls those who ask
# it, and nobody else: everything that can be done elsewhere in the workspace is
# done while many operations wait.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd hangfs
allow_all
w=$T/home/alice/w
mkdir -p "$w/slow" "$w/in/side" "$w/away"
echo text >"$w/a.txt"
chown -R $ALICE_UID:$ALICE_UID "$w"
hangs_at "$w/slow"

cat >"$w/work.sh" <<'S'
for i in 1 2 3 4 5 6; do
	cat slow/f$i >/dev/null 2>&1 &
	cat slow/h$i >/dev/null 2>&1 &
done
for i in 1 2 3; do ls slow/d >/dev/null 2>&1 & done
sleep 0.5
(echo x >slow/new) 2>/dev/null &
sleep 0.5
stat slow/freeze >/dev/null 2>&1 &
sleep 0.5
echo "waiting: $(jobs -r | wc -l)"
# each in its own time, so that the one that waits is named
try() { timeout -s KILL 20 "$@" || echo "FAILED: $*"; }
try cat a.txt
try sh -c 'echo b >b.txt'
try cat b.txt
try mv b.txt c.txt
try ln c.txt d.txt
try rm d.txt
try mkdir new
try mv in/side in/other
try mv in away/in
try rmdir new away/in/other away/in
try chmod 600 c.txt
try truncate -s 10 c.txt
try ls
try ls away /usr/bin >/dev/null
try ln -s a.txt link
try readlink link
try touch c.txt
try stat -f c.txt >/dev/null
try find away -type f
echo finished
S
{
	wait_for 90 grep -q finished "$T/out"
	kill -KILL $server
} &
drive "$w" 'bash ./work.sh 2>&1; wait' >"$T/out" 2>&1
cat "$T/out"
grep -q '^waiting: 16' "$T/out" || grep -q '^waiting: 17' "$T/out" || fail "not everything waits that should"
grep FAILED "$T/out" && fail "the session waits for a file system that it did not ask"
grep -q '^finished' "$T/out" || fail "the session is stalled"
grep -q '^slow$' "$T/out" || fail "the directory that hangs is not listed"
