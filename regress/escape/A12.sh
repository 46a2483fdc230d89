#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A12: calls that wait for an answer are not restarted for ever by signals that
# come meanwhile, nor do they hang: execs and signals under a storm of signals.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_signals.sh"
need_tool python3
signals_start
rules storm <<P
  - {name: all, signals: ['@all'], target: {type: session}, decision: allow}
P
new_session storm "$ws" '"policy":"storm"'
# the kernel's signals, which nobody decides, and those of another process
cat >"$ws/storm.py" <<'P'
import os
import signal
import subprocess
import time
hits = 0
def hit(*_):
    global hits
    hits += 1
signal.signal(signal.SIGALRM, hit)
signal.signal(signal.SIGUSR1, hit)
me = os.getpid()
def send(pid, signo):
    while True:
        try:
            return os.kill(pid, signo)
        except InterruptedError:
            pass # before the question was taken, as agentsh-policy(5) has it
other = os.fork()
if other == 0:
    signal.setitimer(signal.ITIMER_REAL, 0)
    while os.getppid() == me:
        send(me, signal.SIGUSR1)
    os._exit(0)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.time() + 60
done = 0
while done < 50 and time.time() < end:
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        os.execv("/bin/true", ["true"])
    os.kill(child, 0)
    send(child, signal.SIGCONT)
    send(0, signal.SIGURG)
    while True:
        try:
            if os.waitpid(child, 0)[1] == 0:
                done += 1
            break
        except InterruptedError:
            pass
signal.setitimer(signal.ITIMER_REAL, 0)
send(other, signal.SIGKILL)
print(done, "hit" if hits > 10 else "not hit")
P
out=$(run_in storm python3 /workspace/storm.py) || jq -r .result.stderr "$T/exec.json"
want "execs under a storm" "$out" "50 hit"
want "after it" "$(run_in storm echo on)" on
