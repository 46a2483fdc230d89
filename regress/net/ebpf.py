# SPDX-License-Identifier: Apache-2.0
"""
Ways out of a session that has hooks of a control group and no network namespace.

    ebpf.py services READY          on the host: what trusts who is on its loopback
    ebpf.py sniff FILE              in the far namespace: the packets that came
    ebpf.py attacks FAR4 FAR6       one line each, "NAME REACHED", "NAME sent" (whether
                                    it came is the sniffer's to say) or "NAME stopped"
    ebpf.py dial PORT... [-u PORT...]  dials netd's own sockets
    ebpf.py serve READY             servers of the session
"""
import errno
import os
import socket
import struct
import sys
import threading
import time

I4, I6 = socket.AF_INET, socket.AF_INET6
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
FASTOPEN = 0x20000000


def come_and_go(kind, port):
    """A service that is started again and again."""
    while True:
        end = time.time() + 3
        with socket.socket(I4, kind) as s:
            s.settimeout(0.5)
            try:
                if kind == TCP:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
                if kind == TCP:
                    s.listen()
                while time.time() < end:
                    try:
                        if kind == TCP:
                            s.accept()[0].sendall(b"of the host")
                        else:
                            s.sendto(b"of the host", s.recvfrom(100)[1])
                    except socket.timeout:
                        pass
            except OSError:
                pass
        time.sleep(0.5)


def services(ready):
    kept = []
    for fam, addr in (I4, "127.0.0.1"), (I6, "::1"):
        s = socket.create_server((addr, 7001), family=fam)
        u = socket.socket(fam, UDP)
        u.bind((addr, 7002))
        kept += [s, u]

        def answer(s=s):
            while True:
                c, _ = s.accept()
                c.sendall(b"of the host")
                c.close()

        def echo(u=u):
            while True:
                _, peer = u.recvfrom(100)
                u.sendto(b"of the host", peer)
        threading.Thread(target=answer, daemon=True).start()
        threading.Thread(target=echo, daemon=True).start()
    shared = socket.socket(I4, UDP)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.bind(("127.0.0.1", 7003))
    kept.append(shared)
    for row in (UDP, 7004), (TCP, 7005):
        threading.Thread(target=come_and_go, args=row, daemon=True).start()
    a = socket.socket(socket.AF_UNIX, TCP)
    a.bind("\0agentsh-test-ebpf")
    a.listen()
    open(ready, "w").close()
    while True:
        c, _ = a.accept()
        c.sendall(b"of the host")
        c.close()


def sniff(path):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    groups = set()
    with open(path, "w") as f:
        f.write("ready\n")
        f.flush()
        while True:
            data, (_, proto, kind, _, _) = s.recvfrom(2000)
            if kind == 4:  # PACKET_OUTGOING
                continue
            if proto == 0x800:
                head, l4 = (data[0] & 15) * 4, data[9]
            elif proto == 0x86dd:
                head, l4 = 40, data[6]
                if l4 in (0, 43):  # options for each hop, as reports of listeners have; a route
                    head, l4 = 48 + data[41] * 8, data[40]
            else:
                continue
            body = data[head:]
            if l4 == 2 or l4 == 58 and body[0] in range(130, 144):
                # neighbours and groups; that one is left is said long afterwards
                if l4 == 58 and socket.inet_pton(I6, "ff0e::7110") not in body or \
                        l4 in groups:
                    continue
                groups.add(l4)
            port = struct.unpack(">H", body[2:4])[0] if l4 in (6, 17) else 0
            mark = body[8:24].decode("latin-1") if l4 == 17 else ""
            f.write("%d %d %s\n" % (l4, port, mark))
            f.flush()


def connect(fam, kind, dst, flags=0):
    s = socket.socket(fam, kind)
    s.settimeout(None if flags else 3)
    if flags:
        s.sendto(b"x", flags, dst)
        s.settimeout(3)
    else:
        s.connect(dst)
        if kind == UDP:
            s.send(b"x")
    return s.recv(100) == b"of the host"


def send(fam, dst, name, before=None, options=None):
    s = socket.socket(fam, UDP)
    if options:
        s.setsockopt(*options)
    if before:
        before(s)
    s.sendto(name.encode(), dst)


def unspec(s):
    """connect(2) to AF_UNSPEC: a socket without a destination."""
    s.connect(("127.0.0.1", 53))
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    addr = struct.pack("=H14x", socket.AF_UNSPEC)
    if libc.connect(s.fileno(), addr, len(addr)) == -1:
        raise OSError(ctypes.get_errno(), "connect")


def attacks(far4, far6):
    def syn(fam, dst, port):
        """Only the sniffer knows whether anything came."""
        s = socket.socket(fam, TCP)
        s.setblocking(False)
        try:
            s.connect((dst, port))
        except BlockingIOError:
            pass
        kept.append(s)
        return "sent"

    def datagram(name, fam, dst, **kw):
        send(fam, dst, name, **kw)
        return "sent"

    def ping(kind, dst):
        s = socket.socket(I4, kind, socket.IPPROTO_ICMP)
        s.sendto(struct.pack(">BBHHH", 8, 0, 0xf7ff, 0, 0), (dst, 0))
        return "sent"

    def abstract():
        s = socket.socket(socket.AF_UNIX, TCP)
        s.connect("\0agentsh-test-ebpf")
        return s.recv(100) == b"of the host"

    def shared():
        """What is for the host's would come here."""
        s = socket.socket(I4, UDP)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 7003))
        return True

    def own(kind, port):
        """A server of one's own, where the host's has been a moment before."""
        end = time.time() + 10
        while True:
            s = socket.socket(I4, kind)
            try:
                if kind == TCP:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
                if kind == TCP:
                    s.listen(0)
                return s
            except OSError:
                s.close()
                assert time.time() < end
                time.sleep(0.02)

    def answered(s):
        try:
            return s.recv(100) == b"of the host"
        except (ConnectionError, BlockingIOError, socket.timeout):
            return False

    def left_udp():
        """Connected to a socket of one's own, whose port is the host's then."""
        a, s, end = own(UDP, 7004), socket.socket(I4, UDP), time.time() + 4
        s.connect(("127.0.0.1", 7004))
        a.close()
        s.settimeout(0.1)
        while time.time() < end:
            try:
                s.send(b"x")
            except ConnectionRefusedError:
                pass
            if answered(s):
                return True
            time.sleep(0.05)
        return False

    def left_tcp():
        """SYNs that come when one's own server, whose queue was full, is gone."""
        a, end = own(TCP, 7005), time.time() + 4
        waiting = [socket.socket(I4, TCP) for _ in range(5)]
        for s in waiting:
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", 7005))
        time.sleep(0.1)
        a.close()
        while time.time() < end:
            if any([answered(s) for s in waiting]):
                return True
            time.sleep(0.05)
        return False

    def other(protocol):
        socket.socket(I4, TCP if protocol != 136 else UDP, protocol)
        return True

    kept = []
    hop = socket.inet_aton(far4)
    source = (socket.IPPROTO_IP, 4, bytes([131, 7, 4]) + hop + b"\0")  # LSRR
    # by an address of the host, whose loopback takes it; ebpf.sh lets that forward
    by4 = (socket.IPPROTO_IP, 4,
           bytes([131, 11, 4]) + socket.inet_aton(far4[:-1] + "6") + hop + b"\0")
    by6 = (socket.IPPROTO_IPV6, 57, bytes([0, 6, 4, 2, 2, 0, 0, 0]) + bytes(16) +
           socket.inet_pton(I6, far6) + socket.inet_pton(I6, far6[:-1] + "6"))  # RFC 8754
    rows = [
        ("tcp4", lambda: syn(I4, far4, 7101)),
        ("tcp6", lambda: syn(I6, far6, 7102)),
        ("tcp-mapped", lambda: syn(I6, "::ffff:" + far4, 7103)),
        ("udp4", lambda: datagram("udp4", I4, (far4, 7104))),
        ("udp6", lambda: datagram("udp6", I6, (far6, 7105))),
        ("udp-mapped", lambda: datagram("udp-mapped", I6, ("::ffff:" + far4, 7106))),
        ("udp-connected", lambda: connect_send("udp-connected", (far4, 7107))),
        ("udp-dns", lambda: datagram("udp-dns", I4, (far4, 53))),
        ("connect-then-sendto", lambda: datagram(
            "connect-then-sendto", I4, (far4, 7108),
            before=lambda s: s.connect((far4, 53)))),
        ("unspec", lambda: datagram("unspec", I4, (far4, 7109), before=unspec)),
        ("source-route", lambda: datagram("source-route", I4, (far4[:-1] + "9", 53),
                                          options=source)),
        ("route-by-host4", lambda: datagram("route-by-host4", I4, (far4[:-1] + "8", 53),
                                            options=by4)),
        ("route-by-host6", lambda: datagram("route-by-host6", I6, (far6, 53), options=by6)),
        ("join4", lambda: join(I4, socket.IPPROTO_IP, 35, b"\xef\7\1\1" + at4)),
        ("join-source4", lambda: join(I4, socket.IPPROTO_IP, 39, b"\xef\7\1\2" + at4 + hop)),
        ("join6", lambda: join(I6, socket.IPPROTO_IPV6, 20, group6 + device)),
        ("join-any4", lambda: join(I4, socket.IPPROTO_IP, 42, device + bytes(4) +
                                   struct.pack("=HH", I4, 0) + b"\xef\7\1\3" + bytes(120))),
        ("join-any6", lambda: join(I6, socket.IPPROTO_IPV6, 42, device + bytes(4) +
                                   struct.pack("=HHI", I6, 0, 0) + group6 + bytes(104))),
        ("fastopen", lambda: fastopen(far4, 7110)),
        ("ping", lambda: ping(UDP, far4)),
        ("loopback4", lambda: connect(I4, TCP, ("127.0.0.1", 7001))),
        ("loopback6", lambda: connect(I6, TCP, ("::1", 7001))),
        ("any4", lambda: connect(I4, TCP, ("0.0.0.0", 7001))),
        ("any6", lambda: connect(I6, TCP, ("::", 7001))),
        ("loopback-mapped", lambda: connect(I6, TCP, ("::ffff:127.0.0.1", 7001))),
        ("any-mapped", lambda: connect(I6, TCP, ("::ffff:0.0.0.0", 7001))),
        ("loopback-udp4", lambda: connect(I4, UDP, ("127.0.0.1", 7002))),
        ("loopback-udp6", lambda: connect(I6, UDP, ("::1", 7002))),
        ("loopback-fastopen", lambda: connect(I4, TCP, ("127.0.0.1", 7001), FASTOPEN)),
        ("shared-udp", shared),
        ("left-udp", left_udp),
        ("left-tcp", left_tcp),
        ("abstract", abstract),
        ("udplite", lambda: other(136)),
        ("mptcp", lambda: other(262)),
    ]

    at4 = socket.inet_aton(far4[:-1] + "6")
    group6 = socket.inet_pton(I6, "ff0e::7110")
    device = struct.pack("=I", socket.if_nametoindex("here"))

    def join(fam, level, name, value):
        """The kernel tells all on the wire which group it is."""
        s = socket.socket(fam, UDP)
        s.setsockopt(level, name, value)
        kept.append(s)
        return True

    def connect_send(name, dst):
        s = socket.socket(I4, UDP)
        s.connect(dst)
        s.send(name.encode())
        return "sent"

    def fastopen(dst, port):
        s = socket.socket(I4, TCP)
        s.setblocking(False)
        try:
            s.sendto(b"x", FASTOPEN, (dst, port))
        except BlockingIOError:
            pass
        kept.append(s)
        return "sent"

    for name, f in rows:
        try:
            r = f()
            r = r if r == "sent" else "REACHED" if r else "stopped: nothing came"
        except (OSError, socket.timeout) as e:
            r = "stopped: %s" % errno.errorcode.get(e.errno, str(e))
        print(name, r, flush=True)
    time.sleep(0.3)


def dial(ports):
    """Netd's sockets, for who is not of the session."""
    kind, spoke = TCP, False
    for port in ports:
        if port == "-u":
            kind = UDP
            continue
        s = socket.socket(I4, kind)
        s.settimeout(1)
        try:
            s.connect(("127.0.0.1", int(port)))
            if kind == TCP:
                s.sendall(b"CONNECT ok.test:80 HTTP/1.1\r\nHost: ok.test:80\r\n\r\n")
            else:
                s.send(struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) +
                       b"\x02ok\x04test\0\0\x01\0\x01")
            got = s.recv(100)
            # of the session, for whom that is an address of the host
            if got and not got.startswith(b"HTTP/1.1 403 "):
                print(port, "answers")
                spoke = True
        except OSError:
            pass
    sys.exit(spoke)


def serve(ready):
    socket.setdefaulttimeout(5)
    kept = []
    for fam, addr, port in (I4, "0.0.0.0", 7201), (I6, "::", 7202):
        s = socket.socket(fam, TCP)
        s.bind((addr, port))
        s.listen()
        kept.append(s)
    print(kept[0].getsockname()[0], flush=True)
    for addr, port in (("127.0.0.1", 7201), ("localhost", 7201), ("0.0.0.0", 7201),
                       ("::1", 7202), ("127.0.0.1", 7202)):
        c = socket.create_connection((addr, port), 5)
        a, peer = kept[port - 7201].accept()
        a.sendall(b"own")
        assert c.recv(10) == b"own", (addr, port)
        assert c.getpeername()[1] == port
    # nobody, as a program that tries both families has to hear
    for fam, addr in (I4, "127.0.0.1"), (I6, "::1"):
        try:
            socket.create_connection((addr, 7209))
            raise SystemExit("somebody is at %s" % addr)
        except ConnectionRefusedError:
            pass
    # UDP among themselves, and the address that was asked
    u = socket.socket(I4, UDP)
    u.bind(("127.0.0.1", 0))
    c = socket.socket(I4, UDP)
    c.connect(u.getsockname())
    c.send(b"ask")
    data, peer = u.recvfrom(10)
    assert peer == c.getsockname()
    u.sendto(b"own", peer)
    assert c.recv(10) == b"own"
    # two of one port, as with SO_REUSEPORT: the second is one too many
    r = [socket.socket(I4, TCP) for _ in range(2)]
    for s in r:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    r[0].bind(("127.0.0.1", 7203))
    try:
        r[1].bind(("127.0.0.1", 7203))
        raise SystemExit("two servers share a port")
    except OSError as e:
        assert e.errno == errno.EADDRINUSE, e
    for addr in sys.argv[3:]:
        s = socket.socket(I6 if ":" in addr else I4, TCP)
        try:
            s.bind((addr, 7204))
            raise SystemExit("bound to %s" % addr)
        except OSError as e:
            assert e.errno == errno.EPERM, e
    s = socket.socket(I4, TCP)
    s.settimeout(5)
    s.connect(("203.0.113.12", 80))
    assert s.getpeername() == ("203.0.113.12", 80), s.getpeername()
    u = socket.socket(I6, UDP)
    u.bind(("::", 7205))
    open(ready, "w").close()
    while not os.path.exists(ready + ".end"):
        time.sleep(0.05)
    u.setblocking(False)
    try:
        raise SystemExit("%s of %s" % u.recvfrom(100))
    except BlockingIOError:
        pass


if __name__ == "__main__":
    {"services": lambda: services(sys.argv[2]), "sniff": lambda: sniff(sys.argv[2]),
     "attacks": lambda: attacks(*sys.argv[2:4]), "dial": lambda: dial(sys.argv[2:]),
     "serve": lambda: serve(sys.argv[2])}[sys.argv[1]]()
