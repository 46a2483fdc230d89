#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each signal that a process sends is decided by the signal rules, whoever gets
# it and by which call. What is refused here gets through in a session without
# rules.
# timeout: 400
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_signals.sh"
need_tool python3
signals_start
rules near <<P
  - {name: self, signals: ['@all', 40], target: {type: self}, decision: allow}
  - {name: children, signals: ['@all', 40], target: {type: children}, decision: allow}
  - {name: deeper, signals: ['@reload'], target: {type: descendants}, decision: allow}
P
rules table <<P
  - {name: no-parent, signals: [TERM], target: {type: parent}, decision: deny, message: "no {{.Signal}} to a parent"}
  - {name: quiet, signals: [USR1], target: {type: children}, decision: absorb}
  - {name: softer, signals: [KILL], target: {type: session}, decision: redirect, redirect_to: TERM}
  - {name: noted, signals: [USR2], target: {type: session}, decision: audit}
  - {name: asked, signals: [HUP], target: {type: session}, decision: approve, fallback: allow}
  - {name: not-asked, signals: [INT], target: {type: session}, decision: approve}
  - {name: by-name, signals: [WINCH], target: {type: process, pattern: 'sig*'}, decision: allow}
  - {name: by-pid, signals: [CONT], target: {type: pid_range, min: 2, max: 4000000}, decision: allow}
  - {name: siblings, signals: [URG], target: {type: siblings}, decision: allow}
  - {name: user, signals: [PIPE], target: {type: user}, decision: allow}
  - {name: outside, signals: ['@all'], target: {type: external}, decision: allow}
  - {name: ours, signals: [TERM], target: {type: system}, decision: allow}
P
new_session open "$ws" '"policy":"open"'
new_session near "$ws" '"policy":"near"'
new_session table "$ws" '"policy":"table"'

# every call, to whom it may and to whom it may not
all="kill tkill tgkill queue tgqueue $pidfds procfd"
more="$all group"
each open "$more" child 15 "ok TERM"
each near "$more" child 15 "ok TERM"
each open "$more" grandchild 15 "ok TERM"
each near "$more" grandchild 15 "EPERM none"
each_blocked default-deny-signals descendant 15
each near "$more" grandchild 12 "ok USR2"
each open "$more" sibling 15 "ok TERM"
each near "$more" sibling 15 "EPERM none"
each_blocked default-deny-signals sibling 15
each near "$more" orphan 9 "EPERM none"
each near "$all" self 15 "ok TERM"
each table "$all" self 15 "EPERM none"
each_blocked default-deny-signals self 15
each open "$all" parent 15 "ok TERM"
each table "$all" parent 15 "EPERM none"
each_blocked no-parent parent 15
want "message" "$(event .policy.message)" "no SIGTERM to a parent"
each near "tkill tgkill tgqueue $pidfd_thread" thread 10 "ok USR1"
each table "tkill tgkill tgqueue $pidfd_thread" thread 15 "EPERM none"
# what C libraries send among the threads of a process
each table "tkill tgkill" thread 34 "ok rt"
each table "kill tgkill" child 34 "EPERM none"
sends near kill child 9 "ok dead"
sends near kill child 40 "ok rt"
sends near kill child 41 "EPERM none"
sends near kill child 64 "EPERM none"
sends near kill child 65 "EINVAL none"
sends near kill child 0 "ok none"
sends near kill grandchild 0 "ok none"
sends near kill 4000000 15 "ESRCH none"
sends near forged child 15 "EPERM none"

# each decision
sends table kill child 10 "ok none"
want "absorbed" "$(event '.type + " " + .policy.rule + " " + .policy.decision + " " + .policy.effective_decision')" \
    "signal_absorbed quiet absorb absorb"
sends table kill child 9 "ok TERM"
want "redirected" "$(event '.type + " " + .policy.rule + " " + .policy.effective_decision + " " + .fields.redirect_to')" \
    "signal_redirected softer redirect SIGTERM"
sends table kill self 9 "ok TERM"
sends table tgkill self 9 "ok TERM"
sends table kill child 12 "ok USR2"
want "noted" "$(event '.type + " " + .policy.rule + " " + .policy.decision + " " + .policy.effective_decision + " " + .fields.kind')" \
    "signal_sent noted audit allow child"
sends table kill child 1 "ok HUP"
want "fallback" "$(event '.type + " " + .policy.decision + " " + .policy.effective_decision')" "signal_sent approve allow"
sends table kill child 2 "EPERM none"
blocked not-asked child 2 signals
sends table kill orphan 28 "ok WINCH"
sends table kill child 18 "ok CONT"
sends table kill sibling 23 "ok URG"
sends table kill child 23 "EPERM none"
sends table kill child 13 "ok PIPE"
sends near kill child 15 "ok TERM"
want "nothing is told of what is allowed" "$(jq '[.events.other[] | select(.type | startswith("signal_"))] | length' "$T/exec.json")" 0

# agentsh's own processes, whatever the rules say
for t in init keeper; do
	each table "kill tgkill queue $pidfds procfd" $t 15 "EPERM none"
	each_blocked signal-protected system 15
	each near "kill tgkill queue $pidfds procfd" $t 15 "EPERM none"
	each_blocked default-deny-signals system 15
done
want "alive" "$(run_in table echo alive)" alive

# groups: each member for itself, and one that may is enough
sends near zero child 15 "ok TERM"
sends near zero grandchild 15 "ok none"
blocked default-deny-signals descendant 15 signals
sends table zero grandchild 15 "EPERM none"
sends near all child 15 "ok TERM"
sends near all sibling 15 "EPERM none"
sends near zero self 15 "ok TERM"
sends near all self 15 "EPERM none"
[ -z "$pidfd_thread" ] || {
	sends near pidfd-group child 15 "ok TERM"
	sends near pidfd-group sibling 15 "EPERM none"
}

# the kernel sends these, later
for f in owner owner-ex; do
	sends open $f sibling 12 "ok USR2"
	sends near $f sibling 12 "EPERM none"
	sends near $f child 12 "EPERM none"
done
sends near owner sibling 12 "EPERM none"
blocked signal-owner sibling 29
sends near owner-urgent sibling 23 "EPERM none"
# to itself it may be set, but not the flag that has a terminal signal others
sends near owner self 12 "EPERM none"
sends near owner-urgent self 23 "ok URG"
sends near owner-ioctl self 12 "EPERM none"

# between commands of a session nothing but a rule lets signals pass
later table '{"command":"sleep","args":["100"],"timeout":"100s"}'
pid_of()
{
	pid=$(run_in table pgrep -x sleep)
}
wait_for 10 pid_of
sends table kill "$pid" 15 "EPERM none"
blocked default-deny-signals session 15 sleep
sends table kill "$pid" 9 "ok none"
wait "$later"
want "ended by another command" "$(jq .result.exit_code "$T/later/exec.json")" 143

# far descendants
want "a deep nest" "$(run_in near python3 -c '
import os, signal
r, w = os.pipe()
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
top = os.getpid()
for i in range(300):
    if os.fork() != 0:
        break
    if i in (30, 299):
        os.write(w, b"%10d" % os.getpid())
if os.getpid() != top:
    while True:
        signal.pause()
for far in (int(os.read(r, 10)), int(os.read(r, 10))):
    try:
        os.kill(far, signal.SIGUSR1)
        print("sent")
    except PermissionError:
        print("refused")
')" "sent
refused"
blocked signal-unresolved session 10

# what the client is told
run_in table $w/signals kill parent 15 >/dev/null
want "guidance" "$(jq -r '.guidance | "\(.status) \(.policy_rule) \(.blocked_operation) \(.blocked_target)"' "$T/exec.json")" \
    "blocked no-parent kill signals"

# programs: shells' job control, timeout(1), pkill(1), python
# shellcheck disable=SC2016
want "job control" "$(run_in near bash -mc 'sleep 100 & p=$!; kill -STOP %1; kill -CONT %1; kill %1; wait $p; echo $?')" 143
# shellcheck disable=SC2016
want "timeout" "$(run_in near sh -c 'timeout -s TERM 0.2 sleep 100; echo $?')" 124
# shellcheck disable=SC2016
want "timeout of a group" "$(run_in near sh -c 'timeout -k 1 0.2 sh -c "trap \"\" TERM; sleep 3"; echo $?')" 137
# shellcheck disable=SC2016
want "kill \$\$" "$(run_in near sh -c 'trap "echo got" USR1; kill -USR1 $$')" got
if ! command -v pkill >/dev/null; then
	left_out "pkill is not installed"
else
	# shellcheck disable=SC2016
	run_in near sh -c 'sleep 123 & sh -c "exec pkill -x sleep"; kill -0 $! && kill $!' ||
	    fail "pkill ended its parent's child"
	jq -e '[.events.other[] | select(.type == "signal_blocked" and .fields.target == "sleep" and .fields.kind == "sibling")] | length > 0' \
	    "$T/exec.json" >/dev/null || fail "no event of pkill"
fi
want "os.killpg" "$(run_in near python3 -c '
import os, signal, subprocess
p = subprocess.Popen(["sleep", "100"], start_new_session=True)
os.killpg(p.pid, signal.SIGKILL)
print(p.wait())
q = subprocess.Popen(["sleep", "100"])
fd = os.pidfd_open(q.pid)
signal.pidfd_send_signal(fd, signal.SIGTERM)
print(q.wait())
signal.signal(signal.SIGUSR1, lambda *_: print("got"))
signal.raise_signal(signal.SIGUSR1)
try:
    os.kill(os.getppid(), signal.SIGTERM)
except PermissionError:
    print("refused")
' | tr '\n' ' ')" "-9 -15 got refused "
