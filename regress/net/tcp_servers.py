# SPDX-License-Identifier: Apache-2.0
"""
What a session of tcp.sh reaches: a name server, and at each of the addresses a
few servers. tcp_servers.py DIRECTORY ADDRESS... prints "ready"; a.pem in the
directory is the certificate and key of the TLS servers.
"""
import os
import socket
import ssl
import struct
import sys
import threading

where, addrs = sys.argv[1], sys.argv[2:]
NAMES = {"a.test": addrs[0], "b.test": addrs[0], "denied.test": addrs[0],
         "far.test": addrs[1]}


def dns():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 5353))
    while True:
        q, peer = s.recvfrom(4096)
        labels, at = [], 12
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]].decode().lower())
            at += q[at] + 1
        kind, = struct.unpack(">H", q[at + 1:at + 3])
        addr = NAMES.get(".".join(labels))
        answer = b""
        if addr and kind == 1:
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(addr)
        s.sendto(q[:2] + struct.pack(">HHHHH", 0x8180 if addr else 0x8183, 1,
                                     len(answer) > 0, 0, 0) + q[12:at + 5] + answer, peer)


def line_of(c):
    text = b""
    while not text.endswith(b"\n"):
        more = c.recv(1)
        if not more:
            break
        text += more
    return text


def http(c):
    """Tells whom a request was for; goes on with the next."""
    while True:
        first, host, length = line_of(c), b"", 0
        if not first:
            return
        while True:
            line = line_of(c).strip()
            if not line:
                break
            key, _, value = line.partition(b":")
            if key.lower() == b"host":
                host = value.strip()
            if key.lower() == b"content-length":
                length = int(value)
            if key.lower() == b"upgrade":
                c.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          b"Connection: Upgrade\r\n\r\n")
                return echo(c)
        while length > 0:
            length -= len(c.recv(min(length, 65536)))
        body = b"server of %s\n" % host
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def echo(c):
    while True:
        data = c.recv(65536)
        if not data:
            return
        c.sendall(data)


def banner(c):
    c.sendall(b"220 I speak first\r\n")
    echo(c)


def count(c):
    """Reads to the end, and then tells how much that was."""
    n = 0
    while True:
        data = c.recv(65536)
        if not data:
            break
        n += len(data)
    c.sendall(b"%d\n" % n)


def flood(c):
    """As much as is taken, to 64 MiB; how much is written in a file meanwhile."""
    n, block = 0, bytes(65536)
    with open(os.path.join(where, "flood"), "w") as f:
        while n < 1 << 26:
            n += c.send(block)
            f.seek(0)
            f.write("%d\n" % n)
            f.flush()


def reset(c):
    c.recv(1)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def secure(c, curve=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(os.path.join(where, "a.pem"))
    if curve:
        ctx.set_ecdh_curve(curve)
    with ctx.wrap_socket(c, server_side=True) as t:
        http(t)


def retry(c):
    """Asks for a second ClientHello: clients guess that the curve is another."""
    secure(c, "prime256v1")


def serve(addr, port, how):
    s = socket.create_server((addr, port), backlog=1024)

    def one(c):
        try:
            with c:
                how(c)
        except (OSError, ValueError):
            pass

    def run():
        while True:
            c, _ = s.accept()
            threading.Thread(target=one, args=(c,), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()


threading.stack_size(131072)
for addr in addrs:
    for port, how in ((80, http), (443, secure), (8443, retry),
                      (8080, http), (9000, echo),
                      (25, banner), (9001, count), (9002, flood), (9003, reset)):
        serve(addr, port, how)
threading.Thread(target=dns, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
