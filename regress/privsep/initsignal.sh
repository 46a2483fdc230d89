#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who has taken over execd has init send signals, and to nobody outside of the
# session: the kernel knows no process outside for pid 1 (initsignal.c). That
# execd itself sends none is in unit/t_sandbox.
. "${TEST_SRC:?}/regress/lib.sh"
need_stage
initsignal=$TEST_BUILD/regress/privsep/initsignal
[ -x "$initsignal" ] || skip "$initsignal is missing: run make check-programs"
run=
if [ "$(id -u)" = 0 ]; then
	need_root
	run="setpriv --reuid $ALICE_UID --regid $ALICE_UID --clear-groups"
else
	need_dir
fi
$run unshare -Ur true 2>/dev/null || skip "no user namespaces"
mkdir -m 0755 "$T/bin"
cp "$STAGE/init" "$initsignal" "$T/bin/"
mkdir -m 0700 "$T/work"
[ "$(id -u)" != 0 ] || chown "$ALICE_UID" "$T/work"
chmod 0711 "$T"
$run "$T/bin/initsignal" "$T/bin/init" "$T/work" unsealed || fail "a filter that is not sealed"
rm -rf "$T/work/home"
$run "$T/bin/initsignal" "$T/bin/init" "$T/work" || fail "init signals whom it should not"
