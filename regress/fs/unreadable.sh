#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A directory is renamed only after a look at all that is beneath it: one with a
# directory that opens and then cannot be listed stays where it is.
# timeout: 60
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd hangfs
allow_all
w=$T/home/alice/w
mkdir -p "$w/up/here" "$w/side/there"
chown -R $ALICE_UID:$ALICE_UID "$w"
hangs_at "$w/up/here"
# it has no list, so that listing it is an error
ls "$w/up/here" 2>/dev/null && fail "the directory can be listed: this test shows nothing"

drive "$w" 'mv side aside; mv up away; ls' >"$T/out" 2>"$T/err"
want "what is in the workspace" "$(tr '\n' ' ' <"$T/out")" "aside up "
grep -q '^file_rename .*path=/workspace/up .*policy.decision=deny .*policy.rule=rename-unreadable .*because of /workspace/up/here' "$T/events" ||
    fail "no event of the refusal: $(cat "$T/events")"
