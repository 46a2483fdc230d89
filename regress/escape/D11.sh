#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A session of root owns the host's device nodes and much of /proc by its uid:
# it changes neither, and reads nothing there that root alone may read.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_root
# the host's own nodes are left alone, whatever happens
for n in null:3 zero:5 full:7 random:8 urandom:9; do
	mknod -m 666 "$T/dev/${n%:*}" c 1 "${n#*:}" &&
	    mount --bind "$T/dev/${n%:*}" "/dev/${n%:*}" || fail "/dev/${n%:*}"
done
start_service
ws=$T/ws
mkdir "$ws"
new_session s "$ws"

want "uid" "$(run_in s id -u)" 0
for n in null zero full random urandom; do
	run_in s chmod 600 "/dev/$n" && fail "chmod of /dev/$n"
	run_in s touch -d 2001-01-01 "/dev/$n" && fail "touch of /dev/$n"
	want "mode of /dev/$n" "$(stat -c %a "/dev/$n")" 666
done
for f in kallsyms keys timer_list; do
	run_in s chmod 600 "/proc/$f" && fail "chmod of the cover of /proc/$f"
done
want "mode of /dev/null" "$(stat -c %a /dev/null)" 666
# they still work
run_in s sh -c 'echo x >/dev/null && echo y >>/dev/null && : >/dev/null' ||
    fail "/dev/null cannot be written: $(jq -r .result.stderr "$T/exec.json")"
want "bytes of /dev/zero" "$(run_in s sh -c 'head -c 3 /dev/zero | wc -c')" 3
for f in slabinfo vmallocinfo vmcore; do
	want "bytes of /proc/$f" \
	    "$(run_in s sh -c "cat /proc/$f 2>/dev/null | wc -c")" 0
done
run_in s sh -c 'for f in /proc/mtrr /proc/dynamic_debug/control; do
	[ ! -e $f ] || ! (echo >$f) 2>/dev/null || exit 1; done' || fail "/proc can be written"
# shellcheck disable=SC2016
out=$(run_in s sh -c 'for f in $(find /proc/sys /proc/irq /proc/fs -type f -perm /222 | head -2000); do
	(: >>$f) 2>/dev/null && echo $f; done')
want "files of the kernel that open for writing" "$out" ""
