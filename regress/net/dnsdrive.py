# SPDX-License-Identifier: Apache-2.0
"""
The name server of a session by itself, against a name server that is a table:
what is asked upstream, what is answered, bound and written down.
"""
import os
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import dns

failed = 0
DRIVE = os.path.join(os.environ["TEST_BUILD"], "regress", "net", "dnsdrive")
SLOW = float(os.environ.get("TEST_SLOW", "1"))


def check(what, have, want):
    global failed
    if have != want:
        failed += 1
        print(f"{what}:\n\thave {have}\n\twant {want}")


class Drive:
    def __init__(self, servers, rules, *options):
        if isinstance(servers, dns.Upstream):
            servers = f"127.0.0.1:{servers.port}"
        self.p = subprocess.Popen(
            [DRIVE, *options, servers, *rules], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        words = self.p.stdout.readline().split()
        assert words[0] == "ports", words
        self.udp4, self.udp6, self.tcp = (
            ("127.0.0.1", int(words[1])), ("::1", int(words[2])),
            ("127.0.0.1", int(words[3])))
        self.lines = queue.Queue()
        self.hearing = threading.Thread(target=self.hear, daemon=True)
        self.hearing.start()

    def hear(self):
        for line in self.p.stdout:
            self.lines.put(line.strip())

    def said(self):
        """Lines so far; what is written comes before what is answered."""
        out = []
        time.sleep(0.05 * SLOW)
        while not self.lines.empty():
            out.append(self.lines.get())
        return out

    def event(self):
        out = self.said()
        return [" ".join(w for w in x.split() if not w.startswith("pid="))
                for x in out]

    def told(self, what, word):
        self.p.stdin.write(what + "\n")
        self.p.stdin.flush()
        while True:
            line = self.lines.get(timeout=10 * SLOW)
            if line.startswith(word):
                return line.split()[1:]

    def bound(self, addr):
        return self.told("bound " + addr, "bound")

    def resolve(self, name):
        return sorted(self.told("resolve " + name, "resolved"))

    def stop(self):
        self.p.stdin.close()
        check("exit status", self.p.wait(), 0)


def answers(r):
    return r and (r["rcode"], r["answer"])


def simple(up):
    d = Drive(up, ["allow *.test", "allow *.arpa"])
    r = dns.ask(d.udp4, dns.query("A.Test"))
    check("an address", answers(r), (0, ["A.Test A 203.0.113.1"]))
    check("flags", r["flags"], 0x8180)
    check("the case of the question", r["question"], "A.Test")
    check("no OPT where none was asked", r["opt"], None)
    check("bound", d.bound("203.0.113.1"), ["a.test"])
    d.said()
    for where, tcp in ((d.udp6, False), (d.tcp, True)):
        r = dns.ask(where, dns.query("a.test", "AAAA"), tcp)
        check("AAAA", answers(r), (0, ["a.test AAAA 2001:db8::1"]))
    check("events", d.event(), ["event allowed a.test AAAA rule=allow *.test "
                                "2001:db8::1"] * 2)
    check("bound by IPv6", d.bound("2001:db8::1"), ["a.test"])
    check("no way there", answers(dns.ask(d.udp4, dns.query("far.test", "AAAA"))),
          (0, ["far.test AAAA 2001:db8:1::1"]))
    check("nor there", answers(dns.ask(d.udp4, dns.query("further.test", "AAAA"))), (0, []))
    check("not bound", d.bound("2001:db8:dead::1"), [])
    d.said()
    for kind, want in (("TXT", "hello"), ("MX", "mail.test")):
        check(kind, answers(dns.ask(d.udp4, dns.query("a.test", kind))),
              (0, [f"a.test {kind} {want}"]))
    check("SRV", answers(dns.ask(d.udp4, dns.query("_x._tcp.a.test", "SRV"))),
          (0, ["_x._tcp.a.test SRV b.test"]))
    check("PTR", answers(dns.ask(d.udp4, dns.query(
        "10.113.0.203.in-addr.arpa", "PTR"))),
        (0, ["10.113.0.203.in-addr.arpa PTR host.test"]))
    check("their events", [x.split("*.", 1)[1] for x in d.event()],
          ['test "hello"', "test 10 mail.test", "test 1 2 443 b.test",
           "arpa host.test"])
    check("no records", answers(dns.ask(d.udp4, dns.query("empty.test"))),
          (0, []))
    d.said()
    check("no such name", answers(dns.ask(d.udp4, dns.query("no.test"))),
          (3, []))
    check("its event", d.event(),
          ["event allowed no.test A rule=allow *.test error=NXDOMAIN"])
    d.stop()


def approved_first(up):
    """Nothing of a name that an operator has to approve goes up."""
    d = Drive(up, ["allow *.test", "approve *.asked.example"])
    up.asked.clear()
    for n in "x", "y", "x":
        check("held", answers(dns.ask(d.udp4, dns.query(
            n + ".asked.example"))),
              (0, [n + ".asked.example A 198.18.0." +
                   ("1" if n == "x" else "2")]))
    check("no other family", answers(dns.ask(d.udp4, dns.query(
        "x.asked.example", "AAAA"))), (0, []))
    for kind in "TXT", "MX", "SRV", "PTR", "CNAME":
        check(kind, dns.ask(d.udp4, dns.query(
            "secret.asked.example", kind))["rcode"], 5)
    check("upstream", len(up.asked), 0)
    check("bound", d.bound("198.18.0.1"), [])
    d.said()
    dns.ask(d.udp4, dns.query("x.asked.example"))
    dns.ask(d.udp4, dns.query("x.asked.example", "TXT"))
    check("events", d.event(),
          ["event allowed x.asked.example A rule=approve *.asked.example "
           "reason=approval-first 198.18.0.1",
           "event denied x.asked.example TXT rule=dns-limits "
           "reason=approval-first error=REFUSED"])
    d.stop()


def nothing_else_goes_up(up):
    d = Drive(up, ["allow *.test", "deny forbidden.test"])
    up.asked.clear()
    r = dns.ask(d.udp4, dns.query("a.test", ident=7, edns=4096, flags=0x130))
    check("OPT", (r["opt"][0], r["opt"][1], r["opt"][2]), (1232, 0, b""))
    name, kind, _, msg = up.asked[0]
    check("upstream", (name, kind, len(up.asked)), ("a.test", "A", 1))
    check("its bytes", msg[2:], dns.query("a.test", ident=0)[2:])
    dns.ask(d.udp4, dns.query("A.TEST", "TXT"))
    check("in lower case", up.asked[1][0], "a.test")
    up.asked.clear()
    for text in ("denied.example", "localhost", "x", "wpad"):
        dns.ask(d.udp4, dns.query(text))
        dns.ask(d.udp4, dns.query(text, "TXT"))
    dns.ask(d.udp4, dns.query("a.test", "HTTPS"))
    for kind in ("ANY", "NULL", "AXFR", "NS", "SOA"):
        r = dns.ask(d.udp4, dns.query("a.test", kind))
        check(kind, answers(r), (5, []))
    check("not upstream", up.asked, [])
    d.stop()


def odd(up):
    d = Drive(up, ["allow *.test"])
    q = dns.query("a.test", ident=7)
    cases = [
        (q[:4] + b"\0\2" + q[6:], 1), (q + b"x", 1), (q[:-1], 1),
        (q[:2] + b"\x29" + q[3:], 4), (q[:-1] + b"\3", 5),
        (q[:12] + b"\5a b.c" + q[13:], 1), (q[:12] + b"\0\0\1\0\1", 5),
        (q[:12] + b"\x3f" + b"x" * 62 + b"\0\0\1\0\1", 1),
    ]
    for msg, rcode in cases:
        for where, tcp in ((d.udp4, False), (d.tcp, True)):
            r = dns.ask(where, msg, tcp)
            check(msg, r and r["rcode"], rcode)
    # no answer to an answer, nor to less than a header
    check("an answer", dns.ask(d.tcp, q[:2] + b"\x81" + q[3:], True), None)
    check("a part", dns.ask(d.tcp, q[:11], True), None)
    check("too long", dns.ask(d.tcp, q + b"x" * 2000, True), None)
    check("too long", dns.ask(d.udp4, q + b"x" * 2000)["rcode"], 1)
    check("no events", d.event(), [])
    d.stop()


def denied(up):
    d = Drive(up, ["deny forbidden.test", "allow *.test", "refuse 10.0.0.1"])
    up.asked.clear()
    for kind in ("A", "AAAA", "TXT", "HTTPS", "ANY"):
        r = dns.ask(d.udp4, dns.query("forbidden.test", kind, edns=1232))
        check("denied " + kind, (r["rcode"], r["answer"], r["ns"]), (3, [], 0))
        check("why", r["opt"][2], b"\0\x0f\0\x14\0\x0fforbidden.test: no")
    check("by default", answers(dns.ask(d.udp4, dns.query("a.example"))),
          (3, []))
    check("nothing upstream", up.asked, [])
    out = d.event()
    check("events", (out[0], out[-1]), (
        "event denied forbidden.test A rule=deny forbidden.test error=NXDOMAIN",
        "event denied a.example A rule=default error=NXDOMAIN"))
    check("alias to a denied name", answers(dns.ask(
        d.udp4, dns.query("evil.test"))), (3, []))
    check("its event", d.event(), ["event denied evil.test A rule=deny "
          "forbidden.test reason=alias-denied error=NXDOMAIN"])
    check("not bound", d.bound("203.0.113.66"), [])
    check("asked for itself", answers(dns.ask(
        d.udp4, dns.query("evil.test", "CNAME"))), (3, []))
    check("alias that no rule is about", answers(dns.ask(
        d.udp4, dns.query("alias.test"))),
        (0, ["alias.test CNAME deep.elsewhere.example",
             "deep.elsewhere.example CNAME b.test",
             "b.test A 203.0.113.2", "b.test A 203.0.113.3"]))
    check("bound to what was asked", d.bound("203.0.113.2"), ["alias.test"])
    d.said()
    check("part", answers(dns.ask(d.udp4, dns.query("mixed.test"))),
          (0, ["mixed.test A 203.0.113.4"]))
    check("all", answers(dns.ask(d.udp4, dns.query("inside.test"))), (3, []))
    check("events", d.event(), [
        "event allowed mixed.test A rule=allow *.test 203.0.113.4",
        "event denied inside.test A rule=allow *.test reason=refused-class "
        "error=NXDOMAIN"])
    check("not bound", d.bound("10.0.0.1"), [])
    d.stop()
    # a rule that denies all the rest says nothing about aliases
    d = Drive(up, ["allow alias.test", "denyall"])
    check("under a rule that denies all", answers(dns.ask(
        d.udp4, dns.query("alias.test")))[0], 0)
    d.stop()


def own_names(up):
    d = Drive(up, ["deny *.localhost", "allow *.test"])
    for text in ("localhost", "LocalHost", "db.localhost"):
        check(text, dns.ask(d.udp4, dns.query(text))["answer"],
              [f"{text if '.' not in text else text} A 127.0.0.1"]
              if text.islower() else ["LocalHost A 127.0.0.1"])
        check(text, dns.ask(d.udp4, dns.query(text, "AAAA"))["rcode"], 0)
        check(text, answers(dns.ask(d.udp4, dns.query(text, "MX"))), (0, []))
    check("no events", d.event(), [])
    check("not its own", answers(dns.ask(d.udp4, dns.query("xlocalhost"))),
          (3, []))
    check("HTTPS", answers(dns.ask(d.udp4, dns.query("a.test", "HTTPS"))),
          (0, []))
    d.stop()
    d = Drive(up, ["allow *.test", "redirect six.test 2001:db8::5 1 0"], "-4")
    up.asked.clear()
    check("without IPv6", answers(dns.ask(d.udp4, dns.query("a.test", "AAAA"))),
          (0, []))
    check("nothing upstream", up.asked, [])
    check("redirect to what is not there", answers(dns.ask(
        d.udp4, dns.query("six.test", "AAAA"))), (3, []))
    d.stop()


def redirects(up):
    d = Drive(up, ["redirect silent.test 203.0.113.7 0 0",
                   "redirect told.test 203.0.113.7 1 0",
                   "redirect warned.test 203.0.113.7 2 0",
                   "redirect black.example 127.0.0.1 1 0",
                   "redirect unruled.example 203.0.113.7 1 0",
                   "redirect closed.test 10.0.0.1 1 0",
                   "redirect a.test 10.0.0.1 1 1",
                   "redirect b.test 10.0.0.1 1 2",
                   "redirect unruled2.example 10.0.0.1 1 1",
                   "allow *.test", "refuse 10.0.0.1"])
    up.asked.clear()
    for word, events in (("silent", []), ("told", [
            "event allowed told.test A rule=redirected "
            "redirected=203.0.113.7 203.0.113.7"])):
        check(word, answers(dns.ask(d.udp4, dns.query(word + ".test"))),
              (0, [f"{word}.test A 203.0.113.7"]))
        check(word + " event", d.event(), events)
    r = dns.ask(d.udp4, dns.query("warned.test", edns=1232))
    check("warned", answers(r), (0, ["warned.test A 203.0.113.7"]))
    check("warning", r["opt"][2], b"\0\x0f\0\x0c\0\x04redirected")
    check("another family", answers(dns.ask(
        d.udp4, dns.query("told.test", "AAAA"))), (0, []))
    check("bound", d.bound("203.0.113.7"),
          ["warned.test", "told.test", "silent.test"])
    check("to the session itself", answers(dns.ask(
        d.udp4, dns.query("black.example"))), (0, ["black.example A 127.0.0.1"]))
    check("bound", d.bound("127.0.0.1"), [])
    check("of a name that is not allowed", answers(dns.ask(
        d.udp4, dns.query("unruled.example"))), (3, []))
    check("to what is refused", answers(dns.ask(
        d.udp4, dns.query("closed.test"))), (3, []))
    check("why", d.event()[-1], "event denied closed.test A rule=redirected "
          "reason=redirect-failed error=NXDOMAIN")
    check("nothing upstream", up.asked, [])
    check("fail_open", answers(dns.ask(d.udp4, dns.query("a.test"))),
          (0, ["a.test A 203.0.113.1"]))
    check("retry_original", answers(dns.ask(d.udp4, dns.query("b.test")))[0], 0)
    check("open, but denied", answers(dns.ask(
        d.udp4, dns.query("unruled2.example"))), (3, []))
    d.stop()
    d = Drive(up, ["allow *.test", "broken"])
    check("no answer of the policy", answers(dns.ask(
        d.udp4, dns.query("a.test"))), (3, []))
    d.stop()


def sizes(up):
    d = Drive(up, ["allow *.test"])
    up.asked.clear()
    r = dns.ask(d.udp4, dns.query("big.test"))
    check("too much for UDP", (r["tc"], r["answer"]), (True, []))
    check("by TCP upstream", [x[2] for x in up.asked], [False, True])
    r = dns.ask(d.udp4, dns.query("big.test", edns=4096))
    check("more room", (r["tc"], len(r["answer"])), (False, 60))
    r = dns.ask(d.tcp, dns.query("big.test"), True)
    check("by TCP", (r["tc"], len(r["answer"])), (False, 60))
    with socket.create_connection(d.tcp) as s: # many on one connection
        for i in range(20):
            msg = dns.query("a.test", ident=i)
            s.sendall(struct.pack(">H", len(msg)) + msg)
        for i in range(20):
            n, = struct.unpack(">H", dns.receive(s, 2))
            check("in order", dns.read(dns.receive(s, n))["id"], i)
    socks = [socket.create_connection(d.tcp) for _ in range(40)]
    time.sleep(0.1)
    check("others may still ask", dns.ask(d.udp4, dns.query("a.test"))["rcode"],
          0)
    for s in socks:
        s.close()
    with socket.create_connection(d.tcp) as s: # leaves while it is looked up
        msg = dns.query("never.test")
        s.sendall(struct.pack(">H", len(msg)) + msg)
        time.sleep(0.1)
    d.stop()


def upstream_trouble():
    def wrong(n, _, reply, send):
        send(bytes([reply[0] ^ 1]) + reply[1:])
        send(reply[:12] + b"\1b" + reply[14:])
        send(reply[:2] + b"\1" + reply[3:])
        send(b"x")
        send(reply)

    def pour(_, tcp, reply, send):
        """Something all the time, that is no answer yet."""
        def run():
            for _ in range(150):
                time.sleep(0.1)
                try:
                    send(b"\0", True) if tcp else send(b"x")
                except OSError:
                    break
        if not tcp and reply[13:14] == b"t":
            send(reply[:2] + b"\x83\x80\0\1\0\0" + reply[8:])
        else:
            if tcp:
                send(b"\xff\xff", True)
            threading.Thread(target=run, daemon=True).start()

    special = {
        "pours.test": pour,
        "tpours.test": pour,
        "wrong.test": wrong,
        "lossy.test": lambda n, tcp, reply, send: send(reply) if n > 1 else None,
        "never.test": lambda n, tcp, reply, send: None,
        "fails.test": lambda n, tcp, reply, send: send(
            reply[:3] + b"\x82" + reply[4:]),
        "cut.test": lambda n, tcp, reply, send: send(reply[:-3]),
        "tcpcut.test": lambda n, tcp, reply, send: send(
            reply[:-3] if tcp else reply[:2] + b"\x83\x80\0\1\0\0" + reply[8:]),
    }
    zone = {k: {"A": ["203.0.113.5"]} for k in special}
    up = dns.Upstream(zone=zone, special=special)
    second = dns.Upstream(zone=zone)
    d = Drive(up, ["allow *.test"], "-t", str(int(900 * SLOW)))
    check("after wrong ones", answers(dns.ask(d.udp4, dns.query("wrong.test"))),
          (0, ["wrong.test A 203.0.113.5"]))
    check("asked once", up.count["wrong.test"], 1)
    check("asked again", answers(dns.ask(d.udp4, dns.query("lossy.test"))),
          (0, ["lossy.test A 203.0.113.5"]))
    d.said()
    check("no answer", answers(dns.ask(d.udp4, dns.query("never.test"))),
          (2, []))
    check("its event", d.event(),
          ["event allowed never.test A rule=allow *.test error=SERVFAIL"])
    for text in ("fails.test", "cut.test", "tcpcut.test", "pours.test",
                 "tpours.test"):
        check(text, answers(dns.ask(d.udp4, dns.query(text))), (2, []))
    d.stop()
    # each asks the second where the first cannot say; nobody is at port 9
    for first in (f"127.0.0.1:{up.port}", "127.0.0.1:9"):
        d = Drive(f"{first} 127.0.0.1:{second.port}", ["allow *.test"], "-t",
                  str(int(1600 * SLOW)))
        for text in ("never.test", "fails.test", "cut.test"):
            check(text, answers(dns.ask(d.udp4, dns.query(text))),
                  (0, [f"{text} A 203.0.113.5"]))
        d.stop()
    d = Drive("", ["allow *.test"])
    check("no server", answers(dns.ask(d.udp4, dns.query("a.test"))), (2, []))
    d.stop()


def budgets(up):
    d = Drive(up, ["allow *.test"], "-q", "10")
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
             for _ in range(150)]
    for i, s in enumerate(socks):
        s.settimeout(10)
        s.sendto(dns.query("a.test", ident=i), d.udp4)
    codes = [dns.read(s.recv(4096))["rcode"] for s in socks]
    check("refused", codes.count(5) >= 150 - 40 - 20 * SLOW, True)
    check("answered", codes.count(0) >= 40, True)
    out = d.event()
    check("one event for it", [x for x in out if "denied" in x],
          ["event denied a.test A rule=dns-limits reason=too-many-queries error=REFUSED"])
    d.stop()

    d = Drive(up, ["allow *.test", "approve *.asked.example"], "-n", "5", "-l",
              "30")
    up.asked.clear()
    codes = [dns.ask(d.udp4, dns.query(f"d{i}.leak.test", "TXT"))["rcode"]
             for i in range(20)]
    check("new names", codes, [3] * 5 + [5] * 15)
    check("upstream", len(up.asked), 5)
    check("the same names", [dns.ask(d.udp4, dns.query(
        f"d{i}.leak.test"))["rcode"] for i in range(6)], [3] * 5 + [5])
    check("events", [x for x in d.event() if "denied" in x],
          ["event denied d5.leak.test TXT rule=dns-limits reason=too-many-names "
           "error=REFUSED"])
    d.said()
    check("too long", dns.ask(d.udp4, dns.query("x" * 26 + ".test"))["rcode"],
          5)
    check("another event", d.event(), ["event denied " + "x" * 26 + ".test A "
          "rule=dns-limits reason=name-too-long error=REFUSED"])
    d.stop()


def together():
    """One question upstream for all who ask the same, and not too many."""
    gate = threading.Event()
    names = [f"n{i}.test" for i in range(80)]
    zone = {k: {"A": ["203.0.113.5"]} for k in names}

    def wait(_n, _tcp, reply, send):
        threading.Thread(target=lambda: (gate.wait(30), send(reply)),
                         daemon=True).start()

    up = dns.Upstream(zone=zone, special={k: wait for k in names})
    d = Drive(up, ["allow *.test"], "-t", str(int(20000 * SLOW)))
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
             for _ in range(50)]
    for s in socks:
        s.settimeout(10 * SLOW)
        s.sendto(dns.query("n0.test"), d.udp4)
    many = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for _ in range(80)]
    for i, s in enumerate(many):
        s.settimeout(10 * SLOW)
        s.sendto(dns.query(names[i]), d.udp4)
    over, end = [], time.monotonic() + 10 * SLOW
    while len(over) < 16 and time.monotonic() < end:
        for s in select.select(many, [], [], 1)[0]:
            over.append(dns.read(s.recv(4096))["rcode"])
    check("too many at one time", over, [5] * 16)
    gate.set()
    check("all have it", {answers(dns.read(s.recv(4096)))[0] for s in socks},
          {0})
    check("asked once", up.count["n0.test"], 1)
    check("one event for what was too much",
          len([x for x in d.event() if "too-many-pending" in x]), 1)
    d.stop()


def kept(_up):
    """What is still true is not asked for again, and decided about all the same."""
    up = dns.Upstream()
    up.ttl = {"b.test": 0}
    d = Drive(up, ["deny forbidden.test", "allow *.test"], "-n", "1000")
    for _ in range(4):
        r = dns.ask(d.udp4, dns.query("a.test"))
        check("kept", answers(r), (0, ["a.test A 203.0.113.1"]))
        check("ttl", 0 < r["ttl"][0] <= 60, True)
    check("another type", answers(dns.ask(d.tcp, dns.query("a.test", "TXT"), True)),
          (0, ["a.test TXT hello"]))
    check("asked once", [x[:2] for x in up.asked], [("a.test", "A"), ("a.test", "TXT")])
    check("an event each", d.event(), ["event allowed a.test A rule=allow *.test 203.0.113.1"] * 4 +
          ['event allowed a.test TXT rule=allow *.test "hello"'])
    for text, n in (("b.test", 3), ("no.test", 3), ("empty.test", 3), ("evil.test", 1)):
        for _ in range(3):
            dns.ask(d.udp4, dns.query(text))
        check("asked " + text, up.count[text], n)
    check("an alias is denied each time", [x for x in d.event() if "evil" in x],
          ["event denied evil.test A rule=deny forbidden.test reason=alias-denied error=NXDOMAIN"] * 3)
    d.stop()


def meanwhile(_up):
    """What is allowed is asked for while nobody knows who asks, and not answered."""
    up = dns.Upstream()
    d = Drive(up, ["deny forbidden.test", "approve host.test", "redirect b.test 203.0.113.9 1 0",
                   "allow *.test"], "-w", "3600000")
    # of whom it is known at once, as of each second one
    check("known", answers(dns.ask(d.udp4, dns.query("mixed.test")))[0], 0)
    d.said()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as known:
        for text in "forbidden.test", "host.test", "b.test", "localhost", "a.test":
            s.sendto(dns.query(text), d.udp4)
            known.sendto(dns.query("mixed.test"), d.udp4)
        end = time.monotonic() + 10 * SLOW
        while "a.test" not in up.count and time.monotonic() < end:
            time.sleep(0.02)
        check("asked", sorted(up.count), ["a.test", "mixed.test"])
        time.sleep(0.2)
        check("not answered", select.select([s], [], [], 0)[0], [])
    check("nor bound", d.bound("203.0.113.1"), [])
    check("nor told", [x for x in d.event() if "mixed" not in x], [])
    d.stop()


def gone(_up):
    """What was asked upstream is written down, whoever has given up meanwhile."""
    up = dns.Upstream(special={"never.test": lambda n, tcp, reply, send: None})
    d = Drive(up, ["deny a.test", "allow *.test"], "-i", "100", "-t", str(int(1500 * SLOW)), "-w",
              str(int(1500 * SLOW)))
    for text in ("no.test", "never.test", "never.test", "a.test"):
        dns.ask(d.tcp, dns.query(text), True)
    out, end = [], time.monotonic() + 20 * SLOW
    while len(out) < 4 and time.monotonic() < end:
        out += d.event()
    check("all are written down", sorted(out), [
        "event allowed never.test A rule=allow *.test error=SERVFAIL",
        "event allowed never.test A rule=allow *.test error=SERVFAIL",
        "event allowed no.test A rule=allow *.test error=NXDOMAIN",
        "event denied a.test A rule=deny a.test error=NXDOMAIN"])
    d.stop()


def at_the_end(_up):
    """What was asked is written down, also what nobody has heard of yet."""
    up = dns.Upstream(special={"never.test": lambda n, tcp, reply, send: None})
    d = Drive(up, ["deny forbidden.test", "approve host.test", "redirect b.test 203.0.113.9 1 0",
                   "allow *.test"], "-w", "3600000", "-t", "3600000")
    # whose it is is known of each second one
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
            socket.create_connection(d.tcp) as t:
        for text in ("never.test", "never.test", "empty.test", "forbidden.test", "empty.test",
                     "host.test", "empty.test", "b.test", "empty.test", "a.test"):
            s.sendto(dns.query(text), d.udp4)
        msg = dns.query("never.test", "TXT")
        end = time.monotonic() + 20 * SLOW
        while "a.test" not in up.count and time.monotonic() < end:
            time.sleep(0.02)
        t.sendall(struct.pack(">H", len(msg)) + msg)
        while ("never.test", "TXT") not in [x[:2] for x in up.asked] and time.monotonic() < end:
            time.sleep(0.02)
        # the answer for a.test was sent before that, and has been heard of now
        check("not bound yet", d.bound("203.0.113.1"), [])
        d.p.send_signal(signal.SIGSTOP)
        for i in range(100):
            s.sendto(dns.query(f"n{i}.test"), d.udp4)
        d.p.stdin.close()
        d.p.send_signal(signal.SIGCONT)
        check("its end", d.p.wait(), 0)
        d.hearing.join()
    ended = "rule=allow *.test reason=session-ended error=SERVFAIL"
    out = [x for x in d.event() if "empty.test" not in x]
    check("it ends", out.pop(), "end")
    check("what was under way", sorted(x for x in out if " n" not in x or "never" in x), [
        "event allowed a.test A rule=allow *.test 203.0.113.1",
        "event allowed b.test A rule=redirected redirected=203.0.113.9 203.0.113.9",
        "event allowed host.test A rule=approve host.test reason=approval-first 198.18.0.1",
        f"event allowed never.test A {ended}",
        f"event allowed never.test A {ended}",
        f"event allowed never.test TXT {ended}",
        "event denied forbidden.test A rule=deny forbidden.test error=NXDOMAIN"])
    check("what had come", sorted(x.split()[2] for x in out if " n" in x and "never" not in x),
          sorted(f"n{i}.test" for i in range(100)))


def another_policy(_up):
    """What was looked up by a policy is answered by the one that is there then."""
    names = ("a.test", "b.test", "host.test", "mixed.test")
    gate = threading.Event()

    def wait(_n, _tcp, reply, send):
        threading.Thread(target=lambda: (gate.wait(30), send(reply)),
                         daemon=True).start()

    # who has asked is known later than the answer, or before
    for special in ({}, {k: wait for k in names}):
        up = dns.Upstream(special=special)
        d = Drive(up, ["unredirected", "allow *.test", "deny a.test", "approve host.test",
                       "redirect b.test 203.0.113.9 1 0", "allow *.test"], "-w", "3600000", "-t", str(int(20000 * SLOW)))
        # of whom it is known at once, as of each second one
        dns.ask(d.udp4, dns.query("no.test"))
        end = time.monotonic() + 10 * SLOW
        socks = []
        for text in names:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(10 * SLOW)
            s.sendto(dns.query(text), d.udp4)
            socks.append(s)
            dns.ask(d.udp4, dns.query("no.test"))
            while text not in up.count and time.monotonic() < end:
                time.sleep(0.02)
        check("asked", [x in up.count for x in names], [True] * 4)
        if special:
            d.told("owned", "owned")
        else:
            time.sleep(0.2)
        d.said()
        d.told("without", "without")
        if special:
            gate.set()
        else:
            d.told("owned", "owned")
        check("by what is there now", [answers(dns.read(s.recv(4096))) for s in socks],
              [(3, []), (0, ["b.test A 203.0.113.9"]), (0, ["host.test A 198.18.0.1"]),
               (0, ["mixed.test A 10.0.0.1", "mixed.test A 203.0.113.4"])])
        check("events", sorted(x for x in d.event() if "no.test" not in x), [
            "event allowed b.test A rule=redirected redirected=203.0.113.9 203.0.113.9",
            "event allowed host.test A rule=approve host.test reason=approval-first 198.18.0.1",
            "event allowed mixed.test A rule=allow *.test 10.0.0.1 203.0.113.4",
            "event denied a.test A rule=deny a.test error=NXDOMAIN"])
        check("bound", [d.bound(x) for x in ("203.0.113.1", "203.0.113.2", "203.0.113.9")],
              [[], [], ["b.test"]])
        d.stop()
        for s in socks:
            s.close()


def for_netd_itself(up):
    """Look-ups of netd's own, which no rule is asked about."""
    d = Drive(up, ["deny forbidden.test", "allow *.test"], "-n", "8")
    check("both families", d.resolve("a.test"),
          ["2001:db8::1", "::ffff:203.0.113.1"])
    check("through aliases", d.resolve("alias.test"),
          ["::ffff:203.0.113.2", "::ffff:203.0.113.3"])
    check("no more than there is room for", len(d.resolve("big.test")), 16)
    check("a denied alias", d.resolve("evil.test"), [])
    check("none", d.resolve("no.test"), [])
    check("no name", d.resolve("a..test"), ["not"])
    check("not bound", d.bound("203.0.113.1"), [])
    check("no events", d.event(), [])
    for i in range(8):
        d.resolve(f"d{i}.leak.test")
    check("over the budget", d.resolve("d8.leak.test"), ["not"])
    d.p.stdin.write("resolve never.test\n")
    d.stop()
    d = Drive(up, ["allow *.test"], "-4")
    check("without IPv6", d.resolve("a.test"), ["::ffff:203.0.113.1"])
    d.stop()


def unlogged(up):
    d = Drive(up, ["allow *.test"])
    check("nothing is answered that is not written down",
          dns.ask(d.udp4, dns.query("unloggable.test"), timeout=1), None)
    check("and the session ends", d.said(), ["failed"])
    # with questions under way
    for text in ("never.test", "a.test"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(dns.query(text), d.udp4)
    d.stop()


def main():
    never = {"never.test": lambda n, tcp, reply, send: None}
    up = dns.Upstream(special=never)
    for part in (simple, approved_first, nothing_else_goes_up, odd,
                 denied, own_names, redirects, sizes, budgets,
                 kept, meanwhile, gone, at_the_end, another_policy, for_netd_itself, unlogged):
        print(part.__name__, flush=True)
        part(up)
    upstream_trouble()
    together()
    return 1 if failed else 0


sys.exit(main())
