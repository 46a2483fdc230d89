# SPDX-License-Identifier: Apache-2.0
"""What a session finds when it looks up names: dns_session.py PART, in it."""
import socket
import subprocess
import sys

import dns

SERVER = ("192.0.2.53", 53)
failed = 0


def check(what, have, want):
    global failed
    if have != want:
        failed = 1
        print(f"{what}:\n\thave {have}\n\twant {want}")


def look(text, kind="A", where=SERVER, tcp=False, **more):
    r = dns.ask(where, dns.query(text, kind, **more), tcp)
    return r and (r["rcode"], [x.split()[-1] for x in r["answer"]])


def libc(text, family=0):
    """Addresses by getaddrinfo(3), or its error."""
    try:
        return sorted({x[4][0] for x in socket.getaddrinfo(
            text, 80, family, socket.SOCK_STREAM)})
    except socket.gaierror as e:
        return e.errno


def run(*argv):
    p = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    return p.returncode, p.stdout.split()


def rules(ipv6):
    six = ["2001:db8::10"] if ipv6 else []
    check("getaddrinfo", libc("host.test"), six + ["203.0.113.10"]
          if ipv6 else ["203.0.113.10"])
    check("getent ahostsv4", run("getent", "ahostsv4", "host.test")[1][:1],
          ["203.0.113.10"])
    check("denied", libc("forbidden.test"), socket.EAI_NONAME)
    check("by default", libc("www.example"), socket.EAI_NONAME)
    check("one label", libc("wpad"), socket.EAI_NONAME)
    check("localhost", libc("localhost", socket.AF_INET), ["127.0.0.1"])
    check("its other family", look("localhost", "AAAA"), (0, ["::1"]))
    check("getent, denied", run("getent", "hosts", "forbidden.test")[0], 2)
    check("PTR", socket.gethostbyaddr("203.0.113.10")[0], "host.test")
    # any server is this one
    for where in (SERVER, ("8.8.8.8", 53), ("203.0.113.77", 53)):
        for tcp in (False, True):
            check(f"{where} {tcp}", look("b.test", where=where, tcp=tcp),
                  (0, ["203.0.113.2", "203.0.113.3"]))
    if ipv6:
        for tcp in (False, True):
            check(f"by IPv6 {tcp}", look("host.test", "AAAA",
                                         ("2001:db8::53", 53), tcp),
                  (0, ["2001:db8::10"]))
        check("no way there", look("far.test", "AAAA"), (0, ["2001:db8:1::1"]))
        check("nor there", look("further.test", "AAAA"), (0, []))
        check("but by IPv4", libc("further.test"), ["203.0.113.9"])
    else:
        check("no IPv6", look("host.test", "AAAA"), (0, []))
    check("HTTPS", look("host.test", "HTTPS"), (0, []))
    check("ANY", look("host.test", "ANY"), (5, []))
    check("TXT", look("a.test", "TXT", edns=4096), (0, ["hello"]))
    check("big", look("big.test")[1], [])
    check("big by TCP", len(look("big.test", tcp=True)[1]), 60)
    check("alias", look("alias.test")[1][-1], "203.0.113.3")
    check("alias to a denied name", look("evil.test"), (3, []))
    # only what a rule with cidrs opens
    for text in ("inside.test", "loop.test", "metadata.test"):
        check(text, look(text), (3, []))
    if ipv6:
        check("metadata, mapped", look("metadata.test", "AAAA"), (3, []))
        check("loopback", look("loop.test", "AAAA"), (3, []))
    check("a part of them", look("mixed.test"), (0, ["203.0.113.4"]))
    check("redirect", look("moved.test"), (0, ["203.0.113.99"]))
    check("silent redirect", look("quiet.test"), (0, ["203.0.113.98"]))
    check("redirect to what is refused", look("closed.test"), (3, []))
    check("redirect into the session", look("black.test"), (0, ["127.0.0.1"]))
    check("hosts", run("getent", "hosts", "localhost")[0], 0)


def leak():
    codes = [look(f"x{i}.leak.test", "TXT")[0] for i in range(12)]
    check("new names", codes, [3] * 8 + [5] * 4)
    check("long", look("x" * 50 + "." + "y" * 50 + ".leak.test"), (5, []))


def flood():
    codes = []
    question = dns.query("host.test")
    # a slow machine sends the first ones no faster than it may
    for n in 150, 450, 900:
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                 for _ in range(n)]
        for s in socks:
            s.sendto(question, SERVER)
        for s in socks:
            s.settimeout(20)
            codes.append(dns.read(s.recv(4096))["rcode"])
            s.close()
        if 5 in codes:
            break
    check("answered, and not", (codes.count(0) >= 40, codes.count(5) > 0),
          (True, True))


def dead():
    # of which nothing was kept
    check("no name server", libc("empty.test"), socket.EAI_AGAIN)


def changed():
    check("what is denied now", libc("host.test"), socket.EAI_NONAME)
    check("what is allowed now", libc("forbidden.test", socket.AF_INET),
          ["203.0.113.66"])


part = sys.argv[1]
if part == "rules":
    rules(sys.argv[2] == "6")
else:
    globals()[part]()
sys.exit(failed)
