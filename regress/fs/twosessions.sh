#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two sessions on one workspace together make no name that the policy denies to
# each of them: twosessions.c. TWO_SECONDS and TWO_SEED make it longer and begin
# elsewhere.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd twosessions
cat >"$T/policy.yaml" <<'P'
version: 1
name: test
file_rules:
  - {name: shut, paths: ["**/shut/**/no*"], decision: deny}
  - {name: all, paths: ["/**"], decision: allow}
P
seconds=${TWO_SECONDS:-10}
mkdir -p "$T/ws/repo/.git"
printf '[user]\n\tname = x\n' >"$T/ws/repo/.git/config"
cp "$TEST_BUILD/regress/fs/twosessions" "$T/ws/twosessions"
chown -R $ALICE_UID:$ALICE_UID "$T/ws"
# both sessions see the host's /dev
page=$(mktemp /dev/shm/agentsh-test.XXXXXX) || fail mktemp
trap 'keep_=$?; rm -f "$page"; (exit $keep_); cleanup' EXIT
truncate -s 4096 "$page"
chmod 0666 "$page"
for who in maker mover; do
	(EVENTS=$T/events.$who
	drive "$T/ws" "timeout -s KILL $((seconds + 60)) ./twosessions $who $page $seconds ${TWO_SEED:-1}" \
	    >"$T/$who" 2>"$T/$who.err" || say "status $?" >>"$T/$who.err") &
	eval "$who=$!"
done
wait $maker $mover
cat "$T/maker" "$T/maker.err" "$T/mover" "$T/mover.err"
if grep -q '^status' "$T/maker.err" "$T/mover.err"; then
	fail "a session: $(cat "$T/maker" "$T/mover" "$T/maker.err" "$T/mover.err" | tr '\n' ';')"
fi
grep -q ', 0 won$' "$T/mover" || fail "together they win"
tries=$(sed -n 's/ tries.*//p' "$T/mover")
[ "$tries" -gt 20 ] || fail "$tries tries"
say "taken back: $(grep -hc 'rule=moved-meanwhile' "$T/events.maker" "$T/events.mover" | tr '\n' ' ')," \
    "$(find "$T/ws" -maxdepth 1 -name '*.moved-*' | wc -l) aside"
found=$(find "$T/ws" -path '*/shut/*' -name 'no*' -o -path '*/.git/hooks/*' -name 'no*')
[ -z "$found" ] || fail "made: $found"
