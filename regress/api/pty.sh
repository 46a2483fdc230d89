#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command on a terminal over a WebSocket: the terminal is a whole one, the
# command is one like any other, and it ends with its client.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
policies=$T/var/policies
[ "$SERVER_USER" = root ] || policies=$T/state/policies
cat >"$policies/some.yaml" <<'P'
version: 1
name: some
file_rules:
  - {name: work, paths: ["${PROJECT_ROOT}{,/**}"], decision: allow}
  - {name: system, paths: ["/{usr,lib,lib64,bin,etc,tmp}{,/**}"], decision: allow}
command_rules:
  - {name: no-touch, commands: [touch], decision: deny, message: "not on a terminal either"}
  - {name: all, commands: ["*"], decision: allow}
env_policy:
  deny: [PTY_SECRET]
P
chmod 644 "$policies/some.yaml"
API_USER=$ME
new_session s "$ws" '"policy":"some"'

cat >"$T/drive.py" <<'P'
import re
import sys
import time
from ws import WS, Closed

sock, tcp = sys.argv[1:3]
PATH = "/api/v1/sessions/s/pty"
alt = 0

def ws(**kw):
    # both ways in, in turn
    global alt
    alt += 1
    address, host = (sock, "localhost") if alt % 2 else (tcp, tcp)
    return WS(address, PATH, {"Host": host, **kw.pop("headers", {})}, **kw)


# in short steps: a signal may come right before a long one begins
WAITS = ["python3", "-c",
         "import time; print('up', flush=True)\nfor i in range(900): time.sleep(0.1)"]


marks = 0


def typed(w, line, *expected):
    """Types a line to a shell; until it is done, whatever it was; all output."""
    global marks
    marks += 1
    w.send_binary(line + b"; echo ma''rk%d.\n" % marks)
    out = w.expect(b"mark%d.\r\n" % marks)
    for e in expected:
        assert e in out, (line, e, out)
    return out


def run(*argv, **kw):
    w = ws()
    assert w.status == 101, (w.head, w.body)
    w.start(argv, **kw)
    out, last = w.finish()
    assert last is not None, (argv, out)
    return out, last


def want(what, have, expected):
    assert have == expected, f"{what}: have {have!r}, want {expected!r}"


# the terminal
out, last = run("sh", "-c", "tty; stty size; echo $TERM; ps -o tty=,stat= -p $$; exit 7")
lines = out.decode().split("\r\n")
assert re.fullmatch(r"/dev/pts/\d+", lines[0]), lines
want("default size", lines[1], "24 80")
want("TERM", lines[2], "xterm")
assert re.match(r"pts/\d+\s+S[<N]?s\+?", lines[3]), lines
want("exit", (last["type"], last["exit_code"], last["timed_out"]), ("exit", 7, False))
assert last["duration_ms"] >= 0 and last["command_id"].startswith("cmd-"), last
kept = last["command_id"]
want("size", run("stty", "size", rows=50, cols=132)[0], b"50 132\r\n")
want("argv0", run("sh", "-c", "echo $0", argv0="-x")[1]["exit_code"], 0)
want("dir", run("pwd", working_dir="/usr/bin")[0], b"/usr/bin\r\n")
want("env", run("sh", "-c", "echo $A $TERM", env={"A": "1", "TERM": "vt100"})[0], b"1 vt100\r\n")
want("the policy's environment", run("sh", "-c", "echo \"[$PTY_SECRET]\"",
     env={"PTY_SECRET": "x"})[0], b"[]\r\n")
want("no descriptor is left", run("sh", "-c", "ls /proc/self/fd | wc -l")[0].strip(), b"4")
want("standard error", run("sh", "-c", "echo x >&2")[0], b"x\r\n")

# the ways of not running
out, last = run("touch", "x")
want("denied", (out, last["type"], last["code"], last["message"]),
     (b"", "error", 403, "command denied by policy"))
want("its rule", last["response"]["result"]["error"]["policy_rule"], "no-touch")
want("its exit code", last["response"]["result"]["exit_code"], 126)
out, last = run("sh", "-c", "t=touch; $t x; echo $?")
assert b"ermission denied" in out and b"126" in out, out
out, last = run("nosuch")
want("not found", (last["type"], last["response"]["result"]["exit_code"]), ("error", 127))
out, last = run("pwd", working_dir="/nosuch")
want("no directory", last["type"], "error")
for bad in ({"rows": 10001}, {"type": "stop"}, {"rows": -1}, {"stdin": "x"}, {"nosuch": 1},
            {"env": {"AGENTSH_X": "1"}}, {"timeout": "never"}, {"args": "x"}):
    out, last = run("true", **bad)
    want(f"{bad}", (out, last["type"], last["code"]), (b"", "error", 400))

# a time limit
out, last = run("sh", "-c", "trap '' TERM HUP; sleep 60 & wait; sleep 60", timeout="500ms")
want("timed out", (last["exit_code"], last["timed_out"]), (124, True))

# typed, echoed, edited; the end of input; bytes that are no text
w = ws()
w.start(["cat"])
w.send_binary(b"abX\x7fc\n")
out = w.expect(b"abc\r\n", w.expect(b"X"))
w.send_binary(b"\x04")
out, last = w.finish()
want("end of input", last["exit_code"], 0)
w = ws()
w.start(["sh", "-c", "stty raw -echo; echo ready; head -c 256 | od -An -v -tu1"])
w.expect(b"ready")
for i in range(0, 256, 50):
    w.send(2, bytes(range(i, min(i + 50, 256))), fin=True)
out, last = w.finish()
want("every byte", [int(n) for n in out.split()[-256:]], list(range(256)))

# signals: from the keyboard, by name to the foreground, and to the first of all
w = ws()
w.start(WAITS)
w.expect(b"up")
w.send_binary(b"\x03")
out, last = w.finish()
assert b"^C" in out and last["exit_code"] == 130, (out, last)
for name, number in (("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 1), ("SIGQUIT", 3)):
    w = ws()
    w.start(WAITS)
    w.expect(b"up")
    w.send_json({"type": "signal", "name": name})
    out, last = w.finish()
    # python has a handler for the first
    want(name, last["exit_code"], 128 + number)
# also before it is known to run
for i in range(10):
    w = ws()
    w.start(["sleep", "60"])
    w.send_json({"type": "signal", "name": "SIGTERM"})
    want("an early one", w.finish()[1]["exit_code"], 143)
w = ws()
w.start(["bash", "--norc", "-i"])
assert b"no job control" not in typed(w, b"true")
w.send_binary(b"sh -c 'echo u''p; exec sleep 60'\n")
w.expect(b"up")
w.send_json({"type": "signal", "name": "SIGTERM"})
typed(w, b"echo status $?", b"Terminated", b"status 143")
# job control
with open("job.py", "w") as f:
    f.write("import os, signal, time\n"
            "signal.signal(signal.SIGCONT, lambda *a: os.write(1, b'goes' + b' on'))\n"
            "os.write(1, b'is' + b' ready')\n"
            "for i in range(900): time.sleep(0.1)\n")
w.send_binary(b"python3 job.py\n")
w.expect(b"is ready")
w.send_binary(b"\x1a")
w.expect(b"Stopped")
w.send_binary(b"fg\n")
w.expect(b"goes on")
w.send_binary(b"\x03")
w.expect(b"KeyboardInterrupt")
typed(w, b"echo status $?", b"status 130")
# the size, and who hears of it; a shell's trap can come after the next key
with open("size.py", "w") as f:
    f.write("import os, signal, time\n"
            "def told(*a): os.write(1, b'size %d %d' % tuple(os.get_terminal_size())[::-1])\n"
            "signal.signal(signal.SIGWINCH, told)\n"
            "os.write(1, b'is' + b' ready')\n"
            "for i in range(900): time.sleep(0.1)\n")
w.send_binary(b"python3 size.py\n")
w.expect(b"is ready")
w.send_json({"type": "resize", "rows": 33, "cols": 44})
w.expect(b"size 33 44")
w.send_binary(b"\x03")
w.expect(b"KeyboardInterrupt")
typed(w, b"true")
# terminals inside of the terminal
typed(w, b"script -qc 'tty; stty size' /dev/null", b"/dev/pts/", b"33 44")
typed(w, b"python3 -c 'import pty; pty.spawn([\"tty\"])' </dev/null", b"/dev/pts/")
w.send_binary(b"exit 5\n")
out, last = w.finish()
want("the shell's", last["exit_code"], 5)

# a signal that is none, a message that is none
for text in ('{"type":"signal","name":"SIGKILL"}', '{"type":"signal"}', '{"type":"x"}', '{', '[]',
             '{"type":"resize","rows":99999,"cols":1}', '{"type":"start","command":"true"}'):
    w = ws()
    w.start(["sleep", "60"])
    w.send(1, text.encode())
    out, last = w.finish()
    want(text, (last["type"], last["code"]), ("error", 400))

# all output is there before the end, and the end is there once
for n in (1, 4095, 4096, 70000, 3000000):
    out, last = run("sh", "-c", f"stty -opost; head -c {n} /dev/zero | tr '\\0' x")
    want("bytes", len(out), n)

# who holds the terminal after the end does not hold the answer, and goes on
out, last = run("sh", "-c", "trap '' HUP; (until test -e /tmp/go; do sleep 0.1; done; "
                "echo late; echo on >/tmp/on) & echo first")
want("output", out, b"first\r\n")
out, last = run("sh", "-c", ": >/tmp/go; until test -s /tmp/on; do sleep 0.1; done; cat /tmp/on")
want("the one in the background", out, b"on\r\n")
start = time.time()
out, last = run("sh", "-c", "trap '' HUP; yes >/dev/tty & sleep 0.2; exit 3")
want("exit while another writes", last["exit_code"], 3)
assert time.time() - start < 20, "the answer waited for output without end"
run("pkill", "yes")

# with the client goes everything
for how in ("close", "shut", "message"):
    w = ws()
    w.start(["sh", "-c", "trap '' HUP TERM; setsid sh -c 'trap \"\" HUP; sleep 777' & "
             "sleep 778 & echo up; wait; sleep 779"])
    w.expect(b"up")
    if how == "message":
        w.send(8, b"\x03\xe8")
    elif how == "shut":
        w.s.shutdown(1)
    else:
        w.s.close()
    for i in range(100):
        out, last = run("sh", "-c", "pgrep -f 'sleep 77[7-9]' | grep -vx $$ | wc -l")
        if out.strip() == b"0":
            break
        time.sleep(0.05)
    want(f"left after {how}", out.strip(), b"0")

print("kept", kept)
P
cd "$ws" || exit 1
as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
    python3 "$T/drive.py" "$API_SOCK" "$API_TCP" >"$T/out" || fail "$(cat "$T/out")"

# its output is kept like any other's, the first MiB of it
kept=$(sed -n 's/^kept //p' "$T/out")
api GET "/api/v1/sessions/s/output/$kept" >"$T/kept"
want "status of its output" "$(status)" 200
want_in "its output" "$(cat "$T/kept")" '/dev/pts/'
api GET "/api/v1/sessions/s/history?type=command_started&limit=500" >"$T/events"
want_in "events" "$(cat "$T/events")" "$kept"
api GET "/api/v1/sessions/s/history?type=command_killed&limit=500" >"$T/events"
want_in "signals are recorded" "$(jq -c '[.[].fields.signal, .[].signal] | map(select(. != null))' "$T/events")" 15
api GET "/api/v1/sessions/s/history?type=command_finished&limit=500" >"$T/events"
big=
for id in $(jq -r '.[].command_id' "$T/events"); do
	api GET "/api/v1/sessions/s/output/$id?offset=1048000" >"$T/kept"
	[ "$(jq -r '.total_bytes // 0' "$T/kept" 2>/dev/null)" = 3000000 ] || continue
	big=$id
	want "bytes at the end of what is kept" "$(jq -r '.data | length' "$T/kept")" 576
	want "no more" "$(jq -r .has_more "$T/kept")" false
done
[ -n "$big" ] || fail "the command with much output is not found"

# not a WebSocket
api GET /api/v1/sessions/s/pty >"$T/answer.json"
want "status without an upgrade" "$(status)" 426
api GET /api/v1/sessions/nosuch/pty >"$T/answer.json"
want "status without a session" "$(status)" 404
api POST /api/v1/sessions/s/pty '{}' >"$T/answer.json"
want "another method" "$(status)" 405

# the end of the session is the end of its terminals
as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
    python3 - "$API_SOCK" >"$T/ended" <<'P' &
import sys
from ws import WS
w = WS(sys.argv[1], "/api/v1/sessions/s/pty")
w.start(["sh", "-c", "echo up; sleep 600"])
w.expect(b"up")
print("up", flush=True)
out, last = w.finish()
print(last["type"], last["code"], last["response"]["result"]["error"]["code"])
P
py=$!
wait_for 10 grep -q up "$T/ended" || fail "no terminal: $(cat "$T/ended")"
api DELETE /api/v1/sessions/s >/dev/null
wait $py || fail "$(cat "$T/ended")"
want "the end of the session" "$(tail -n 1 "$T/ended")" "error 410 E_SESSION_ENDED"
