# SPDX-License-Identifier: Apache-2.0
"""What a session of unix.sh does. unix_client.py ADDRESS PATH"""
import socket
import sys
import threading

ADDR, PATH = sys.argv[1:3]
MANY = 1000
bad = 0
socket.setdefaulttimeout(60)


def want(what, got, wanted):
    global bad
    if got != wanted:
        print("%s: %.100r, not %.100r" % (what, got, wanted))
        bad = 1


def dial(port):
    return socket.create_connection((ADDR, port), 60)


def rest(s):
    got = b""
    while True:
        more = s.recv(65536)
        if not more:
            return got
        got += more


# what is sent comes back, and the end of one way is not that of the other
data = bytes(range(256)) * 4096 * 4
with dial(7001) as s:
    threading.Thread(target=lambda: (s.sendall(data),
                                     s.shutdown(socket.SHUT_WR))).start()
    want("a stream", rest(s) == data + b"end", True)

# its descriptors go nowhere
for _ in range(20):
    with dial(7009) as s:
        s.sendall(b"x")
        want("bytes with descriptors", rest(s), b"hello")

# a socket of the session's own takes no server's place: the host has it not
u = socket.socket(socket.AF_UNIX)
u.bind(PATH)
u.listen(8)
with dial(7010) as s:
    try:
        s.sendall(b"x")
        want("its own", s.recv(1), "a reset")
    except OSError:
        pass
u.close()

# more at once than there may be
got = []


def one():
    try:
        with dial(7001) as c:
            c.sendall(b"GET / HTTP/1.0\r\n\r\n")
            got.append(b"unix server" in rest(c))
    except OSError as e:
        got.append(str(e))


threads = [threading.Thread(target=one) for _ in range(MANY)]
for t in threads:
    t.start()
for t in threads:
    t.join()
want("answers", len(got), MANY)
want("many at once", [g for g in got if g is not True], [])
sys.exit(bad)
