# SPDX-License-Identifier: Apache-2.0
# A file that one command opens and another one uses. open: opens it, and sends the
# descriptor to the other one; use: uses what it gets, or what it opened itself.
# How: lent, when the one who opened it has ended; both, in turns; mapped, by a
# mapping, while the other one has one too.
import mmap
import os
import socket
import sys
import time

what, how, at, name = sys.argv[1:5]
if what == "open":
    s = socket.socket(socket.AF_UNIX)
    s.bind(at)
    s.listen()
    c, _ = s.accept()
    if how == "mapped":
        c.recv(1)
        fd = os.open(name, os.O_RDWR)
        unused = mmap.mmap(fd, 4096)
    else:
        fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.write(fd, b"a" * 10)
    socket.send_fds(c, [b"f"], [fd])
    for _ in range(3 if how == "both" else 0):
        c.recv(1)
        os.write(fd, b"a" * 1000)
        c.send(b"x")
    if how != "lent":
        c.recv(1)
    os.unlink(at)
else:
    if how == "mapped":
        own = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(own, 8192)
        m = mmap.mmap(own, 4096)
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(at)
            break
        except OSError:
            time.sleep(0.02)
    if how == "mapped":
        s.send(b"x")
    _, fds, _, _ = socket.recv_fds(s, 1, 1)
    if how == "mapped":
        m[0] = 120
        m.close()
        os.close(own)
        time.sleep(0.5)
    elif how == "lent":
        while s.recv(1):
            pass
        time.sleep(0.5)
    if how != "mapped":
        os.pread(fds[0], 4, 0)
        os.pwrite(fds[0], b"c", 0)
        for i in range(3 if how == "both" else 0):
            s.send(b"x")
            s.recv(1)
        os.write(fds[0], b"b" * 1000)
    if how != "lent":
        s.send(b"x")
    print("used", flush=True)
