#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who lists /proc into memory that does not answer, a file of a file system that
# hangs, keeps the kernel's lock of it, and with a mkdir behind it nobody can
# look up a process there. It is the session's own /proc: those that confine it
# have another one, and go on.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
[ "$MODE$ME" != userself ] || skip "needs root, to mount a file system"
need_tool curl jq python3
hangfs=$TEST_BUILD/regress/fs/hangfs
[ -x "$hangfs" ] || skip "$hangfs is missing: run make check-programs"
own_policies
cat >"$policies/sig.yaml" <<'P'
version: 1
name: sig
file_rules:
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: own, signals: ["@all"], target: {type: user}, decision: allow}
P
chmod -R a+rX "$policies"
start_any "policies.default: sig"
API_USER=$ME
ws=$(new_workspace "$ME")
mkdir "$ws/slow" "$ws/slow0"
cat >"$ws/stuck.py" <<'P'
import os
import time


class Process:
    """What is known of one, by a descriptor: no name in /proc need be looked up."""

    def __init__(self, pid):
        self.stat = os.open("/proc/%d/stat" % pid, os.O_RDONLY)

    def await_stuck(self):
        """Until it waits in the kernel, and is not only waiting for a processor."""
        n = 0
        while n < 10:
            state = os.pread(self.stat, 4096, 0).rsplit(b")", 1)[1].split()[0]
            n = n + 1 if state in b"SD" else 0
            time.sleep(0.02)
P
cat >"$ws/lock.py" <<'P'
import ctypes
import os
from stuck import Process
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
fd = os.open("slow/f1", os.O_RDONLY)
proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
mem = libc.mmap(None, ctypes.c_size_t(4096), 3, 2, fd, ctypes.c_long(0))
me = Process(os.getpid())
maker_says, maker_said = os.pipe()
maker = os.fork()
if maker == 0:
    me.await_stuck()
    os.close(maker_said)
    try:
        os.mkdir("/proc/x")
    except OSError:
        pass
    os._exit(0)
os.close(maker_said)
# while names in /proc can still be looked up
maker = Process(maker)
if os.fork() == 0:
    os.read(maker_says, 1)
    maker.await_stuck()
    open("locked", "w").close()
    os._exit(0)
libc.syscall(ctypes.c_long(217), proc, ctypes.c_void_p(mem), ctypes.c_size_t(4096))
P
"$hangfs" "$ws/slow" &
server=$!
"$hangfs" "$ws/slow0" &
server0=$!
for i in slow slow0; do
	wait_for 20 grep -q " $ws/$i fuse" /proc/self/mounts || fail "no FUSE file system"
done
new_session s "$ws"
run_in s true || fail true

# within SECONDS WHAT COMMAND...: it does not take longer
within()
{
	limit_=$(($1 * ${TEST_SLOW:-1}))
	what_=$2
	shift 2
	begin_=$(date +%s)
	"$@"
	within_rc_=$?
	took_=$(($(date +%s) - begin_))
	[ "$took_" -le "$limit_" ] || fail "$what_: took $took_ s"
	return $within_rc_
}

# the directory of one process, which its sender has and signals it by: execd goes
# on whatever becomes of that
cat >"$ws/lockone.py" <<'P'
import ctypes
import os
import signal
import subprocess
from stuck import Process
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
p = subprocess.Popen(["sleep", "60"])
slow = os.open("slow0/f1", os.O_RDONLY)
by = os.open("/proc/%d" % p.pid, os.O_RDONLY | os.O_DIRECTORY)
proc = os.open("/proc/%d" % p.pid, os.O_RDONLY | os.O_DIRECTORY)
mem = libc.mmap(None, ctypes.c_size_t(4096), 3, 2, slow, ctypes.c_long(0))
holder = os.fork()
if holder == 0:
    libc.syscall(ctypes.c_long(217), proc, ctypes.c_void_p(mem), ctypes.c_size_t(4096))
    os._exit(1)
holder = Process(holder)
said, says = os.pipe()
maker = os.fork()
if maker == 0:
    holder.await_stuck()
    os.close(says)
    try:
        os.mkdir("/proc/%d/x" % p.pid)
    except OSError:
        pass
    os._exit(0)
os.close(says)
maker = Process(maker)
os.read(said, 1)
maker.await_stuck()
signal.pidfd_send_signal(by, signal.SIGTERM)
open("signalled%d" % p.wait(), "w").close()
P
mkdir "$T/lockone"
T=$T/lockone api POST /api/v1/sessions/s/exec \
    '{"command":"python3","args":["lockone.py"],"timeout":"60s"}' >/dev/null 2>&1 &
wait_for 40 test -e "$ws/signalled-15" || fail "no signal by a directory that is locked"
within 10 "a program" run_in s true

# and while fsd answers nothing (the kernel remembers /proc for a day: this fails without
# execd remembering it where TIME_ANCHOR of fsd is a second)
cat >"$ws/nofsd.py" <<'P'
import os
import signal
import sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
p = os.fork()
if p == 0:
    signal.pause()
by = os.open("/proc/%d" % p, os.O_RDONLY | os.O_DIRECTORY)
print(flush=True)
signal.sigwait([signal.SIGUSR1])
signal.pidfd_send_signal(by, signal.SIGTERM)
sys.exit(os.waitpid(p, 0)[1] != signal.SIGTERM)
P
mkdir "$T/nofsd"
T=$T/nofsd api POST /api/v1/sessions/s/exec \
    '{"command":"python3","args":["nofsd.py"],"timeout":"60s"}' >"$T/nofsd.json" &
sends=$!
sender()
{
	sender_=$(pgrep -o -f 'python3 nofsd[.]py') && pgrep -P "$sender_" >/dev/null
}
wait_for 20 sender || fail "nofsd.py did not begin"
sleep 2
fsd=$(pgrep -x fsd)
kill -STOP $fsd
kill -USR1 "$sender_"
gone()
{
	[ ! -d "/proc/$sender_" ]
}
wait_for 20 gone
ended=$?
kill -CONT $fsd
[ $ended = 0 ] || fail "execd waits for fsd, for a signal by a directory"
wait $sends
want "a signal by a directory" "$(jq -r '.result.exit_code' "$T/nofsd.json")" 0

mkdir "$T/lock"
T=$T/lock api POST /api/v1/sessions/s/exec \
    '{"command":"python3","args":["lock.py"],"timeout":"60s"}' >/dev/null 2>&1 &
wait_for 40 test -e "$ws/locked" || fail "lock.py did not begin"
# whoever looks for a process there waits: else this would show nothing
mkdir "$T/looker"
T=$T/looker api POST /api/v1/sessions/s/exec \
    '{"command":"sh","args":["-c","ls /proc/99999; >looked"],"timeout":"50s"}' >/dev/null 2>&1 &

# a new process, and whose file it is
within 10 "a new file" run_in s sh -c 'echo x >new; /bin/cat new' >"$T/out" || fail "a new file"
want "what it says" "$(cat "$T/out")" x
want "whose it was" "$(jq "[.events.file_operations[] | select(tostring | test(\"/new\"))] | length > 0" "$T/exec.json")" true
# a signal that is decided
within 10 "a signal" run_in s sh -c 'sleep 60 & kill -TERM $!; wait $!; echo $?' >"$T/out"
want "a signal" "$(cat "$T/out")" 143
# whose a socket is
cat >"$ws/send.py" <<'P'
import os, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while not os.path.exists("told"):
    try:
        s.sendto(b"x", ("192.0.2.1", 9))
    except OSError:
        pass
    time.sleep(0.2)
P
mkdir "$T/send"
T=$T/send api POST /api/v1/sessions/s/exec \
    '{"command":"python3","args":["send.py"],"timeout":"60s"}' >/dev/null 2>&1 &
sends=$!
is_told()
{
	api GET "/api/v1/sessions/s/history?type=net_refused" |
	    jq -e 'map(select(.command_id != null and .pid != null)) | length > 0' >/dev/null
}
wait_for 20 is_told || fail "whose a socket is is not told"
as "$ME" touch "$ws/told"
wait "$sends"
# a command that leaves others behind ends with all of them
within 10 "orphans" run_in s sh -c '(sleep 61 &) ; (sleep 61 &)'
API_USER=$ME api POST /api/v1/sessions/s/exec '{"command":"sh","args":["-c","sleep 62; true"],"timeout":"1s"}' >"$T/exec.json"
want "a time limit" "$(jq -r '.result.exit_code' "$T/exec.json")" 124
[ ! -e "$ws/looked" ] || fail "/proc was not locked"
within 15 "the end" api DELETE /api/v1/sessions/s >/dev/null
kill -KILL $server $server0
