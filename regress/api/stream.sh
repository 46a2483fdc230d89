#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command whose output is shown as it comes: in order and whole, whatever it
# is and however slowly it is read, with little memory; it waits for its client
# and ends with it.
# timeout: 400
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
. "$TEST_SRC/regress/exec/_policy.sh"
start_any "sessions.max_output: 1048576" "sessions.max_commands: 64"
ws=$(new_workspace "$ME")
policy_file some <<'P'
command_rules:
  - {name: no-touch, commands: [touch], decision: deny, message: "not in a stream either"}
  - name: instead
    commands: [replaced]
    decision: redirect
    redirect_to: {command: echo, args: [another]}
  - {name: all, commands: ["*"], decision: allow}
P
API_USER=$ME
new_session s "$ws" '"policy":"some"'
new_session ends "$ws" '"policy":"some"'
# the one that has our socket: also in the user's mode it is seen from here
server=$(pgrep -x sessiond | head -n 1)
[ "$ME" != self ] || server=$(pgrep -P "$SERVER_PID" -x sessiond)

sanitized=
if is_sanitized; then
	sanitized=sanitized
	left_out "memory of sessiond: AddressSanitizer keeps what was freed"
fi
cat >"$T/drive.py" <<'P'
import json
import os
import socket
import subprocess
import sys
import threading
import time
from sse import Stream

sock, tcp, server = sys.argv[1:4]
alt = 0
slow = int(os.environ.get("TEST_SLOW") or 1)


def stream(*argv, **kw):
    # both ways in, in turn
    global alt
    alt += 1
    return Stream(kw.pop("at", sock if alt % 2 else tcp), kw.pop("session", "s"), list(argv), **kw)


def run(*argv, **kw):
    return stream(*argv, **kw).finish()


def want(what, have, expected):
    assert have == expected, f"{what}: have {have!r}, want {expected!r}"


def rss():
    if len(sys.argv) > 4:  # AddressSanitizer keeps what was freed
        return 0
    with open(f"/proc/{server}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def until(what, fn, seconds=20):
    end = time.time() + seconds * slow
    while not fn():
        assert time.time() < end, what
        time.sleep(0.05)


def running(name):
    return int(run("sh", "-c", f"pgrep -fc '^{name}'")[0])


def ask(method, path, body=None):
    p = subprocess.run(["curl", "-sS", "-X", method, "--unix-socket", sock, "-w", "\n%{http_code}",
                        "http://localhost" + path] + (["-d", json.dumps(body)] if body else []),
                       stdout=subprocess.PIPE, text=True, check=True)
    text, status = p.stdout.rsplit("\n", 1)
    return int(status), json.loads(text)


# a line says that the server is there while the command says nothing
beats = []


def silent():
    s = Stream(tcp, "s", ["sleep", "22"])
    while (e := s.event(beats=True)) is not None:
        beats.append(e[0])


silence = threading.Thread(target=silent)
silence.start()

# as it comes: nothing waits for the end
start = time.time()
s = stream("sh", "-c", "echo one; until [ -e go1 ]; do sleep 0.05; done; echo two >&2;"
           "until [ -e go2 ]; do sleep 0.05; done; exit 7")
name, data = s.event()
want("the first", (name, data["stream"], data["data"]), ("stdout", "stdout", "one\n"))
want("head", (s.status, s.head["cache-control"], s.head["x-content-type-options"]),
     (200, "no-store", "nosniff"))
run("mkdir", "go1")
want("the second", s.event()[1]["data"], "two\n")
run("mkdir", "go2")
name, done = s.event()
want("the last", (name, done["exit_code"], done["command_id"], "error" in done),
     ("done", 7, data["command_id"], False))
want("bytes", (done["stdout_total_bytes"], done["stderr_total_bytes"], done["stdout_truncated"],
     done["stderr_truncated"]), (4, 4, False, False))
assert done["duration_ms"] >= 0
want("the end", s.event(), None)
# and the connection goes on
s.s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
s.data = b""
while b"\r\n\r\n" not in s.data:
    assert s.more()
assert s.data.startswith(b"HTTP/1.1 200"), s.data

# order, of each stream and of both where there is time between
out, err, done = run("sh", "-c", "for i in $(seq 2000); do echo $i; echo e$i >&2; done")
want("order", out.split(), [b"%d" % i for i in range(1, 2001)])
want("order of the other", err.split(), [b"e%d" % i for i in range(1, 2001)])

# what is no text, and text that comes in parts
out, err, done = run("python3", "-c", "import sys; sys.stdout.buffer.write(bytes(range(256)) * 999)")
want("every byte", out, bytes(range(256)) * 999)
s = stream("sh", "-c", r"printf 'a\303'; sleep 0.3; printf '\251\342\202'; sleep 0.3; printf '\254z'")
events = []
while (e := s.event())[0] != "done":
    events.append(e[1])
want("whole characters", "".join(e["data"] for e in events), "a\u00e9\u20acz")
assert not any("data_base64" in e for e in events), events
out, err, done = run("sh", "-c", r"printf 'x\360\237\222'; printf '\377' >&2")
want("a part of one at the end", (out, err), (b"x\xf0\x9f\x92", b"\xff"))
want("nothing", run("true")[:2], (b"", b""))
want("standard input", run("cat", stdin="h\u00e9")[0], "h\u00e9".encode())

# the ways of not running: the answer of exec
for at in sock, tcp:
    s = stream("touch", "x", at=at)
    s.begin()
    want("denied", (s.status, s.body["result"]["exit_code"], s.body["result"]["error"]["policy_rule"],
         s.body["guidance"]["status"]), (403, 126, "no-touch", "blocked"))
s = stream("nosuch")
s.begin()
want("not found", (s.status, s.body["result"]["exit_code"]), (200, 127))
s = stream("sleep", "0", working_dir="/nosuch")
s.begin()
want("no directory", (s.status, s.body["result"]["exit_code"] != 0), (200, True))
out, err, done = run("sh", "-c", "t=touch; $t x; echo $?")
want("denied within", (out, b"denied" in err, done["exit_code"]), (b"126\n", True, 0))
want("redirected", run("replaced", "x")[0], b"another\n")
want("a builtin", (run("cd", "/usr")[2]["exit_code"], run("pwd")[0]), (0, b"/usr\n"))
run("cd")
for bad in ({"include_events": "all"}, {"nosuch": 1}, {"timeout": "never"}, {"args": "x"},
            {"env": {"AGENTSH_X": "1"}}):
    s = stream("true", **bad)
    s.begin()
    want(f"{bad}", s.status, 400)
want("what the client asks for", run("true", include_events="none", stream_output=True)[2]["exit_code"],
     0)
s = stream("true", session="nosuch")
s.begin()
want("no session", s.status, 404)
want("another method", ask("GET", "/api/v1/sessions/s/exec/stream")[0], 405)
status, answer = ask("POST", "/api/v1/sessions/s/exec", {"command": "true", "stream_output": True})
assert status == 400 and "exec/stream" in answer["error"], answer

# a time limit, and the end of the session
out, err, done = run("sh", "-c", "echo x; trap '' TERM; while :; do sleep 1; done", timeout="4s")
want("timed out", (out, done["exit_code"], done["error"]["code"]), (b"x\n", 124, "E_TIMEOUT"))
s = stream("sh", "-c", "echo up; sleep 600", session="ends")
want("up", s.event()[1]["data"], "up\n")
subprocess.run(["curl", "-sS", "-X", "DELETE", "--unix-socket", sock,
                "http://localhost/api/v1/sessions/ends"], check=True)
name, done = s.event()
want("its end", (name, done["exit_code"], done["error"]["code"]), ("done", 127, "E_SESSION_ENDED"))

# who holds the pipes after the end does not hold the answer, and goes on
start = time.time()
out, err, done = run("sh", "-c", "(sleep 40; echo late) & echo first; exit 4")
want("with one in the background", (out, done["exit_code"]), (b"first\n", 4))
assert time.time() - start < 35, "the answer waited for a process in the background"
out, err, done = run("sh", "-c", "yes & echo $! >pid; sleep 0.2; exit 3")
want("exit while another writes", done["exit_code"], 3)
run("sh", "-c", "kill $(cat pid)")

# what was written before the exit comes, also to who reads late, and more than
# the pipe has room for by itself
s = stream("python3", "-c", """import fcntl, os
fcntl.fcntl(1, 1031, 1048576)
os.write(1, b"x" * 1000000)
open("written", "w")
""", rcvbuf=4096)
until("it has ended", lambda: run("sh", "-c", "[ -e written ]")[2]["exit_code"] == 0)
time.sleep(0.5)
out, err, done = s.finish()
want("all of it", (len(out), done["exit_code"], done["stdout_total_bytes"]), (1000000, 0, 1000000))

# much, read slowly: the command waits, and memory is little; one MiB is kept
LARGE = 60000000
before = rss()
s = stream("sh", "-c", f"yes | head -c {LARGE}; echo end >wrote; echo end >&2", at=sock)
n, most, done = len(s.event()[1]["data"]), 0, None
time.sleep(1)
want("the command waits", run("sh", "-c", "[ -e wrote ]")[2]["exit_code"], 1)
while (e := s.event()) is not None:
    name, data = e
    if name == "done":
        done = data
    elif name == "stdout":
        n += len(data["data"])
        most = max(most, rss())
want("all bytes", (n, done["stdout_total_bytes"], done["stdout_truncated"], done["exit_code"]),
     (LARGE, LARGE, True, 0))
assert most - before < 16384, f"sessiond took {most - before} KiB"
status, kept = ask("GET", f"/api/v1/sessions/s/output/{done['command_id']}?offset=1048570")
want("what is kept", (kept["data"], kept["total_bytes"], kept["truncated"]), ("y\ny\ny\n", LARGE, True))

# two at one time: who does not read does not hold the other
one = stream("yes", "one")
one.event()
want("the other", len(run("head", "-c", "3000000", "/dev/zero")[0]), 3000000)
one.s.close()

# with the client goes the command: also one that waits to write, or is silent
for how in ("close", "shut", "blocked", "silent"):
    s = stream("sh", "-c", "trap '' HUP TERM; setsid sleep 777 & sleep 778 & echo up; " +
               ("exec yes 779" if how == "blocked" else "wait; sleep 779"))
    s.event()
    if how == "blocked":
        time.sleep(0.3)
    if how == "shut":
        s.s.shutdown(socket.SHUT_WR)
    else:
        s.s.close()
    until(f"left after {how}", lambda: running("sleep 77[7-9]") + running("yes 779") == 0)

# many who never read: bounded, and others are served
before = rss()
hostile = [stream("yes", "hostile", rcvbuf=4096) for i in range(40)]
time.sleep(2)
took = rss() - before
assert took < 40 * 400, f"sessiond took {took} KiB for 40 clients"
assert run("echo", "x")[0] == b"x\n"
for s in hostile:
    s.s.close()
until("they are gone", lambda: running("yes hostile") == 0)

# rubbish behind the request is not read while the command runs, nor kept
for path in ("exec/stream", "exec"):
    s = stream("sleep", "1") if path == "exec/stream" else None
    if s is None:
        c = socket.socket(socket.AF_UNIX)
        c.connect(sock)
        body = b'{"command":"sh","args":["-c","yes | head -c 900000; sleep 1"]}'
        c.sendall(b"POST /api/v1/sessions/s/exec HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
    else:
        s.begin()
        c = s.s
    before = rss()
    c.setblocking(False)
    sent, end = 0, time.time() + 3
    while time.time() < end and sent < 60000000:
        try:
            sent += c.send(b"\0rubbish\r\n" * 6000)
        except (BlockingIOError, InterruptedError):
            time.sleep(0.01)
        except OSError:
            break
    assert rss() - before < 16384, f"{path}: sessiond took {rss() - before} KiB, {sent} bytes sent"
    c.close()
# what is a request is answered after the end
s = stream("echo", "x", early=b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
want("before the next", s.finish()[0], b"x\n")
while b"\r\n\r\n" not in s.data:
    assert s.more()
assert s.data.startswith(b"HTTP/1.1 200"), s.data

# the old version has no chunks: the end is that of the connection
s = stream("sh", "-c", "echo a; sleep 0.2; echo b", version="1.0")
out, err, done = s.finish()
want("HTTP/1.0", (out, done["exit_code"], "transfer-encoding" in s.head), (b"a\nb\n", 0, False))

silence.join()
want("lines in the silence", len(beats) >= 3, True)
want("at its end", beats[-1], "done")
P
cd "$ws" || exit 1
as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
    TEST_SLOW="${TEST_SLOW:-1}" \
    python3 "$T/drive.py" "$API_SOCK" "$API_TCP" "$server" $sanitized >"$T/out" 2>&1 || fail "$(cat "$T/out")"
