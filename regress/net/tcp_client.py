# SPDX-License-Identifier: Apache-2.0
"""What a session of tcp.sh does. tcp_client.py ADDRESS FAR CA"""
import errno
import http.client
import socket
import ssl
import sys
import threading
import time

ADDR, FAR, CA = sys.argv[1:4]
bad = 0


def want(what, got, wanted):
    global bad
    if got != wanted:
        print("%s: %r, not %r" % (what, got, wanted))
        bad = 1


def outcome(f, *args):
    """Its result, or the name of the error."""
    try:
        return f(*args)
    except ssl.SSLError as e:
        return "TLS " + str(e.reason)
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))


def dial(host, port):
    s = socket.create_connection((host, port), 20)
    return s


def say(host, port, data, half=False):
    with dial(host, port) as s:
        s.sendall(data)
        if half:
            s.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            more = s.recv(65536)
            if not more:
                return got
            got += more


def ask(host, port, text):
    """The status and the rest of the first answer's bytes."""
    with dial(host, port) as s:
        s.sendall(text.encode())
        s.settimeout(20)
        got = b""
        while b"\n\n" not in got.replace(b"\r", b"") or not got.endswith(b"\n"):
            more = s.recv(65536)
            if not more:
                break
            got += more
    return got.decode()


def tls(host, name, port=443):
    ctx = ssl.create_default_context(cafile=CA)
    ctx.check_hostname = False
    if name is None:
        ctx.verify_mode = ssl.CERT_NONE
    with ctx.wrap_socket(dial(host, port), server_hostname=name) as t:
        t.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return t.recv(65536).split(b" ")[1].decode()


# before a name was looked up an address is one without
want("an address", outcome(say, ADDR, 9000, b"x"), "ECONNRESET")
want("of HTTP", ask(ADDR, 80, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")[:12], "HTTP/1.1 403")
want("of TLS", outcome(tls, ADDR, "a.test"), "ECONNRESET")

# names, HTTP and TLS
for name in "a.test", "b.test":
    c = http.client.HTTPConnection(name, 80, timeout=20)
    for _ in range(3):
        c.request("POST", "/", body=b"x" * 100000)
        want("HTTP " + name, c.getresponse().read().decode(), "server of %s\n" % name)
    want("TLS " + name, outcome(tls, name, name), "200")
want("TLS without a name", outcome(tls, "a.test", None), "200")
want("TLS with two ClientHellos", outcome(tls, "a.test", "b.test", 8443), "200")
want("TLS of another name", outcome(tls, "a.test", "b.test"), "200")
want("TLS of a name that is denied", outcome(tls, "a.test", "denied.test"), "ECONNRESET")
want("TLS of a name of another address", outcome(tls, "a.test", "far.test"), "ECONNRESET")
try:
    socket.getaddrinfo("denied.test", 80)
    want("a name that is denied", "has an address", "")
except socket.gaierror:
    pass
for host in "denied.test", "far.test", FAR:
    text = ask("a.test", 80, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
    want("HTTP for " + host, text[:12], "HTTP/1.1 403")
text = ask("a.test", 8080, "GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n")
want("HTTP on another port", text[:12], "HTTP/1.1 403")
c = http.client.HTTPConnection("a.test", 80, timeout=20)
c.request("GET", "/")
c.getresponse().read()
c.request("GET", "/", headers={"Host": "b.test"})
want("a second authority", outcome(c.getresponse), "ECONNRESET")
text = ask("a.test", 80, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
           "Upgrade: websocket\r\n\r\n")
want("WebSocket", text[:12], "HTTP/1.1 101")
text = ask("a.test", 80, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
           "Upgrade: h2c\r\n\r\n")
want("h2c", text[:12], "HTTP/1.1 403")

# addresses
want("an address of a name", outcome(say, ADDR, 9000, b"x", True), b"x")
# it was given for names that may be at that port only
want("a port that is not allowed", outcome(say, "a.test", 9999, b"x"), "ECONNRESET")
want("an address that is allowed", outcome(say, FAR, 9000, b"far", True), b"far")
want("TLS there", outcome(tls, FAR, "far.test"), "200")

# bytes
want("echo", say("a.test", 9000, b"abc" * 100000, True), b"abc" * 100000)
want("half closed", say("a.test", 9001, bytes(3000000), True), b"3000000\n")
with dial("a.test", 25) as s:
    want("the server speaks first", s.recv(100), b"220 I speak first\r\n")
    s.sendall(b"HELO\r\n")
    want("and goes on", s.recv(100), b"HELO\r\n")
want("a reset", outcome(say, "a.test", 9003, b"x"), "ECONNRESET")
want("nobody is there", outcome(say, "a.test", 9004, b"x"), "ECONNRESET")

# many
done = []


def one(i):
    text = b"%06d" % i
    got = outcome(say, ADDR, 9000, text, True)
    done.append("right" if got == text else got)


threading.stack_size(131072)
many = [threading.Thread(target=one, args=(i,)) for i in range(1000)]
for t in many:
    t.start()
for t in many:
    t.join()
want("1000 at once", {g: done.count(g) for g in done}, {"right": 1000})

# a slow reader does not take what the server has
with dial("a.test", 9002) as s:
    time.sleep(1.5) # for all 64 MiB, if nobody held them back
    with open("flood") as f:
        first = int(f.read())
    want("what a slow reader is sent", first < 1 << 25, True)
    n = 0
    while True:
        more = s.recv(1 << 20)
        if not more:
            break
        n += len(more)
    want("all of it", n, 1 << 26)
sys.exit(bad)
