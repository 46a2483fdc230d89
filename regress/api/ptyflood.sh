#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hostile clients of terminals: those that do not read, do not stop, do not
# answer, break the protocol, or come from a page in a browser. The server keeps
# little for each, and serves the others meanwhile.
# waits
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
# what the server and its helpers are called in /proc
sessiond=
for p in /proc/[0-9]*; do
	case $(tr '\0' ' ' <"$p/cmdline" 2>/dev/null) in
	*"$T"/stage/sessiond* | sessiond* | */sessiond*)
		sessiond=${p#/proc/}
		;;
	esac
done
[ -n "$sessiond" ] || fail "sessiond is not found"

sanitized=no
if is_sanitized; then
	sanitized=yes
	left_out "memory of sessiond: AddressSanitizer keeps what was freed"
fi
cat >"$T/drive.py" <<'P'
import json
import os
import socket
import struct
import sys
import threading
import time
from ws import WS, Closed

sock, tcp, sessiond, slow = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
patient = sys.argv[5] == "yes"
sanitized = sys.argv[6] == "yes"
PATH = "/api/v1/sessions/s/pty"


def want(what, have, expected):
    assert have == expected, f"{what}: have {have!r}, want {expected!r}"


def memory():
    if sanitized:
        return 0
    for line in open(f"/proc/{sessiond}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024


def run(*argv):
    w = WS(sock, PATH)
    w.start(argv)
    out, last = w.finish()
    return out


def gone(w):
    """The connection ends, whatever comes before."""
    try:
        while w.s.recv(65536):
            pass
    except ConnectionError:
        pass
    w.s.close()


# a client that is silent is given up after a minute, while another lives on
silence = []


def silent(pong):
    w = WS(sock, PATH, timeout=90)
    w.start(["sleep", "70"])
    begin = time.time()
    try:
        while True:
            op, data = w.recv(pong)
            if op == 1:
                silence.append((pong, "end", time.time() - begin))
                return
    except (Closed, ConnectionError):
        silence.append((pong, "closed", time.time() - begin))


threads = [threading.Thread(target=silent, args=(p,)) for p in (False, True) if patient]
for t in threads:
    t.start()

# who breaks the rules
bad = {
    "not masked": lambda w: w.send(2, b"x", masked=False),
    "a reserved bit": lambda w: w.send(2, b"x", rsv=4),
    "no such opcode": lambda w: w.send(3, b"x"),
    "a piece of nothing": lambda w: w.send(0, b"x"),
    "a ping in pieces": lambda w: w.send(9, b"", fin=False),
    "a long ping": lambda w: w.send(9, b"x" * 126),
    "too large": lambda w: w.send(2, b"x", length=10000001),
    "far too large": lambda w: w.send(2, b"x", length=1 << 62),
    "no UTF-8": lambda w: w.send(1, b"\xff\xfe"),
    "a surrogate": lambda w: w.send(1, b"\xed\xa0\x80"),
    "a close that is none": lambda w: w.send(8, b"\x03\xed"),
}
codes = {"too large": 1009, "far too large": 1009, "no UTF-8": 1007, "a surrogate": 1007}
for name, do in bad.items():
    for late in (False, True):
        w = WS(tcp if late else sock, PATH, {"Host": tcp} if late else {})
        if late:
            w.start(["sh", "-c", "echo up; exec sleep 333"])
            w.expect(b"up")
        do(w)
        out, last = w.finish()
        # some the library takes for an attack, which gets no reason
        assert w.code in (codes.get(name, 1002), 1005, None), (name, late, w.code, last)
        assert last is None, (name, last)
w = WS(sock, PATH)
w.send_binary(b"typed before there is a command")
want("binary first", w.finish()[1]["code"], 400)
w = WS(sock, PATH)
w.send(1, b"{" + b" " * 1048576)
want("a large first message", w.finish()[1]["code"], 413)
w = WS(sock, PATH)
w.start(["sleep", "333"])
w.send(1, b" " * 5000)
want("a large message", w.finish()[1]["code"], 413)
# in pieces, with a ping between, and sent before the server has said yes
w = WS(sock, PATH, early=b"")
text = json.dumps({"command": "echo", "args": ["\u00e4"]}, ensure_ascii=False).encode()
at = text.index(b"\xc3") + 1
w.send(1, text[:at], fin=False)
w.send(9, b"now")
w.send(0, text[at:])
out = b""
op, data = w.recv()
want("a pong between", (op, data), (10, b"now"))
want("the command", w.finish()[0], "\u00e4\r\n".encode())
early = WS.frame(WS.__new__(WS), 1, b'{"command":"echo","args":["early"]}')
want("before the answer", WS(sock, PATH, early=early).finish()[0], b"early\r\n")
for i in range(200):
    left = run("pgrep", "-cx", "sleep").strip()
    if left in ((b"2", b"3") if patient else (b"0", b"1")):
        break
    time.sleep(0.05)
else:
    raise AssertionError(f"commands of bad clients are left: {left}")

# no WebSocket, or not for them
for headers, status in (({"Upgrade": None}, 426), ({"Connection": "close"}, 426),
                        ({"Sec-WebSocket-Version": "8"}, 426), ({"Sec-WebSocket-Key": "x"}, 400),
                        ({"Sec-WebSocket-Key": None}, 400), ({"Host": tcp, "Origin": "http://evil.example"}, 403),
                        ({"Host": tcp, "Origin": "null"}, 403), ({"Host": tcp, "Origin": "https://" + tcp}, 403),
                        ({"Host": tcp, "Origin": "http://localhost:1"}, 403),
                        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
                        ({"Host": tcp, "Origin": "http://" + tcp}, 101), ({"Host": tcp}, 101)):
    w = WS(tcp, PATH, {"Host": tcp, **headers})
    want(f"{headers}", w.status, status)
    w.s.close()
# on the unix socket there is no browser
w = WS(sock, PATH, {"Origin": "http://x"})
want("an origin on the unix socket", w.status, 101)
w.s.close()

# who does not read: the command waits, and the server keeps little
before = memory()
lazy = []
for i in range(10):
    w = WS(sock, PATH)
    w.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    w.start(["sh", "-c", "stty -opost; yes 0123456789012345678901234567890123456789 & "
             "while :; do sleep 0.2; done"])
    lazy.append(w)
time.sleep(4 * slow)
grown = memory() - before
assert grown < 10 * 1024 * 1024, f"{grown} bytes more for 10 clients that do not read"
want("others", run("echo", "served"), b"served\r\n")
# they wait: no time is used
def used():
    return sum(int(x) for x in run("sh", "-c", "for p in $(pgrep -x yes); do cut -d' ' -f14,15 "
                                  "/proc/$p/stat; done").split())
idle = 0
for i in range(40):
    a = used()
    time.sleep(1)
    idle = idle + 1 if used() - a < 30 else 0
    if idle == 2:
        break
else:
    raise AssertionError("yes goes on writing though nobody reads")
# and go on when they are read from
w = lazy.pop()
w.s.settimeout(30)
n = 0
while n < 1000000:
    op, data = w.recv()
    n += len(data)
assert data.strip(b"0123456789\n") == b"", data
w.send_binary(b"\x03")
out, last = w.finish()
want("the end behind it", last["exit_code"], 130)
# pings of one who does not read
for w in lazy[:3]:
    w.s.settimeout(2)
    try:
        for i in range(2000):
            w.s.sendall(w.frame(9, b"x" * 125) * 50)
    except (TimeoutError, ConnectionError):
        pass
grown = memory() - before
assert grown < 15 * 1024 * 1024, f"{grown} bytes more for pings"
for w in lazy:
    w.s.close()

# who types what is not read: the client waits
before = memory()
w = WS(sock, PATH)
w.start(["sh", "-c", "stty raw -echo; echo up; exec sleep 333"])
w.expect(b"up")
w.s.settimeout(2)
sent = 0
try:
    for i in range(2000):
        w.send_binary(b"y" * 65536)
        sent += 65536
except TimeoutError:
    pass
assert sent < 16 * 1024 * 1024, f"{sent} bytes were taken"
grown = memory() - before
assert grown < 4 * 1024 * 1024, f"{grown} bytes more for what is typed"
want("others", run("echo", "served"), b"served\r\n")
w.s.close()
for i in range(100):
    left = run("pgrep", "-cx", "sleep|yes").strip()
    if left in ((b"1", b"2") if patient else (b"0",)):
        break
    time.sleep(0.1)
else:
    raise AssertionError(f"commands are left: {left}")

for t in threads:
    t.join()
ends = dict((p, (how, seconds)) for p, how, seconds in silence)
if patient:
    assert ends[False][0] == "closed" and 55 < ends[False][1] < 69, ends
    assert ends[True][0] == "end", ends
P
# a minute is waited for once a run: what is timed is the same code in each mode
patient=yes
[ "$MODE" = service ] || [ "$ME" = self ] || patient=no
as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
    python3 "$T/drive.py" "$API_SOCK" "$API_TCP" "$sessiond" "${TEST_SLOW:-1}" "$patient" \
    "$sanitized" >"$T/out" 2>&1 ||
    fail "$(cat "$T/out")"
want "the server" "$(as "$ME" curl -sS --unix-socket "$API_SOCK" http://localhost/health)" ok
