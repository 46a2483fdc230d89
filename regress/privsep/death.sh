#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each process in turn is killed. A session's helper takes its session with it,
# and only that; a helper of the service the whole; a command's keeper the
# command. All within a second, and no process, mount, namespace or control
# group is left.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 pgrep
need_modes
[ "$ME" != self ] || skip "whose descriptors and namespaces are left, only root can see"
ws=
mkdir "$T/fusectl"
mount -t fusectl fusectl "$T/fusectl" 2>/dev/null || skip "no fusectl"
find /sys/fs/cgroup -type d -name '*agentsh*' >"$T/cgroups" 2>/dev/null

# in_time command...: succeeds within a second of $killed, and what a look at it
# takes on a machine that is busy
in_time()
{
	until
		look=$(date +%s%N)
		"$@"
	do
		now=$(date +%s%N)
		[ "$now" -lt $((killed + 1000000000 * ${TEST_SLOW:-1} + 8 * (now - look))) ] ||
		    return 1
		sleep 0.02
	done
}

kill_now()
{
	killed=$(date +%s%N)
	kill -KILL "$@" || fail "kill $*"
}

session_gone()
{
	api GET /api/v1/sessions/s >/dev/null
	[ "$(status)" = 404 ]
}

# Every process, namespace and FUSE connection of this test's agentsh, a line
# each, and control groups that are new: what must not be left. "sessions": only
# those of sessions. Others on this machine make connections too, and a number is
# given again: one of ours is known by its directory's inode.
cat >"$T/left.py" <<'PY'
import os
import sys

SESSION = ("execd", "fsd", "fusereg", "init", "sleep-victim")
SERVICE = ("agentshd", "sessiond", "policyd", "eventd", "netd", "maker", "readconf")
names = SESSION if sys.argv[1] == "sessions" else SESSION + SERVICE
remembered = set(open(sys.argv[2]).read().split()) if len(sys.argv) > 2 else set()
own = {os.readlink(f"/proc/{os.getppid()}/ns/{n}") for n in os.listdir("/proc/self/ns")}
left = set()


def connection(number):
    try:
        inode = os.stat(os.path.join(os.environ["T"], "fusectl", number)).st_ino
    except FileNotFoundError:
        inode = 0
    return f"fuse:{number}:{inode}"


for p in (p for p in os.listdir("/proc") if p.isdigit()):
    try:
        comm = open(f"/proc/{p}/comm").read().strip()
        state = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[0]
        spaces = {os.readlink(f"/proc/{p}/ns/{n}") for n in os.listdir(f"/proc/{p}/ns")}
        fds = [os.readlink(f"/proc/{p}/fd/{f}") for f in os.listdir(f"/proc/{p}/fd")]
        mounts = open(f"/proc/{p}/mountinfo").read().splitlines()
    except OSError:
        # a zombie has none of these, only its name
        spaces, fds, mounts = set(), [], []
    if comm in names and state != "Z":
        left.add(f"process:{comm}:{p}")
    mine = comm in SESSION or sys.argv[1] != "sessions" and comm in SERVICE
    for s in (spaces - own if mine else spaces & remembered) | set(fds) & remembered:
        left.add(s)
    for m in mounts:
        dev, kind = m.split()[2], m.split(" - ")[1].split()[0]
        if kind.startswith("fuse") and "agentsh" in m.split(" - ")[1]:
            left.add(connection(dev.split(":")[1]))
        if kind == "nsfs":
            left.add("pinned:" + m.split()[3])
for c in os.listdir(os.path.join(os.environ["T"], "fusectl")):
    if connection(c) in remembered:
        left.add(connection(c))
groups = open(os.environ["T"] + "/cgroups").read().splitlines()
for top, dirs, _ in os.walk("/sys/fs/cgroup"):
    left |= {"cgroup:" + os.path.join(top, d) for d in dirs
             if "agentsh" in d and os.path.join(top, d) not in groups}
print("\n".join(sorted(left)))
sys.exit(bool(left))
PY
export T

left()
{
	python3 "$T/left.py" "$1" "$T/before" >"$T/left"
}

start_one()
{
	start_any
	[ -n "$ws" ] || ws=$(new_workspace "$ME")
	new_session s "$ws"
	run_in s sh -c 'cp /bin/sleep sleep-victim && (./sleep-victim 300 </dev/null >/dev/null 2>&1 &)' ||
	    fail "a command in the background"
	wait_for 20 pgrep -x sleep-victim >/dev/null || fail "the command does not run"
	# what there is now must be gone later; of agentshd's mode, the user's
	# namespace that it lives in goes with the service
	python3 "$T/left.py" "${1:-all}" >"$T/before"
	for kind in user mnt pid net ipc uts cgroup; do
		grep -q "^$kind:" "$T/before" || fail "no $kind namespace to look for"
	done
	grep -q '^fuse:' "$T/before" || fail "no FUSE mount to look for"
}

found()
{
	pids=$(pgrep -x "$1")
	[ -n "$pids" ] || fail "no $1 found"
	say "$pids"
}

roles="execd fsd init"
[ "$MODE" = user ] || ! is_kernel 6.9 || roles="$roles fusereg"
for role in $roles; do
	start_one sessions
	case $MODE in
	# the outer namespace is agentshd's and stays
	user) readlink "/proc/$SERVER_PID/ns/user" >"$T/outer" &&
	    grep -vxFf "$T/outer" "$T/before" >"$T/before.new" && mv "$T/before.new" "$T/before" ;;
	esac
	# shellcheck disable=SC2046
	kill_now $(found $role)
	in_time left sessions || fail "$role killed: left after a second: $(cat "$T/left")"
	in_time session_gone || fail "$role killed: the session is still listed"
	say "$role: $((($(date +%s%N) - killed) / 1000000)) ms"
	new_session s "$ws"
	want "$role killed: another session" "$(run_in s echo works)" works
	stop_server
	killed=$(date +%s%N)
	in_time left all || fail "the service has ended and this is left: $(cat "$T/left")"
	[ ! -e "$API_SOCK" ] && [ ! -e "$OPERATOR_SOCK" ] || fail "a socket is left"
done

# a command's keeper: its command ends and is answered for, the session goes on
start_one sessions
run_in s sh -c 'cp /bin/sleep sleep-kept; exec ./sleep-kept 300' >"$T/kept.out" &
waiter=$!
wait_for 20 pgrep -x sleep-kept >/dev/null || fail "the command does not run"
keeper=$(ps -o ppid= -p "$(pgrep -x sleep-kept)" | tr -d ' ')
# shellcheck disable=SC2046
[ "$(ps -o ppid= -p "$keeper" | tr -d ' ')" = $(pgrep -x init) ] || fail "who is the keeper?"
kill_now "$keeper"
kept_gone()
{
	! pgrep -x sleep-kept >/dev/null && ! kill -0 "$waiter" 2>/dev/null
}
in_time kept_gone || fail "a keeper killed: its command lives on or is not answered for"
wait "$waiter"
want "the session without that keeper" "$(run_in s echo works)" works
stop_server

for role in sessiond policyd eventd netd; do
	start_one
	# shellcheck disable=SC2046
	kill_now $(found $role)
	in_time left all || fail "$role killed: left after a second: $(cat "$T/left")"
	say "$role: $((($(date +%s%N) - killed) / 1000000)) ms"
	wait "$SERVER_PID"
	want "$role killed: status of agentshd" $? 1
	SERVER_PID=
	[ ! -e "$API_SOCK" ] && [ ! -e "$OPERATOR_SOCK" ] || fail "$role killed: a socket is left"
done
start_one
kill_now "$SERVER_PID"
in_time left all || fail "agentshd killed: left after a second: $(cat "$T/left")"
say "agentshd: $((($(date +%s%N) - killed) / 1000000)) ms"
SERVER_PID=
# whose sockets and lock are still there: the next one starts all the same
start_one
stop_server
