#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A session belongs to the uid that made it: to others it does not exist, by
# either socket. A server of a user serves that user alone.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
ws=$(new_workspace alice)
API_USER=alice
new_session hers "$ws"
API_USER=bob
for call in "GET /api/v1/sessions/hers" "DELETE /api/v1/sessions/hers" \
    "GET /api/v1/sessions/hers/history" "GET /api/v1/sessions/hers/output/x" \
    "POST /api/v1/sessions/hers/kill/x" "POST /api/v1/sessions/hers/kill"; do
	# shellcheck disable=SC2086
	api $call >/dev/null
	want "bob: $call" "$(status)" 404
done
api POST /api/v1/sessions/hers/exec '{"command":"id"}' >"$T/out"
want "bob: exec" "$(status)" 404
api PATCH /api/v1/sessions/hers '{"env":{"LD_PRELOAD":"x"}}' >"$T/out"
want "bob: what it remembers" "$(status)" 404
want "bob's list" "$(api GET /api/v1/sessions | jq length)" 0
code=$(as bob curl -s -o /dev/null -w '%{http_code}' "http://$API_TCP/api/v1/sessions/hers/exec" \
    -d '{"command":"id"}')
want "bob by TCP" "$code" 404
api POST /api/v1/sessions "{\"workspace\":\"$T/home/alice\"}" >/dev/null
want "bob in alice's home" "$(status)" 400
API_USER=alice
want "hers still works" "$(run_in hers id -u)" "$ALICE_UID"
# the operator's socket is for root and its group
as bob test -w "$OPERATOR_SOCK" && fail "bob may write to the operator socket"
stop_server

start_user_server alice
ws=$(new_workspace alice)
API_USER=alice
new_session own "$ws"
want "own server" "$(run_in own id -u)" "$ALICE_UID"
as bob curl -s --max-time 5 --unix-socket "$API_SOCK" http://localhost/health >/dev/null &&
    fail "bob reaches alice's socket"
code=$(as bob curl -s --max-time 5 -o "$T/tmp/b" -w '%{http_code}' "http://$API_TCP/api/v1/sessions")
case $code in
401 | 403 | 000) ;;
*) fail "bob at alice's TCP port: status $code" ;;
esac
code=$(as bob curl -s --max-time 5 -o /dev/null -w '%{http_code}' \
    "http://$API_TCP/api/v1/sessions/own/exec" -d '{"command":"id"}')
[ "$code" != 200 ] || fail "bob runs commands as alice by TCP"
