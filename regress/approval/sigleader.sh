#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process whose first thread has ended shows the kernel's /proc of neither its
# memory nor its program; the others go on. It is no dead one for an approved
# signal, and the operator sees what it is all the same.
# timeout: 180
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
cat >"$policies/sig.yaml" <<'P'
version: 1
name: sig
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: ask, signals: [TERM], target: {type: session}, decision: approve, timeout: 900s}
  - {name: rest, signals: ['@all'], target: {type: session}, decision: allow}
P
chmod 0644 "$policies/sig.yaml"
new_session g "$ws" '"policy":"sig"'
events_of=g
# lead.py FILE [PID]: its first thread ends, another tells so, and signals that one
cat >"$ws/lead.py" <<'P'
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def rest():
    while True:
        state = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[0]
        if state == "Z":
            break
        time.sleep(0.02)
    open(sys.argv[1], "w").close()
    rc = 0
    if len(sys.argv) > 2:
        rc = libc.kill(int(sys.argv[2]), 15)
        print("rc", rc, flush=True)
        libc.syscall(231, 0)
    time.sleep(300)
threading.Thread(target=rest).start()
libc.syscall(60, 0)
P
python=$(readlink -f "$(command -v python3)")

# the process that was shown has another program by then, and no first thread
bg p g sh -c "sh -c 'while [ ! -e go ]; do sleep 0.05; done; exec python3 lead.py ended' & p=\$!; kill -TERM \$p; echo rc \$?; kill -KILL \$p"
request 1
as "$ME" touch "$ws/go"
wait_for 20 test -e "$ws/ended" || fail "its first thread did not end"
ctl approve "$id" || fail approve
await p
want "another program" "$(out p)" "rc 1 "
want_in "why" "$(of p '[.events.other[] | select(.type == "signal_blocked")][0].fields.error')" "not the one that was approved"

# what is shown of such a one, and what comes of a yes
bg p g sh -c "python3 lead.py ended2 & p=\$!; until [ -e ended2 ]; do sleep 0.05; done; kill -TERM \$p; echo rc \$?; wait \$p; echo \$?"
request 1
want_in "to whom" "$(asked '.fields.targets[0]')" ", command $(asked .command_id): $python"
ctl approve "$id" || fail approve
await p
want "approved" "$(out p)" "rc 0 143 "

# and of one that sends
bg p g sh -c "sleep 300 & p=\$!; until readlink /proc/\$p/exe | grep -q 'sleep\$'; do sleep 0.02; done; python3 lead.py ended3 \$p; wait \$p; echo \$?"
request 1
want "by whom" "$(asked .fields.executable)" "$python"
ctl approve "$id" || fail approve
await p
want "approved" "$(out p)" "rc 0 143 "

# another file by the path that was shown
as "$ME" cp "$(readlink -f "$(command -v sh)")" "$ws/prog"
bg p g sh -c "./prog -c 'while [ ! -e go4 ]; do sleep 0.05; done; exec ./prog -c \": >again; while :; do sleep 9; done\"' & p=\$!; until readlink /proc/\$p/exe | grep -q 'prog\$'; do sleep 0.02; done; kill -TERM \$p; echo rc \$?; kill -KILL \$p"
request 1
want_in "to whom" "$(asked '.fields.targets[0]')" ": /workspace/prog"
as "$ME" sh -c "cp '$ws/prog' '$ws/prog2' && mv '$ws/prog2' '$ws/prog' && : >'$ws/go4'"
wait_for 20 test -e "$ws/again" || fail "it did not execute the other file"
ctl approve "$id" || fail approve
await p
want "another file" "$(out p)" "rc 1 "

# what has no path, as it has become too long, cannot be told from something else
bg p g python3 -c 'import os, shutil, subprocess
os.mkdir("/tmp/x")
shutil.copy(shutil.which("sleep"), "/tmp/x/sleep")
p = subprocess.Popen(["/tmp/x/sleep", "300"])
os.chdir("/tmp")
for i in range(25):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
os.rename("/tmp/x", "x")
try:
    os.readlink("/proc/%d/exe" % p.pid)
except OSError:
    print("no path")
try:
    os.kill(p.pid, 15)
except PermissionError:
    print("refused")
p.kill()'
await p
want "a program without a path" "$(out p)" "no path refused "
want_in "why" "$(of p '[.events.other[] | select(.type == "signal_blocked")][0].fields.error')" "a process cannot be looked at"
