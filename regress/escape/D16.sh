#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command sets its own priority, scheduling and processors, as nice(1) and its
# kin do, but not those of pid 1 and of the keepers, which are of the same user:
# what they have, later commands inherit.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 nice ionice chrt taskset
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"

# nice value, policy and processors of this process, of pid 1 and of the keeper
cat >"$ws/show.py" <<'PY'
import os
for pid in (0, 1, os.getppid()):
    print(os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid),
          len(os.sched_getaffinity(pid)))
PY
chmod 0644 "$ws/show.py"
before=$(run_in s python3 show.py) || fail "show.py: $(cat "$T/exec.json")"
cat >"$ws/attack.py" <<'PY'
import ctypes
import os
import sys
import threading
libc = ctypes.CDLL(None, use_errno=True)
one = {min(os.sched_getaffinity(0))}
others = (1, os.getppid())
bad = []


def refused(name, fn, *args):
    try:
        if fn(*args) == -1:
            return
        bad.append(name)
    except OSError:
        pass


for pid in others:
    refused(f"setpriority {pid}", os.setpriority, os.PRIO_PROCESS, pid, 19)
    refused(f"ioprio_set {pid}", libc.syscall, 251, 1, pid, 3 << 13)
    refused(f"sched_setscheduler {pid}", os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
    refused(f"sched_setparam {pid}", os.sched_setparam, pid, os.sched_param(0))
refused("affinity of pid 1", os.sched_setaffinity, 1, one)
# all of the user's, and all of the keeper's group
refused("setpriority of the user", os.setpriority, os.PRIO_USER, 0, 19)
refused("setpriority of the user by number", os.setpriority, os.PRIO_USER, os.getuid(), 19)
refused("setpriority of a group", os.setpriority, os.PRIO_PGRP, os.getpgid(os.getppid()), 19)
refused("ioprio_set of the user", libc.syscall, 251, 3, os.getuid(), 3 << 13)
refused("ioprio_set of a group", libc.syscall, 251, 2, os.getpgid(os.getppid()), 3 << 13)
for name in ("oom_score_adj", "autogroup", "timerslack_ns", "coredump_filter"):
    for pid in others:
        try:
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as f:
                f.write("19")
            bad.append(f"{name} of {pid}")
        except OSError:
            pass
print(" ".join(bad))
sys.exit(bool(bad))
PY
chmod 0644 "$ws/attack.py"
run_in s python3 attack.py >/dev/null || fail "succeeds: $(jq -r '.result.stdout, .result.stderr' "$T/exec.json")"
want "pid 1, and a command after that" "$(run_in s python3 show.py)" "$before"

# a command's own
want "nice" "$(run_in s nice -n 5 nice)" 5
want "ionice" "$(run_in s ionice -c 3 ionice)" idle
run_in s chrt -i 0 true || fail "chrt: $(cat "$T/exec.json")"
run_in s taskset -c "$(run_in s python3 -c 'import os; print(min(os.sched_getaffinity(0)))')" true ||
    fail "taskset: $(cat "$T/exec.json")"
# a thread's, as libraries set it
run_in s python3 -c '
import os, threading
t = threading.Thread(target=lambda: os.sched_setaffinity(threading.get_native_id(), os.sched_getaffinity(0)))
t.start(); t.join()
os.sched_setaffinity(os.getpid(), {min(os.sched_getaffinity(0))})
' || fail "affinity of own threads: $(cat "$T/exec.json")"
want "the next command" "$(run_in s python3 show.py)" "$before"
