#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Keys typed into a terminal (D04), pasted on a console (D05), the console taken
# away: refused in every form of the request, on a terminal and without one. The
# terminal is the session's own: neither the server's nor the client's can be
# reached, whichever way both were started.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 script
need_modes
cat >"$T/push.py" <<'P'
# Types "pushed" by ioctl(2) into the terminal that standard input is, with each
# form of each request; which of them came through, or why not.
import ctypes
import errno
import os
import select
import sys
import termios
libc = ctypes.CDLL(None, use_errno=True)
TIOCSTI, TIOCLINUX, TIOCCONS = 0x5412, 0x541c, 0x541d
attr = termios.tcgetattr(0)
attr[3] &= ~(termios.ICANON | termios.ECHO)
termios.tcsetattr(0, termios.TCSANOW, attr)
high = [0, 1 << 32, 1 << 63, (1 << 64) - (1 << 32), 0x5412 << 32]
paths = [0]
try:
    paths.append(os.open("/dev/tty", os.O_RDWR))
except OSError as e:
    print("tty", errno.errorcode[e.errno])
for name, request in (("sti", TIOCSTI), ("linux", TIOCLINUX), ("cons", TIOCCONS)):
    errors = set()
    for fd in paths:
        for h in high:
            arg = ctypes.create_string_buffer(b"\x03X" if request == TIOCLINUX else b"X")
            if libc.syscall(ctypes.c_long(16), ctypes.c_long(fd), ctypes.c_ulong(request | h),
                            None if request == TIOCCONS else arg) == -1:
                errors.add(errno.errorcode[ctypes.get_errno()])
            else:
                errors.add("done")
    print(name, " ".join(sorted(errors)))
typed = b""
while select.select([0], [], [], 0.2)[0]:
    typed += os.read(0, 100)
print("typed", typed.decode())
P
ws=$(new_workspace "$ME")
cp "$T/push.py" "$ws/push.py"
chmod 644 "$ws/push.py"

# Without the layer it works: on a terminal of this test's own, of nobody else.
legacy=$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)
[ "$(id -u)" = 0 ] || [ "$legacy" = 1 ] ||
    skip "the control needs root, or dev.tty.legacy_tiocsti"
script -qec "python3 $T/push.py" "$T/typescript" </dev/null | tr -d '\r\000' >"$T/control"
want_in "the control: TIOCSTI types" "$(cat "$T/control")" "sti done"
want_in "the control: upper bits do not matter" "$(grep ^typed "$T/control")" "XXXXXXXXXX"
# no console behind it: the kernel's own refusal is another
want_in "the control: TIOCLINUX is a console's" "$(cat "$T/control")" "linux ENOTTY"

start_any
API_USER=$ME
new_session s "$ws"
cat >"$T/pty.py" <<'P'
import sys
from ws import WS
w = WS(sys.argv[1], "/api/v1/sessions/s/pty")
w.start(sys.argv[2:])
out, last = w.finish()
sys.stdout.write(out.decode().replace("\r\n", "\n"))
sys.exit(last["exit_code"])
P
on_pty()
{
	as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
	    python3 "$T/pty.py" "$API_SOCK" "$@"
}
on_pty python3 push.py >"$T/out" || fail "on a terminal: $(cat "$T/out")"
want "on the session's terminal" "$(cat "$T/out")" "sti EPERM
linux EPERM
cons EPERM
typed "
# a terminal that the command made itself is not another
on_pty script -qec 'python3 push.py' /dev/null >"$T/out" || fail "on a second terminal: $(cat "$T/out")"
want "on a terminal inside" "$(cat "$T/out")" "sti EPERM
linux EPERM
cons EPERM
typed "
