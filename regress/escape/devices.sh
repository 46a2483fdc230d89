#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nothing but /dev has devices that take ioctls, where the kernel's Landlock can
# say so: also not what covers parts of /proc. Terminals of the session work.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
abi=$(sed -n 's/.*Landlock ABI \([0-9]*\).*/\1/p' "$T/server.log")
[ "$abi" -ge 5 ] || skip "Landlock ABI $abi has no right for ioctls (Linux 6.10)"
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
cat >"$ws/ioctl.py" <<'PY'
import errno
import fcntl
import os
import stat
import termios


def attempt(path):
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        return None
    try:
        fcntl.ioctl(fd, termios.TCGETS, b"\0" * 64)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]


covers = set()
for name in ("kcore", "keys", "kallsyms", "timer_list", "sysrq-trigger", "kmsg"):
    try:
        covers.add(attempt("/proc/" + name))
    except OSError:
        pass
print("covers", sorted(c for c in covers if c))
print("null", attempt("/dev/null"), attempt("/dev/zero"))
master, slave = os.openpty()
print("terminal", os.ttyname(slave) is not None, attempt(os.ttyname(slave)))
fcntl.ioctl(slave, termios.TIOCGWINSZ, b"\0" * 8)
PY
chmod 0644 "$ws/ioctl.py"
want "ioctls" "$(run_in s python3 ioctl.py)" "covers ['EACCES']
null ENOTTY ENOTTY
terminal True done"
