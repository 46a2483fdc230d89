#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D14: resource_limits.pids_max holds for all processes and threads of a session
# together, and for no other session of the same user; nobody raises it again.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any "policies.default: pids40"
case $MODE in
service) policies=$T/var/policies ;;
*) policies=$T/state/policies ;;
esac
for n in 40 0; do
	cat >"$policies/pids$n.yaml" <<P
version: 1
name: pids$n
file_rules: [{name: all, paths: ["/**"], operations: ["*"], decision: allow}]
command_rules: [{name: all, commands: ["*"], decision: allow}]
resource_limits: {pids_max: $n}
P
	chmod 0644 "$policies/pids$n.yaml"
done
ws=$(new_workspace "$ME")
API_USER=$ME
cat >"$ws/bomb.py" <<'PY'
import os
import resource
import signal
import sys
import threading
import time


def count(make):
    made = []
    for _ in range(120):
        try:
            made.append(make())
        except (OSError, RuntimeError):
            break
    return made


def fork():
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid


def thread():
    t = threading.Thread(target=done.wait)
    t.start()
    return t


try:
    resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))
    print("raised", end=" ")
except (ValueError, OSError):
    print("kept", end=" ")
done = threading.Event()
pids = count(fork)
for pid in pids:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
threads = count(thread)
done.set()
for t in threads:
    t.join()
hold = sys.argv[1:] == ["hold"]
if hold:
    pids = count(fork)
    open("held", "w", encoding="ascii").close()
    while os.path.exists("held"):
        # a thread of execd that has ended leaves a place
        pids += count(fork)
        time.sleep(0.05)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
print(len(pids), len(threads))
PY
chmod 0644 "$ws/bomb.py"
new_session few "$ws" '"policy":"pids40"'
new_session many "$ws" '"policy":"pids0"'
run_in many python3 bomb.py >"$T/out"
case $(cat "$T/out") in
*" 120 120") ;;
*) fail "without a limit: $(cat "$T/out" "$T/exec.json")" ;;
esac
out=$(run_in few python3 bomb.py) || fail "$(cat "$T/exec.json")"
# shellcheck disable=SC2086
set -- $out
want "its limit" "$1" kept
# 40 without init, keeper, the command itself and execd, which is in there too
{ [ "$2" -ge 34 ] && [ "$2" -lt 40 ]; } || fail "$2 processes"
{ [ "$3" -ge 34 ] && [ "$3" -lt 40 ]; } || fail "$3 threads"

# all commands together
api POST /api/v1/sessions/few/exec '{"command":"python3","args":["bomb.py","hold"]}' >"$T/held.json" &
held=$!
wait_for 20 test -e "$ws/held" || fail "the first does not hold"
forks_not()
{
	run_in few python3 -c '
import os
try:
    if os.fork() == 0:
        os._exit(0)
    print("forks")
except OSError as e:
    print(e.errno)' >"$T/second" && [ "$(cat "$T/second")" = 11 ]
}
wait_for 20 forks_not || fail "a second command: $(cat "$T/second")"
want "another session" "$(run_in many sh -c 'true & wait; echo forks')" forks
rm -f "$ws/held"
wait $held
want "afterwards" "$(run_in few sh -c '(sleep 0; echo forks)')" forks
[ "$MODE" = user ] && exit 0
# who is root is not limited, so that it is not promised
API_USER=
install -d -m 0755 "$T/rootws"
api POST /api/v1/sessions "{\"workspace\":\"$T/rootws\",\"policy\":\"pids40\"}" >"$T/root.json"
want "a session of root" "$(status)" 400
AGENTSH_HELPER_DIR="$T/stage" AGENTSH_CONFIG="$T/etc/config.yaml" "$T/stage/agentshd" -n \
    >"$T/check" 2>&1 || fail "the check of the default policy: $(cat "$T/check")"
want_in "why" "$(cat "$T/root.json")" "does not limit the processes of root"
