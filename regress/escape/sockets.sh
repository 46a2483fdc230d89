#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No socket of the host is reached from inside: TCP of the host's loopback, the
# network, abstract names, sockets in /run and in the workspace's neighbours.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
cat >"$T/listen.py" <<'PY'
import socket
import sys

t = socket.socket()
t.bind(("127.0.0.1", 0))
t.listen()
a = socket.socket(socket.AF_UNIX)
a.bind("\0agentsh-test-abstract")
a.listen()
r = socket.socket(socket.AF_UNIX)
r.bind(sys.argv[2])
r.listen()
import os
os.chmod(sys.argv[2], 0o666)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(t.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
sys.stdin.read()
PY
# who may not write in /run has it elsewhere
named=/run/agentsh-test.sock
[ -w /run ] || named=$T/agentsh-test.sock
mkfifo "$T/hold"
python3 "$T/listen.py" "$T/port" "$named" <"$T/hold" &
exec 9>"$T/hold"
wait_for 10 test -s "$T/port" || fail "the listeners did not start"
port=$(cat "$T/port")
# reached from outside, so that the refusals inside mean something
python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 5)
s = socket.socket(socket.AF_UNIX); s.connect('\0agentsh-test-abstract')
s = socket.socket(socket.AF_UNIX); s.connect('$named')" || fail "not reachable outside"

API_USER=$ME
new_session s "$ws"
run_in s python3 -c "
import errno
import socket
import sys
bad = []


def reach(what, family, addr, kind=socket.SOCK_STREAM):
    try:
        s = socket.socket(family, kind)
        s.settimeout(3)
        s.connect(addr)
        # netd takes what goes elsewhere, and refuses it then
        s.send(b'x')
        got = s.recv(1)
        print(what, got)
        if got or family == socket.AF_UNIX:
            bad.append(what)
    except TimeoutError:
        bad.append(what)
    except OSError as e:
        print(what, e)


reach('TCP of the host', socket.AF_INET, ('127.0.0.1', $port))
reach('the API by TCP', socket.AF_INET, ('127.0.0.1', ${API_TCP##*:}))
reach('TCP by IPv6', socket.AF_INET6, ('::1', $port))
reach('the network', socket.AF_INET, ('192.0.2.1', 80))
reach('another host', socket.AF_INET, ('198.51.100.7', 443))
reach('UDP of the network', socket.AF_INET, ('198.51.100.7', 443), socket.SOCK_DGRAM)
reach('an abstract name', socket.AF_UNIX, '\0agentsh-test-abstract')
reach('a socket in /run', socket.AF_UNIX, '$named')
reach('the API', socket.AF_UNIX, '$API_SOCK')
reach('the operator socket', socket.AF_UNIX, '$OPERATOR_SOCK')
reach('systemd', socket.AF_UNIX, '/run/systemd/private')
reach('a log socket', socket.AF_UNIX, '/dev/log')
for name, family, kind in (('AF_VSOCK', 40, 1), ('AF_PACKET', 17, 3), ('AF_ALG', 38, 5),
                           ('AF_KEY', 15, 3), ('raw', 2, 3), ('AF_BLUETOOTH', 31, 3)):
    try:
        socket.socket(family, kind)
        bad.append(name)
    except OSError as e:
        print(name, e)
# inside of the session loopback works
a = socket.socket()
a.bind(('127.0.0.1', 0))
a.listen()
b = socket.create_connection(a.getsockname(), 3)
print('REACHED:', bad)
sys.exit(bool(bad))" || fail "$(jq -r .result.stdout "$T/exec.json") $(jq -r .result.stderr "$T/exec.json")"
# agentsh itself does not work from inside
run_in s "$T/stage/agentsh" session list && fail "agentsh works from inside"
exec 9>&-
