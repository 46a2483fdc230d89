#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Those who serve one who asks for one thing after the other are on his processor,
# also when he has moved; when several ask, or much is moved, anywhere.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 taskset
need_root
cpus=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2])')
first=${cpus% *} second=${cpus#* }
[ "$first" != "$second" ] || skip "one processor"
all=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/$$/status)
chmod 0755 "$T"
API_USER=alice
ws=$T/home/alice/ws
install -d -o alice -g alice "$ws"
start_service "sandbox.fuse.transport: device" "sandbox.fuse.passthrough: off"
cat >"$ws/ask.py" <<'P'
import os
import sys
import threading


def ask(wait=lambda: None):
    for i in range(600):
        wait()
        with open("f", "r+b", buffering=0) as f:
            f.write(b"x")


def move():
    data = b"x" * 1000000
    with open("g", "wb", buffering=0) as f:
        for i in range(100):
            f.write(data)


def both():
    # in turns, to the end
    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=ask, args=(barrier.wait,)) for _ in "ab"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


open("f", "w").close()
for word in sys.argv[1:]:
    if word == "both":
        both()
    elif word == "move":
        move()
    else:
        os.sched_setaffinity(0, {int(word)})
        ask()
# nothing more is asked for
os._exit(0)
P
new_session s "$ws"
fsd=$(pgrep -x fsd)

# where WORD ...: the processors of the threads that serve, a line each
where()
{
	run_in s python3 ask.py "$@" >/dev/null || { cat "$T/exec.json"; fail "ask.py $*"; }
	for task in /proc/"$fsd"/task/*; do
		sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$task/status"
	done | sort | uniq
}
where "$first" >"$T/where"
grep -qx "$first" "$T/where" || fail "none is on the first"
grep -qx "$second" "$T/where" && fail "some are on the second"
where "$first" "$second" >"$T/where"
grep -qx "$second" "$T/where" || fail "none has followed"
where "$first" both >"$T/where"
want "two who ask" "$(cat "$T/where")" "$all"
where "$first" move >"$T/where"
want "much is moved" "$(cat "$T/where")" "$all"
