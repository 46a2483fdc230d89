#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The variables that name netd's proxy: there on request and not else, for the
# policy to decide on as all of the environment, and what goes by the proxy is
# decided as what does not.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool jq curl
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
mkdir "$T/www" && echo hello >"$T/www/a" && chmod 755 "$T/www"
python3 -m http.server --bind "$HOST4" --directory "$T/www" 8080 >"$T/servers" 2>&1 &
wait_for 10 curl -s "http://$HOST4:8080/" || fail "server: $(cat "$T/servers")"

own_policies
for name in net strict; do
	cat >"$policies/$name.yaml" <<END
version: 1
name: $name
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: web, cidrs: [$HOST4/32], ports: [8080], decision: allow}
END
done
echo 'env_policy: {allow: [PATH, HOME, "NO_*"]}' >>"$policies/strict.yaml"
start_any

vars()
{
	run_in "$1" env | grep -i '_proxy=' | sort
}

new_session none "$T/ws" '"policy":"net"'
want "without a request" "$(vars none)" ""
want "proxy_url" "$(jq .proxy_url "$T/session.json")" null
as "$ME" "$T/stage/agentsh" session create --workspace "$T/ws" --policy net --id s --proxy --json >"$T/out" ||
    fail "session create --proxy"
want "proxy_url" "$(jq -r .proxy_url "$T/out")" http://192.0.2.1:3128
url=http://192.0.2.1:3128
want "with one" "$(vars s | LC_ALL=C sort)" "$(LC_ALL=C sort <<END
HTTP_PROXY=$url
HTTPS_PROXY=$url
ALL_PROXY=$url
NO_PROXY=localhost,127.0.0.1,::1
http_proxy=$url
https_proxy=$url
all_proxy=$url
no_proxy=localhost,127.0.0.1,::1
END
)"

# a client takes it, and the same rules decide
want "curl" "$(run_in s curl -sSv "http://$HOST4:8080/a" 2>&1)" hello
jq -r .result.stderr "$T/exec.json" >"$T/err"
grep -q "192.0.2.1.*3128" "$T/err" || fail "curl has not used the proxy: $(cat "$T/err")"
want "the event" "$(jq -r '[.events.network_operations[] | select(.type == "net_connect") |
    .remote, .policy.rule] | join(" ")' "$T/exec.json")" "$HOST4:8080 web"
want "what is denied" "$(run_in s curl -s -o /dev/null -w '%{http_code}' "http://$HOST4:8081/")" 403
want "python" "$(run_in s python3 -c "
import urllib.request
print(urllib.request.urlopen('http://$HOST4:8080/a').read().decode().strip())")" hello
# its own servers it reaches itself
want "loopback" "$(run_in s python3 -c "
import http.server, threading, urllib.request
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'own')
    def log_message(self, *a): pass
s = http.server.HTTPServer(('127.0.0.1', 8090), H)
threading.Thread(target=s.serve_forever, daemon=True).start()
print(urllib.request.urlopen('http://127.0.0.1:8090/').read().decode())")" own

# the session's and a command's own word count, and the policy's last
api PATCH /api/v1/sessions/s '{"unset":["HTTP_PROXY","http_proxy"],"env":{"ALL_PROXY":"x"}}' >/dev/null
want "what the session says" "$(vars s | grep -c '^HTTP_PROXY\|^http_proxy')" 0
want "what the session says" "$(vars s | grep '^ALL_PROXY')" ALL_PROXY=x
new_session strict "$T/ws" '"policy":"strict","proxy":true'
want "by env_policy" "$(vars strict)" "NO_PROXY=localhost,127.0.0.1,::1"
api POST /api/v1/sessions "{\"workspace\":\"$T/ws\",\"proxy\":1}" >/dev/null
want "no boolean" "$(status)" 400
stop_server

start_any "sandbox.network.proxy_env: true"
new_session s "$T/ws" '"policy":"net"'
want "by the configuration" "$(vars s | wc -l)" 8
new_session off "$T/ws" '"policy":"net","proxy":false'
want "not by the request" "$(vars off)" ""
stop_server

start_any "sandbox.network.enabled: false" "sandbox.network.proxy_env: true"
new_session s "$T/ws" '"policy":"net"'
want "without a network" "$(vars s)" ""
api POST /api/v1/sessions "{\"workspace\":\"$T/ws\",\"proxy\":true}" >"$T/out"
want "asked for without a network" "$(status)" 400
