#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From inside a session no process outside is seen, signalled, traced or read;
# nor are agentsh's own processes inside (A29).
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
# one of the same user, outside
as "$ME" sh -c 'echo $$ >~/pid.new && mv ~/pid.new ~/pid && exec sleep 300' &
wait_for 20 test -s "$T/home/$ME/pid" || fail "no process outside"
victim=$(cat "$T/home/$ME/pid")
out=$(run_in s sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "')
case $out in
*agentshd* | *sessiond* | *'sleep 300'*) fail "processes of the host are seen: $out" ;;
esac
n=$(run_in s sh -c 'ls -d /proc/[0-9]* | wc -l')
[ "$n" -lt 12 ] || fail "$n processes are seen inside"
run_in s kill -9 "$victim" && fail "a process outside can be signalled"
run_in s sh -c 'kill -9 -1'
kill -0 "$victim" 2>/dev/null || fail "the user's process outside was killed"
want "the session after kill -1" "$(run_in s echo alive)" alive
for p in environ mem maps stack root cwd exe fd; do
	run_in s sh -c "cat /proc/1/$p || ls /proc/1/$p/" >/dev/null && fail "/proc/1/$p can be read"
done
# where the kernel has it, /dev/null covers it: writing succeeds and does nothing
run_in s sh -c '[ ! -e /proc/sysrq-trigger ] || [ "$(stat -c %t:%T /proc/sysrq-trigger)" = 1:3 ]' ||
    fail "sysrq"
run_in s sh -c 'echo x >/proc/sys/kernel/core_pattern' && fail "core_pattern"
run_in s sh -c 'echo x >/proc/sys/kernel/hostname' && fail "hostname by sysctl"
want "bytes of /proc/kcore" "$(run_in s sh -c 'head -c 1 /proc/kcore 2>/dev/null | wc -c')" 0
for cmd in "unshare -U true" "unshare -m true" "mount -t tmpfs x /tmp" "chroot /tmp" \
    "nsenter -t 1 -m true"; do
	# shellcheck disable=SC2086
	run_in s $cmd && fail "$cmd succeeds"
	# by a shell too, whatever the command rules say
	run_in s sh -c "$cmd" && fail "sh -c $cmd succeeds"
done
# system calls that no command has a use for
run_in s python3 -c '
import ctypes
import errno
import sys
libc = ctypes.CDLL(None, use_errno=True)
calls = {"bpf": 321, "userfaultfd": 323, "keyctl": 250, "add_key": 248, "io_uring_setup": 425,
         "perf_event_open": 298, "kexec_load": 246, "init_module": 175, "mount": 165,
         "move_mount": 429, "open_tree": 428, "fsopen": 430, "mount_setattr": 442, "setns": 308,
         "open_by_handle_at": 304, "pidfd_getfd": 438, "process_vm_readv": 310,
         "process_vm_writev": 311, "reboot": 169, "swapon": 167, "acct": 163,
         "quotactl": 179, "pivot_root": 155}
# by the filter, and not for what is wrong with the arguments
bad = [n for n, nr in calls.items() if libc.syscall(nr, -1, 0, 0, 0, 0) != -1 or
       ctypes.get_errno() != errno.EPERM]
if libc.unshare(0x10000000) == 0:
    bad.append("unshare(CLONE_NEWUSER)")
print(" ".join(bad))
sys.exit(bool(bad))' || fail "system calls that are not refused: $(jq -r .result.stdout "$T/exec.json")"
# nothing can be gained
out=$(run_in s sh -c 'grep -E "^(NoNewPrivs|Seccomp|CapEff|CapBnd|CapPrm):" /proc/self/status | tr -d "\t "')
want_in "no_new_privs" "$out" "NoNewPrivs:1"
want_in "seccomp" "$out" "Seccomp:2"
want_in "capabilities" "$out" "CapEff:0000000000000000"
want_in "bounding set" "$out" "CapBnd:0000000000000000"
kill "$victim" 2>/dev/null
