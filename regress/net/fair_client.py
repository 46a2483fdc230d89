# SPDX-License-Identifier: Apache-2.0
"""
Sessions of fair.sh. What floods says in the file "count" how much it has done, and
goes on until the file "stop" is there: "bytes N" reads from N connections what
comes, "connections" makes them and vanishes, "silence" makes them and says
nothing, "questions" asks for names. "work bytes" and "work requests" are what is
measured beside it, from the file "go" to the file "end".
"""
import os
import selectors
import socket
import struct
import sys
import threading
import time

ADDR = "203.0.113.10"
WORK = 512 << 20  # that takes longer than it takes to see that it has ended
count = 0


def tell():
    with open("count.new", "w") as f:
        f.write("%d\n" % count)
    os.rename("count.new", "count")
    if os.path.exists("stop"):
        os._exit(0)


def read_all(n):
    global count
    sel = selectors.DefaultSelector()
    for _ in range(n):
        s = socket.create_connection((ADDR, 7003), 600)
        s.setblocking(False)
        sel.register(s, selectors.EVENT_READ)
    buf = bytearray(1 << 18)
    while True:
        for key, _ in sel.select():
            count += key.fileobj.recv_into(buf)


def vanish():
    global count
    while True:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.connect((ADDR, 443))
            count += 1


def silent():
    """As many as there may be that say nothing; each is refused after a while."""
    global count
    sel = selectors.DefaultSelector()
    held = 0
    while True:
        while held < 600:
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((ADDR, 443))
            sel.register(s, selectors.EVENT_READ)
            held += 1
            count += 1
        for key, _ in sel.select():
            sel.unregister(key.fileobj)
            key.fileobj.close()
            held -= 1


def ask():
    global count
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    q = (b"\0\1\1\0\0\1\0\0\0\0\0\0\7unknown\7invalid\0\0\1\0\1")
    while True:
        for _ in range(64):
            s.sendto(q, ("192.0.2.53", 53))
        try:
            for _ in range(64):
                s.recv(512)
                count += 1
        except socket.timeout:
            pass


def work(what):
    if what == "bytes":
        with socket.create_connection((ADDR, 7004), 600) as s:
            s.sendall(b"%d\n" % WORK)
            n = 0
            while data := s.recv(1 << 18):
                n += len(data)
        if n != WORK:
            sys.exit(f"{n} bytes")
        return n
    for _ in range(200):
        with socket.create_connection((ADDR, 7002), 600) as s:
            s.sendall(b"x")
            if s.recv(1) != b"x":
                sys.exit("no answer")
    return 200


if sys.argv[1] == "work":
    open("ready", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    print(work(sys.argv[2]))
    open("end", "w").close()
else:
    flood = {"bytes": lambda: read_all(int(sys.argv[2])), "connections": vanish,
             "silence": silent, "questions": ask}[sys.argv[1]]
    threading.Thread(target=flood, daemon=True).start()
    while True:
        tell()
        time.sleep(0.02)
