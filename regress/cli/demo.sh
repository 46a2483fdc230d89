#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration works: with the service, and with a server that an ordinary
# user's first command starts.
. "${TEST_SRC:?}/regress/lib.sh"

# demo command...: runs it, keeps what it says for the log
demo()
{
	"$@"
	rc_=$?
	[ $rc_ != 77 ] || exit 77
	[ $rc_ = 0 ] || fail "status $rc_ of: $*"
}

if [ "$(id -u)" != 0 ]; then
	need_dir
	need_user_mode
	demo sh "$TEST_SRC/regress/demo.sh"
	exit 0
fi
need_root
need_fuse
demo env -u TEST_T sh "$TEST_SRC/regress/demo.sh"
# where alice can read it
mkdir -p "$T/src/regress"
cp "$TEST_SRC/regress/demo.sh" "$TEST_SRC/regress/lib.sh" "$T/src/regress/"
copy_stage
demo setpriv --reuid alice --regid alice --init-groups \
    env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME="$T/home/alice" \
    TMPDIR="$T/tmp" TEST_SRC="$T/src" TEST_BUILD="$T" sh "$T/src/regress/demo.sh"
