#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A directory is renamed only after a look at all that is beneath it: one with a
# directory that opens and then cannot be listed stays where it is.
# timeout: 60
. "${TEST_SRC:?}/regress/lib.sh"
need_root
need_fuse
need_stage
drive=$TEST_BUILD/regress/fs/fsd_drive
hangfs=$TEST_BUILD/regress/fs/hangfs
[ -x "$drive" ] && [ -x "$hangfs" ] || skip "not built: run make check-programs"
cp "$STAGE/fsd" "$T/fsd" && chmod 755 "$T" "$T/fsd"
cat >"$T/policy.yaml" <<'P'
version: 1
name: test
file_rules:
  - {name: all, paths: ["/**"], decision: allow}
P
w=$T/home/alice/w
mkdir -p "$w/up/here" "$w/side/there"
chown -R $ALICE_UID:$ALICE_UID "$w"
"$hangfs" "$w/up/here" &
wait_for 5 grep -q " $w/up/here fuse" /proc/self/mounts || fail "no FUSE file system"
# it has no list, so that listing it is an error
ls "$w/up/here" 2>/dev/null && fail "the directory can be listed: this test shows nothing"

ASAN_OPTIONS=detect_leaks=0 "$drive" "$T/fsd" "$T/policy.yaml" $ALICE_UID $ALICE_UID \
    "$w" 'mv side aside; mv up away; ls' 9>"$T/events" >"$T/out" 2>"$T/err"
want "what is in the workspace" "$(tr '\n' ' ' <"$T/out")" "aside up "
grep -q '^file_rename .*path=/workspace/up .*policy.decision=deny .*policy.rule=rename-unreadable .*because of /workspace/up/here' "$T/events" ||
    fail "no event of the refusal: $(cat "$T/events")"
