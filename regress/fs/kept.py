# SPDX-License-Identifier: Apache-2.0
"""
Reads a file when it is told to, and says what was in it; see kept.sh. Without
an argument it is the other side: changes the file, tells, and compares.
"""
import hashlib
import mmap
import os
import pty
import random
import sys
import time
import tty


def digest(data):
    return hashlib.sha256(data).hexdigest()


def reader():
    tty.setraw(0)
    print("ready", flush=True)
    for line in sys.stdin:
        how, name = line.split()
        if how == "end":
            break
        fd = os.open(name, os.O_RDONLY)
        if how == "map" and os.fstat(fd).st_size > 0:
            with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as m:
                data = m[:]
        else:
            data = b"".join(iter(lambda: os.read(fd, 100000), b""))
        os.close(fd)
        print(digest(data), flush=True)


def change(rnd, name):
    """One of the ways to change a file; most of them leave its size."""
    how = rnd.randrange(9)
    size = os.stat(name).st_size
    data = bytes([rnd.randrange(256)]) * rnd.choice([1, 10, 5000])
    if how in (0, 1, 2):
        with open(name, "r+b") as f:
            f.seek(rnd.randrange(max(1, size - len(data))))
            f.write(data)
    elif how == 3:
        with open(name, "wb") as f:
            f.write(data)
    elif how == 4:
        with open(name, "ab") as f:
            f.write(data)
    elif how == 5 and size > 0:
        with open(name, "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
            m[rnd.randrange(size)] = data[0]
    elif how == 6 and os.stat(name).st_nlink == 1:
        with open(name + ".new", "wb") as f:
            f.write(data * 3)
        os.rename(name + ".new", name)
    elif how == 7:
        os.truncate(name, rnd.randrange(20000))
    else:
        st = os.stat(name)
        with open(name, "r+b") as f:
            f.write(data[:max(1, size)])
        os.utime(name, ns=(st.st_atime_ns, st.st_mtime_ns))  # as if it were old


def main():
    rounds, seed, other, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    rnd = random.Random(seed)
    late = 0
    # of the last one, what is changed by its other name nobody hears of
    names = ["k0", "k1", "k2", "linked"]
    for name in names:
        with open(name, "wb") as f:
            f.write(os.urandom(9000))
    os.link("linked", other)
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    with os.fdopen(fd, "r+b", buffering=0) as term:
        lines = iter(lambda: term.readline().decode().strip(), "ready")
        for line in lines:
            print(line)
        for i in range(rounds):
            name = rnd.choice(names)
            for _ in range(rnd.choice([0, 1, 1, 1, 3])):
                change(rnd, other if name == "linked" else name)
            with open(name, "rb") as f:
                want = digest(f.read())
            right, end = 0, time.monotonic() + 2 * int(os.environ.get("TEST_SLOW", "1"))
            while right < 3:
                term.write(f"{rnd.choice(['read', 'map'])} {name}\n".encode())
                have = term.readline().decode().strip()
                # names and sizes are heard of a moment later; what was right stays so
                if have != want and (right > 0 or time.monotonic() > end):
                    print(f"turn {i}: {name} is not what it was changed to: {have!r}")
                    sys.exit(1)
                late += have != want
                right += have == want
        term.write(b"end -\n")
        if os.waitpid(pid, 0)[1] != 0:
            sys.exit(1)
    print(f"read too early: {late}")
    print("all as it should be")


if len(sys.argv) == 1:
    reader()
else:
    main()
