#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that is approved is not changed by memory that was mapped before the
# question, which no time of the file tells: who has it so has it open to be
# written, and such a file is not executed.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"

start_approvals
cat >"$ws/map.py" <<'P'
import ctypes
import os
import sys
import time
# mmap.mmap keeps a descriptor
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
name = sys.argv[1]
at = open(name, "rb").read().find(b"harmless")
fd = os.open(name, os.O_RDWR)
where = libc.mmap(None, ctypes.c_size_t(at + 8), 3, 1, fd, ctypes.c_long(0)) + at
ctypes.memmove(where, b"harmless", 8)
os.close(fd)
open(name + ".mapped", "w").close()
while not os.path.exists(name + ".asked"):
    time.sleep(0.02)
ctypes.memmove(where, b"HARMFUL!", 8)
open(name + ".changed", "w").close()
time.sleep(300)
P
for i in script program; do
	if [ $i = script ]; then
		printf '#!/bin/sh\necho harmless\n' >"$ws/$i.tool"
	else
		cp "$T/stage/agentshctl" "$ws/$i.tool"
		printf harmless >>"$ws/$i.tool"
	fi
	chmod 0755 "$ws/$i.tool"
	chown --reference="$ws" "$ws/$i.tool"
	bg m s python3 map.py $i.tool
	wait_for 20 test -e "$ws/$i.tool.mapped" || fail "map.py: $(cat "$T/m.json" 2>/dev/null)"
	bg p s "./$i.tool" -h
	wait_for 30 asked_or_answered p
	if [ ! -e "$T/p.status" ]; then
		request 1
		as "$ME" touch "$ws/$i.tool.asked"
		wait_for 20 test -e "$ws/$i.tool.changed" || fail "map.py"
		ctl approve "$id"
	fi
	await p
	want "$i: not executed" "$(of p '.result.stdout // ""')" ""
	[ "$(of p .result.exit_code)" != 0 ] || fail "$i: executed: $(cat "$T/p.json")"
	api POST "/api/v1/sessions/s/kill/$(events command_started "[.[] | select(.fields.args[-1] == \"$i.tool\")][0].command_id")" >/dev/null
	await m
	# and is when nobody has it
	bg p s "./$i.tool" -h
	request 1
	ctl approve "$id"
	await p
	[ "$(of p '(.result.stdout // "") + (.result.stderr // "")')" != "" ] || fail "$i: not executed: $(cat "$T/p.json")"
done
