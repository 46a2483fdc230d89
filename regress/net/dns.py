# SPDX-License-Identifier: Apache-2.0
"""
What tests of DNS need: messages as they are sent, and a name server whose
answers are a table. Run by itself it is that server: dns.py PORT LOG, with the
zone of ZONE below and a line "NAME TYPE HEX" in LOG for each question.
"""
import ipaddress
import random
import socket
import struct
import sys
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "MX": 15,
         "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65, "AXFR": 252, "ANY": 255}
NAMES = {v: k for k, v in TYPES.items()}


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".")
                    if x) + b"\0"


def rdata(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        return struct.pack(">H", 10) + name(value)
    if kind == "SRV":
        return struct.pack(">3H", 1, 2, 443) + name(value)
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    return name(value)


def record(owner, kind, value, ttl=60):
    data = rdata(kind, value)
    return name(owner) + struct.pack(">HHIH", TYPES[kind], 1, ttl,
                                     len(data)) + data


def query(text, kind="A", ident=None, edns=None, flags=0x100):
    ident = random.randrange(65536) if ident is None else ident
    number = TYPES[kind] if isinstance(kind, str) else kind
    msg = struct.pack(">6H", ident, flags, 1, 0, 0, edns is not None)
    msg += name(text) + struct.pack(">HH", number, 1)
    if edns is not None:
        # with a client's subnet, and an option that nobody knows
        options = bytes.fromhex("0008000700011800c0000200")[:11] + \
            b"\xff\xf0\0\x06secret"
        msg += b"\0" + struct.pack(">HHIH", 41, edns, 0, len(options)) + options
    return msg


def read_name(msg, at):
    labels, end = [], None
    for _ in range(200):
        n = msg[at]
        if n >= 192:
            end = end or at + 2
            at = (n & 63) << 8 | msg[at + 1]
        elif n == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(msg[at + 1:at + 1 + n].decode())
            at += 1 + n
    raise ValueError("name")


def read(msg):
    """A message as a dictionary; the text of each record in "answer"."""
    ident, flags, qd, an, ns, ar = struct.unpack(">6H", msg[:12])
    r = {"id": ident, "rcode": flags & 15, "tc": bool(flags & 0x200),
         "flags": flags, "answer": [], "ttl": [], "opt": None, "ns": ns,
         "question": None, "kind": None}
    at = 12
    for _ in range(qd):
        r["question"], at = read_name(msg, at)
        kind, cls = struct.unpack(">HH", msg[at:at + 4])
        r["kind"], r["class"] = NAMES.get(kind, str(kind)), cls
        at += 4
    for i in range(an + ns + ar):
        owner, at = read_name(msg, at)
        kind, cls, ttl, n = struct.unpack(">HHIH", msg[at:at + 10])
        at += 10
        data = msg[at:at + n]
        if kind == 41:
            r["opt"] = (cls, ttl, data)
        elif i < an:
            word = NAMES.get(kind, str(kind))
            if word in ("A", "AAAA"):
                text = str(ipaddress.ip_address(data))
            elif word in ("CNAME", "PTR"):
                text = read_name(msg, at)[0]
            elif word == "MX":
                text = read_name(msg, at + 2)[0]
            elif word == "SRV":
                text = read_name(msg, at + 6)[0]
            elif word == "TXT":
                text = data[1:1 + data[0]].decode()
            else:
                text = data.hex()
            r["answer"].append(f"{owner} {word} {text}")
            r["ttl"].append(ttl)
        at += n
    if at != len(msg):
        raise ValueError("more than a message")
    return r


def receive(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            return None
        data += more
    return data


def ask(where, msg, tcp=False, timeout=10):
    """The answer to a message, by UDP or TCP; None: there was none."""
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if tcp
                       else socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        try:
            if not tcp:
                s.sendto(msg, where)
                data, source = s.recvfrom(65535)
                assert source[:2] == where[:2], source
                return read(data)
            s.connect(where)
            s.sendall(struct.pack(">H", len(msg)) + msg)
            n = receive(s, 2)
            data = n and receive(s, struct.unpack(">H", n)[0])
            return data and read(data)
        except (socket.timeout, ConnectionError):
            return None


ZONE = {
    "a.test": {"A": ["203.0.113.1"], "AAAA": ["2001:db8::1"], "TXT": ["hello"],
               "MX": ["mail.test"], "CNAME": []},
    "_x._tcp.a.test": {"SRV": ["b.test"]},
    "b.test": {"A": ["203.0.113.2", "203.0.113.3"]},
    "host.test": {"A": ["203.0.113.10"], "AAAA": ["2001:db8::10"]},
    "10.113.0.203.in-addr.arpa": {"PTR": ["host.test"]},
    "alias.test": {"CNAME": ["deep.elsewhere.example"]},
    "deep.elsewhere.example": {"CNAME": ["b.test"]},
    "evil.test": {"CNAME": ["forbidden.test"]},
    "forbidden.test": {"A": ["203.0.113.66"]},
    "mixed.test": {"A": ["10.0.0.1", "203.0.113.4"]},
    "inside.test": {"A": ["10.0.0.1"]},
    "loop.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]},
    "metadata.test": {"A": ["169.254.169.254"], "AAAA": ["::ffff:169.254.169.254"]},
    "big.test": {"A": [f"203.0.113.{i}" for i in range(20, 80)]},
    "empty.test": {"A": []},
    # the way to the second address is one that the host has not
    "far.test": {"A": ["203.0.113.9"], "AAAA": ["2001:db8:1::1", "2001:db8:dead::1"]},
    "further.test": {"A": ["203.0.113.9"], "AAAA": ["2001:db8:dead::1"]},
}


class Upstream:
    """A name server. special: name to a function of (server, message, reply,
    send), which sends what it likes. ttl: of the answers to a name."""

    def __init__(self, port=0, zone=None, special=None, log=None):
        self.zone = ZONE if zone is None else zone
        self.special = special or {}
        self.asked, self.log = [], log
        self.count, self.ttl = {}, {}
        # a number that is free for one may be somebody's for the other
        for i in range(50):
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.udp.bind(("127.0.0.1", port))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
                if port != 0 or i == 49:
                    raise
        self.tcp.listen(64)
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    def reply(self, msg, limit):
        q = read(msg)
        owner, kind, out = q["question"].lower(), q["kind"], []
        known = owner in self.zone
        ttl = self.ttl.get(owner, 60)
        while known and kind != "CNAME" and self.zone[owner].get("CNAME"):
            target = self.zone[owner]["CNAME"][0]
            out.append(record(owner, "CNAME", target, ttl))
            owner = target
            known = owner in self.zone
        if known:
            out += [record(owner, kind, v, ttl)
                    for v in self.zone[owner].get(kind, [])]
        rest = msg[12:]
        data = b"".join(out)
        flags, count = 0x8180 | (0 if known else 3), len(out)
        if 12 + len(rest) + len(data) > limit:
            flags, count, data = flags | 0x200, 0, b""
        return msg[:2] + struct.pack(">5H", flags, 1, count, 0, 0) + rest + data

    def hear(self, msg, tcp, send):
        q = read(msg)
        self.asked.append((q["question"], q["kind"], tcp, msg))
        if self.log:
            self.log.write(f"{q['question']} {q['kind']} {msg.hex()}\n")
            self.log.flush()
        n = self.count[q["question"]] = self.count.get(q["question"], 0) + 1
        reply = self.reply(msg, 65535 if tcp else 512)
        special = self.special.get(q["question"].lower())
        if special:
            special(n, tcp, reply, send)
        else:
            send(reply)

    def serve_udp(self):
        while True:
            msg, peer = self.udp.recvfrom(65535)
            self.hear(msg, False, lambda r, p=peer: self.udp.sendto(r, p))

    def serve_tcp(self):
        while True:
            c, _ = self.tcp.accept()
            threading.Thread(target=self.serve_conn, args=(c,),
                             daemon=True).start()

    def serve_conn(self, c):
        with c:
            while (n := receive(c, 2)):
                msg = receive(c, struct.unpack(">H", n)[0])
                self.hear(msg, True, lambda r, raw=False: c.sendall(
                    r if raw else struct.pack(">H", len(r)) + r))


if __name__ == "__main__":
    with open(sys.argv[2], "a", encoding="utf-8") as f:
        Upstream(int(sys.argv[1]), log=f)
        print("ready", flush=True)
        threading.Event().wait()
