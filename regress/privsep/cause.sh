#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The end of a session tells which of its processes went first, and which ended
# because of that, whoever of them agentshd has seen first: in the log, in the
# session's last event, and to the client.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
[ "$ME" != self ] || skip "whose processes they are, only root can see"
start_any "sessions.max_sessions: 8"
API_USER=$ME
ws=$(new_workspace "$ME")

# of SESSION: the pids of its helpers, by those that were not there before
helper()
{
	pgrep -x "$1" >"$T/now" || :
	grep -vxFf "$T/before.$1" "$T/now" | head -n 1
}

gone()
{
	api GET "/api/v1/sessions/$sid" >/dev/null
	[ "$(status)" = 404 ]
}

# ends NAME HOW: kills one, in a session of its own
n=0
ends()
{
	for name in execd fsd fusereg init; do
		pgrep -x "$name" >"$T/before.$name" || :
	done
	n=$((n + 1))
	sid=s$n
	new_session "$sid" "$ws"
	victim=$(helper "$1")
	if [ -z "$victim" ]; then
		# a user's own server has no fusereg
		api DELETE "/api/v1/sessions/$sid" >/dev/null
		return
	fi
	agentshd=$(ps -o ppid= -p "$(helper execd)" | tr -d ' ')
	if [ "$2" = late ]; then
		# both are dead when agentshd looks
		kill -STOP "$agentshd"
		kill -KILL "$victim"
		sleep 0.3
		kill -CONT "$agentshd"
	else
		kill -KILL "$victim"
	fi
	wait_for 20 gone || fail "$1: the session goes on"
	wait_for 20 grep -q "session $sid of uid .* ended:" "$T/server.log" || fail "$1: not in the log"
	line=$(grep "session $sid of uid .* ended:" "$T/server.log")
	case $line in
	*"helper_died: $1: signal 9"*) ;;
	*) fail "$1: $line" ;;
	esac
	api GET "/api/v1/sessions/$sid/history?type=session_destroyed" |
	    jq -r '.[-1].fields.error' >"$T/told"
	want_in "$1: its event" "$(cat "$T/told")" "$1: signal"
}

for round in 1 2 3 4 5; do
	for victim_ in fsd execd fusereg; do
		ends $victim_ now
		ends $victim_ late
	done
	ends init now
done
grep -q "helper_died: fsd: signal 9 .*; because of that: .*execd" "$T/server.log" ||
	fail "nobody ended because of fsd: $(grep 'helper_died: fsd' "$T/server.log")"
