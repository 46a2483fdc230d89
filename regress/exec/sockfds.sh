#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Descriptors in messages that wait are held for their command, which leaves others
# as many; a message of as many as the kernel takes is sent.
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

# as many as one message may have
want "a full message" "$(py s <<'P'
a, b = socket.socketpair()
print(why(a.sendmsg, [b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 253))]), end=' ')
_, anc, _, _ = b.recvmsg(9, socket.CMSG_SPACE(4 * 253))
fds = array.array('i'); fds.frombytes(anc[0][2])
print(len(fds))
P
)" "ok 253"

# a command whose messages wait
cat >"$ws/hold.py" <<'P'
import array, errno, os, socket, threading, time
errors = []
def one(s):
    try:
        s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 120))])
    except OSError as e:
        errors.append(errno.errorcode[e.errno])
pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for i in range(12)]
for a, b in pairs:
    a.setblocking(False)
    try:
        while True:
            a.send(b'x')
    except BlockingIOError:
        pass
    a.setblocking(True)
    threading.Thread(target=one, args=(a,), daemon=True).start()
while not errors:
    time.sleep(0.05)
open("held.new", "w").write(" ".join(set(errors)))
os.rename("held.new", "held")
while not os.path.exists("over"):
    time.sleep(0.05)
os._exit(0)
P
API_USER=$ME api POST /api/v1/sessions/s/exec '{"command":"python3","args":["hold.py"],"timeout":"100s"}' >"$T/hold.json" &
holds=$!
wait_for 30 test -e "$ws/held" || fail "all of its descriptors are taken"
want "the others of it" "$(cat "$ws/held")" ETOOMANYREFS
want "another command" "$(py s <<'P'
a, b = socket.socketpair()
print(why(a.sendmsg, [b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 100))]))
P
)" ok
as "$ME" touch "$ws/over"
wait "$holds"
# and they are free again
want "afterwards" "$(py s <<'P'
a, b = socket.socketpair()
print(why(a.sendmsg, [b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 253))]))
P
)" ok
