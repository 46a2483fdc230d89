#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two curl calls make a session and run a command in it: on the unix socket and
# on loopback TCP.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
as "$ME" sh -c "echo hello >$ws/file"

# unix
sid=$(as "$ME" curl -sS --unix-socket "$API_SOCK" http://localhost/api/v1/sessions \
    -d "{\"workspace\":\"$ws\"}" | jq -r .id)
case $sid in
"" | null) fail "no id of a session by the unix socket" ;;
esac
out=$(as "$ME" curl -sS --unix-socket "$API_SOCK" "http://localhost/api/v1/sessions/$sid/exec" \
    -d '{"command":"cat","args":["file"]}')
want "stdout" "$(say "$out" | jq -r .result.stdout)" hello
want "exit code" "$(say "$out" | jq -r .result.exit_code)" 0
want "session" "$(say "$out" | jq -r .session_id)" "$sid"

# TCP
out=$(as "$ME" curl -sS "http://$API_TCP/api/v1/sessions" -d "{\"id\":\"tcp\",\"workspace\":\"$ws\"}")
want "id by TCP" "$(say "$out" | jq -r .id)" tcp
want "mount by TCP" "$(say "$out" | jq -r .workspace_mount)" /workspace
out=$(as "$ME" curl -sS "http://$API_TCP/api/v1/sessions/tcp/exec" \
    -d '{"command":"id","args":["-u"]}')
want "uid in a session" "$(say "$out" | jq -r .result.stdout)" "$ME_UID"

# both belong to the same user, whichever way
API_USER=$ME
api GET /api/v1/sessions >"$T/list"
want "sessions" "$(jq -r '[.[].id] | sort | join(" ")' "$T/list")" \
    "$(printf '%s\n' "$sid" tcp | sort | tr '\n' ' ' | sed 's/ $//')"
api DELETE /api/v1/sessions/tcp
want "status of DELETE" "$(status)" 204
api GET /api/v1/sessions/tcp >/dev/null
want "status after DELETE" "$(status)" 404
api POST /api/v1/sessions/tcp/exec '{"command":"true"}' >/dev/null
want "exec after DELETE" "$(status)" 404
