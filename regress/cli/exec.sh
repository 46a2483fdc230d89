#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# exec: exit status, output byte for byte, denial text, session made on demand,
# and which words belong to whom.
. "$(dirname "$0")/_lib.sh"

start_fake <<'END'
import json
def ans(status=200, **result):
    return status, json.dumps({"command_id": "cmd-1", "session_id": "s1",
        "result": dict({"exit_code": 0}, **result)})
def reply(n, method, path, body):
    if path.startswith("/api/v1/sessions/big/output/"):
        q = dict(x.split("=") for x in path.split("?")[1].split("&"))
        rest = 3000000 - int(q["offset"])
        size = min(rest, int(q["limit"]))
        return 200, json.dumps({"data": "y" * size, "has_more": rest > size})
    if path.endswith("/short/exec"):
        return ans(stdout="x", stdout_total_bytes=10)
    if "/output/" in path:
        return 200, json.dumps({"data": "", "has_more": False})
    cmd = json.loads(body)["command"] if body else ""
    if cmd == "fail":
        return ans(exit_code=7, stderr="oops\n")
    if cmd == "late":
        return ans(exit_code=124, stderr="command timed out\n", error={"code": "E_TIMEOUT", "message": "command timed out"})
    if cmd == "latebig":
        return ans(exit_code=124, stderr="y" * 1048576 + "command timed out\n", stderr_truncated=True,
            stderr_total_bytes=3000000, error={"code": "E_TIMEOUT", "message": "command timed out"})
    if cmd == "lost":
        return ans(exit_code=127, stderr="some\n", error={"code": "E_SESSION_ENDED", "message": "the session ended"})
    if cmd == "none":
        return ans(exit_code=127, error={"code": "E_COMMAND_FAILED", "message": "no such program"})
    if cmd == "bin":
        return ans(stdout="?", stdout_base64="AAH/Cg==", stderr="e\u0000e")
    if cmd == "big":
        return ans(stdout="y" * 1048576, stdout_total_bytes=3000000)
    if cmd == "bad":
        return 403, json.dumps({"command_id": "c", "result": {"exit_code": 126,
            "error": {"code": "E_POLICY_DENIED", "message": "command denied by policy", "policy_rule": "r0"}},
            "guidance": {"status": "blocked", "reason": "no \u001b[31mred\u0007", "policy_rule": "no-rm",
            "substitutions": [{"action": "use", "command": "trash f"}],
            "suggestions": [{"action": "adjust_policy", "reason": "ask\u009b2J"},
            {"action": "inspect_events", "reason": "see", "command": "agentsh events s1"}, {"action": "wait"}]}})
    return ans(stdout="hi\n")
END

run exec s1 -- true
check "success" rc_is 0
check "stdout" out_is 'hi\n'
check "request" log_has 'POST /api/v1/sessions/s1/exec {"command":"true","args":[],"include_events":"none"}'
run exec s1 -- fail
check "the command's status" rc_is 7
check "stderr" err_is 'oops\n'
run exec s1 -- late
check "time-out" rc_is 124
check "time-out's text" err_is 'command timed out\n'
run exec big -- latebig
check "time-out after large stderr" rc_is 124
check "stderr is whole" [ "$(head -c 3000000 "$tmp/err" | tr -d y | wc -c)" -eq 0 ]
check "and the reason after it" [ "$(tail -c +3000001 "$tmp/err")" = "agentsh: command timed out" ]
run exec s1 -- lost
check "session lost" err_is 'some\nagentsh: the session ended\n'
run exec s1 -- none
check "could not start" rc_is 127
check "why it could not" err_is 'agentsh: no such program\n'
run exec s1 -- bin
check "bytes" out_is '\000\001\377\n'
check "NUL in text" err_is 'e\000e'
run exec s1 -- bad
check "denial" rc_is 126
check "denial text" err_is 'agentsh: no \\033[31mred\\007 (rule=no-rm)\nagentsh: try: trash f\nagentsh: hint: ask\\302\\2332J\nagentsh: hint: see: agentsh events s1\nagentsh: hint: wait\n'
run exec big -- big
check "large output" rc_is 0
check "large output is whole" [ "$(wc -c <"$tmp/out")" -eq 3000000 ]
run exec short -- x
check "bytes not kept" err_has 'stdout: 9 more bytes were not kept'

run exec s1 -- git log -- file
check "a later -- is the command's" log_has '{"command":"git","args":["log","--","file"]'
run exec s1 --timeout 1m30s --env A=1 --env A=2 --env B= --working-dir d --argv0 -sh -- sh --timeout 3
check "options after the session" log_has \
    '{"command":"sh","args":["--timeout","3"],"argv0":"-sh","timeout":"90000ms","working_dir":"d","env":{"A":"2","B":""}'
run exec --timeout=3s s1 ls -l
check "no -- at all" log_has '/s1/exec {"command":"ls","args":["-l"],"timeout":"3000ms"'
AGENTSH_SESSION_ID=env1 run exec ls2 -l -- x
check "session by variable: words are the command's" log_has '/env1/exec {"command":"ls2","args":["-l","--","x"]'
AGENTSH_SESSION_ID=env2 run exec other -- ls3
check "session by variable goes before the word" log_has '/env2/exec {"command":"ls3","args":[]'
AGENTSH_SESSION_ID=env3 run exec -- ls4 --output
check "session by variable, -- first" log_has '/env3/exec {"command":"ls4","args":["--output"]'
run exec s1
check "no command" rc_is 2
run exec -- 
check "no command after --" rc_is 2
run exec ../x -- ls
check "not an id" rc_is 2
run exec --nope s1 -- ls
check "unknown option" rc_is 2
run exec s1 --timeout never -- ls
check "bad duration" rc_is 2
run exec s1 -- "$(printf 'a\377')"
check "not UTF-8" err_has 'command: not text in UTF-8'

run exec s1 --output json -- true
check "json output" out_has '"exit_code": 0'
check "json asks for a summary" log_has '"include_events":"summary"'
run exec s1 --output json -- bad
check "json denial" rc_is 126
AGENTSH_OUTPUT=json AGENTSH_EVENTS=blocked run exec s1 -- jv
check "by variables" log_has '{"command":"jv","args":[],"include_events":"blocked"'
run exec s1 --json '{"command":"c","args":["1"],"env":{"A":"x","K":"k"},"include_events":"all","stdin":"in"}' --env A=y
check "whole request" log_has '{"command":"c","args":["1"],"env":{"K":"k","A":"y"},"include_events":"all","stdin":"in"}'
run exec s1 --json '{"command":"c","arguments":[]}'
check "unknown key of a request" err_has 'unknown key arguments'
printf 'two\nlines' | "$AGENTSH" exec s1 --stdin -- cat >"$tmp/out" 2>"$tmp/err"
check "stdin" log_has '"stdin":"two\nlines"'

start_fake <<'END'
import json
have = set()
def reply(n, method, path, body):
    if method == "POST" and path == "/api/v1/sessions":
        s = json.loads(body)
        if s["id"] == "race":
            have.add("race")
            return 409, '{"error":"session already exists"}'
        if s.get("policy") == "nope":
            return 400, '{"error":"no such policy"}'
        have.add(s["id"])
        return 201, json.dumps({"id": s["id"]})
    sid = path.split("/")[4]
    if sid not in have:
        return 404, '{"error":"session not found"}'
    if method == "GET":
        return 200, '{"id":"x","policy":"default","workspace":"/w"}'
    return 200, '{"result":{"exit_code":0,"stdout":"made"}}'
END
mkdir "$tmp/ws"
run exec new --root "$tmp/ws" -- ls
check "session is made" out_is 'made'
check "in the workspace" log_has "POST /api/v1/sessions {\"id\":\"new\",\"workspace\":\"$tmp/ws\"}"
run exec race -- ls
check "made by another at the same time" out_is 'made'
run exec --policy nope p1 -- ls
check "it cannot be made" err_is 'agentsh: no such policy (HTTP 400)\n'
check "status of that" rc_is 1
run exec --policy strict new -- ls
check "another policy than asked for" err_has 'session new exists with policy default, not strict'
check "is not used" rc_is 1
(cd "$tmp/ws" && run exec -- ls)
id=session-$(printf %s "$tmp/ws" | sha256sum | cut -c1-16)
check "id by workspace" log_has "/api/v1/sessions/$id/exec"
AGENTSH_SESSION_ROOT=$tmp/none run exec -- ls
check "no such workspace" err_has 'workspace .*/none: No such file'
finish
