#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A signal that a rule wants approved: the sender waits in its call, the operator
# sees who sends what to whom, and one word of his is for that process as it was.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
cat >"$policies/sig.yaml" <<'P'
version: 1
name: sig
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: ask, signals: [TERM], target: {type: session}, decision: approve, fallback: allow, timeout: 60s, message: "send {{.Signal}}?"}
  - {name: quick, signals: [INT], target: {type: session}, decision: approve, timeout: 1s}
  - {name: rest, signals: ['@all'], target: {type: session}, decision: allow}
P
chmod 0644 "$policies/sig.yaml"
new_session g "$ws" '"policy":"sig"'
events_of=g
# its words are not enough: a shell that was forked has them, too
start="sleep 300 & p=\$!; until readlink /proc/\$p/exe | grep -q 'sleep\$'; do sleep 0.02; done"

# what the operator sees, and what comes of a yes
bg p g sh -c "$start; kill -TERM \$p; echo rc \$?; wait \$p; echo \$?"
request 1
want "what" "$(asked '.kind + " " + .fields.operation + " " + .rule + " " + .message')" \
    "signal SIGTERM (15) ask send SIGTERM?"
pid=$(asked '.target' | sed 's/^pid //')
want "to whom" "$(asked '.fields.targets[0]')" \
    "pid $pid, command $(asked .command_id): $(readlink -f "$(command -v sleep)")"
want "by whom" "$(asked .fields.executable)" "$(readlink -f "$(command -v sh)")"
want_in "a list for people" "$(ctl approvals)" "to: 'pid $pid, command"
want "others go on" "$(run_in g sh -c 'sleep 9 & kill -KILL $!; echo $?')" 0
ctl approve "$id" || fail approve
await p
want "granted" "$(out p)" "rc 0 143 "
told "its event" signal_sent '[.[] | select(.policy.rule == "ask")][0] | .policy.decision + " " + .policy.effective_decision + " " + .policy.approval.id' \
    "approve allow $id"
told "requested" approval_requested '[.[] | select(.fields.kind == "signal")][0] | .fields.approval_id + " " + .fields.target + " " + (.fields.targets | length | tostring)' \
    "$id pid $pid 1"

# a no, and nobody who says anything
bg p g sh -c "$start; kill -TERM \$p; echo rc \$?; kill -INT \$p; echo rc \$?; kill -KILL \$p; wait \$p; echo \$?"
request 1
ctl deny --reason "not that one" "$id" || fail deny
await p
want "denied, and out of time" "$(out p)" "rc 1 rc 1 137 "
want "why" "$(of p '[.events.other[] | select(.type == "signal_blocked")] | map(.policy.rule + ": " + .fields.error) | join("; ")')" \
    "ask: an operator refused it: not that one; quick: nobody approved it in time"

# to itself
bg p g sh -c 'kill -TERM $$; echo still here'
request 1
ctl approve "$id"
await p
want "itself" "$(of p .result.exit_code)" 143

# by a pidfd, and one that is queued
bg p g python3 -c "import os, signal, subprocess
for i in range(2):
    p = subprocess.Popen(['sleep', '300'])
    if i == 0:
        signal.pidfd_send_signal(os.pidfd_open(p.pid), 15)
    else:
        import ctypes
        b = (ctypes.c_int * 32)()
        b[0] = 15; b[2] = -1; b[4] = os.getpid(); b[5] = os.getuid()
        assert ctypes.CDLL(None).syscall(129, p.pid, 15, b) == 0
    print(p.wait())"
request 1
ctl approve "$id"
request 1
ctl approve "$id"
await p
want "other calls" "$(out p)" "-15 -15 "

# another program in the process that was approved
bg p g sh -c "sh -c 'while [ ! -e go ]; do sleep 0.05; done; exec sleep 300' & p=\$!; kill -TERM \$p; echo rc \$?; kill -KILL \$p"
request 1
as "$ME" touch "$ws/go"
is_sleep()
{
	run_in g sh -c "tr '\0' ' ' </proc/$pid/cmdline" | grep -q '^sleep 300'
}
pid=$(asked '.target' | sed 's/^pid //')
wait_for 20 is_sleep || fail "it did not execute sleep"
ctl approve "$id"
await p
want "another program" "$(out p)" "rc 1 "
want_in "why" "$(of p '[.events.other[] | select(.type == "signal_blocked")][0].fields.error')" "not the one that was approved"

# another process that has the number by then
if [ "$(id -u)" = 0 ]; then
	cat >"$T/reuse.py" <<'P'
import ctypes, os, struct, sys
inner = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
host = ns = None
for d in os.listdir('/proc'):
    if not d.isdigit():
        continue
    try:
        line = [l for l in open('/proc/%s/status' % d) if l.startswith('NSpid:')][0].split()
        cmd = open('/proc/%s/cmdline' % d).read()
    except (OSError, IndexError):
        continue
    if len(line) > 2 and line[-1] == str(inner) and cmd.startswith('sleep\0004711'):
        host = int(d)
assert host, 'no such process'
fd = os.open('/proc/%d/ns/pid' % host, os.O_RDONLY)
os.kill(host, 9)
assert libc.setns(fd, 0) == 0, os.strerror(ctypes.get_errno())
tid = (ctypes.c_int * 1)(inner)
args = ctypes.create_string_buffer(struct.pack('11Q', 0, 0, 0, 0, 17, 0, 0, 0,
    ctypes.addressof(tid), 1, 0))
for i in range(200):
    pid = libc.syscall(435, args, 88)
    if pid >= 0:
        break
    import time
    time.sleep(0.05)
assert pid >= 0, os.strerror(ctypes.get_errno())
if pid == 0:
    os.execvp('sleep', ['sleep', '4712'])
print('reused', flush=True)
import time
time.sleep(0.3)
print('alive' if os.waitpid(pid, os.WNOHANG)[0] == 0 else 'dead', flush=True)
sys.stdin.read()
print('alive' if os.waitpid(pid, os.WNOHANG)[0] == 0 else 'dead', flush=True)
os.kill(pid, 9)
P
	# the target is nobody's child, so that its number is free at once
	bg p g sh -c '(sleep 4711 & echo $! >target); p=$(cat target); until readlink /proc/$p/exe | grep -q "sleep\$"; do sleep 0.02; done; kill -TERM $p; echo rc $?'
	request 1
	pid=$(asked '.target' | sed 's/^pid //')
	mkfifo "$T/hold"
	python3 "$T/reuse.py" "$pid" <"$T/hold" >"$T/reuse.out" 2>&1 &
	reuse=$!
	exec 9>"$T/hold"
	wait_for 20 grep -q alive "$T/reuse.out" || fail "$(cat "$T/reuse.out")"
	ctl approve "$id"
	await p
	exec 9>&-
	want "its number was used again" "$(out p)" "rc 1 "
	wait "$reuse"
	want "who has it now" "$(tr '\n' ' ' <"$T/reuse.out")" "reused alive alive "
else
	left_out "a number that is used again (root)"
fi

# who waits can be killed
bg p g sh -c "$victim$start; victim sh -c \"kill -TERM \$p\"; kill -KILL \$p"
request 1
tell g
await p
want "killed" "$(out p)" "137 "
wait_for 10 is_pending 0 || fail "a request of nobody"
told "withdrawn" approval_resolved '[.[] | select(.fields.resolved_by == "withdrawn" and .fields.kind == "signal")] | length' 1

# a group is asked for at once; who joins it later was not approved
bg p g python3 -c "import os, subprocess, time
a = subprocess.Popen(['sleep', '300'], preexec_fn=lambda: os.setpgid(0, 0))
b = subprocess.Popen(['sleep', '300'], preexec_fn=lambda: os.setpgid(0, a.pid))
late = os.fork()
if late == 0:
    while not os.path.exists('later'):
        time.sleep(0.05)
    os.setpgid(0, a.pid)
    open('joined', 'w').close()
    time.sleep(300)
os.killpg(a.pid, 15)
print(a.wait(), b.wait())
time.sleep(0.2)
print(os.waitpid(late, os.WNOHANG)[0])
os.kill(late, 9)"
request 1
want "a group" "$(asked '(.target | sub("[0-9]+,"; "N,")) + " " + (.fields.targets | length | tostring)')" "group N, 2 processes 2"
as "$ME" touch "$ws/later"
wait_for 20 test -e "$ws/joined" || fail "nobody has joined"
ctl approve "$id"
await p
want "the group" "$(out p)" "-15 -15 0 "

# the same of one session shares an answer, which may be for the rest of it
bg p g python3 -c "import os, subprocess, time
p = subprocess.Popen(['sleep', '300'])
time.sleep(0.5)
kids = []
for i in range(3):
    k = os.fork()
    if k == 0:
        try:
            os.kill(p.pid, 15)
            os._exit(0)
        except OSError:
            os._exit(1)
    kids.append(k)
print([os.waitpid(k, 0)[1] for k in kids], p.wait())"
three()
{
	pending >/dev/null
	[ "$(asked .fields.waiting)" = 3 ]
}
request 1
wait_for 20 three || fail "they do not share"
ctl approve "$id"
await p
want "shared" "$(out p)" "[0, 0, 0] -15 "
bg p g python3 -c "import os, signal, subprocess, sys
p = subprocess.Popen([sys.executable, '-c', '''import signal, sys, time
n = 0
def h(*a):
    global n
    n += 1
    print(n, flush=True)
    if n == 3: sys.exit(0)
signal.signal(15, h)
print(0, flush=True)
while True: time.sleep(9)'''], stdout=subprocess.PIPE, text=True)
assert p.stdout.readline() == '0\n'
for i in range(3):
    os.kill(p.pid, 15)
    print(p.stdout.readline().strip())"
request 1
ctl approve --session "$id"
await p
want "for the session" "$(out p) $(pending)" "1 2 3  0"

# a flood: ten wait, the others are refused, and who needs nobody is not kept
bg flood g python3 -c "import os, subprocess
ps = [subprocess.Popen(['sleep', '300']) for i in range(40)]
kids = []
for p in ps:
    k = os.fork()
    if k == 0:
        try:
            os.kill(p.pid, 15)
        except PermissionError:
            os.write(os.open('refused', os.O_CREAT | os.O_APPEND | os.O_WRONLY), b'x')
            os._exit(1)
        os._exit(0)
    kids.append(k)
n = [os.waitpid(k, 0)[1] != 0 for k in kids]
for p in ps:
    if p.poll() is None:
        p.kill()
print(n.count(True), n.count(False))"
request 10
thirty()
{
	[ "$(cat "$ws/refused" 2>/dev/null | wc -c)" = 30 ]
}
wait_for 20 thirty || fail "the others were not refused: $(cat "$ws/refused")"
want "ten" "$(pending)" 10
want "free signals" "$(run_in g sh -c 'sleep 9 & kill -KILL $!; echo $?')" 0
for id in $(jq -r '.[].id' "$T/pending.json"); do
	ctl approve "$id" || fail approve
done
await flood
want "of forty" "$(out flood)" "30 10 "
