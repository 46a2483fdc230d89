# SPDX-License-Identifier: Apache-2.0
"""
Both ends of hostile.sh. hostile.py servers DIRECTORY ADDRESS...: a name server and
servers that answer what they should not. hostile.py attack SECONDS SEED ADDRESS...:
a session that says to all of them, and to netd, what it should not.
"""
import os
import random
import select
import socket
import struct
import sys
import threading
import time

PORTS = (80, 443, 8080, 8443, 9000)
HRR = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


# --- outside

def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".")) + b"\0"


def rr(owner, kind, data, ttl=60, cls=1):
    return owner + struct.pack(">HHIH", kind, cls, ttl, len(data)) + data


def reply(q, addr):
    """What a name server says to a question, by the first label of the name."""
    first = q[13:13 + q[12]].decode("latin1").lower()
    at = 12
    while q[at]:
        at += q[at] + 1
    question, kind = q[12:at + 5], struct.unpack(">H", q[at + 1:at + 3])[0]
    whole = q[12:at + 1]
    good = rr(b"\xc0\x0c", 1, socket.inet_aton(addr)) if kind == 1 else b""
    n, flags, ident, more = bool(good), 0x8180, q[:2], (0, 0)
    if first == "loop":
        good, n = rr(b"\xc0\x0c", 5, b"\xc0\x0c"), 1
    elif first == "self":
        good, n = rr(b"\xc0" + bytes([12 + len(question)]), 1, b"\1\2\3\4"), 1
    elif first == "chain":
        parts, n = [rr(whole, 5, name("c0.test"))], 200
        parts += [rr(name("c%d.test" % i), 5, name("c%d.test" % (i + 1)))
                  for i in range(199)]
        good = b"".join(parts)
    elif first == "id":
        ident = bytes([q[0] ^ 1, q[1]])
    elif first == "other":
        question = name("a.test") + question[-4:]
    elif first == "many":
        good, n = good * 300, 300
    elif first == "lies":
        n = 65535
    elif first == "short":
        good = good[:random.randrange(len(good) + 1)]
    elif first == "long":
        good = rr(b"\xc0\x0c", 1, bytes(65000 // 16))
    elif first == "ttl":
        good = rr(b"\xc0\x0c", 1, socket.inet_aton(addr), 0x80000000)
    elif first == "extra":
        good, more = good + rr(name("denied.test"), 1, b"\1\2\3\4") * 3, (2, 1)
    elif first == "trunc":
        flags |= 0x200
    elif first == "odd":
        good, n = rr(whole, 5, b"\3a\0b\1\xff\0"), 1
    elif first == "noise":
        return ident + os.urandom(random.randrange(1, 500))
    elif first == "silent":
        return b""
    msg = ident + struct.pack(">HHHHH", flags, 1, n, *more) + question + good
    if first == "flip":
        msg = bytearray(msg)
        msg[random.randrange(2, len(msg))] ^= 1 << random.randrange(8)
    return bytes(msg)


def dns_udp(addr):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 5353))
    while True:
        q, peer = s.recvfrom(4096)
        a = reply(q, addr)[:4000]
        if a:
            s.sendto(a, peer)


def dns_tcp_one(c, addr):
    with c:
        c.settimeout(5)
        q = c.recv(4096)[2:]
        a = reply(q, addr)
        how = random.randrange(4)
        size = len(a) if how else 65535
        try:
            for b in struct.pack(">H", size) + a:
                c.sendall(bytes([b]))
                if how == 1:
                    time.sleep(0.05)
        except OSError:
            pass


def serve_one(c):
    with c:
        try:
            how = random.randrange(9)
            c.settimeout(3)
            if how == 0:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if how == 1:
                c.sendall(b"220 x\r\n")
            got = c.recv(65536)
            if how == 2:
                c.sendall(b"\x16\x03\x03\x00\x4b\x02\x00\x00\x47\x03\x03" + HRR + bytes(40))
            elif how == 3:
                c.sendall(b"\x15\x03\x03\x00\x02\x01\x70" * 3)
            elif how == 4:
                c.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            elif how == 5:
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            elif how == 6:
                for _ in range(64):
                    c.sendall(bytes(65536))
            elif how == 7:
                c.shutdown(socket.SHUT_WR)
            else:
                c.sendall(got)
            while c.recv(65536):
                pass
        except OSError:
            pass


def good_one(c):
    """For who is not hostile."""
    with c:
        try:
            c.settimeout(5)
            c.recv(65536)
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        except OSError:
            pass


def listen(addr, port, one, *args):
    s = socket.create_server((addr, port), backlog=1024)

    def run():
        while True:
            c = s.accept()[0]
            threading.Thread(target=one, args=(c,) + args, daemon=True).start()
    threading.Thread(target=run, daemon=True).start()


def servers(where, addrs):
    threading.stack_size(131072)
    for addr in addrs:
        for port in PORTS:
            listen(addr, port, serve_one)
        listen(addr, 7000, good_one)
    listen("127.0.0.1", 5353, dns_tcp_one, addrs[0])
    threading.Thread(target=dns_udp, args=(addrs[0],), daemon=True).start()
    open(os.path.join(where, "ready"), "w").close()
    threading.Event().wait()


# --- inside

def hello(sni, version=0x0303):
    host = sni.encode()
    ext = struct.pack(">HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    if random.random() < 0.2:
        ext += struct.pack(">HH", random.choice((0xfe0d, 0xffce, 0, 16)), 0)
    body = struct.pack(">H", version) + os.urandom(32) + b"\0" + \
        b"\0\2\x13\x01" + b"\1\0" + struct.pack(">H", len(ext)) + ext
    body = b"\1" + struct.pack(">I", len(body))[1:] + body
    cut = random.choice((len(body), 1, 40, 7))
    parts = [body[:cut], body[cut:]] if cut < len(body) else [body]
    return b"".join(b"\x16" + struct.pack(">HH", version, len(p)) + p for p in parts)


def request(r, host):
    line = r.choice(("GET / HTTP/1.1", "GET http://%s/ HTTP/1.1" % host, "PRI * HTTP/2.0",
                     "CONNECT %s:443 HTTP/1.1" % host, "GET / HTTP/1.0", "GET /\1 HTTP/1.1",
                     "POST / HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /"))
    head = r.choice(("Host: %s" % host, "Host: %s\r\nHost: a.test" % host, "host:%s:80" % host,
                     "Host: a.test\r\n b", "Host: x@%s" % host, "Host: \0", "Host: " + "a" * 40000,
                     "Host: %s\r\nTransfer-Encoding: chunked" % host,
                     "Host: %s\r\nContent-Length: 5" % host,
                     "Host: %s\r\nUpgrade: websocket\r\nConnection: upgrade" % host))
    tail = r.choice(("", "5\r\nhello\r\n0\r\n\r\n", "5;a=\"\n\"\r\n", "hello", "f" * 17 + "\r\n",
                     "GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n"))
    return ("%s\r\n%s\r\n\r\n%s" % (line, head, tail)).encode("latin1")


def proxied(r, host):
    n = host.encode()
    where = r.choice((b"\1" + os.urandom(4), b"\3" + bytes([len(n)]) + n, b"\4" + os.urandom(16),
                      b"\1\x7f\0\0\1", b"\3\0", b"\3\xff", b"\1\xc0\0\2\1"))
    return r.choice((b"\5\1\0\5" + bytes([r.choice((1, 1, 1, 2, 3))]) + b"\0" + where + b"\0\x50",
                     b"\4\1\0\x50\0\0\0\1x\0" + n + b"\0", b"\5\0", b"\5\xff" + bytes(9),
                     b"CONNECT %s:443 HTTP/1.1\r\nHost: %s\r\n\r\n" % (n, n),
                     b"CONNECT [::ffff:127.0.0.1]:80 HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET http://%s/ HTTP/1.1\r\nHost: %s\r\n\r\n" % (n, n)))


NAMES = ("a.test", "b.test", "ask.test", "denied.test", "A.TEST.", "*", "a" * 63 + ".test",
         "203.0.113.10", "localhost", "chain.x.test", "many.x.test", "trunc.x.test", "0x7f.1",
         "a.test:80", "xn--a.test", "a..test", "silent.x.test", "noise.x.test")
ODD = ("loop", "self", "chain", "id", "other", "many", "lies", "short", "long", "ttl", "extra",
       "trunc", "odd", "noise", "silent", "flip")


def leave(r, s):
    how = r.randrange(4)
    if how == 0:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == 1:
        s.shutdown(socket.SHUT_WR)
        select.select([s], [], [], 0.2)
    elif how == 2:
        s.settimeout(r.choice((0.01, 0.5)))
        while s.recv(65536):
            pass


def tcp(r, addrs):
    proxy = r.random() < 0.3
    to = ("192.0.2.1", 3128) if proxy else (r.choice(addrs), r.choice(PORTS))
    with socket.create_connection(to, 5) as s:
        s.settimeout(5)
        said = []
        if proxy:
            said.append(proxied(r, r.choice(NAMES)))
        for _ in range(r.randrange(3)):
            said.append(r.choice((lambda: hello(r.choice(NAMES), r.choice((0x301, 0x303, 0x203))),
                                  lambda: request(r, r.choice(NAMES)),
                                  lambda: os.urandom(r.randrange(1, 3000)),
                                  lambda: b"GET " + b"a" * r.randrange(70000)))())
        data = b"".join(said)
        if data and r.random() < 0.3:
            data = bytearray(data)
            for _ in range(r.randrange(1, 4)):
                data[r.randrange(len(data))] = r.randrange(256)
        if r.random() < 0.1:
            s.send(b"!", socket.MSG_OOB)
        if r.random() < 0.2:
            time.sleep(0.4)
        step = r.choice((1 << 20, 1 << 20, 1000, 7, 1))
        for at in range(0, min(len(data), 400 * step), step):
            s.sendall(data[at:at + step])
        leave(r, s)


def dns(r, _):
    text = r.choice(ODD) + "%d.x.test" % r.randrange(9) if r.random() < 0.1 else \
        r.choice(ODD) + ".x.test" if r.random() < 0.7 else r.choice(NAMES)
    try:
        wire = name(text)
    except (ValueError, UnicodeError):
        wire = os.urandom(9)
    q = os.urandom(2) + struct.pack(">HHHHH", r.choice((0x100,) * 6 + (0x8100, 0x2800, 0x300)), 1,
                                    0, 0, 0)
    q += wire + struct.pack(">HH", r.choice((1, 1, 1, 28, 16, 5, 65, 252, 255, 10)), 1)
    if r.random() < 0.2:
        q = bytearray(q)
        q[r.randrange(len(q))] = r.randrange(256)
    if r.random() < 0.5:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(q, ("192.0.2.53", 53))
            s.settimeout(r.choice((0.01, 0.3)))
            s.recv(4096)
        return
    with socket.create_connection((r.choice(("192.0.2.53", "8.8.8.8")), 53), 5) as s:
        data = struct.pack(">H", r.choice((len(q), len(q), len(q), 1, 0, 65535))) + q
        data *= r.randrange(1, 4)
        s.settimeout(5)
        for at in range(0, len(data), r.choice((1 << 20, 5))):
            s.sendall(data[at:at + 5])
        leave(r, s)


def attack(seconds, seed, addrs):
    end = time.monotonic() + seconds
    done = [0]

    def run(i):
        r = random.Random(seed * 1000 + i)
        while time.monotonic() < end:
            try:
                (tcp if r.random() < 0.7 else dns)(r, addrs)
            except (OSError, ValueError):
                pass
            done[0] += 1
    threading.stack_size(262144)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(done[0])


if sys.argv[1] == "servers":
    servers(sys.argv[2], sys.argv[3:])
else:
    random.seed(int(sys.argv[3]))
    attack(float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
