# SPDX-License-Identifier: Apache-2.0
"""
Writes records in several ways, each in a process of its own, and says of each
record on stdout when the call has returned: what was said must be in the files,
whatever happens to fsd. With "check" it compares what was said, on stdin, with
the files; the last line of stdin may be cut off.

    killed.py write | check
"""
import mmap
import os
import sys

SIZE = 700


def record(way, i):
    head = b"%s %d " % (way.encode(), i)
    return head + b"x" * (SIZE - len(head) - 1) + b"\n"


def whole(n):
    """Of a part that was written nothing is said."""
    if n != SIZE:
        raise OSError(0, "cut short")


def plain(say):
    fd = os.open("plain", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for i in range(10**6):
        whole(os.write(fd, record("plain", i)))
        say(i)


def append(say):
    for i in range(10**6):
        fd = os.open("append", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        whole(os.write(fd, record("append", i)))
        os.close(fd)
        say(i)


def synced(say):
    fd = os.open("synced", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    for i in range(10**6):
        whole(os.pwrite(fd, record("synced", i), i * SIZE))
        if i % 8 == 7:
            os.fsync(fd)
        say(i)


def mapped(say):
    fd = os.open("mapped", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    os.ftruncate(fd, SIZE * 4096)
    m = mmap.mmap(fd, SIZE * 4096)
    for i in range(4096):
        m[i * SIZE:(i + 1) * SIZE] = record("mapped", i)
        m.flush()
        say(i)


def replaced(say):
    for i in range(10**6):
        with open("replaced.new", "wb", buffering=0) as f:
            whole(f.write(record("replaced", i)))
        os.rename("replaced.new", "replaced")
        say(i)


def made(say):
    for i in range(10**6):
        os.mkdir(f"made{i}")
        with open(f"made{i}/f", "wb", buffering=0) as f:
            whole(f.write(record("made", i)))
        say(i)


WAYS = {f.__name__: f for f in (plain, append, synced, mapped, replaced, made)}


def write():
    for name, fn in WAYS.items():
        if os.fork() == 0:
            try:
                fn(lambda i, name=name: os.write(1, b"%s %d\n" % (name.encode(), i)))
            except OSError as e:
                os.write(1, b"# %s: %s\n" % (name.encode(), e.strerror.encode()))
            os._exit(0)
    for _ in WAYS:
        os.wait()


def check():
    said = dict.fromkeys(WAYS, -1)
    for line in sys.stdin:
        w = line.split()
        if line.endswith("\n") and len(w) == 2 and w[0] in WAYS:
            said[w[0]] = max(said[w[0]], int(w[1]))
    bad = 0
    for name, last in said.items():
        lost = [i for i in range(last + 1) if not has(name, i, last)]
        print(f"{name}: {last + 1} said, {len(lost)} lost")
        bad += bool(lost) or last < 5
    return bad


def has(name, i, last):
    if name == "made":
        with open(f"made{i}/f", "rb") as f:
            return f.read() == record(name, i)
    if name == "replaced":
        if i != last:
            return True
        with open("replaced", "rb") as f:
            # or the next one, of which nothing was said yet
            return f.read() in (record(name, i), record(name, i + 1))
    with open(name, "rb") as f:
        f.seek(i * SIZE)
        return f.read(SIZE) == record(name, i)


if sys.argv[1] == "write":
    write()
else:
    sys.exit(check())
