#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 50 sessions take another policy at once; sessions that are made meanwhile have
# the last one too; and policyd may die in the middle of it.
# timeout: 900
# alone
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 pgrep
need_root
start_service "sessions.max_sessions: 80"
ws=$(new_workspace alice)
as alice sh -c "mkdir $ws/a $ws/b && echo text >$ws/a/f && echo text >$ws/b/f" || fail "workspace"
cat >"$T/many.py" <<'PY'
import concurrent.futures
import http.client
import json
import os
import socket
import subprocess
import sys
import time

path, ctl, opsock, policies, ws, total = sys.argv[1:7]
POLICY = """version: 1
name: {name}
file_rules:
  - name: system
    paths: ["/{{usr,lib,lib64,bin,sbin,etc}}", "/{{usr,lib,lib64,bin,sbin,etc}}/**"]
    operations: [open, read, stat, list, readlink, access]
    decision: allow
  - {{name: sys, paths: ["/{{usr,lib,lib64,bin,sbin,etc}}", "/{{usr,lib,lib64,bin,sbin,etc}}/**"], decision: deny}}
  - {{name: a, paths: ["/workspace/{no}/**"], decision: deny}}
  - {{name: ws, paths: ["/workspace", "/workspace/**"], decision: allow}}
command_rules:
  - {{name: all, commands: ["*"], decision: allow}}
"""


class Conn(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(path)


def ask(method, url, body=None):
    c = Conn("localhost")
    c.request(method, url, json.dumps(body) if body is not None else None)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, json.loads(data) if data[:1] in (b"{", b"[") else data


def create(n):
    st, a = ask("POST", "/api/v1/sessions", {"id": f"r-{n}", "workspace": ws, "policy": "p"})
    if st != 201:
        raise RuntimeError(f"r-{n}: create: {st} {a}")


def check(n, no):
    """What is decided in the session is the policy that denies `no`."""
    st, a = ask("POST", f"/api/v1/sessions/r-{n}/exec",
                {"command": "sh", "args": ["-c", "for d in a b; do cat $d/f >/dev/null 2>&1 && printf $d; done"],
                 "include_events": "none"})
    want = "b" if no == "a" else "a"
    if st != 200 or a["result"]["stdout"] != want:
        raise RuntimeError(f"r-{n}: {no} should be denied: {st} {a}")


def put(no):
    with open(f"{policies}/.new", "w") as f:
        f.write(POLICY.format(name="p", no=no))
    os.rename(f"{policies}/.new", f"{policies}/p.yaml")


def reload():
    start = time.monotonic()
    p = subprocess.run([ctl, "-s", opsock, "reload"], capture_output=True, text=True)
    if p.returncode != 0:
        raise RuntimeError(f"agentshctl reload: {p.returncode} {p.stdout} {p.stderr}")
    return p.stdout.splitlines(), time.monotonic() - start


n = int(total)
with concurrent.futures.ThreadPoolExecutor(4) as ex:
    put("a")
    list(ex.map(create, range(n)))
    put("b")
    rows, took = reload()
    changed = [r for r in rows if r.endswith(" p changed")]
    if len(changed) != n:
        raise RuntimeError(f"{len(changed)} changed: {rows}")
    print(f"{n} sessions have another policy after {took * 1000:.0f} ms")
    list(ex.map(lambda i: check(i, "b"), range(n)))
    # sessions in the making
    more = [ex.submit(create, i) for i in range(n, n + 20)]
    turns = 0
    while turns < 4 or not all(f.done() for f in more):
        put("ab"[turns % 2])
        reload()
        turns += 1
    for f in more:
        f.result()
    no = "ab"[(turns - 1) % 2]
    list(ex.map(lambda i: check(i, no), range(n + 20)))
print(f"{turns} reloads while 20 sessions were made")
PY
python3 "$T/many.py" "$API_SOCK" "$T/stage/agentshctl" "$OPERATOR_SOCK" "$T/var/policies" \
    "$ws" 50 </dev/null || fail "many sessions"
stop_server

# policyd is killed while it is asked for all of them
for turn in 1 2 3; do
	start_service
	API_USER=alice
	for i in 1 2 3 4 5; do
		new_session "k$i" "$ws" '"policy":"p"'
	done
	sed -i "s/name: ws,/name: ws$turn,/" "$T/var/policies/p.yaml"
	"$T/stage/agentshctl" -s "$OPERATOR_SOCK" reload >"$T/reload.out" 2>&1 &
	ctl=$!
	kill -HUP "$SERVER_PID"
	# shellcheck disable=SC2046
	kill -KILL $(pgrep -x policyd) || fail "no policyd"
	wait $ctl
	[ $? = 1 ] || grep -q changed "$T/reload.out" || fail "agentshctl: $(cat "$T/reload.out")"
	wait_for 20 server_is_gone || fail "agentshd goes on without policyd"
	wait "$SERVER_PID"
	want "status of agentshd" $? 1
	SERVER_PID=
	! pgrep -x 'execd|fsd|init' || fail "a session is left"
done
