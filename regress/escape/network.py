#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Ways out over the network, one function each, named by its row. Prints the names
of those that reached what they may not.

    network.py NAMESERVER PORT [E..]  tries them all, or these, or all but !E..
    network.py NAMESERVER PORT hoard  holds what a session may, until "enough" is there
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
import urllib.request

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
            "fd00:ec2::254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
            "025177524776", "169.254.43518", "0xa9.0xfe.0xa9.0xfe"]
INTERNAL = ["localhost", "ip6-localhost", "host.docker.internal", "gateway.docker.internal",
            "host.containers.internal", "_gateway", "agentsh", "agentsh.internal", "proxy",
            "metadata.google.internal"]
FORMS = ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
         "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:5601:5601",
         "2a00:db8::5efe:a9fe:a9fe"]
# sockets: first those that root has on every kernel, so that no other is tried where
# the kernel would load modules for it
OTHERS = [(2, 3, 1), (17, 3, 0x300), (10, 3, 58), (2, 2, 1), (10, 2, 58)] + \
    [(f, t, 0) for f in range(3, 48) if f not in (10, 16) for t in (1, 2, 3, 5)] + \
    [(16, 3, p) for p in range(1, 23)] + \
    [(f, t, p) for f in (2, 10) for t in (1, 2, 5, 6)
     for p in (33, 115, 132, 136, 255, 256, 262)]
# options that others have gone elsewhere by: level, name, value
OPTIONS = [(1, 5, 1), (1, 25, b"lo\0"), (1, 36, 1), (1, 62, 1), (0, 15, 1), (0, 19, 1)]
ROUTE = (0, 4, b"\x83\7\4" + socket.inet_aton("127.0.0.1") + b"\0")
PLACES = 64              # in the careless proxy
HOARD = 320              # connections, more than network.sh lets a session have
server = proxy = ()
patience = 10           # seconds, with a proxy


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


def dial_back(addrs):
    for addr in addrs:
        try:
            with socket.create_connection((addr, 9034), 1) as s:
                s.sendall(b"DIAL")
        except OSError:
            pass


def serve_connection(c):
    with c:
        c.settimeout(5)
        try:
            while True:
                data = c.recv(65536)
                if not data:
                    return
                if b"/hold" in data:
                    c.settimeout(None)
                elif b"/endless" in data:
                    c.settimeout(None)
                    while True:
                        c.sendall(bytes(65536))
                elif b"/away" in data:
                    c.sendall(b"HTTP/1.0 302 Found\r\nLocation: http://%s:81/\r\n\r\n" %
                              HOST.encode())
                elif b"/port" in data:
                    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nAT %d" % c.getsockname()[1])
                    return
                elif b"/dial" in data:
                    dial_back(("127.0.0.1", HOST, OK, "::1", c.getpeername()[0]))
                    c.sendall(b"TRIED")
                else:
                    c.sendall(b"REACHED")
        except OSError:
            pass


def careless_proxy():
    """As others have had them: looks at the end of a name, and has so many places."""
    places = threading.Semaphore(PLACES)

    def copy(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    return
                b.sendall(data)
        except OSError:
            pass

    def one(c):
        with places, c:
            try:
                first, plain = c.recv(4096), b""
                if first.startswith(b"GET http://"):
                    # which it does not look at
                    plain = first
                    host, _, port = first.split(b"/")[2].partition(b":")
                elif first[:1] == b"\5":
                    c.sendall(b"\5\0")
                    host, port = c.recv(300)[5:-2], 80
                else:
                    host, _, port = first.split(b" ")[1].rpartition(b":")
                name = host.replace(b"%00", b"\0").decode()
                if not plain and not name.endswith(("ok.test", ".wide.test")):
                    return
                with socket.create_connection((NAMES[name.split("\0")[0]][0], int(port)), 5) as s:
                    s.settimeout(None)
                    if plain:
                        s.sendall(plain)
                    else:
                        c.sendall(b"\5\0\0\1" + bytes(6) if first[:1] == b"\5" else
                                  b"HTTP/1.1 200 OK\r\n\r\n")
                    threading.Thread(target=copy, args=(s, c), daemon=True).start()
                    copy(c, s)
            except (OSError, KeyError, ValueError, IndexError):
                pass

    with socket.create_server(("127.0.0.1", 3128), backlog=1024) as s:
        while True:
            threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()


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
    threading.stack_size(131072)
    threading.Thread(target=careless_proxy, daemon=True).start()
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

def says(s, data=b"GET / HTTP/1.0\r\n\r\n", seconds=3):
    s.settimeout(seconds)
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
        try:
            # connected, so that one that is not there is heard of
            s.connect(server)
            s.send(q)
            a = s.recv(4096)
        except OSError:
            return []
    n = struct.unpack(">H", a[6:8])[0]
    return [socket.inet_ntoa(a[-4:])] if n == 1 else []


def tunnel(name, port, socks=True):
    """A connection by the proxy, or None."""
    try:
        s = socket.create_connection(proxy, patience)
    except OSError:
        return None
    try:
        if socks:
            s.sendall(b"\5\1\0")
            s.recv(2)
            s.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + struct.pack(">H", port))
            if s.recv(10)[1:2] == b"\0":
                return s
        else:
            s.sendall(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (name, port))
            if b" 200 " in s.recv(4096):
                return s
    except OSError:
        pass
    s.close()
    return None


def by_tunnel(name, port, socks=True):
    s = tunnel(name, port, socks)
    if s is None:
        return False
    with s:
        try:
            return says(s, b"GET / HTTP/1.0\r\nHost: %s\r\n\r\n" % name, patience)
        except OSError:
            return False


def talk(addr, port, path, host="ok.test"):
    try:
        with socket.create_connection((addr, port), 3) as s:
            s.settimeout(15)
            s.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return s.recv(1000)
    except OSError:
        return b""


def E01():
    """past the variables that name a proxy"""
    os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
    return reach(HOST, 81)


def E02():
    """an address, where only its name is allowed"""
    return reach(LITERAL, 80)


def E03():
    """a NUL in the name that a proxy is asked for"""
    return any(by_tunnel(b"denied.test" + end, 80, socks)
               for end in (b"\0.wide.test", b"\0ok.test", b"%00.wide.test")
               for socks in (True, False))


def E04():
    """names that are nearly the allowed one"""
    return any(resolve(n) for n in ("xok.test", "OK.test.evil.TEST", "ok.testx", "denied.test"))


def E06():
    """a plain request to a proxy, where it would not make a tunnel"""
    return any(reach(*proxy, b"GET http://%s:81/ HTTP/1.0\r\nHost: %s:81\r\n\r\n" % (h, h))
               for h in (b"denied.test", b"xok.test"))


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
    """TLS to the allowed address for another server, and the reverse; another Host"""
    resolve("ok.test")
    return (reach(OK, 443, hello_of("denied.test")) or
            reach(HOST, 443, hello_of("ok.test")) or
            b"REACHED" in talk(OK, 80, "/", "denied.test"))


def E17():
    """datagrams, as QUIC has them"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        for port in (443, 5000):
            try:
                s.sendto(b"x", (OK, port))
            except OSError:
                pass
        try:
            return s.recv(100) == b"REACHED"
        except OSError:
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


def E23():
    """names and addresses that mean something inside, on any port"""
    return (any(reach(n, p) for n in INTERNAL for p in (SECRET, 80)) or
            any(reach(a, p) for a in ("192.0.2.1", "192.0.2.2", "192.0.2.53")
                for p in (SECRET, 80, 81)))


def E24():
    """what listens on the host's loopback, in every spelling"""
    return any(reach(a, SECRET) for a in (
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0177.0.0.1",
        "127.9.9.9", "0.0.0.0", "0", "::", "::1", "::ffff:127.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "localhost"))


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
    """other families and protocols; multipath TCP to the same place"""
    for family, kind, protocol in OTHERS:
        try:
            socket.socket(family, kind, protocol).close()
            return True
        except OSError:
            pass
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
            s.settimeout(3)
            s.connect((HOST, 81))
            return says(s)
    except OSError:
        return False


def E32():
    """a socket to the hypervisor; it is not tried who is there"""
    try:
        socket.socket(40, socket.SOCK_STREAM).close()
        return True
    except OSError:
        return False


def E33():
    """somebody inside listens in the place of netd"""
    caught = []
    listening = threading.Semaphore(0)
    tried = threading.Event()

    def listen(addr, port):
        try:
            s = socket.create_server((addr, port))
        except OSError:
            return
        finally:
            listening.release()
        with s:
            s.setblocking(False)
            while True:
                late = tried.is_set()
                try:
                    c = s.accept()[0]
                    c.settimeout(3)
                    if c.recv(1):
                        caught.append(1)
                    return
                except OSError:
                    if late:
                        return
                    time.sleep(0.05)

    threads = [threading.Thread(target=listen, args=a) for a in
               (("0.0.0.0", 80), ("192.0.2.1", 1), ("0.0.0.0", 1), ("203.0.113.11", 80))]
    resolve("ok.test")
    for t in threads:
        t.start()
    for t in threads:
        listening.acquire()
    try:
        with socket.create_connection((OK, 80), 3) as s:
            s.sendall(b"GET / HTTP/1.0\r\nHost: ok.test\r\n\r\n")
            s.settimeout(1)
            s.recv(100)
    except OSError:
        pass
    tried.set()
    for t in threads:
        t.join()
    return bool(caught)


def E34():
    """somebody outside reaches what listens on all addresses"""
    resolve("ok.test")
    with socket.create_server(("::", 9034), family=socket.AF_INET6, dualstack_ipv6=True) as s:
        if talk(OK, 80, "/dial") != b"TRIED":
            raise RuntimeError("E34: nobody has tried")
        s.settimeout(1)
        try:
            with s.accept()[0] as c:
                return c.recv(4) == b"DIAL"
        except OSError:
            return False


def E36():
    """an allowed server redirects to a denied one"""
    resolve("ok.test")
    where = talk(OK, 80, "/away").partition(b"Location: http://")[2].split(b"/")[0]
    host, _, port = where.decode().partition(":")
    if port != "81":
        raise RuntimeError("E36: no redirect")
    return reach(host, int(port))


def E41():
    """variables of the session choose the proxy that is used"""
    resolve("ok.test")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ[name] = os.environ[name.upper()] = f"http://{HOST}:81"
    os.environ.pop("NO_PROXY", None)
    try:
        with urllib.request.urlopen(f"http://{OK}/port", timeout=5) as r:
            said = r.read()
    except OSError:
        said = b""
    # and what connects by itself is connected to where it wants
    direct = talk(OK, 80, "/port")
    if not direct.endswith(b"AT 80"):
        raise RuntimeError(f"E41: {direct!r}")
    return b"AT 81" in said


def E42():
    """what is said of a refusal tells addresses inside"""
    out = str(resolve("meta.wide.test"))
    try:
        socket.create_connection(("meta.wide.test", 80), 3)
    except OSError as e:
        out += str(e)
    return "169.254" in out


def hoard():
    """Tunnels of which nobody reads what an endless stream brings, and one reader."""
    held, streams = [], []

    def fill():
        while len(held) < HOARD:
            s = tunnel(b"ok.test", 80)
            if s is None:
                return
            held.append(s)
            endless = len(streams) < HOARD // 8
            if endless:
                streams.append(s)
            s.sendall(b"GET /%s HTTP/1.0\r\nHost: ok.test\r\n\r\n" %
                      (b"endless" if endless else b"hold"))

    threads = [threading.Thread(target=fill) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    with open("holding", "w", encoding="ascii") as f:
        f.write(f"{len(held)}\n")
    os.rename("holding", "held")
    reader = streams[0]
    reader.settimeout(0.2)
    while not os.path.exists("enough"):
        try:
            reader.recv(65536)
        except OSError:
            pass


def other_client():
    """who hoards tunnels and does not read keeps others from theirs"""
    return not all(by_tunnel(b"ok.test", 80) for _ in range(5))
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


def with_option(option, addr, source=""):
    """TCP, and UDP but from another address, to which no refusal comes."""
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    for kind, port in ((socket.SOCK_STREAM, 81), (socket.SOCK_DGRAM, 5000)):
        if source and kind == socket.SOCK_DGRAM:
            continue
        with socket.socket(family, kind) as s:
            s.settimeout(1)
            try:
                s.setsockopt(*option)
            except OSError:
                pass
            try:
                if source:
                    s.bind((source, 0))
                s.connect((addr, port))
                if says(s):
                    return True
            except OSError:
                pass
    return False


def E64():
    """options of a socket, and the address that it is bound to"""
    return (any(with_option(o, HOST) or with_option(o, "::ffff:" + HOST) or
                with_option(o, HOST, HOST) or with_option(o, HOST, OK) for o in OPTIONS) or
            with_option(ROUTE, HOST))


def main():
    global server, proxy, patience
    if sys.argv[1] == "servers":
        servers(sys.argv[2])
    server = (sys.argv[1], int(sys.argv[2]))
    proxy = ("192.0.2.1" if server[1] == 53 else "127.0.0.1", 3128)
    only = [n for n in sys.argv[3:] if n[0] != "!"]
    if only == ["hoard"] or server[1] != 53:
        patience = 3
    if only == ["hoard"]:
        hoard()
        return
    if only == ["E38"]:
        print("E38", "REACHED" if other_client() else "stopped", other_client.__doc__)
        return
    for name, fn in sorted(globals().items()):
        if "!" + name in sys.argv:
            continue
        if name[0] == "E" and name[1:].isdigit() and (name in only or not only):
            start = time.monotonic()
            print(name, "REACHED" if fn() else "stopped", fn.__doc__,
                  f"({time.monotonic() - start:.1f} s)", flush=True)


main()
