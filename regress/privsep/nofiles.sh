#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process that serves all sessions has so many descriptors left, and no more,
# while a session is made: it refuses that one, or it makes it, but it goes on, and
# so does another session.
# timeout: 240
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_root
need_tool jq curl pgrep prlimit setpriv
API_USER=alice
ws=$(new_workspace alice)
start_service
new_session s "$ws"
want "before" "$(run_in s echo here)" here
: >"$T/status"

# The lowest number that the process has not open.
lowest()
{
	n_=0
	while [ -e "/proc/$1/fd/$n_" ]; do
		n_=$((n_ + 1))
	done
	say $n_
}

# limit PID N: as its own user, who needs no right to it. Not what it may have.
limit()
{
	uid=$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status")
	gid=$(sed -n 's/^Gid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status")
	setpriv --reuid "$uid" --regid "$gid" --clear-groups \
	    prlimit --pid "$1" --nofile="$2": || fail prlimit
}

try=0
# one PROCESS WORD SPARE...: a session is made while the process can open so many
# more. WORD: the log tells so of why at least one was not, or ended at once.
one()
{
	name=$1 word=$2
	shift 2
	lines=$(wc -l <"$T/server.log")
	if [ "$name" = agentshd ]; then
		pid=$SERVER_PID
	else
		pid=$(pgrep -P "$SERVER_PID" -x "$name") || fail "no $name"
	fi
	for spare in "$@"; do
		try=$((try + 1))
		limit "$pid" $(($(lowest "$pid") + spare))
		api POST /api/v1/sessions "{\"id\":\"t$try\",\"workspace\":\"$ws\"}" \
		    --max-time 10 >"$T/session.json" || say "$name, $spare: no answer"
		limit "$pid" 1024
		say "$name, $spare: $(status) $(cut -c 1-200 "$T/session.json")"
		kill -0 "$pid" 2>/dev/null && kill -0 "$SERVER_PID" ||
		    fail "$name ended with $spare descriptors left"
		want "$name, $spare: the other session" "$(run_in s echo here)" here
		api DELETE "/api/v1/sessions/t$try" >/dev/null
	done
	tail -n +"$((lines + 1))" "$T/server.log" | grep -q "$word" || fail "$name lacked nothing"
	new_session "after-$name" "$ws"
	want "after $name" "$(run_in "after-$name" echo here)" here
	api DELETE "/api/v1/sessions/after-$name" >/dev/null
}

# the log's own files are there last
one netd "netd has no descriptor left" 0 1 2 3 4 5 6 7 8 9 10 12 14 16
one eventd "its event log cannot be written" 0 1 2 3 4 5 6 7
one policyd "descriptors of APPROVAL_OPEN" 0 1 2 3
# what it closes meanwhile it can open again
one sessiond "descriptors of SESS_CREATED" 1 1 1 1 1 2 3
one agentshd "descriptors of" 0 2 4 8 16
