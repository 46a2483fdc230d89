#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every call with every kind of object gives in a session what it gives outside
# of one, as matrix.c shows; the few differences are listed here and in README. In
# memory, for speed; MATRIX_DIR names another place.
# timeout: 300
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd matrix
matrix=$TEST_BUILD/regress/fs/matrix
allow_all
dir=$(mktemp -d "${MATRIX_DIR:-$T}/matrix.XXXXXX") || fail mktemp
trap 'keep_=$?; umount "$dir"/*/of/fixed 2>/dev/null; rm -rf "$dir"; (exit $keep_); cleanup' EXIT
chmod 755 "$dir"

# what belongs to somebody else
others()
{
	mkdir "$1" "$1/of"
	(
		cd "$1/of" && mkdir dir sticky open fixed below closed &&
		    echo root >file && echo root >secret && chmod 600 secret &&
		    echo x >dir/x && echo x >open/x && chmod 777 open &&
		    chmod 1777 sticky && echo x >sticky/theirs && chmod 666 sticky/theirs &&
		    echo x >group && chmod 060 group && ln -s file link &&
		    echo x >below/x && mkdir below/d && chmod 777 below below/d && chmod 666 below/x &&
		    echo x >closed/x && chmod 754 closed
	)
	cp "$matrix" "$1/matrix"
	chown $ALICE_UID:$ALICE_UID "$1" "$1/of"
	chgrp $ALICE_UID "$1/of/group"
	mount --bind "$1/of/below" "$1/of/fixed" && mount -o remount,bind,ro "$1/of/fixed"
}
others "$dir/out"
others "$dir/in"

start=$(date +%s)
(cd "$dir/out" && setpriv --reuid $ALICE_UID --regid $ALICE_UID --clear-groups ./matrix) >"$T/out" 2>&1 ||
    fail "outside: $(tail -n 3 "$T/out")"
middle=$(date +%s)
drive "$dir/in" ./matrix >"$T/in" 2>"$T/err" || {
	cat "$T/err"
	tail -n 3 "$T/in"
	fail "the session"
}
say "$((middle - start)) s outside, $(($(date +%s) - middle)) s in a session"
[ -z "${MATRIX_KEEP:-}" ] || cp "$T/out" "$T/in" "$T/events" "$MATRIX_KEEP/"
[ "$(wc -l <"$T/out")" -gt 30000 ] || fail "the program did not run"

# what may differ: the case, the result outside, the result in a session
cat >"$T/known" <<'P'
# where two errors apply, the kernel tells another one of a FUSE file system
(unlinkat|rename|link) .*	(EACCES|EROFS|EPERM)	(ENOTDIR|EISDIR|EEXIST|ENOENT|EBUSY|EPERM)
mknod 0[26]0600 .*	(EACCES|EROFS)	EPERM
open [^ ]*NOATIME .*	EACCES	EPERM
[sg]etxattr .*	(EACCES|EROFS)	(EPERM|EOPNOTSUPP)
acl .*	EROFS	(EPERM|EACCES)
# security labels are not shown
getxattr 04 .*	ENODATA	EOPNOTSUPP
# connect and inotify do not ask a FUSE file system for rights
socket 01 .*	EACCES	ECONNREFUSED
watch .*	EACCES	1
# nor does a way by . and ..
acl 0 of a directory's dot	EACCES -> ad:40640:2:0	44 -> ad:40640:2:0
(l?chmod|acl) [0-7]+ of (a directory's dots?|the directory)	(0|EACCES) ->	(0|44) ->.*
# a directory's positions are its own
lseek 0[234] on RDONLY of an? (empty|full) directory.*	EINVAL	[0-9]+
# what changes nothing is not refused
l?chown 0 of of/fixed.*	EROFS	0
P
# an old kernel does not pass these on
release=$(uname -r)
if [ "$(printf '6.2\n%s\n' "$release" | sort -V | head -n 1)" = "$release" ]; then
	printf '%s\t.*\tEOPNOTSUPP( .*)?\n' 'open [^ ]*TMPFILE.*' 'acl .*' 'getxattr 0[67] .*' >>"$T/known"
fi
python3 - "$T/out" "$T/in" "$T/known" <<'P' || fail "something is not what it is outside of a session"
import re, sys
line = re.compile(r"(\w+): (.*?): (E\w+|-?\d+)((?: ->.*)?)$")
def read(name):
    with open(name, encoding="utf-8", errors="replace") as f:
        return [m.groups() if (m := line.match(x)) else ("?", x, "", "") for x in f]
out, ins = read(sys.argv[1]), read(sys.argv[2])
with open(sys.argv[3], encoding="utf-8") as f:
    known = [[re.compile(p) for p in x.rstrip("\n").split("\t")] for x in f if x[0] not in "#\n"]
bad = seen = 0
if len(out) != len(ins):
    print(f"{len(out)} results outside, {len(ins)} in a session")
    bad = 1
for a, b in zip(out, ins):
    if a == b:
        continue
    # the directory is the same, or the row tells of it
    if a[:2] == b[:2] and any(
            k[0].fullmatch(a[1]) and
            (a[3] == b[3] and k[1].fullmatch(a[2]) and k[2].fullmatch(b[2]) or
             k[1].fullmatch(a[2] + a[3]) and k[2].fullmatch(b[2] + b[3])) for k in known):
        seen += 1
        continue
    bad += 1
    if bad < 40:
        print(f"{a[0]}: {a[1]}: outside {a[2]}{a[3]}, in a session {b[2]}{b[3]}")
print(f"{len(ins)} results, {seen} of them known to differ, {bad} otherwise")
sys.exit(bad != 0)
P
