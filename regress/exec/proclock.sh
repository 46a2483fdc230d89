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
mkdir "$ws/slow"
cat >"$ws/lock.py" <<'P'
import ctypes
import os
import time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
fd = os.open("slow/f1", os.O_RDONLY)
proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
mem = libc.mmap(None, ctypes.c_size_t(4096), 3, 2, fd, ctypes.c_long(0))
if os.fork() == 0:
    time.sleep(0.5)
    open("locked", "w").close()
    try:
        os.mkdir("/proc/x")
    except OSError:
        pass
    os._exit(0)
libc.syscall(ctypes.c_long(217), proc, ctypes.c_void_p(mem), ctypes.c_size_t(4096))
P
"$hangfs" "$ws/slow" &
server=$!
wait_for 20 grep -q " $ws/slow fuse" /proc/self/mounts || fail "no FUSE file system"
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

mkdir "$T/lock"
T=$T/lock api POST /api/v1/sessions/s/exec \
    '{"command":"python3","args":["lock.py"],"timeout":"60s"}' >/dev/null 2>&1 &
wait_for 20 test -e "$ws/locked" || fail "lock.py did not begin"
sleep 1
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
# a command that leaves others behind ends with all of them
within 10 "orphans" run_in s sh -c '(sleep 61 &) ; (sleep 61 &)'
API_USER=$ME api POST /api/v1/sessions/s/exec '{"command":"sh","args":["-c","sleep 62; true"],"timeout":"1s"}' >"$T/exec.json"
want "a time limit" "$(jq -r '.result.exit_code' "$T/exec.json")" 124
[ ! -e "$ws/looked" ] || fail "/proc was not locked"
within 15 "the end" api DELETE /api/v1/sessions/s >/dev/null
kill -KILL $server
