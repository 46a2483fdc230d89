#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random work of several processes on files leaves in them what it should, and
# the host has the same bytes: fsx.c. FSX_SECONDS makes it longer, FSX_SEED
# begins elsewhere:
#	FSX_SECONDS=1200 regress/run -r -t 8 -v fs/fsx
# timeout: 180
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd fsx
fsx=$TEST_BUILD/regress/fs/fsx
allow_all
dir=$(mktemp -d /var/tmp/agentsh-fsx.XXXXXX) || skip "no /var/tmp"
trap 'keep_=$?; rm -rf "$dir"; (exit $keep_); cleanup' EXIT
mkdir "$dir/in" "$dir/out" "$dir/short"
cp "$fsx" "$dir/in/fsx" && cp "$fsx" "$dir/out/fsx" && cp "$fsx" "$dir/short/fsx"
chown -R $ALICE_UID:$ALICE_UID "$dir/in" "$dir/out" "$dir/short" && chmod 755 "$dir"
seed=${FSX_SEED:-1}

# session DIRECTORY COMMAND: its output in $T/in
session()
{
	EVENTS=/dev/null drive "$1" "$2" >"$T/in" 2>"$T/err" || {
		tail -n 80 "$T/in" "$T/err"
		fail "fsx in the session"
	}
}

# one round, the same outside
what="-g 3 -p 3 -n 1500 -s $seed"
(cd "$dir/out" && setpriv --reuid $ALICE_UID --regid $ALICE_UID --clear-groups ./fsx $what) >"$T/out" 2>&1 || {
	tail -n 80 "$T/out"
	fail "fsx outside"
}
session "$dir/in" "./fsx $what"
for d in in out; do
	sort -o "$T/$d" "$T/$d"
	(cd "$dir/$d" && sha256sum g*) >>"$T/$d"
done
[ "$(grep -c ^group "$T/in")" = 3 ] || fail "not all groups came to their end"
cmp "$T/in" "$T/out" || {
	diff "$T/out" "$T/in"
	fail "the host has other bytes"
}
# many short ones
session "$dir/short" "./fsx -g 2 -p 4 -n 500 -s $((seed + 1000)) -t ${FSX_SECONDS:-5}"
tail -n 1 "$T/in"
