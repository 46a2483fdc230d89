#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program whose path lies in memory that does not answer, a file of a file
# system that hangs, waits, and nobody else: execd does not read it itself.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
[ "$MODE$ME" != userself ] || skip "needs root, to mount a file system"
need_tool curl jq python3
hangfs=$TEST_BUILD/regress/fs/hangfs
[ -x "$hangfs" ] || skip "$hangfs is missing: run make check-programs"
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
mkdir "$ws/slow"
cat >"$ws/exec.py" <<'P'
import ctypes
import os
import sys
import time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
fd = os.open("slow/f1", os.O_RDONLY)
path = libc.mmap(None, ctypes.c_size_t(4096), 1, 2, fd, ctypes.c_long(0))
# nothing of it can be opened any more when one is read
open("open" + sys.argv[1], "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
open("at" + sys.argv[1], "w").close()
libc.execve(ctypes.c_void_p(path), None, None)
P
"$hangfs" "$ws/slow" &
server=$!
wait_for 20 grep -q " $ws/slow fuse" /proc/self/mounts || fail "no FUSE file system"
new_session s "$ws"
run_in s true || fail true
for i in 1 2 3; do
	mkdir "$T/$i"
	T=$T/$i API_USER=$ME api POST /api/v1/sessions/s/exec \
	    '{"command":"python3","args":["exec.py","'$i'"],"timeout":"100s"}' >/dev/null 2>&1 &
done
for step in open at; do
	for i in 1 2 3; do
		wait_for 60 test -e "$ws/$step$i" || fail "exec.py $i: not $step"
	done
	as "$ME" touch "$ws/go"
done
sleep 1 # to get from there into the kernel
for i in 1 2 3; do
	begin=$(date +%s)
	run_in s /bin/true || fail true
	took=$(($(date +%s) - begin))
	[ $took -le $((10 * ${TEST_SLOW:-1})) ] || fail "another program: $took s"
done
run_in s sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " "' >"$T/out"
want "who waits" "$(grep -o 'python3 exec.py' "$T/out" | wc -l)" 3
kill -KILL $server
