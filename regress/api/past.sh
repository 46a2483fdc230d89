#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The events of a session that is over can be asked for by its user, also after
# a restart of the service; by nobody else but root.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
AGENTSH_SERVER=unix://$API_SOCK
export AGENTSH_SERVER
API_USER=alice
hers=$(new_workspace alice)
new_session job "$hers"
run_in job sh -c 'echo 1 >first.txt' >/dev/null
cmd=$(jq -r .command_id "$T/exec.json")

# names FILTER: of the files in the answer of the last request, as a set
names()
{
	grep -o '[a-z]*\.txt' "$T/events" | sort -u | tr '\n' ' '
}
api GET "/api/v1/sessions/job/history" >"$T/live"
api DELETE /api/v1/sessions/job
want "DELETE" "$(status)" 204
api GET /api/v1/sessions/job >/dev/null
want "the session is gone" "$(status)" 404
check()
{
	API_USER=alice
	api GET "/api/v1/sessions/job/history?order=asc&limit=5000" >"$T/events"
	want "status $1" "$(status)" 200
	want "first and last event $1" "$(jq -r '.[0].type, .[-1].type' "$T/events" | tr '\n' ' ')" \
	    "session_created session_destroyed "
	want "events of it $1" "$(names)" "first.txt "
	# those that were there while it lived, and the end
	want "the same events $1" "$(jq -c 'map(.id)' "$T/live")" \
	    "$(jq -c 'reverse | map(select(.type != "session_destroyed").id)' "$T/events")"
	want "search $1" "$(api GET '/api/v1/events/search?session_id=job&type=session_created' | jq length)" 1
	want "of the command $1" "$(api GET "/api/v1/sessions/job/history?command_id=$cmd&limit=5000" |
	    jq -c 'map(.command_id) | unique')" "[\"$cmd\"]"
	want "limit and offset $1" "$(api GET '/api/v1/sessions/job/history?limit=1&offset=1&order=asc' |
	    jq -c 'map(.seq)')" "[2]"
	as alice agentsh events job | grep -q first.txt || fail "agentsh events $1"
	API_USER=bob
	for id in job "$ALICE_UID:job"; do
		api GET "/api/v1/sessions/$id/history" >/dev/null
		want "bob: $id $1" "$(status)" 404
		api GET "/api/v1/events/search?session_id=$id" >/dev/null
		want "bob: search $id $1" "$(status)" 404
	done
	API_USER=
	api GET /api/v1/sessions/job/history >/dev/null
	want "root: no session of its own $1" "$(status)" 404
	want "root: alice's $1" "$(api GET "/api/v1/sessions/$ALICE_UID:job/history?limit=3" | jq length)" 3
}
check "after its end"
stop_server
start_service
check "after a restart"

# the id again: what runs is apart, until the earlier ones are asked for
API_USER=alice
new_session job "$hers"
run_in job sh -c 'echo 2 >second.txt' >/dev/null
api GET "/api/v1/sessions/job/history?limit=5000" >"$T/events"
want "of the one that runs" "$(names)" "second.txt "
api GET "/api/v1/sessions/job/history?limit=5000&earlier=false" >"$T/events"
want "the same" "$(names)" "second.txt "
api GET "/api/v1/sessions/job/history?limit=5000&earlier=true" >"$T/events"
want "with the earlier" "$(names)" "first.txt second.txt "
as alice agentsh events job --limit 5000 --earlier >"$T/events"
want "agentsh events --earlier" "$(names)" "first.txt second.txt "
as alice agentsh events job --limit 5000 >"$T/events"
want "agentsh events" "$(names)" "second.txt "
api GET "/api/v1/sessions/job/history?earlier=yes" >/dev/null
want "another value" "$(status)" 400
for id in ../job . .. never "-"; do
	api GET "/api/v1/events/search?session_id=$id" >/dev/null
	want "no such id: $id" "$(status)" 404
done
