#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No terminal of the operator's reaches a session: neither that which the server
# was started from nor that of the client, as a descriptor, as /dev/tty or by a
# name. A command without a terminal of its own has none.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
# the server is a child of a terminal, in its foreground, with it as its
# standard descriptors
cat >"$T/server.py" <<'P'
import fcntl
import os
import sys
import termios
import pty
master, slave = pty.openpty()
open(sys.argv[1], "w").write("%d %d\n" % (os.fstat(slave).st_rdev, os.fstat(slave).st_dev))
os.setsid()
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
if os.fork() == 0:
    # what the server says there
    os.close(slave)
    log = open(sys.argv[2], "ab", buffering=0)
    try:
        while True:
            log.write(os.read(master, 65536))
    except OSError:
        os._exit(0)
os.close(master)
for fd in range(3):
    os.dup2(slave, fd)
os.closerange(3, 64)
os.execvp(sys.argv[3], sys.argv[3:])
P
if [ "$MODE" = service ]; then
	SERVER_WRAP="python3 $T/server.py $T/tty $T/tty.log"
else
	SERVER_WRAP="python3 $T/server.py $T/tty $T/tty.log setpriv --reuid $ME --regid $ME --init-groups"
fi
[ "$ME" != self ] || skip "needs root for a server on a terminal"
SERVER_FLAGS="-v"
start_any
read -r rdev dev <"$T/tty" || fail "the server is not on a terminal"
# the control: the server itself has it
[ "$(awk '{print $7}' "/proc/$SERVER_PID/stat")" = "$rdev" ] ||
    fail "the server has no controlling terminal: $(cat "/proc/$SERVER_PID/stat")"
SERVER_WRAP=
API_USER=$ME
ws=$(new_workspace "$ME")
new_session s "$ws"
cat >"$ws/look.py" <<'P'
import errno
import os
import sys
theirs = [tuple(map(int, a.split(":"))) for a in sys.argv[1:]]
found = []
for fd in os.listdir("/proc/self/fd"):
    try:
        st = os.fstat(int(fd))
    except OSError:
        continue
    if (st.st_rdev, st.st_dev) in theirs or (
            os.isatty(int(fd)) and st.st_dev != os.stat("/dev/pts").st_dev):
        found.append("fd " + fd)
for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
    try:
        stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        continue
    # those of the session's own have the same numbers, but are led from inside
    if stat[4] != "0" and int(stat[3]) == 0:
        found.append("controlling terminal of " + pid)
for name in os.listdir("/dev/pts"):
    st = os.stat("/dev/pts/" + name)
    if (st.st_rdev, st.st_dev) in theirs:
        found.append("/dev/pts/" + name)
try:
    fd = os.open("/dev/tty", os.O_RDWR)
    st = os.fstat(os.open(os.ttyname(0), os.O_RDWR | os.O_NOCTTY))
    os.write(fd, b"to my terminal\n")
    print("tty", "own" if st.st_dev == os.stat("/dev/pts").st_dev else "theirs")
except OSError as e:
    print("tty", errno.errorcode[e.errno])
print("found", ", ".join(found))
P
chmod 644 "$ws/look.py"
want "without a terminal" "$(run_in s python3 look.py "$rdev:$dev")" "tty ENXIO
found "
# the client on a terminal of its own, with and without --pty
cat >"$T/client.py" <<'P'
import os
import sys
from term import Term
more = sys.argv[2:]
t = Term(["sh", "-c", 'exec 7<>/dev/tty; exec "$@"', "sh", "agentsh", "exec"] + more +
         ["s", "--", "python3", "look.py", sys.argv[1]])
t.wait()
sys.stdout.write(t.out.decode().replace("\r\n", "\n"))
P
for how in "" --pty; do
	# shellcheck disable=SC2086
	as "$ME" env AGENTSH_SERVER="unix://$API_SOCK" PYTHONPATH="$TEST_SRC/regress/cli" \
	    PYTHONDONTWRITEBYTECODE=1 python3 "$T/client.py" "$rdev:$dev" $how >"$T/out" 2>&1 ||
	    fail "client $how: $(cat "$T/out")"
	if [ -z "$how" ]; then
		want "client on a terminal" "$(cat "$T/out")" "tty ENXIO
found "
	else
		want "client on a terminal, --pty" "$(cat "$T/out")" "to my terminal
tty own
found "
	fi
done
# init, the keepers and everybody else of the session have none but their own
for p in /proc/[0-9]*; do
	read -r comm <"$p/comm" 2>/dev/null || continue
	case $comm in
	init | keeper) ;;
	*) continue ;;
	esac
	[ "$(readlink "$p/ns/pid")" != "$(readlink /proc/self/ns/pid)" ] || continue
	want "controlling terminal of $comm" "$(sed 's/.*) //' "$p/stat" | cut -d' ' -f5)" 0
done
