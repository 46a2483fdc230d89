# SPDX-License-Identifier: Apache-2.0
"""
Clients of the host of publish.sh: publish_clients.py WHAT ADDRESS PORT.
"""
import resource
import socket
import sys

what, addr, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def to(first):
    s = socket.create_connection((addr, port), timeout=60)
    s.sendall(first + b"\n")
    return s


def rest(s):
    got = b""
    while True:
        more = s.recv(65536)
        if not more:
            return got
        got += more


if what == "peer":
    print(rest(to(b"peer")).decode().strip())
elif what == "half":
    s = to(b"count")
    s.sendall(b"y" * 3000000)
    s.shutdown(socket.SHUT_WR)
    assert rest(s) == b"3000000\n"
    s = to(b"source 6553600")
    s.shutdown(socket.SHUT_WR)
    assert len(rest(s)) == 6553600
elif what == "refused":
    try:
        s = to(b"peer")
        got = rest(s)
    except OSError as e:
        print("refused", e)
    else:
        raise SystemExit("not refused: %r" % got)
elif what == "many":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    all_ = [to(b"echo") for _ in range(1000)]
    for i, s in enumerate(all_):
        s.sendall(b"%d\n" % i)
    for i, s in enumerate(all_):
        got = b""
        while not got.endswith(b"\n"):
            more = s.recv(100)
            assert more, "client %d: the end after %r" % (i, got)
            got += more
        assert got == b"%d\n" % i, (i, got)
elif what == "crowd":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    crowd = [socket.create_connection((addr, port), timeout=60) for _ in range(500)]
    print("ready", flush=True)
    sys.stdin.read()
elif what == "never":
    # nobody reads what comes: it waits in the session, and others go on
    lazy = [to(b"source 104857600") for _ in range(10)]
    print("ready", flush=True)
    sys.stdin.readline()
