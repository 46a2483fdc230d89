#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The workspace is on a file system whose server answers nobody any more: fsd
# waits in the kernel and cannot be killed, and the session's processes wait for
# fsd. The session ends all the same, is shown as stuck, and holds up neither
# the others nor the end of the service.
# waits
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq pgrep python3
need_modes
[ "$ME" != self ] || skip "needs root: a file system of this test's own"
mutefs=$TEST_BUILD/regress/privsep/mutefs
[ -x "$mutefs" ] || skip "$mutefs is not built: run make check-programs"
# an ordinary user's agentshd cannot mount it, only use the host's
mountpoint -q /sys/fs/fuse/connections || mount -t fusectl fusectl /sys/fs/fuse/connections ||
    skip "no fusectl"

gone()
{
	for gone_ in "$@"; do
		! pgrep -x "$gone_" >/dev/null || return 1
	done
}

# a session whose fsd and command wait for ever
start_stuck()
{
	rm -f "$T/silence"
	mkdir -p "$T/mute"
	"$mutefs" "$T/mute" "$T/silence" "$ME_UID" &
	mute_pid=$!
	wait_for 20 grep -q " $T/mute fuse" /proc/self/mounts || fail "no FUSE file system"
	new_session s "$T/mute"
	want "while it answers" "$(run_in s cat file)" heard
	: >"$T/silence"
	as "$ME" curl -s --max-time 60 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
	    -d '{"command":"sh","args":["-c","cp /bin/cat /tmp/mutecat; exec /tmp/mutecat file"]}' \
	    http://localhost/api/v1/sessions/s/exec >/dev/null 2>&1 &
	waiter=$!
	wait_for 10 test -s "$T/silence" || fail "fsd does not wait for the silent server"
	wait_for 10 pgrep -x mutecat >/dev/null || fail "no command waits"
}

# the server of the file system goes: everything that waited is gone too
release()
{
	kill -KILL "$mute_pid"
	wait "$mute_pid" 2>/dev/null
	wait_for 20 gone "$@" || fail "left after the file system went: $(pgrep -lx "$@")"
	umount "$T/mute" 2>/dev/null || umount -l "$T/mute"
	wait "$waiter" || :
}

shown()
{
	as_operator "$T/stage/agentshctl" -s "$OPERATOR_SOCK" show sessions
}

as_operator()
{
	if [ "$MODE" = service ]; then "$@"; else as "$ME" "$@"; fi
}

start_any
start_stuck
begun=$(date +%s)
api DELETE /api/v1/sessions/s >/dev/null
want "the end of a stuck session" "$(status)" 204
took=$(($(date +%s) - begun))
[ $took -le $((15 * ${TEST_SLOW:-1})) ] || fail "the end of a stuck session took $took s"
say "DELETE: $took s"
# those who waited for fsd are free: its connection was aborted
gone init mutecat || fail "still there: $(pgrep -lx 'init|mutecat')"
pgrep -x fsd >/dev/null || fail "fsd is not stuck: this test shows nothing"
want_in "show sessions" "$(shown)" "s $ME_UID stuck "
grep -q 'fsd (pid [0-9]*) was killed and does not end' "$T/server.log" || fail "no word in the log"
api GET /api/v1/sessions/s >/dev/null
want "the session for clients" "$(status)" 404
api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$T\"}" >"$T/again.json"
want "its name" "$(status)" 409
want_in "its name" "$(cat "$T/again.json")" "not all of its processes"
new_session other "$(new_workspace "$ME")"
want "another session" "$(run_in other echo works)" works
api DELETE /api/v1/sessions/other >/dev/null
want "the end of another session" "$(status)" 204
release fsd execd init mutecat
not_shown()
{
	[ -z "$(shown)" ]
}
wait_for 20 not_shown || fail "still shown: $(shown)"
new_session s "$(new_workspace "$ME")"
want "its name is free again" "$(run_in s echo works)" works
api DELETE /api/v1/sessions/s >/dev/null

# the same, and the whole service ends
start_stuck
begun=$(date +%s)
kill -TERM "$SERVER_PID"
wait_for 25 server_is_gone || fail "a stuck session holds up the end of the service"
wait "$SERVER_PID"
want "status of agentshd" $? 0
SERVER_PID=
took=$(($(date +%s) - begun))
say "the end of the service: $took s"
[ $took -le $((20 * ${TEST_SLOW:-1})) ] || fail "the end of the service took $took s"
gone init mutecat execd sessiond policyd eventd netd ||
    fail "still there: $(pgrep -lx 'init|mutecat|execd|sessiond|policyd|eventd|netd')"
[ ! -e "$API_SOCK" ] && [ ! -e "$OPERATOR_SOCK" ] || fail "a socket is left"
release fsd
