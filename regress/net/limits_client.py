# SPDX-License-Identifier: Apache-2.0
"""What sessions of limits.sh do: see main()."""
import os
import socket
import sys
import threading
import time

ADDR = os.environ.get("ADDR", "203.0.113.10")
PROXY = ("192.0.2.1", 3128)


def dial(port, proxy=False):
    if not proxy:
        return socket.create_connection((ADDR, port), 600)
    s = socket.create_connection(PROXY, 600)
    where = b"%s:%d" % (ADDR.encode(), port)
    s.sendall(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (where, where))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += s.recv(1) or sys.exit("no tunnel: %r" % head)
    if b" 200 " not in head:
        sys.exit("no tunnel: %r" % head)
    return s


def down(n, proxy=False):
    with dial(7000, proxy) as s:
        s.sendall(b"%d\n" % n)
        got = 0
        while data := s.recv(65536):
            got += len(data)
    if got != n:
        sys.exit(f"{got} bytes of {n}")


def up(n):
    with dial(7001) as s:
        s.sendall(bytes(n))
        s.shutdown(socket.SHUT_WR)
        got = s.recv(100)
    if got != b"%d\n" % n:
        sys.exit(f"{got} bytes of {n}")


def together(*jobs):
    """How long all took; a thread that fails ends the process."""
    bad = []

    def one(f, *args):
        try:
            f(*args)
        except (OSError, SystemExit) as e:
            bad.append(e)
    threads = [threading.Thread(target=one, args=j) for j in jobs]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if bad:
        sys.exit(f"{bad[0]!r}")
    return time.monotonic() - began


def main():
    what = sys.argv[1]
    if what == "all":
        # down, up and by the proxy: milliseconds for so many bytes each
        n = int(sys.argv[2])
        print(int(1000 * together((down, n), (up, n), (down, n, True))))
    elif what == "many":
        for _ in range(int(sys.argv[2])):
            with dial(7002) as s:
                s.sendall(b"x" * int(sys.argv[3]))
                got = 0
                while got < int(sys.argv[3]):
                    got += len(s.recv(65536))
                # for as long as it may take to find whose it is
                time.sleep(0.2)
    elif what == "hold":
        # a child keeps a connection, over which 1000 bytes went each way
        s = dial(7002)
        s.sendall(b"x" * 1000)
        got = 0
        while got < 1000:
            got += len(s.recv(1000))
        if os.fork() == 0:
            os.setsid()
            for fd in 0, 1, 2:
                os.close(fd)
            time.sleep(300)
    elif what == "denied":
        for _ in range(int(sys.argv[2])):
            try:
                with socket.create_connection((ADDR, 9), 60) as s:
                    s.recv(1)
                sys.exit("not denied")
            except ConnectionResetError:
                pass
    elif what == "nowhere":
        began = time.monotonic()
        try:
            with socket.create_connection(("2001:db8:dead::1", 7002), 60) as s:
                s.sendall(b"x")
                s.recv(1)
            sys.exit("somebody is there")
        except ConnectionResetError:
            print(int(1000 * (time.monotonic() - began)))
    elif what == "silent":
        held = [dial(443) for _ in range(int(sys.argv[2]))]
        with dial(7002) as s:
            s.sendall(b"x")
            print(s.recv(1).decode())
        del held


main()
