#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ids are one user's: two users have sessions of the same id, and nothing of one
# is in the other's answers, output or log. Root names others' as UID:ID.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
for API_USER in alice bob; do
	new_session same "$(new_workspace $API_USER)"
	want "$API_USER's id" "$(jq -r .id "$T/session.json")" same
done
for API_USER in alice bob; do
	want "$API_USER's command" "$(run_in same sh -c 'id -u; echo x >'$API_USER.txt)" \
	    "$(id -u $API_USER)"
	jq -r .command_id "$T/exec.json" >"$T/$API_USER.cmd"
	api POST /api/v1/sessions "{\"id\":\"same\",\"workspace\":\"$T/home/$API_USER\"}" >/dev/null
	want "$API_USER's second of the id" "$(status)" 409
	want "$API_USER's list" "$(api GET /api/v1/sessions | jq -c 'map(.id)')" '["same"]'
done
# the output of each is kept, and is its own
for API_USER in alice bob; do
	want "$API_USER's output" "$(api GET "/api/v1/sessions/same/output/$(cat "$T/$API_USER.cmd")" |
	    jq -r .data)" "$(id -u $API_USER)"
done
api GET "/api/v1/sessions/same/output/$(cat "$T/alice.cmd")" >/dev/null
want "bob asks for alice's output" "$(status)" 404
# events by either route, and in the files
for API_USER in alice bob; do
	other=bob
	[ $API_USER = alice ] || other=alice
	for route in "sessions/same/history?limit=5000" "events/search?session_id=same&limit=5000"; do
		api GET "/api/v1/$route" >"$T/events"
		want_in "$API_USER: $route" "$(cat "$T/events")" "$API_USER.txt"
		! grep -q "$other.txt" "$T/events" || fail "$API_USER sees $other's events"
	done
	api GET "/api/v1/sessions/same/history?command_id=$(cat "$T/$other.cmd")" >"$T/events"
	want "$API_USER: events of $other's command" "$(cat "$T/events")" "[]"
	log=$T/var/log/$(id -u $API_USER)/same.jsonl
	grep -q "$API_USER.txt" "$log" || fail "$log has not $API_USER's events"
	! grep -q "$other.txt" "$log" || fail "$log has $other's events"
done

# another user's does not exist, whatever it is called
API_USER=bob
for id in "$ALICE_UID:same" "$ALICE_UID%3Asame" "0$BOB_UID:same" "$BOB_UID:" ":same" "0:same" "%" "%00"; do
	api GET "/api/v1/sessions/$id" >/dev/null
	want "bob: $id" "$(status)" 404
	api POST "/api/v1/sessions/$id/exec" '{"command":"id"}' >/dev/null
	want "bob: exec in $id" "$(status)" 404
done
api GET "/api/v1/events/search?session_id=$ALICE_UID:same" >/dev/null
want "bob: search" "$(status)" 404
api GET "/api/v1/sessions/$BOB_UID:same" >"$T/json"
want "bob's own by its whole name" "$(status) $(jq -r .id "$T/json")" "200 same"
api POST /api/v1/sessions "{\"id\":\"$BOB_UID:new\",\"workspace\":\"$T/home/bob\"}" >/dev/null
want "a whole name for a new one" "$(status)" 400

# root: an id alone is root's own
API_USER=
want "root's list" "$(api GET /api/v1/sessions | jq -c 'map(.id) | sort')" \
    "[\"$ALICE_UID:same\",\"$BOB_UID:same\"]"
api GET /api/v1/sessions/same >/dev/null
want "root: the id alone" "$(status)" 404
want "root in alice's" "$(run_in "$ALICE_UID:same" id -u)" "$ALICE_UID"
want "its name" "$(jq -r .session_id "$T/exec.json")" "$ALICE_UID:same"
want "as ':' is escaped" "$(api GET "/api/v1/sessions/$ALICE_UID%3asame" | jq -r .workspace)" \
    "$(api GET "/api/v1/sessions/$ALICE_UID:same" | jq -r .workspace)"
AGENTSH_SERVER=unix://$API_SOCK
export AGENTSH_SERVER
want "agentsh of root" "$("$T/stage/agentsh" exec "$BOB_UID:same" -- id -u)" "$BOB_UID"
"$T/stage/agentsh" events "$BOB_UID:same" | grep -q bob.txt || fail "agentsh events of root"
want "root: search" "$(api GET "/api/v1/events/search?session_id=$BOB_UID:same&limit=1" | jq length)" 1

# one directory, two users, the id that agentsh makes
ws=$(new_workspace alice)
chmod 0777 "$ws"
for user in alice bob; do
	want "agentsh of $user" "$(cd "$ws" && as $user agentsh exec -- id -u)" "$(id -u $user)"
done
want "root's session of the same directory" "$(cd "$ws" && "$T/stage/agentsh" exec -- id -u)" 0

# the end of one is not the end of the other
api DELETE "/api/v1/sessions/$ALICE_UID:same" >/dev/null
want "root ends alice's" "$(status)" 204
API_USER=alice
api GET /api/v1/sessions/same >/dev/null
want "alice's is gone" "$(status)" 404
API_USER=bob
want "bob's lives" "$(run_in same echo alive)" alive
want "bob's output is still kept" "$(api GET "/api/v1/sessions/same/output/$(cat "$T/bob.cmd")" |
    jq -r .data)" "$BOB_UID"
