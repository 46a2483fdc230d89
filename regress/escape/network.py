#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Ways out over the network, one function each, named by its row. Prints the names
of those that reached what they may not.

    network.py NAMESERVER PORT        tries them all
    network.py servers DIR            what they try to reach, and a name server
"""
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time

OK = "203.0.113.11"     # allowed by name, ports 80 and 443
LITERAL = "203.0.113.12" # the same, and nobody looks its name up
HOST = "203.0.113.10"   # an address of the host that no rule has
SECRET = 8000           # a port that a careless rule opens for all addresses
NAMES = {
    "ok.test": [OK], "denied.test": [HOST], "evil.test": [HOST],
    "xok.test": [HOST], "ok.test.evil.test": [HOST], "ok.testx": [HOST],
    "meta.wide.test": ["169.254.169.254"], "local.wide.test": ["127.0.0.1"],
    "zero.wide.test": ["0.0.0.0"], "host.wide.test": [HOST],
    "rebind.ok.test": [OK, "127.0.0.1"], "literal.test": [LITERAL],
}
METADATA = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
            "fd00:ec2::254"]
FORMS = ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
         "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:5601:5601",
         "2a00:db8::5efe:a9fe:a9fe"]
server = ()


# ---- what is to be reached

def address(query, count):
    """A: the n-th answer of a name that changes."""
    name, at = [], 12
    while query[at]:
        name.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += query[at] + 1
    name = ".".join(name)
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    question = query[12:at + 5]
    found = NAMES.get(name)
    count[name] = count.get(name, -1) + (kind == 1)
    if found is None:
        return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
    if kind != 1:
        return query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + question
    addr = found[min(count[name], len(found) - 1)]
    return (query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question +
            b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(addr))


def serve_connection(c):
    with c:
        c.settimeout(5)
        try:
            while c.recv(65536):
                c.sendall(b"REACHED")
        except OSError:
            pass


def servers(where):
    tcp, udp = [], []
    for port in (80, 81, 443, SECRET):
        s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        tcp.append(s)
    for port in (443, 5000):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", port))
        udp.append(s)
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind(("127.0.0.1", 5353))
    count = {}
    open(os.path.join(where, "ready"), "w").close()
    while True:
        for s in select.select(tcp + udp + [dns], [], [])[0]:
            if s in tcp:
                threading.Thread(target=serve_connection, args=(s.accept()[0],),
                                 daemon=True).start()
                continue
            data, peer = s.recvfrom(4096)
            try:
                s.sendto(address(data, count) if s is dns else b"REACHED", peer)
            except (IndexError, struct.error):
                pass


# ---- the tries

def says(s, data=b"GET / HTTP/1.0\r\n\r\n"):
    s.settimeout(3)
    s.sendall(data)
    return b"REACHED" in s.recv(100)


def reach(addr, port, data=b"GET / HTTP/1.0\r\n\r\n"):
    try:
        with socket.create_connection((addr, port), 3) as s:
            return says(s, data)
    except OSError:
        return False


def resolve(name):
    """The addresses of IPv4; [] when there are none."""
    q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0"
    for label in name.split("."):
        q += bytes([len(label)]) + label.encode()
    q += b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(q, server)
        try:
            a = s.recv(4096)
        except OSError:
            return []
    n = struct.unpack(">H", a[6:8])[0]
    return [socket.inet_ntoa(a[-4:])] if n == 1 else []


def E01():
    """past the variables that name a proxy"""
    os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
    return reach(HOST, 81)


def E02():
    """an address, where only its name is allowed"""
    return reach(LITERAL, 80)


def E04():
    """names that are nearly the allowed one"""
    return any(resolve(n) for n in ("xok.test", "OK.test.evil.TEST", "ok.testx", "denied.test"))


def E07():
    """the second answer for an allowed name is another address"""
    first = resolve("rebind.ok.test")
    return first == [OK] and any(reach(a, SECRET) for a in resolve("rebind.ok.test") if a != OK)


def E08():
    """allowed names with addresses inside"""
    return any(reach(a, 81) for n in ("meta", "local", "zero", "host")
               for a in resolve(n + ".wide.test"))


def E09():
    """IPv4 in addresses of IPv6"""
    return any(reach(a, SECRET) for a in FORMS)


def E11():
    """metadata services, wherever they are"""
    return any(reach(a, SECRET) for a in METADATA)


def E12():
    """the host by its own address"""
    return reach(HOST, SECRET)


def hello_of(name):
    hello = ssl.MemoryBIO()
    ctx = ssl.create_default_context()
    tls = ctx.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLError:
        pass
    return hello.read()


def E16():
    """TLS to the allowed address for another server"""
    resolve("ok.test")
    return reach(OK, 443, hello_of("denied.test"))


def E17():
    """datagrams, as QUIC has them"""
    for port in (443, 5000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(2)
            try:
                s.sendto(b"x", (OK, port))
                if s.recv(100) == b"REACHED":
                    return True
            except OSError:
                pass
    return False


def E18():
    """a tunnel through an allowed server"""
    resolve("ok.test")
    return reach(OK, 80, b"CONNECT denied.test:80 HTTP/1.1\r\nHost: ok.test\r\n\r\n")


def E19():
    """two lengths for one request"""
    resolve("ok.test")
    return reach(OK, 80, b"POST / HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 5\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def E21():
    """a port that the rule has not"""
    resolve("ok.test")
    return reach(OK, 81)


def E22():
    """a second request of the connection is for another server"""
    resolve("ok.test")
    try:
        with socket.create_connection((OK, 80), 3) as s:
            says(s, b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n")
            return says(s, b"GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n")
    except OSError:
        return False


def E24():
    """what listens on the host's loopback, in every spelling"""
    return any(reach(a, SECRET) for a in ("127.0.0.1", "127.1", "2130706433", "0x7f000001",
                                          "017700000001", "0.0.0.0", "::1", "localhost"))


def E26():
    """no proxy is wanted"""
    os.environ["NO_PROXY"] = "*"
    return reach(HOST, 80)


def E27():
    """connected to what is allowed, sent to somewhere else"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        try:
            s.connect(server)
            s.sendto(b"x", (HOST, 5000))
            if s.recv(100) == b"REACHED":
                return True
        except OSError:
            pass
    resolve("ok.test")
    try:
        with socket.create_connection((OK, 80), 3) as s:
            libc = __import__("ctypes").CDLL(None)
            libc.connect(s.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16)
            s.connect((HOST, 81))
            return says(s)
    except OSError:
        return False


def E28():
    """other protocols to the same place: multipath TCP"""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
            s.settimeout(3)
            s.connect((HOST, 81))
            return says(s)
    except OSError:
        return False


def E33():
    """somebody inside listens in the place of netd"""
    caught = []

    def listen(addr, port):
        try:
            s = socket.create_server((addr, port))
        except OSError:
            return
        with s:
            s.settimeout(4)
            try:
                c = s.accept()[0]
                if c.recv(1):
                    caught.append(1)
            except OSError:
                pass

    threads = [threading.Thread(target=listen, args=a) for a in
               (("0.0.0.0", 80), ("192.0.2.1", 1), ("0.0.0.0", 1), ("203.0.113.11", 80))]
    resolve("ok.test")
    for t in threads:
        t.start()
    time.sleep(0.5)
    try:
        with socket.create_connection((OK, 80), 3) as s:
            s.sendall(b"GET / HTTP/1.0\r\nHost: ok.test\r\n\r\n")
            s.settimeout(1)
            s.recv(100)
    except OSError:
        pass
    for t in threads:
        t.join()
    return bool(caught)


def E42():
    """what is said of a refusal tells addresses inside"""
    out = str(resolve("meta.wide.test"))
    try:
        socket.create_connection(("meta.wide.test", 80), 3)
    except OSError as e:
        out += str(e)
    return "169.254" in out


def E61():
    """a hello whose records are of another version"""
    resolve("ok.test")
    hello = hello_of("denied.test")
    return any(reach(OK, 443, b"\x16" + v + hello[3:])
               for v in (b"\x02\x01", b"\0\0", b"\x0f\x01", b"\xff\x03"))


def E62():
    """a request that only lenient servers read"""
    resolve("ok.test")
    return any(reach(OK, 443, line + b"\r\nHost: denied.test\r\n\r\n")
               for line in (b"GET /\x01 HTTP/1.1", b"GET\v/\fHTTP/1.1", b"GET /"))


def E63():
    """the host by an address that it has by a route alone"""
    return reach("198.51.100.2", SECRET)


def main():
    global server
    if sys.argv[1] == "servers":
        servers(sys.argv[2])
    server = (sys.argv[1], int(sys.argv[2]))
    only = sys.argv[3:]
    for name, fn in sorted(globals().items()):
        if name[0] == "E" and name[1:].isdigit() and (name in only or not only):
            print(name, "REACHED" if fn() else "stopped", fn.__doc__, flush=True)


main()
