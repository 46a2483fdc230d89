#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Descriptors that commands have sent and nobody has received count against the
# user, for all processes: those that confine the sessions still pass theirs.
# As the whole user counts, it runs
# alone
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
need_tool curl jq python3 prlimit
# as a service manager starts it, or a login
prlimit --pid $$ --nofile=1024:
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
cat >"$ws/flood.py" <<'P'
import array
import os
import resource
import socket
import sys
import time
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
fds = array.array("i", [0] * 250)
keep = []
n = 0
for i in range(64):
    if os.fork() == 0:
        break
else:
    time.sleep(2)
    open("flooded", "w").write("x")
    time.sleep(60)
    sys.exit(0)
while True:
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    keep += [a, b]
    a.setblocking(False)
    try:
        while True:
            a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            n += 250
    except BlockingIOError:
        continue
    except OSError as e:
        open("told", "a").write(f"{n} {e} of {hard}\n")
        time.sleep(0.01)
        break
while True:
    try:
        a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    except OSError:
        pass
    time.sleep(0.01)
P
new_session a "$ws"
new_session b "$ws"
run_in b true || fail true
mkdir "$T/flood"
T=$T/flood api POST /api/v1/sessions/a/exec '{"command":"python3","args":["flood.py"],"timeout":"50s"}' >/dev/null 2>&1 &
wait_for 20 test -e "$ws/flooded" || fail "flood.py"
sort "$ws/told" | uniq -c
for i in $(seq 10); do
	want "a command of another session" "$(run_in b echo here)" here
	want "a command of the same session" "$(run_in a echo here)" here
done
new_session c "$ws"
want "a new session" "$(run_in c echo here)" here
kill -0 "$SERVER_PID" || fail "the server ended"
