#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No workspace leads to the host's processes or to its kernel: neither when it
# is such a file system, nor when one is mounted inside of it.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_root
start_service
ws=$(new_workspace alice)
rws=$T/rws
mkdir "$ws/proc" "$rws" "$rws/proc" "$rws/sys"
mount -t proc proc "$ws/proc" && mount -t proc proc "$rws/proc" || fail "mount proc"
mount --rbind /sys "$rws/sys" || fail "mount sysfs"

API_USER=alice
for dir in /proc /proc/self /proc/self/root/proc /sys /sys/kernel "$ws/proc"; do
	[ -d "$dir" ] || continue
	api POST /api/v1/sessions "{\"id\":\"no\",\"workspace\":\"$dir\"}" >/dev/null
	want "status for the workspace $dir" "$(status)" 400
done
new_session s "$ws"
run_in s ls proc/1 && fail "a process of the host is shown"
run_in s cat proc/cpuinfo && fail "the host's proc is shown"
want "proc is seen, and no more" "$(run_in s ls)" proc

# for root that would be the host itself
API_USER=
new_session r "$rws"
for f in proc/sys/kernel/hostname proc/1/cmdline sys/kernel/profiling sys/power/state; do
	run_in r cat $f && fail "root reads $f"
	run_in r sh -c "echo x >$f" && fail "root writes $f"
done
true
