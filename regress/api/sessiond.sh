#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sessiond alone, with a program that plays the other processes: answers, exit
# codes, limits, clients that go away. Needs no namespaces and no root.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_dir
drive=$TEST_BUILD/regress/api/sessiond_drive
[ -x "$drive" ] || skip "$drive is missing: run make check-programs"
mkfifo "$T/out"
"$drive" -m 100000 -c 64 "$TEST_BUILD/src/sessiond/sessiond" "$T" "127.0.0.1:$(free_port)" \
    >"$T/out" 2>"$T/server.log" &
SERVER_PID=$!
exec 9<"$T/out"
IFS= read -r url <&9 || fail "sessiond did not start"
API_SOCK=$T/api.sock
ws=$T

new_session s1 "$ws"
want "state" "$(api GET /api/v1/sessions/s1 | json .state)" ready
api POST /api/v1/sessions "{\"id\":\"s1\",\"workspace\":\"$ws\"}" >/dev/null
want "same id" "$(status)" 409
# why a session was not made, as a word: privd's and our own
code_of()
{
	api POST /api/v1/sessions "$1" >"$T/json"
	say "$(status) $(json .code <"$T/json")"
}
want "code: same id" "$(code_of "{\"id\":\"s1\",\"workspace\":\"$ws\"}")" "409 exists"
want "code: policy" "$(code_of "{\"policy\":\"missing\",\"workspace\":\"$ws\"}")" "400 policy"
want "code: no word" "$(code_of "{\"policy\":\"strange\",\"workspace\":\"$ws\"}")" "500 internal"
want "code: made as another user" \
    "$(code_of "{\"id\":\"other\",\"policy\":\"other\",\"workspace\":\"$ws\"}")" "403 forbidden"
want "code: id" "$(code_of "{\"id\":\"a/b\",\"workspace\":\"$ws\"}")" "400 invalid_id"
want "code: workspace" "$(code_of '{"workspace":"x"}')" "400 invalid_workspace"
want "code: field" "$(code_of '{"workspac":"/"}')" "400 invalid_request"
api POST /api/v1/sessions "{\"workspace\":\"$ws\",\"profile\":\"x\"}" >"$T/json"
want "no such profile" "$(json .error <"$T/json")" 'field "profile" is not the name of a profile of mount_profiles'

# run JSON FILTER: status and a part of the answer
run()
{
	api POST /api/v1/sessions/s1/exec "$1" >"$T/exec.json"
	say "$(status) $(jq -c "$2" "$T/exec.json")"
}
r='.result | [.exit_code, .stdout, .stderr, .error.code]'
want "output" "$(run '{"command":"sh","args":["-c","echo a; echo b >&2; exit 3"]}' "$r")" \
    '200 [3,"a\n","b\n",null]'
want "denied" "$(run '{"command":"denied"}' "$r")" '403 [126,null,null,"E_POLICY_DENIED"]'
want "denied: guidance" "$(jq -c '.guidance | [.status, .policy_rule]' "$T/exec.json")" \
    '["blocked","no-such-thing"]'
want "denied: events" "$(jq .events.blocked_operations_count "$T/exec.json")" 1
want "cannot start" "$(run '{"command":"nospawn"}' "$r")" '200 [127,null,null,"E_COMMAND_FAILED"]'
f='.result.error.context.errno, .guidance.retryable, (.guidance.suggestions | map(.action))'
want "no file" "$(run '{"command":"nospawn"}' "[$f]")" '200 ["ENOENT",null,["use_absolute_exe"]]'
want "not executable" "$(run '{"command":"nospawn-access"}' "[$f]")" \
    '200 ["EACCES",null,["fix_permissions"]]'
want "nothing left" "$(run '{"command":"nospawn-again"}' "[$f]")" '200 ["EAGAIN",true,[]]'
# shellcheck disable=SC2016
want "signal" "$(run '{"command":"sh","args":["-c","kill -15 $$"]}' "$r")" '200 [143,null,null,null]'
want "time limit" "$(run '{"command":"sleep","args":["9"],"timeout":"200ms"}' "$r")" \
    '200 [124,null,"command timed out\n","E_TIMEOUT"]'
want "stdin" "$(run '{"command":"cat","stdin":"x\u0000y"}' "$r")" '200 [0,"x\u0000y",null,null]'
want "no stdin" "$(run '{"command":"cat"}' "$r")" '200 [0,null,null,null]'
want "directory" "$(run '{"command":"pwd","working_dir":"/usr/./bin/.."}' .result.stdout)" '200 "/usr\n"'
want "not UTF-8" "$(run '{"command":"printf","args":["a\\377b"]}' '.result | [.stdout, .stdout_base64]')" \
    "200 [\"a$(printf '\357\277\275')b\",\"Yf9i\"]"
# shellcheck disable=SC2016
want "environment" "$(run '{"command":"sh","args":["-c","echo $A$HOME$AGENTSH_SESSION_ID$AGENTSH_IN_SESSION"],"env":{"A":"1"}}' \
    .result.stdout)" '200 "1/tmp/homes11\n"'
want "own names" "$(run '{"command":"true","env":{"AGENTSH_SESSION_ID":"x"}}' '.error | type')" '400 "string"'
want "background" "$(run '{"command":"sh","args":["-c","(sleep 2; echo late) & echo now"]}' "$r")" \
    '200 [0,"now\n",null,null]'
want "no events" "$(run '{"command":"true","include_events":"none"}' '.events | [.other, .other_count, .truncated]')" \
    '200 [[],1,true]'

# long output: the begin in the answer, more by the output route, the rest counted
want "long" "$(run '{"command":"sh","args":["-c","yes | head -c 3000000"]}' \
    '.result | [(.stdout | length), .stdout_truncated, .stdout_total_bytes, .pagination.has_more]')" \
    '200 [1048576,true,3000000,true]'
cmd=$(jq -r .command_id "$T/exec.json")
want "rest" "$(api GET "/api/v1/sessions/s1/output/$cmd?offset=1999999&limit=10" |
    jq -c '[.data, .has_more, .truncated, .total_bytes]')" '["\n",false,true,3000000]'
api GET "/api/v1/sessions/s1/output/$cmd?limit=x" >/dev/null
want "limit" "$(status)" 400
want "spool" "$(stat -c %a "$T/spool/$(id -u)-s1" "$T/spool/$(id -u)-s1/$cmd.stdout" | tr '\n' ' ')" "700 600 "

# three at a time
for i in 1 2 3 4 5; do
	curl -s -o "$T/par$i" -w '%{http_code}\n' --unix-socket "$API_SOCK" \
	    http://localhost/api/v1/sessions/s1/exec -d '{"command":"sleep","args":["1"]}' >"$T/parst$i" &
	pids="${pids:-} $!"
done
# shellcheck disable=SC2086
wait $pids
want "parallel" "$(sort "$T"/parst? | uniq -c | awk '{ print $1, $2 }' | tr '\n' ' ')" "3 200 2 429 "

# limits of time
new_session brief "$ws" '"policy":"brief"'
api POST /api/v1/sessions/brief/exec '{"command":"sleep","args":["9"]}' >"$T/json"
want "session ended" "$(json .result.error.code <"$T/json")" E_SESSION_ENDED
api GET /api/v1/sessions/brief >/dev/null
want "ended" "$(status)" 404
new_session idle "$ws" '"policy":"idle"'
idle_is_gone()
{
	[ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$API_SOCK" \
	    http://localhost/api/v1/sessions/idle)" = 404 ]
}
wait_for 10 idle_is_gone || fail "an idle session stays"

# TCP: the kernel says who it is; browsers are refused
want "TCP" "$(curl -s "$url/api/v1/sessions" | jq -r '.[0].id')" s1
want "Host" "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$url/health")" 403
want "Origin" "$(curl -s -o /dev/null -w '%{http_code}' -H 'Origin: http://evil.example' "$url/health")" 403
want "method" "$(curl -s -D - -o /dev/null -X PUT "$url/api/v1/sessions/s1" | tr -d '\r' |
    sed -n 's/^Allow: //p')" "GET, PATCH, DELETE"
head -c 200000 /dev/zero | tr '\0' ' ' >"$T/big"
want "large body" "$(curl -s --data-binary "@$T/big" "$url/api/v1/sessions" | json .error)" \
    "request body too large"

# a client that goes away: its command is killed
python3 - "$API_SOCK" <<'PY'
import socket
import sys
import time
body = b'{"command":"sleep","args":["60"]}'
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"POST /api/v1/sessions/s1/exec HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
time.sleep(0.3)
s.close()
PY
IFS= read -r line <&9
want_in "lost client" "$line" "killed cmd-"

api DELETE /api/v1/sessions/s1
want "DELETE" "$(status)" 204
want "spool after DELETE" "$(ls -A "$T/spool")" ""
want "health" "$(curl -s "$url/health")" ok
