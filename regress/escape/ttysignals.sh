#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command on a terminal that puts a process, which the rules do not let it
# signal, into the foreground, and has the terminal signal that.
# waits
# timeout: 100
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_signals.sh"
need_tool python3
signals_start
rules near <<P
  - {name: children, signals: ['@all'], target: {type: children}, decision: allow}
  - {name: self, signals: ['@all'], target: {type: self}, decision: allow}
P
API_USER=$ME
new_session near "$ws" '"policy":"near"'
new_session open "$ws" '"policy":"open"'
cat >"$ws/tell.py" <<'P'
import fcntl, os, signal, struct, sys, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
r, w = os.pipe()
if os.fork() == 0:
    victim = os.fork() # a grandchild
    if victim == 0:
        os.setpgid(0, 0)
        time.sleep(4)
        os._exit(0)
    time.sleep(0.2)
    os.write(w, b"%d" % victim)
    status = os.waitpid(victim, 0)[1]
    print("killed" if os.WIFSIGNALED(status) else "spared", flush=True)
    os._exit(0)
victim = int(os.read(r, 20))
os.tcsetpgrp(0, victim)
fd = os.open("/dev/tty", os.O_RDWR)
fcntl.fcntl(fd, 10, signal.SIGKILL) # F_SETSIG
try:
    if sys.argv[1] == "fcntl":
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_RDWR | os.O_ASYNC)
    else:
        fcntl.ioctl(fd, 0x5452, struct.pack("i", 1)) # FIOASYNC
except OSError:
    pass
print("type", flush=True)
os.wait()
P
cat >"$T/type.py" <<'P'
import sys
from ws import WS
w = WS(sys.argv[1], "/api/v1/sessions/%s/pty" % sys.argv[2])
w.start(["python3", "tell.py", sys.argv[3]])
w.expect(b"type")
w.send_binary(b"x\n")
out, last = w.finish()
print(out.decode().split()[-1])
P
cd "$T" || exit 1
tell()
{
	as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
	    python3 "$T/type.py" "$API_SOCK" "$1" "$2"
}
for how in fcntl ioctl; do
	want "$how with rules" "$(tell near $how)" spared
	want "$how without" "$(tell open $how)" killed
done
