#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Deletes files in ways that make it hard to say whose process it was.
import os
import resource
import signal
import sys

how, n = sys.argv[1], int(sys.argv[2])


# a child's child that works while its parent ends
def orphans():
    r, w = os.pipe()
    for i in range(n):
        if os.fork() == 0:
            if os.fork() == 0:
                os.unlink("orphan%d" % i)
                os.write(w, b"x")
            os._exit(0)
        os.wait()
        os.read(r, 1)


# holds as many open files as fsd allows; others then delete
def hoard():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = ["hoard%d" % i for i in range(n)]
    for name in names:
        os.stat(name)
    r, w = os.pipe()
    pids = []
    for k in range(8):
        pids.append(os.fork())
        if pids[-1] == 0:
            try:
                while True:
                    os.open("whose.py", os.O_RDONLY)
            except OSError:
                os.write(w, b"x")
                signal.pause()
    for pid in pids:
        os.read(r, 1)
    for name in names:
        pid = os.fork()
        if pid == 0:
            os.unlink(name)
            os._exit(0)
        os.waitpid(pid, 0)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


for i in range(n):
    open(how + str(i), "w").close()
if how == "orphan":
    orphans()
else:
    hoard()
