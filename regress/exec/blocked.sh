#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sandbox.seccomp of the configuration: what the operator refuses besides fails,
# or kills, in every process of a command; the rest goes on as before.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
API_USER=$ME

# refused LINE NEEDLE: a configuration with this line is not taken
refused()
{
	write_config "$T/bad.yaml" "$T" "$1"
	chmod 0644 "$T/bad.yaml"
	out=$(as "$ME" agentshd -n -f "$T/bad.yaml" 2>&1) && fail "taken: $1"
	want_in "$1" "$out" "$2"
}

copy_stage
refused "sandbox.seccomp.syscalls.block: [no_such_call]" "no system call"
refused "sandbox.seccomp.syscalls.allow: [bpf]" "no configuration allows it"
refused "sandbox.seccomp.syscalls.on_block: audit" "not one of errno|kill|log|log_and_kill"

cat >"$T/calls.py" <<'PY'
import ctypes
import errno
import os
import sys
libc = ctypes.CDLL(None, use_errno=True)


def call(*args):
    if os.fork() == 0:
        n = libc.syscall(*args)
        print("done" if n >= 0 else errno.errorcode[ctypes.get_errno()], end=" ", flush=True)
        os._exit(0)
    status = os.wait()[1]
    if os.WIFSIGNALED(status):
        print(f"signal {os.WTERMSIG(status)}", end=" ", flush=True)


call(162)         # sync
call(100, 0)      # times
call(101, 0)      # ptrace
call(41, 16, 3, 0)  # a netlink socket
call(41, 38, 5, 0)  # AF_ALG
call(41, 1, 1, 0)
call(1000)
PY
# try SESSION WANT
try()
{
	ws=$(new_workspace "$ME")
	install -m 0644 "$T/calls.py" "$ws/calls.py"
	new_session "$1" "$ws"
	want "$1" "$(run_in "$1" python3 calls.py)" "$2"
}

# events: of the sockets that were refused to the command that ran last
events()
{
	jq -r '[.events.network_operations[] | select(.type == "socket_blocked") |
	    "\(.operation) \(.fields.family) \(.fields.socket_type) \(.fields.protocol) \(.policy.decision) \(.pid > 1)"] | join(", ")' "$T/exec.json"
}

start_any
try plain "done done EPERM done EAFNOSUPPORT done ENOSYS "
want "its event" "$(events)" "socket AF_ALG seqpacket 0 deny true"
run_in plain python3 -c '
import socket
for args in (socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_INET6, socket.SOCK_DGRAM, 58), (99, 77), (40, 1), \
    (socket.AF_INET, socket.SOCK_STREAM, 262), (socket.AF_NETLINK, socket.SOCK_RAW, 12), (socket.AF_INET, socket.SOCK_STREAM):
    try:
        socket.socket(*args)
    except OSError as e:
        print(e.errno, end=" ")
try:
    socket.socketpair(30)
except OSError as e:
    print(e.errno)' >"$T/out" || fail "sockets"
want "sockets" "$(cat "$T/out")" "1 93 97 97 93 93 97"
want "their events" "$(events)" "socket AF_INET raw 1 deny true, socket AF_INET6 dgram 58 deny true, socket 99 13 0 deny true, socket AF_VSOCK stream 0 deny true, socket AF_INET stream 262 deny true, socket AF_NETLINK raw 12 deny true, socketpair AF_TIPC stream 0 deny true"
stop_server
start_any "sandbox.seccomp.syscalls.block: [sync, ptrace]" \
    "sandbox.seccomp.blocked_socket_families: [{family: AF_NETLINK}, {family: AF_ALG, action: kill}]"
try errno "EPERM done EPERM EAFNOSUPPORT signal 31 done ENOSYS "
want "the operator's" "$(events)" "socket AF_NETLINK raw 0 deny true"
stop_server
start_any "sandbox.seccomp.syscalls.block: [sync, ptrace]" \
    "sandbox.seccomp.syscalls.on_block: kill" "sandbox.seccomp.syscalls.block_unknown: kill"
try kill "signal 31 done signal 31 done EAFNOSUPPORT done signal 31 "

# calls: of those that were recorded of the command that ran last
calls()
{
	jq -r '[.events | .other // . | .. | objects | select(.type? == "seccomp_blocked") |
	    "\(.fields.syscall) \(.fields.syscall_nr) \(.policy.effective_decision) \(.policy.rule) \(.fields.signal) \(.pid > 1)"] | join(", ")' "$T/exec.json"
}
want "their events" "$(calls)" ""
stop_server
# also a call of ours, and one that execd is asked about otherwise; not those of
# another architecture, which privd's own filter refuses
start_any "sandbox.seccomp.syscalls.block: [sync, ptrace, kcmp, listen]" \
    "sandbox.seccomp.syscalls.on_block: log" "sandbox.seccomp.syscalls.block_unknown: log"
cat >>"$T/calls.py" <<'PY'
call(312, 0, 0, 0, 0, 0)  # kcmp
call(50, -1, 0)   # listen
call(100 | 0x40000000, 0)  # of x32
call(50, -1, 0)
PY
try log "EPERM done EPERM done EAFNOSUPPORT done ENOSYS EPERM EPERM ENOSYS EPERM "
want "their events" "$(calls)" "sync 162 deny system-call null true, ptrace 101 deny system-call null true, null 1000 deny unknown-system-call null true, kcmp 312 deny system-call null true, listen 50 deny system-call null true, listen 50 deny system-call null true"
want "of another process" "$(jq -r '[.events | .. | objects | select(.type? == "seccomp_blocked") | .pid] | unique | length' "$T/exec.json")" 6
stop_server
start_any "sandbox.seccomp.syscalls.block: [sync, ptrace]" \
    "sandbox.seccomp.syscalls.on_block: log_and_kill" "sandbox.seccomp.syscalls.block_unknown: log_and_kill"
try log_and_kill "signal 9 done signal 9 done EAFNOSUPPORT done signal 9 EPERM EBADF ENOSYS EBADF "
want "their events" "$(calls)" "sync 162 deny system-call 9 true, ptrace 101 deny system-call 9 true, null 1000 deny unknown-system-call 9 true"
# a storm of them ends no session
run_in log_and_kill python3 -c '
import ctypes, os
libc = ctypes.CDLL(None)
for i in range(300):
    if os.fork() == 0:
        for thread in range(3):
            libc.syscall(162)
        os._exit(0)
print(sum(os.WIFSIGNALED(os.wait()[1]) for i in range(300)))' >"$T/out" || fail "a storm"
want "a storm" "$(cat "$T/out")" 300
