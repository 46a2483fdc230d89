#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 500 sessions, 50 at a time: each works, and when they are gone nothing of them
# is: no process, no mount, no descriptor, no directory. (eventd keeps the logs of
# the last ones open, for questions; the first sessions reach that number.)
# timeout: 900
# alone
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service "sessions.max_sessions: 60"
ws=$(new_workspace alice)
cat >"$T/many.py" <<'PY'
import http.client
import json
import socket
import sys
import threading

path, ws, total, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


class Conn(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(path)


lock = threading.Lock()
todo = list(range(total))
bad = []


def ask(c, method, url, body=None):
    c.request(method, url, json.dumps(body) if body is not None else None)
    r = c.getresponse()
    data = r.read()
    return r.status, json.loads(data) if data[:1] in (b"{", b"[") else data


def worker():
    c = Conn("localhost")
    while True:
        with lock:
            if not todo or bad:
                return
            n = todo.pop()
        sid = f"many-{n}"
        try:
            st, a = ask(c, "POST", "/api/v1/sessions", {"id": sid, "workspace": ws})
            if st != 201:
                raise RuntimeError(f"{sid}: create: {st} {a}")
            st, a = ask(c, "POST", f"/api/v1/sessions/{sid}/exec",
                        {"command": "sh", "args": ["-c", f"echo {n}; sleep 1000 &"],
                         "include_events": "none"})
            if st != 200 or a["result"]["stdout"].strip() != str(n):
                raise RuntimeError(f"{sid}: exec: {st} {a}")
            st, a = ask(c, "DELETE", f"/api/v1/sessions/{sid}")
            if st != 204:
                raise RuntimeError(f"{sid}: delete: {st} {a}")
        except (RuntimeError, OSError, http.client.HTTPException) as e:
            with lock:
                bad.append(repr(e))
            return


threads = [threading.Thread(target=worker) for _ in range(at_once)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("\n".join(bad[:5]))
sys.exit(1 if bad else 0)
PY
chmod 0644 "$T/many.py"

# what there is of the server, so that it can be compared: processes of this pid
# namespace (all are the test's), mounts, descriptors of the long-lived ones
count()
{
	say "processes $(ls -d /proc/[0-9]* | wc -l)"
	say "mounts $(wc -l </proc/self/mountinfo)"
	for pid in $(pgrep -P "$SERVER_PID") "$SERVER_PID"; do
		say "fds of $(cat "/proc/$pid/comm") $(ls "/proc/$pid/fd" | wc -l)"
	done | sort
}

settled()
{
	count >"$T/after"
	cmp -s "$T/before" "$T/after"
}

as alice python3 "$T/many.py" "$API_SOCK" "$ws" 100 20 || fail "the first sessions"
sleep 1
count >"$T/before"
as alice python3 "$T/many.py" "$API_SOCK" "$ws" 500 50 || fail "500 sessions"
wait_for 20 settled || {
	diff "$T/before" "$T/after"
	fail "something of the sessions is left"
}
find /run/agentsh "$T/var" | grep many- | grep -v "$T/var/log" && fail "files of sessions are left"
kill -0 "$SERVER_PID" || fail "the server ended"
