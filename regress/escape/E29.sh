#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A host's daemon whose socket (E29; of datagrams: E31) or FIFO lies where a
# session may read is not reached by it: in /opt, in /etc, and in the workspace
# itself.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
mkdir "$T/opt" "$T/etc2"
mount --bind "$T/opt" /opt && [ -d /etc/alternatives ] &&
    mount --bind "$T/etc2" /etc/alternatives || fail "bind"
start_service
ws=$(new_workspace alice)
cat >"$T/daemon.py" <<'PY'
import os
import socket
import sys

held = []
for d in ("/opt", "/etc/alternatives", sys.argv[1]):
    for name, kind in (("stream", socket.SOCK_STREAM), ("dgram", socket.SOCK_DGRAM)):
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(d + "/" + name)
        os.chmod(d + "/" + name, 0o666)
        if kind == socket.SOCK_STREAM:
            s.listen()
        c = socket.socket(socket.AF_UNIX, kind)
        c.connect(d + "/" + name)
        held.append(s)
    os.mkfifo(d + "/fifo")
    os.chmod(d + "/fifo", 0o666)
    held.append(os.open(d + "/fifo", os.O_RDWR))
open(sys.argv[2], "w").close()
sys.stdin.read()
PY
mkfifo "$T/hold"
python3 "$T/daemon.py" "$ws" "$T/there" <"$T/hold" &
exec 9>"$T/hold"
wait_for 10 test -e "$T/there" || fail "the daemon did not start"
API_USER=alice
new_session s "$ws"
run_in s python3 -c '
import os
import socket
import sys

bad = []
for d in ("/opt", "/etc/alternatives", "/workspace"):
    for name, kind in (("stream", socket.SOCK_STREAM), ("dgram", socket.SOCK_DGRAM)):
        s = socket.socket(socket.AF_UNIX, kind)
        try:
            s.connect(d + "/" + name)
            bad.append(d + "/" + name)
        except OSError as e:
            print(d, name, e)
    try:
        os.write(os.open(d + "/fifo", os.O_WRONLY | os.O_NONBLOCK), b"x")
        bad.append(d + "/fifo")
    except OSError as e:
        print(d, "fifo", e)
print("REACHED:", bad)
sys.exit(bool(bad))' || fail "$(jq -r .result.stdout "$T/exec.json")"
exec 9>&-
