# SPDX-License-Identifier: Apache-2.0
"""What a session finds of its network where nothing outside is allowed to it."""
import ctypes
import errno
import select
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

I4, I6 = socket.AF_INET, socket.AF_INET6
IPV6_FREEBIND = 78
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
QUERY = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\x07example\x04test\0\0\x01\0\x01"
bad = 0


def want(what, got, wanted):
    global bad
    if got not in wanted:
        print("%s: %s, not %s" % (what, got, " or ".join(map(str, wanted))))
        bad = 1


def dial(fam, kind, dst, data=b"\0"):
    return dial_by(socket.socket(fam, kind), dst, data)


def says(s, data=b"\0"):
    try:
        s.send(data)
        return s.recv(512)
    except socket.timeout:
        return "TIMEOUT"
    except OSError as e:
        return errno.errorcode[e.errno]


def dial_by(s, dst, data=b"\0"):
    """What became of it: bytes, or the error's name."""
    s.settimeout(10)
    start = time.monotonic()
    try:
        s.connect(dst)
        got = says(s, data)
    except socket.timeout:
        got = "TIMEOUT"
    except OSError as e:
        got = errno.errorcode[e.errno]
    if time.monotonic() - start > 5:
        print("%s: took %.1f s" % (dst, time.monotonic() - start))
        return "SLOW"
    return got


def dial_all(rows):
    """At once, as some wait: what, family, kind, where to, what may come of it and,
    perhaps, what is sent."""
    with ThreadPoolExecutor(32) as pool:
        got = list(pool.map(lambda row: dial(*row[1:4], *row[5:]), rows))
    for row, g in zip(rows, got):
        # a client of HTTP is told why
        if row[3][1] == 80 and g[:13] == b"HTTP/1.1 403 ":
            g = "ECONNRESET"
        want(row[0], g, row[4])


OUTSIDE = [(I4, "198.51.100.7"), (I4, "203.0.113.10"), (I4, "10.1.2.3"),
           (I4, "169.254.169.254"), (I4, "192.0.2.53"), (I6, "2001:db8::10"),
           (I6, "2606:4700::1"), (I6, "fd00::7"), (I6, "::ffff:198.51.100.7")]

dial_all([("TCP %s %d" % (addr, port), fam, TCP, (addr, port), ("ECONNRESET", b""))
          for fam, addr in OUTSIDE for port in (1, 22, 80, 443, 65535)])
for fam, addr in OUTSIDE:
    for port in 1, 52, 54, 123, 443:
        want("UDP %s %d" % (addr, port), dial(fam, UDP, (addr, port)), ("ECONNREFUSED",))
    # netd answers from the address that was asked, or it would not be received
    answer = dial(fam, UDP, (addr, 53), QUERY)
    want("DNS %s" % addr, answer[:2] == QUERY[:2] and len(answer) >= 12, (True,))

# nobody has business with the sockets of netd
NETD = (I4, "192.0.2.1"), (I6, "fd00:5e55::1")
dial_all([("TCP %s %d" % (addr, port), fam, TCP, (addr, port), ("ECONNREFUSED",))
          for fam, addr in NETD for port in (1, 53, 80)])
for fam, addr in NETD:
    want("UDP %s" % addr, dial(fam, UDP, (addr, 53), QUERY), ("ECONNREFUSED",))


def again(fam, addr, port):
    """How often a SYN was sent again, until the end of a connection that fails."""
    s = socket.socket(fam, TCP)
    s.setblocking(False)
    got = s.connect_ex((addr, port))
    if got == errno.EINPROGRESS:
        p = select.poll()
        p.register(s, select.POLLOUT)
        p.poll(60000)
    total_retrans = struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]
    s.close()
    return total_retrans


# and is told so by a reset, at once
for fam, addr in NETD:
    for port in 1, 53, 80:
        want("SYN %s %d" % (addr, port), again(fam, addr, port), (0,))


# but for the one that is a proxy
want("the proxy", dial(I4, TCP, ("192.0.2.1", 3128), b"\r\n\r\n") != "ECONNREFUSED", (True,))
want("the proxy, UDP", dial(I4, UDP, ("192.0.2.1", 3128)), ("ECONNREFUSED",))


def serve(fam, kind, addr, port):
    s = socket.socket(fam, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if fam == I6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    s.bind((addr, port))
    if kind == TCP:
        s.listen()
    return s


def taken(fam, kind, addr, port):
    """Whether a socket can be had there, among others that share it."""
    s = socket.socket(fam, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if fam == I6:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    try:
        s.bind((addr, port))
        if kind == TCP:
            s.listen()
    except OSError as e:
        return errno.errorcode[e.errno]
    finally:
        s.close()
    return "taken"


def disconnect(s):
    return ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)


# a server of the session is there for the session, by each of its own addresses,
# and for nobody who means another host
for fam, every, own, other in (
        (I4, "0.0.0.0", ("127.0.0.1", "127.3.2.1", "192.0.2.2", "0.0.0.0"), "198.51.100.7"),
        (I6, "::", ("::1", "fd00:5e55::2", "::"), "2001:db8::10")):
    server = serve(fam, TCP, every, 8080)
    for addr in own:
        c = socket.create_connection((addr, 8080), 10)
        a, _ = server.accept()
        a.send(b"inside")
        want("own %s" % addr, c.recv(16), (b"inside",))
        a.close()
    want("other %s" % other, dial(fam, TCP, (other, 8080)), ("ECONNRESET", b""))
    server.settimeout(0.1)
    try:
        server.accept()
        want("server", "met a stranger", ())
    except socket.timeout:
        pass
    server.close()
    server = serve(fam, UDP, every, 8053)
    server.settimeout(10)
    c = socket.socket(fam, UDP)
    c.connect((own[0], 8053))
    c.send(b"ask")
    data, peer = server.recvfrom(16)
    server.sendto(b"inside", peer)
    want("own UDP %s" % own[0], c.recv(16), (b"inside",))
    want("other UDP %s" % other, dial(fam, UDP, (other, 8053)), ("ECONNREFUSED",))
    server.close()

# the sockets of netd are nobody's to take, and no other has their address
OF_NETD = (I4, "0.0.0.0", "192.0.2.1"), (I6, "::", "fd00:5e55::1")
for fam, every, own in OF_NETD:
    for kind in TCP, UDP:
        for addr in every, own, "127.0.0.1" if fam == I4 else "::1":
            for port in 1, 53:
                want("bind %s %d" % (addr, port), taken(fam, kind, addr, port), ("EACCES",))
    if fam == I4:
        for addr in every, own:
            want("bind %s 3128" % addr, taken(fam, TCP, addr, 3128), ("EADDRINUSE",))
impostors = [(fam, kind, own, serve(fam, kind, own, 8080)) for fam, _, own in OF_NETD
             for kind in (TCP, UDP)]
dial_all([("an impostor at %s" % own, fam, kind, (own, 8080), ("ECONNREFUSED",))
          for fam, kind, own, _ in impostors] +
         [("own %s %d" % (addr, port), fam, kind, (addr, port), ("ECONNREFUSED",), QUERY)
          for fam, addr in ((I4, "127.0.0.1"), (I4, "192.0.2.2"), (I6, "::1"),
                            (I6, "fd00:5e55::2"))
          for kind in (TCP, UDP) for port in (1, 53)])
for row in impostors:
    row[3].close()

# a server that has taken an address outside is not met there
for fam, addr in (I4, "198.51.100.7"), (I6, "2001:db8::7"):
    for kind, wanted in (TCP, ("ECONNRESET", b"")), (UDP, ("ECONNREFUSED",)):
        server = serve(fam, kind, addr, 8080)
        want("a host that is not there, %s" % addr, dial(fam, kind, (addr, 8080)), wanted)
        server.close()

# a socket that was connected inside is no other when it goes outside
for kind, wanted in (TCP, ("ECONNRESET", b"")), (UDP, ("ECONNREFUSED",)):
    server = serve(I4, kind, "127.0.0.1", 8080)
    s = socket.socket(I4, kind)
    s.connect(("127.0.0.1", 8080))
    want("AF_UNSPEC", disconnect(s), (0,))
    want("outside after inside", dial_by(s, ("198.51.100.7", 443)), wanted)
    server.close()
s = socket.socket(I4, UDP)
s.connect(("198.51.100.7", 53))
want("AF_UNSPEC", disconnect(s), (0,))
want("other UDP after DNS", dial_by(s, ("198.51.100.7", 443)), ("ECONNREFUSED",))

# connections of one port to several places are several
pair = []
for dst in ("198.51.100.7", 443), ("198.51.100.8", 443), ("198.51.100.7", 22):
    s = socket.socket(I4, TCP)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("192.0.2.2", 40404))
    s.connect(dst)
    pair.append((s, dst))
for s, dst in pair:
    want("one port, %s %d" % dst, says(s), ("ECONNRESET", b""))

# whoever takes a source address that is nobody's is served like others
for fam, addr, dst in (I4, "198.51.100.9", "198.51.100.7"), (I6, "2001:db8::9", "2001:db8::7"):
    s = socket.socket(fam, TCP)
    s.settimeout(10)
    if fam == I6:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    s.bind((addr, 0))
    try:
        s.connect((dst, 443))
        want("from %s" % addr, s.recv(1), (b"",))
    except ConnectionResetError:
        pass

# nothing is sent by timers where nothing but the loopback is
s = socket.socket(I4, TCP)
want("congestion control", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0"),
     (b"reno",))

# many at once: all are refused, and none is forgotten
many = [socket.socket(I4, TCP) for _ in range(500)]
for s in many:
    s.setblocking(False)
    s.connect_ex(("198.51.100.7", 443))
for s in many:
    s.setblocking(True)
    s.settimeout(20)
    try:
        want("one of many", s.recv(1), (b"",))
    except (ConnectionResetError, BrokenPipeError):
        pass
sys.exit(bad)
