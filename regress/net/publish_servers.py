# SPDX-License-Identifier: Apache-2.0
"""
Servers in the session of publish.sh. What a client's first line says is done:
echo, count, source N, peer.
"""
import resource
import socket
import sys
import threading


def serve(c):
    f = c.makefile("rwb")
    word, *rest = f.readline().split()
    if word == b"peer":
        f.write(c.getpeername()[0].encode() + b"\n")
    elif word == b"source":
        for _ in range(int(rest[0]) // 65536):
            f.write(b"x" * 65536)
    elif word == b"count":
        n = 0
        while True:
            got = f.read1(65536)
            if not got:
                break
            n += len(got)
        f.write(b"%d\n" % n)
    else:
        while True:
            got = f.read1(65536)
            if not got:
                break
            f.write(got)
            f.flush()
    f.flush()
    f.close()
    c.close()


def quietly(c):
    try:
        serve(c)
    except OSError:
        pass


def listen(family, addr, port):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    s.listen(2048)
    while True:
        c, _ = s.accept()
        threading.Thread(target=quietly, args=(c,), daemon=True).start()


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
threading.stack_size(131072)
for where in ((socket.AF_INET, "127.0.0.1", 8000), (socket.AF_INET6, "::1", 8001),
              (socket.AF_INET, "0.0.0.0", 8002)):
    threading.Thread(target=listen, args=where, daemon=True).start()
threading.Event().wait()
