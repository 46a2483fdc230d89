#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh exec --pty and session attach: the caller's terminal in front of the
# command's, and as it was before on every way out.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
policies=$T/var/policies
[ "$SERVER_USER" = root ] || policies=$T/state/policies
# the rule's name and words try what a terminal would obey
python3 - "$policies/some.yaml" <<'P'
import sys
open(sys.argv[1], "w").write('''version: 1
name: some
file_rules:
  - {name: work, paths: ["${PROJECT_ROOT}{,/**}"], decision: allow}
  - {name: system, paths: ["/{usr,lib,lib64,bin,etc,tmp}{,/**}"], decision: allow}
command_rules:
  - {name: no-touch, commands: [touch], decision: deny, message: "no\\u202E \\u009B2J touch"}
  - {name: all, commands: ["*"], decision: allow}
'''.replace("\\\\u", "\\u"))
P
chmod 644 "$policies/some.yaml"
export AGENTSH_SERVER="unix://$API_SOCK"
cd "$ws" || exit 1

# not a terminal: said, and nothing is run
as "$ME" agentsh exec --pty --root "$ws" --policy some -- sh -c 'echo x >ran' \
    </dev/null >"$T/out" 2>"$T/err"
want "status without a terminal" $? 2
want_in "words" "$(cat "$T/err")" "standard input is not a terminal"
[ ! -e "$ws/ran" ] || fail "the command was run"
for o in "--output json" "--stdin" "--events all" "--json {}"; do
	# shellcheck disable=SC2086
	as "$ME" agentsh exec --pty $o -- true </dev/null >"$T/out" 2>"$T/err"
	want "status with $o" $? 2
	want_in "words with $o" "$(cat "$T/err")" "--pty excludes"
done

cat >"$T/drive.py" <<'P'
import os
import re
import signal
import sys
import time
from term import Term

ws = sys.argv[1]
EXEC = ["agentsh", "exec", "--pty", "--root", ws, "--policy", "some"]
AGENT = "import time; print('up', flush=True)\nfor i in range(900): time.sleep(0.1)"


def want(what, have, expected):
    assert have == expected, f"{what}: have {have!r}, want {expected!r}"


def is_as_before(what, t):
    want(f"terminal after {what}", t.outer(), t.first)


# a session is made for it; size, type and descriptors of the terminal
t = Term(EXEC + ["--", "sh", "-c", "tty; stty size; echo $TERM; ls /proc/self/fd | wc -l; exit 9"],
         rows=31, cols=91, env={"TERM": "vt220"})
want("status", t.wait(), 9)
lines = t.out.decode().split("\r\n")
assert re.fullmatch(r"/dev/pts/\d+", lines[0]), lines
want("size, type, descriptors", lines[1:4], ["31 91", "vt220", "4"])
is_as_before("exit", t)
t = Term(EXEC + ["--env", "TERM=vt52", "--env", "A=b", "--", "sh", "-c", "echo $TERM $A"])
want("status", t.wait(), 0)
want("type by --env", t.out, b"vt52 b\r\n")

# keys, also those that a terminal would take for itself
t = Term(EXEC + ["--", "bash", "--norc", "-i"])
t.until_raw()
t.type(b"echo a''b\n")
t.expect(b"ab\r\n")
# keys before that could still be for the shell, which is no test of ours
t.type(b"sh -c 'echo u''p; exec cat'\n")
t.expect(b"up\r\n")
t.type(b"x\x7fy\x04")
t.expect(b"\b \byy")
t.type(b"\x03")
t.expect(b"^C")
t.expect(b"$ ")
# a shell's trap can come after the next key: a program that waits for it
with open("size.py", "w") as f:
    f.write("import os, signal, time\n"
            "def told(*a): os.write(1, b'size %d %d' % tuple(os.get_terminal_size())[::-1])\n"
            "signal.signal(signal.SIGWINCH, told)\n"
            "os.write(1, b'is' + b' ready')\n"
            "for i in range(900): time.sleep(0.1)\n")
t.type(b"python3 size.py\n")
t.expect(b"is ready")
t.resize(44, 77)
t.expect(b"size 44 77")
t.type(b"\x03")
t.expect(b"KeyboardInterrupt")
t.expect(b"$ ")
t.type(b"echo b''ack\n")
t.expect(b"back\r\n")
t.type(b"exit 3\n")
want("status", t.wait(), 3)
is_as_before("a shell", t)

# denied: as without a terminal, in words that it does not obey
t = Term(EXEC + ["--", "touch", "x"])
want("status of a denial", t.wait(), 126)
assert b"rule=no-touch" in t.out, t.out
assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae", t.out), t.out
is_as_before("a denial", t)
t = Term(EXEC + ["--", "no\x1b[31msuch"])
want("status of what is not there", t.wait(), 127)
assert b"\x1b" not in t.out and b"\\033[31m" in t.out, t.out
t = Term(EXEC + ["--timeout", "300ms", "--", "sleep", "60"])
want("status of a time out", t.wait(), 124)
assert b"timed out" in t.out, t.out
is_as_before("a time out", t)

# the command's own bytes are the terminal's, as anywhere
t = Term(EXEC + ["--", "printf", "\\033[31m\\001"])
want("status", t.wait(), 0)
want("bytes", t.out, b"\x1b[31m\x01")

# every way out leaves the terminal as it was, and nothing behind in the session
for name in ("TERM", "HUP", "INT", "QUIT", "USR1", "ALRM", "SEGV", "ABRT", "PIPE"):
    t = Term(EXEC + ["--", "python3", "-c", AGENT])
    t.expect(b"up")
    assert t.raw(), "the terminal is not raw"
    signo = getattr(signal, "SIG" + name)
    t.signal(signo)
    if name == "PIPE":
        # ignored: a reader that is gone is seen by the write
        time.sleep(0.2)
        want("status while SIGPIPE is ignored", t.poll(), None)
        t.type(b"\x03")
        want("status", t.wait(), 130)
    else:
        want("status after " + name, t.wait(), -signo)
    is_as_before("SIG" + name, t)
for i in range(200):
    t = Term(EXEC + ["--", "sh", "-c", "pgrep -x python3 | wc -l"])
    t.wait()
    if t.out.strip() == b"0":
        break
want("commands that are left", t.out.strip(), b"0")

# stopped and continued
t = Term(EXEC + ["--", "cat"])
t.until_raw()
t.type(b"one\n")
t.expect(b"one\r\none\r\n")
t.signal(signal.SIGTSTP)
for i in range(200):
    if open(f"/proc/{t.pid}/stat").read().split()[2] == "T":
        break
    time.sleep(0.02)
is_as_before("SIGTSTP", t)
t.signal(signal.SIGCONT)
t.until_raw()
t.type(b"two\n")
t.expect(b"two\r\ntwo\r\n")
t.type(b"\x04")
want("status", t.wait(), 0)
is_as_before("SIGCONT", t)

# much, both ways
t = Term(EXEC + ["--", "sh", "-c", "stty raw -echo; echo go; head -c 300000 | cksum"])
t.expect(b"go")
data = bytes(range(256)) * 1171 + b"x" * (300000 - 256 * 1171)
os.set_blocking(t.master, False)
sent = 0
while sent < len(data):
    try:
        sent += os.write(t.master, data[sent:sent + 4096])
    except BlockingIOError:
        t.read(0.01)
want("status", t.wait(), 0)
crc = os.popen("python3 -c \"import sys; sys.stdout.buffer.write(bytes(range(256))*1171"
               "+b'x'*(300000-256*1171))\" | cksum").read().split()
want("what arrived", t.out.split(), [c.encode() for c in crc])
t = Term(EXEC + ["--", "sh", "-c", "stty -opost; head -c 2000000 /dev/zero | tr '\\0' y"])
want("status", t.wait(60), 0)
want("bytes", len(t.out), 2000000)

# attach: a shell in a session that is there
sid = os.popen("agentsh session list").read().split()[0]
t = Term(["agentsh", "session", "attach", sid], env={"SHELL": "/bin/sh"})
t.until_raw()
t.type(b"echo in $AGENTSH_IN_SESSION; tty\n")
t.expect(b"in 1\r\n")
t.expect(b"/dev/pts/")
t.type(b"exit 4\n")
want("status of attach", t.wait(), 4)
is_as_before("attach", t)
t = Term(["agentsh", "session", "attach", "nosuch"])
want("status without a session", t.wait(), 1)
assert b"404" in t.out, t.out
P
as "$ME" env PYTHONPATH="$TEST_SRC/regress/cli" PYTHONDONTWRITEBYTECODE=1 \
    python3 "$T/drive.py" "$ws" >"$T/out" 2>&1 || fail "$(cat "$T/out")"
as "$ME" agentsh session attach x </dev/null >"$T/out" 2>"$T/err"
want "attach without a terminal" $? 2
