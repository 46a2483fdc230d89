#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 10,000 commands in one session over one connection: no process of agentsh
# grows in descriptors or, beyond a little, in memory.
# timeout: 900
# alone
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
ws=$(new_workspace alice)
API_USER=alice
new_session s "$ws"
cat >"$T/execs.py" <<'PY'
import http.client
import json
import socket
import sys


class Conn(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(sys.argv[1])


c = Conn("localhost")
for i in range(int(sys.argv[2])):
    c.request("POST", "/api/v1/sessions/s/exec",
              json.dumps({"command": "/bin/true", "include_events": "none"}))
    r = c.getresponse()
    body = r.read()
    if r.status != 200 or json.loads(body)["result"]["exit_code"] != 0:
        sys.exit(f"command {i}: {r.status} {body[:500]!r}")
PY
chmod 0644 "$T/execs.py"

# "name fds kB" of each process of agentsh, the session's included
measure()
{
	for p in /proc/[0-9]*; do
		comm=$(cat "$p/comm" 2>/dev/null) || continue
		case $comm in
		agentshd | sessiond | policyd | eventd | netd | execd | fsd | init)
			say "$comm $(ls "$p/fd" | wc -l) $(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$p/status")"
			;;
		esac
	done | sort
}

as alice python3 "$T/execs.py" "$API_SOCK" 1000 || fail "the first 1000"
measure >"$T/before"
as alice python3 "$T/execs.py" "$API_SOCK" 10000 || fail "10,000"
measure >"$T/after"
say "before:"
cat "$T/before"
say "after:"
cat "$T/after"
python3 - "$T/before" "$T/after" <<'PY' || fail "growth"
import sys
# fsd remembers up to 64 processes that open on native mounts, by their numbers,
# which need not all have come by in the first 1000
more = {"fsd": 64}
a, b = ([x.split() for x in open(f)] for f in sys.argv[1:])
bad = len(a) != len(b)
for x, y in zip(a, b):
    if x[0] != y[0] or int(y[1]) > int(x[1]) + 2 + more.get(x[0], 0) or int(y[2]) > int(x[2]) * 1.25 + 2048:
        print("grew:", x, y)
        bad = True
sys.exit(bad)
PY
want "still works" "$(run_in s echo fine)" fine
