# SPDX-License-Identifier: Apache-2.0
"""Says how soon a session sees what the host changes; for views.sh."""
import mmap
import os
import sys
import time

# a second, and what a loaded machine needs
LIMIT = 5.0 * int(sys.argv[2])


def see(what, test):
    start = time.monotonic()
    while not test():
        if time.monotonic() - start > 5 * LIMIT:
            print(what, "never")
            return
        time.sleep(0.02)
    took = time.monotonic() - start
    print(what, "ok" if took < LIMIT else f"after {took:.1f} s")


def reads(fd):
    return lambda: os.pread(fd, 4, 0) == b"BBBB"


other = sys.argv[1] + "/file"
fd = os.open("file", os.O_RDWR)
host = os.open(other, os.O_RDONLY)
hard = os.open("hard", os.O_RDONLY)
mapped = mmap.mmap(fd, 4)
old = [os.pread(fd, 4, 0), os.pread(host, 4, 0), os.pread(hard, 4, 0), mapped[:4]]
assert old == [b"AAAA"] * 4, old
for name in "gone", "old":
    os.stat(name)
os.listdir(".")
open("ready", "w").close()
while not os.path.exists("changed"):
    time.sleep(0.02)
see("open file", reads(fd))
see("open file of the host", reads(host))
see("its other name", reads(hard))
see("mapping", lambda: os.stat("file") and mapped[:4] == b"BBBB")
see("removed name", lambda: not os.path.exists("gone"))
see("moved name", lambda: os.path.exists("new") and not os.path.exists("old"))
see("new name", lambda: os.path.exists("appeared"))
see("listing", lambda: not {"gone", "old"} & set(os.listdir(".")))
