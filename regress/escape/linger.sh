#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command that has execd close the last descriptor of a socket which waits for
# its peer at the close: the time limit of the command, and other commands, must
# not wait for that as well.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
policy sock <<'P'
unix_socket_rules:
  - {name: no, paths: ["/**/no"], operations: [sendto], decision: deny}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws" '"policy":"sock"'
cat >"$ws/linger.py" <<'P'
import os, socket, struct, subprocess, sys, threading, time
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
def full():
    c = socket.socket(); c.connect(l.getsockname()); a, _ = l.accept()
    c.setblocking(False)
    try:
        while True:
            c.send(b"x" * 65536)
    except BlockingIOError:
        pass
    c.setblocking(True)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
    return c, a
how = sys.argv[1]
c, a = full()
if how == "call":
    # the call waits when its socket is closed, and ends by its own limit
    c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
    def send():
        try:
            c.sendmsg([b"y" * (1 << 23)])
        except OSError as e:
            pass
    t = threading.Thread(target=send); t.start()
    time.sleep(0.4)
    # not by us: the last descriptor of it is the one that execd has
    other = os.open("/dev/null", os.O_RDONLY)
    os.dup2(other, c.fileno())
else:
    # a message waits which has the socket in it
    m, n = socket.socketpair()
    m.setblocking(False)
    try:
        while True:
            m.send(b"x" * 65536)
    except BlockingIOError:
        pass
    m.setblocking(True)
    m.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
    fd = c.fileno()
    def send():
        try:
            socket.send_fds(m, [b"y"], [fd])
        except OSError as e:
            pass
    t = threading.Thread(target=send); t.start()
    time.sleep(0.4)
    other = os.open("/dev/null", os.O_RDONLY)
    os.dup2(other, fd)
t0 = time.time()
t.join()
subprocess.run(["/bin/true"])
took = time.time() - t0
print("free" if took < 25 else "held for %d s" % took)
P
cd "$T" || exit 1
for how in call message; do
	want "execd after a $how" "$(run_in s python3 linger.py $how)" free
done
