#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Signals as fast as they can be sent, to threads of their own process, to
# groups and to everybody, leave other commands their turn, and their sender can
# be ended; what a receiver sees of the sender; what a reload changes; execd's
# end decides nothing.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_signals.sh"
need_tool pgrep python3
signals_start
near='  - {name: self, signals: ["@all", 40], target: {type: self}, decision: allow}
  - {name: children, signals: ["@all", 40], target: {type: children}, decision: allow}'
rules near <<P
$near
P
new_session near "$ws" '"policy":"near"'
new_session open "$ws" '"policy":"open"'

# threads that preempt each other, as a runtime of a language does
out=$(run_in near $w/signals -s 4 5000)
want_in "a storm of threads" "$out" "hit "
say "trapped: $out"
say "not trapped: $(run_in open $w/signals -s 4 5000)"

# what the receiver sees: of itself all, of others what they say themselves, and
# else that pid 1 has sent it
sees()
{
	want "$1 to $2" "$(run_in near env VERBOSE=1 $w/signals "$1" "$2" 12)" "ok USR2 $3"
	want "$1 to $2, not decided" "$(run_in open env VERBOSE=1 $w/signals "$1" "$2" 12)" \
	    "ok USR2 ${4:-$3}"
}
sees kill self "code 0 from me value 0"
# (sigtimedwait(3) of glibc says 0 for SI_TKILL)
sees tgkill self "code 0 from me value 0"
sees queue self "code -1 from me value 4711"
sees kill child "code 0 from init value 0" "code 0 from me value 0"
sees queue child "code -1 from me value 4711"
sees tgkill child "code 0 from init value 0" "code 0 from me value 0"
sees tkill thread "code 0 from init value 0" "code 0 from me value 0"
sees tgqueue child "code -1 from me value 4711"

# a group dies as a whole, also while it forks
want "a group that forks" "$(run_in near python3 -c '
import os, signal, subprocess, time
p = subprocess.Popen(["sh", "-c", "while :; do (sleep 5 & sleep 5) & /bin/true; done"], start_new_session=True,
                     preexec_fn=lambda: None)
time.sleep(1)
os.killpg(p.pid, signal.SIGKILL)
print(p.wait())
')" -9
# those that are no children stay, and each has some files open
gone_to_sleep() { ! pgrep -f "^sleep 5" >/dev/null; }
wait_for 20 gone_to_sleep || fail "somebody sleeps on"

# many that signal everybody, all the time
cat >"$ws/storm.py" <<'P'
import os
import signal
import sys
for i in range(100):
    if os.fork() == 0:
        os.setpgid(0, 0)
        while True:
            for how in ((os.kill, -1), (os.killpg, os.getpgid(0)), (os.kill, os.getppid())):
                try:
                    how[0](how[1], signal.SIGCONT)
                except (PermissionError, ProcessLookupError):
                    pass
os.wait()
P
rules storm <<P
$near
  - {name: cont, signals: [CONT], target: {type: session}, decision: allow}
P
new_session storm "$ws" '"policy":"storm"'
later storm '{"command":"python3","args":["/workspace/storm.py"],"timeout":"200s"}'
all_there()
{
	[ "$(pgrep -cf '^python3 /workspace/storm.py')" -gt 100 ]
}
wait_for 60 all_there || fail "no storm"
i=0
worst=0
while [ $i -lt 10 ]; do
	t=$(date +%s%N)
	want "another command" "$(run_in storm sh -c '/bin/echo on')" on
	ms=$((($(date +%s%N) - t) / 1000000))
	[ $ms -lt $((15000 * ${TEST_SLOW:-1})) ] || fail "another command took $ms ms"
	[ $ms -le $worst ] || worst=$ms
	i=$((i + 1))
done
say "the slowest took $worst ms"
id=$(api GET '/api/v1/sessions/storm/history?type=command_started&limit=1000' |
    jq -r '[(if type == "object" then .events else . end)[] | select(.fields.command == "python3")][0].command_id')
t=$(date +%s)
api POST "/api/v1/sessions/storm/kill/$id" >/dev/null
wait "$later"
[ $(($(date +%s) - t)) -lt $((15 * ${TEST_SLOW:-1})) ] || fail "the storm ended late"
want "after it" "$(run_in storm echo on)" on

# a reload changes what is decided, and cannot bring what was not there
rules near <<P
  - {name: self, signals: [TERM], target: {type: self}, decision: allow}
P
sends near kill child 12 "ok USR2"
reload()
{
	kill -HUP "$(pgrep -o -x agentshd)"
	wait_for 20 "$@" || fail "no reload: $*"
}
decides()
{
	[ "$(run_in "$1" $w/signals kill "$2" 12)" = "$3" ]
}
reload decides near child "EPERM none"
policy_head near >"$pdir/near.yaml"
reload decides near child "ok USR2"
want "by a pidfd" "$(run_in near $w/signals pidfd sibling 12)" "ok USR2"
want "a group" "$(run_in near $w/signals zero child 12)" "ok USR2"
rules open <<P
$near
P
refused_reload()
{
	api GET '/api/v1/sessions/open/history?type=policy_reload_failed' | grep -q "the new policy has signal_rules"
}
reload refused_reload
want "as before" "$(run_in open $w/signals kill sibling 12)" "ok USR2"

# nobody answers any more
new_session stuck "$ws" '"policy":"storm"'
execd=$(pgrep -x execd -n)
later stuck '{"command":"/workspace/signals","args":["-s","4","100000000"]}'
sleep 0.5
kill -STOP "$execd"
sleep 0.3
kill -KILL "$execd"
wait_for 10 test ! -d "/proc/$execd" || fail "execd is there"
gone()
{
	! pgrep -x signals >/dev/null
}
wait_for 10 gone || fail "what asked is still there"
