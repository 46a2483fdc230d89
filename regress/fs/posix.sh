#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What calls on files do is what they do without agentsh, as posix.c shows; the
# few differences are listed here.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd posix
posix=$TEST_BUILD/regress/fs/posix
allow_all

# A file system with access lists, attributes and holes, unlike some /tmp.
dir=$(mktemp -d /var/tmp/agentsh-posix.XXXXXX) || skip "no /var/tmp"
trap 'keep_=$?; rm -rf "$dir"; (exit $keep_); cleanup' EXIT
mkdir "$dir/in" "$dir/out"
cp "$posix" "$dir/in/posix" && cp "$posix" "$dir/out/posix"
chown -R $ALICE_UID:$ALICE_UID "$dir/in" "$dir/out" && chmod 755 "$dir"

(cd "$dir/out" && setpriv --reuid $ALICE_UID --regid $ALICE_UID --clear-groups ./posix) >"$T/out" 2>&1
drive "$dir/in" ./posix >"$T/in" 2>"$T/err" || {
	cat "$T/err"
	fail "the session"
}
[ "$(wc -l <"$T/out")" -gt 400 ] || fail "the program did not run"

# an old kernel does not pass these on
release=$(uname -r)
older() { [ "$(printf '%s\n' "$1" "$release" | sort -V | head -n 1)" = "$release" ]; }
for f in out in; do
	older 6.2 && sed -i '/^tmpfile:/d; /^acl:/d' "$T/$f"
	older 6.6 && sed -i '/^statx: .*btime\|^statx:.*BTIME/d' "$T/$f"
done
cp "$T/out" "$T/expected"
# a program must be readable to be run, as fsd reads it
sed -i 's/^\(exec: program that cannot be read\): 0$/\1: 13/' "$T/expected"
# capabilities of files are not shown
sed -i 's/^\(xattr: getxattr("f", "security.capability".*\): ENODATA$/\1: EOPNOTSUPP/' "$T/expected"
cmp -s "$T/expected" "$T/in" || {
	diff "$T/expected" "$T/in"
	fail "something is not what it is outside of a session"
}
say "$(wc -l <"$T/in") results, the same"
