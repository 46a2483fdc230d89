#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each process in turn is killed. A session's helper takes its session with it,
# and only that; a helper of the service the whole; and nothing is left.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
ws=

find_proc()
{
	for p in /proc/[0-9]*; do
		case $(readlink "$p/exe" 2>/dev/null) in
		*/stage/"$1" | */"$1 (deleted)" | */memfd:"$1"*) say "${p#/proc/}" ;;
		esac
	done
	[ "$1" != init ] || pgrep -x init
}

session_gone()
{
	API_USER=alice api GET /api/v1/sessions/s >/dev/null
	[ "$(status)" = 404 ]
}

# no process besides this script's and, unless "none", the service's
nothing_of_sessions()
{
	! pgrep -x 'execd|fsd|init|sleep-victim' >/dev/null && ! grep -q ' fuse.*agentsh' /proc/self/mountinfo
}

nothing_at_all()
{
	! pgrep -x 'agentshd|sessiond|policyd|eventd|netd|execd|fsd|init|maker|readconf' >/dev/null
}

start_one()
{
	start_service
	ws=$(new_workspace alice)
	API_USER=alice
	new_session s "$ws"
	run_in s sh -c 'cp /bin/sleep sleep-victim && (./sleep-victim 300 </dev/null >/dev/null 2>&1 &)' ||
	    fail "a command in the background"
	wait_for 5 pgrep -x sleep-victim || fail "the command does not run"
}

for role in execd fsd init; do
	start_one
	pids=$(find_proc $role | sort -u)
	[ -n "$pids" ] || fail "no $role found"
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait_for 2 nothing_of_sessions || {
		ps -ef
		fail "$role killed: something of its session is left"
	}
	wait_for 2 session_gone || fail "$role killed: the session is still listed"
	new_session s "$ws"
	want "$role killed: another session" "$(run_in s echo works)" works
	stop_server
	wait_for 5 nothing_at_all || {
		ps -ef
		fail "the service has ended and something is left"
	}
done
for role in sessiond policyd eventd netd; do
	start_one
	kill -KILL "$(find_proc $role)" || fail "no $role found"
	wait_for 5 nothing_at_all || {
		ps -ef
		fail "$role killed: something is left"
	}
	wait "$SERVER_PID"
	want "$role killed: status of agentshd" $? 1
	SERVER_PID=
done
start_one
kill -KILL "$SERVER_PID"
wait_for 5 nothing_at_all || {
	ps -ef
	fail "agentshd killed: something is left"
}
nothing_of_sessions || fail "agentshd killed: commands live on"
SERVER_PID=
