# SPDX-License-Identifier: Apache-2.0
# What a session does while its user puts a checkpoint back: argv[1] says what,
# the rest is for that. The process whose number is last waits for it to begin, and
# it ends with that one.
import os
import signal
import sys
import time

what, *rest, pid = sys.argv[1:]


def state():
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def runs():
    return state() != "Z"


def has_open(path):
    """Has the process it open?"""
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{fd}") == path:
                    return True
            except OSError:
                pass
    except OSError:
        pass
    return False


def names(top, known):
    """Prints each name in a directory that is not known, and what it has."""
    seen = set()
    while runs():
        for name in os.listdir(top):
            if name in known or name in seen:
                continue
            seen.add(name)
            text = b""
            try:
                with open(f"{top}/{name}", "rb") as f:
                    while not text and runs():
                        text = f.read(6)
            except OSError:
                pass
            print(name, text, flush=True)


def move(old, new, when):
    """Renames once, as soon as a path is open."""
    while runs():
        if has_open(when):
            os.rename(old, new)
            print("moved", flush=True)
            return


def shuffle(top, n, stop):
    """Moves each file of each directory to each other one while one of the
    large files is read, once each."""
    todo = [f"{top}/m{i}/m" for i in range(n)]
    out = True
    while runs() and todo:
        for m in todo:
            if not has_open(m):
                continue
            todo.remove(m)
            for i in range(n):
                for k in range(n):
                    a, b = f"{top}/d{i}/f{k}", f"{top}/d{k}/g{i}"
                    if i != k:
                        os.rename(*((a, b) if out else (b, a)))
            out = not out
            print("moved", flush=True)
            break
        if len(todo) == n - int(stop):
            return


while state() not in "TZ":
    time.sleep(0.001)
os.kill(int(pid), signal.SIGCONT)
if what == "names":
    names(rest[0], set(rest[1:]))
elif what == "move":
    move(*rest)
else:
    shuffle(rest[0], int(rest[1]), rest[2])
