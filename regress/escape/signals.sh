#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process that wants to signal one that it may not, by what changes between
# the decision and the signal: a descriptor that is another's pidfd by then, the
# kernel's signals, the secret of init in the unused arguments of a call.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_signals.sh"
need_tool python3
signals_start
rules near <<P
  - {name: children, signals: ['@all'], target: {type: children}, decision: allow}
P
new_session near "$ws" '"policy":"near"'
new_session open "$ws" '"policy":"open"'
cat >"$ws/attack.py" <<'P'
import ctypes
import os
import signal
import sys
import threading
import time
how = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
SYS_pidfd_open, SYS_pidfd_send = 434, 424
SYS_kill = {"x86_64": 62, "aarch64": 129}[os.uname().machine]
def child(also=None):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        if also:
            os.write(w, b"%10d" % also())
        while True:
            time.sleep(1)
    return pid, int(os.read(r, 10)) if also else 0
mine, victim = child(lambda: child()[0]) # a grandchild: not to be signalled
if how == "swap":
    # a child that does not mind, and a victim that would die
    os.kill(mine, signal.SIGSTOP)
    a, b = os.pidfd_open(mine), os.pidfd_open(victim)
    fd = os.dup(a)
    end = False
    def swap():
        while not end:
            os.dup2(b, fd)
            os.dup2(a, fd)
    t = threading.Thread(target=swap)
    t.start()
    said = {0: 0, 1: 0}
    stop = time.time() + 5
    while time.time() < stop:
        r = libc.syscall(SYS_pidfd_send, fd, signal.SIGCONT if len(sys.argv) == 2 else signal.SIGUSR1, 0, 0)
        said[0 if r == 0 else ctypes.get_errno() == 1] = said.get(0 if r == 0 else 1, 0) + 1
    end = True
    t.join()
elif how == "secret":
    for secret in (0, 1, 0xffffffff, 0xffffffffffffffff, 0x8000000000000000):
        libc.syscall(SYS_kill, victim, signal.SIGUSR1, 0, 0, ctypes.c_ulong(secret), ctypes.c_ulong(secret))
    libc.syscall(SYS_kill, ctypes.c_ulong(victim | 1 << 32), ctypes.c_ulong(signal.SIGUSR1 | 1 << 32), 0, 0)
elif how == "procfd":
    for path in ("/proc/%d", "/proc/%d/task", "/proc/%d/task/%d"):
        n = path.count("%d")
        f = os.open(path % ((victim,) * n), os.O_RDONLY | os.O_DIRECTORY)
        libc.syscall(SYS_pidfd_send, f, signal.SIGUSR1, 0, 0)
elif how == "thread":
    libc.syscall({"x86_64": 234, "aarch64": 131}[os.uname().machine], victim, victim, signal.SIGUSR1)
time.sleep(0.2)
state = open("/proc/%d/stat" % victim).read().split()[2] if os.path.exists("/proc/%d" % victim) else "gone"
print("dead" if state in ("gone", "Z", "X") else "alive")
P
for how in swap secret procfd thread; do
	want "$how with rules" "$(run_in near timeout -s KILL 60 python3 $w/attack.py $how x)" alive
	want "$how without" "$(run_in open timeout -s KILL 60 python3 $w/attack.py $how x)" dead
done
