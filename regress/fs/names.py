# SPDX-License-Identifier: Apache-2.0
# Several processes and threads make, move, link, read and remove the same
# names at once. Only the errors that a local file system gives are right.
import errno
import os
import random
import sys
import threading

RIGHT = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)
wrong = []


def step(r, d):
    n = os.path.join(d if r.random() < .8 else ".", "f%d" % r.randrange(12))
    m = os.path.join("t%d" % r.randrange(3), "f%d" % r.randrange(12))
    k = r.randrange(11)
    if k < 3:
        with open(n, "w") as f:
            f.write("x" * r.randrange(5000))
    elif k < 5:
        with open(n) as f:
            if f.read().strip("x\0"):
                wrong.append("strange bytes in " + n)
    elif k == 5:
        os.rename(n, m)
    elif k == 6:
        os.unlink(n)
    elif k == 7:
        os.link(n, m)
    elif k == 8:
        for e in os.scandir(d):
            e.stat(follow_symlinks=False)
    elif k == 9:
        os.truncate(n, 10)
    else:
        q = "q%d" % r.randrange(2)
        os.rename(*((d, q) if r.random() < .5 else (q, d)))


def work(seed):
    r = random.Random(seed)
    d = "t%d" % (seed % 3)
    for _ in range(300):
        os.makedirs(d, exist_ok=True)
        try:
            step(r, d)
        except OSError as e:
            if e.errno not in RIGHT:
                wrong.append(str(e))


def child(seed):
    threads = [threading.Thread(target=work, args=(seed * 10 + i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for w in wrong[:5]:
        print(w)
    sys.stdout.flush()
    os._exit(1 if wrong else 0)


pids = []
for s in range(4):
    p = os.fork()
    if p == 0:
        child(s)
    pids.append(p)
bad = sum(os.waitpid(p, 0)[1] != 0 for p in pids)

# many files, more than fsd may hold open
os.mkdir("many")
for i in range(1500):
    with open("many/%d" % i, "w") as f:
        f.write(str(i))
held = [os.open("many/%d" % i, os.O_RDONLY) for i in range(50)]
for i in range(50):
    os.unlink("many/%d" % i)
os.rename("many", "more")
for i in range(50, 1500):
    with open("more/%d" % i) as f:
        if f.read() != str(i):
            bad += 1
for i, fd in enumerate(held):
    if os.pread(fd, 10, 0) != str(i).encode() or os.fstat(fd).st_nlink != 0:
        bad += 1
print("ok" if bad == 0 else "%d wrong" % bad)
