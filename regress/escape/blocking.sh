#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command that makes its socket a waiting one in the moment when execd connects
# it: nothing else in the session must wait for whom it is connected to.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
policy sock <<'P'
unix_socket_rules:
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws" '"policy":"sock"'
cat >"$ws/blocking.py" <<'P'
import fcntl, os, socket, subprocess, sys, threading, time
if sys.argv[1] == "unix":
    make = lambda: socket.socket(socket.AF_UNIX)
    l = make(); l.bind("\0full")
else:
    make = socket.socket
    l = make(); l.bind(("127.0.0.1", 0))
l.listen(0)
to = l.getsockname()
# who is connected and who waits for it
queue = []
for i in range(3):
    c = make(); c.setblocking(False); c.connect_ex(to); queue.append(c)
c = make()
flip = """
import fcntl, os, sys, time
end = time.time() + 4
while time.time() < end:
    for i in range(1000):
        fcntl.fcntl(%d, fcntl.F_SETFL, os.O_RDWR)
""" % c.fileno()
p = subprocess.Popen([sys.executable, "-c", flip], pass_fds=[c.fileno()])
def connect():
    try:
        c.connect(to)
    except OSError as e:
        pass
threading.Thread(target=connect, daemon=True).start()
t0 = time.time()
worst = 0
while time.time() < t0 + 4:
    t = time.time()
    subprocess.run(["/bin/true"])
    worst = max(worst, time.time() - t)
p.wait()
print("free" if worst < 3 * int(sys.argv[2]) else "held for %d s" % worst, flush=True)
os._exit(0)
P
cd "$T" || exit 1
for how in unix tcp; do
	want "execd at a connect, $how" "$(run_in s timeout -s KILL $((40 * ${TEST_SLOW:-1})) python3 blocking.py $how "${TEST_SLOW:-1}")" free
done
