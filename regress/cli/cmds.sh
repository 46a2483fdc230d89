#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The other commands: requests they make, what they print; help from the table;
# addresses.
# shellcheck disable=SC2016
. "$(dirname "$0")/_lib.sh"

start_fake <<'END'
import json
def reply(n, method, path, body):
    if path == "/api/v1/sessions" and method == "GET":
        return 200, json.dumps([{"id": "s1", "state": "ready", "policy": "p\u001b[1m", "workspace": "/w"}])
    if path == "/api/v1/sessions":
        return 201, json.dumps({"id": json.loads(body).get("id", "session-new")})
    if method == "DELETE":
        return (404, '{"error":"session not found"}') if "gone" in path else (
            b"HTTP/1.1 204 No Content\r\n\r\n")
    if "/output/" in path:
        return 200, json.dumps({"data": "", "data_base64": "/w==", "has_more": True})
    if "/s1/history" in path:
        return 200, "null"
    if "/history" in path:
        return 200, '[{"type":"file_open"}]'
    return 200, '{"ok":true,"id":"s1"}'
END
run session list
check "list" out_is 's1                         ready  p\\033[1m       /w\n'
run session list --json
check "list as JSON" out_has '"state": "ready"'
run session create --workspace "$tmp" --policy p --real-paths
check "create" out_is 'session-new\n'
check "create's request" log_has "POST /api/v1/sessions {\"workspace\":\"$tmp\",\"policy\":\"p\",\"real_paths\":true}"
run session create --id x1 --json
check "create with an id" out_is '{"id": "x1"}\n'
run session info s1
check "info" out_is '{"ok":true,"id":"s1"}\n'
run session destroy s1
check "destroy" out_is 'ok\n'
run session destroy gone
check "destroy what is not there" err_is 'agentsh: session not found (HTTP 404)\n'
run session destroy 'a/../b?'
check "words are escaped" log_has 'DELETE /api/v1/sessions/a%2F..%2Fb%3F'
run kill s1 cmd-1
check "kill" log_has 'POST /api/v1/sessions/s1/kill/cmd-1'
run output s1 cmd-1 --offset 5 --limit 9 --stream stderr
check "output" out_is '\377'
check "output's request" log_has 'GET /api/v1/sessions/s1/output/cmd-1?stream=stderr&offset=5&limit=9'
check "there is more" err_is 'agentsh: more: agentsh output s1 cmd-1 --stream stderr --offset 6\n'
run events s1 --command c --type 'file_open,x&y' --decision deny --limit 7 --order asc
check "events of a session" log_has '/s1/history?command_id=c&type=file_open%2Cx%26y&decision=deny&limit=7&order=asc'
check "no events" out_is '[]\n'
AGENTSH_SESSION_ID=s2 run events query
check "events" out_is '[{"type":"file_open"}]\n'
check "of the session by variable" log_has 'GET /api/v1/sessions/s2/history'
(cd "$tmp" && run events)
check "of the session of the workspace" log_has \
    "/api/v1/sessions/session-$(printf %s "$tmp" | sha256sum | cut -c1-16)/history"
run events --limit 0
check "limit" rc_is 2

run
check "no command" rc_is 2
run --version
check "version" out_has '^agentsh [0-9]'
run --help
check "help" out_has 'session create  *make a session'
run help exec
check "help of a command" out_has '--working-dir DIR'
run session destroy -h
check "-h" out_has 'usage: agentsh session destroy SID'
run session
check "half a command" err_has 'session destroy'
run nonsense
check "unknown command" rc_is 2
run session get
check "a word is missing" rc_is 2
run completion bash
check "completion" bash -n "$tmp/out"

run policy validate "$here/../../etc/policies/default.yaml"
check "a good policy" out_is 'ok\n'
printf 'version: 1\nname: x\nrulez\033: 1\n' >"$tmp/bad.yaml"
run policy validate "$tmp/bad.yaml"
check "a bad policy" rc_is 1
check "where and what" err_has '^agentsh: .*bad.yaml:3:'
tr -d '\n' <"$tmp/err" >"$tmp/line"
check "safe to print" clean "$tmp/line"
cat >"$tmp/warn.yaml" <<'END'
version: 1
name: w
file_rules:
  - {name: a, paths: ["${HOME}/x"], decision: allow}
  - {name: b, paths: ["${HOME}/x"], decision: deny}
END
run policy validate "$tmp/warn.yaml"
check "a policy with a warning" out_is 'ok\n'
check "the warning" err_is "agentsh: warning: $tmp/warn.yaml:5:5: rule b is never reached: a on line 4 matches all that it does\n"
run policy validate --strict "$tmp/warn.yaml"
check "an error when strict" rc_is 1
check "the same text" err_has 'warn.yaml:5:5: rule b is never reached'
check "and no ok" out_is ''
run policy validate --strict "$here/../../etc/policies/default.yaml"
check "strict, without warnings" out_is 'ok\n'
# what stands there behind a #, beneath the last rule
sed '/^## /,$s/^#\([^#]\)/\1/' "$here/../../etc/policies/default.yaml" \
    >"$tmp/more.yaml"
run policy validate --strict "$tmp/more.yaml"
check "and with what it could have besides" out_is 'ok\n'
run policy show "$tmp/more.yaml"
check "which is rules" out_has '^unix_socket_rules:'
HOME=/home/x run policy show "$tmp/warn.yaml"
check "show" out_is "# $tmp/warn.yaml\nversion: 1\nname: \"w\"\nfile_rules:\n  - name: \"a\"\n    paths:\n      - \"/home/x/x\"\n    decision: allow\n  - name: \"b\"\n    paths:\n      - \"/home/x/x\"\n    decision: deny\n"
check "show warns" err_has 'rule b is never reached'
run policy show "$tmp/bad.yaml"
check "show of no policy" rc_is 1
mkdir -p "$tmp/h/policies"
cp "$tmp/warn.yaml" "$tmp/h/policies/named-one.yml"
AGENTSH_HELPER_DIR=$tmp/h XDG_CONFIG_HOME=$tmp/none run policy show named-one
check "show by name" out_has "^# $tmp/h/policies/named-one.yml"
AGENTSH_HELPER_DIR=$tmp/h XDG_CONFIG_HOME=$tmp/none run policy show named-two
check "show of a name that is none" err_is 'agentsh: policy named-two: there is no policy of this name\n'
run policy validate "$tmp/none.yaml"
check "no policy" err_has 'none.yaml: No such file'
for o in "--server unix:///x policy validate" "policy validate --server unix:///x"; do
	# shellcheck disable=SC2086 # the words of a command
	run $o "$here/../../etc/policies/default.yaml"
	check "no server to ask: $o" rc_is 2
done

stop_fake
run session list
check "nobody listens" err_has "cannot reach the server at unix://$tmp/api.sock: Connection refused"
run --server ftp://x session list
check "bad address" err_has 'server address ftp://x is not'
start_fake_tcp
run --server "http://127.0.0.1:$(cat "$tmp/port")/" session info s1
check "TCP" out_is '{"ok":true,"id":"s1"}\n'
run --server "http://localhost:$(cat "$tmp/port")" session info s1
check "TCP by name" out_is '{"ok":true,"id":"s1"}\n'
stop_fake
for u in http:// http://:1 http://h:x http://h:1/p http://h:1:2 http://[::1 \
    http://a@b:1 unix://rel unix:/x https://h "http://h h:1"; do
	run --server "$u" session list
	check "address $u" err_has 'is not unix:///PATH or http://HOST:PORT'
done
run --server http://127.0.0.1:1 session list
check "TCP refused" err_has 'cannot reach the server at http://127.0.0.1:1: Connection refused'

finish
