#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process writes into the memory of another by /proc: not of its child, nor of
# one that it has nothing to do with, nor its own by that way.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
out=$(run_in s python3 -c '
import os
import subprocess
def attempt(who, pid):
    for name in ("mem", "task/%d/mem" % pid):
        try:
            open("/proc/%d/%s" % (pid, name), "r+b").close()
            print(who, "can be written")
        except OSError:
            pass
child = subprocess.Popen(["sleep", "20"])
attempt("a child", child.pid)
attempt("the process itself", os.getpid())
if os.fork() == 0:
    attempt("a sibling", child.pid)
    attempt("the parent", os.getppid())
    os._exit(0)
os.wait()
child.kill()
print("done")')
want "memory" "$out" "done"
# what else is written there works as ever
want "a file by the name of its descriptor" \
    "$(run_in s sh -c 'exec 3>file; echo out >/proc/self/fd/3; cat file')" out
