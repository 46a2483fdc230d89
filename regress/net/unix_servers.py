# SPDX-License-Identifier: Apache-2.0
"""What unix.sh redirects to. unix_servers.py ADDRESS DIRECTORY"""
import array
import os
import socket
import struct
import sys
import threading

ADDR, DIR = sys.argv[1:3]


def uid(s):
    return struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET,
                                            socket.SO_PEERCRED, 12))[1]


def http(text):
    return ("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s\n" %
            (len(text) + 1, text)).encode()


def head(s):
    got = b""
    while b"\r\n\r\n" not in got:
        more = s.recv(65536)
        if not more:
            break
        got += more
        if not got.startswith(b"GET"):
            break
    return got


def web(s, text):
    got = head(s)
    if got.startswith(b"GET"):
        s.sendall(http(text))
        return
    # else what comes goes back, and at last its end
    while got:
        s.sendall(got)
        got = s.recv(65536)
    s.sendall(b"end")


def unix(s):
    web(s, "unix server, for uid %d" % uid(s))


def network(s):
    web(s, "network server")


def hands(s):
    """Each byte with a descriptor."""
    s.recv(1)
    r, w = os.pipe()
    for c in b"hello":
        s.sendmsg([bytes([c])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                  array.array("i", [r] * 50))])
    os.close(r)
    os.close(w)


def serve(s, do):
    s.listen(64)

    def one(c):
        try:
            do(c)
        except OSError:
            pass
        c.close()

    def loop():
        while True:
            c = s.accept()[0]
            threading.Thread(target=one, args=(c,), daemon=True).start()

    threading.Thread(target=loop).start()


for name, do in ("http", unix), ("others", unix), ("hands", hands):
    u = socket.socket(socket.AF_UNIX)
    u.bind(DIR + "/" + name)
    serve(u, do)
t = socket.socket()
t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
t.bind((ADDR, 80))
serve(t, network)
print("ready", flush=True)
