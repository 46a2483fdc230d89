#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command that wants as much approved as it can leaves room for others, whatever
# it is that each of them wants.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
cat >"$policies/fair.yaml" <<'P'
version: 1
name: fair
file_rules:
  - {name: ask, paths: ["${WORKSPACE}/*.ask"], operations: [write], decision: approve, timeout: 900s}
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: run, commands: [printenv], decision: approve, timeout: 900s}
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: send, signals: [TERM], target: {type: session}, decision: approve, timeout: 900s}
  - {name: rest, signals: ['@all'], target: {type: session}, decision: allow}
unix_socket_rules:
  - {name: reach, paths: ["/tmp/ask*"], operations: [connect], decision: approve, timeout: 900s}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
chmod 0644 "$policies/fair.yaml"

as "$ME" sh -c "cd $ws && : >beside.ask && for i in \$(seq 0 39); do : >\$i.ask; done"

# more of one kind than all who wait may be, and a file that tells when some of
# them were refused
# shellcheck disable=SC2016 # python's
one='import os, socket, subprocess, sys
kind = sys.argv[1]
N = 40
ps = [subprocess.Popen(["sleep", "900"]) for i in range(N)] if kind == "signal" else []
vs = []
if kind == "unix_socket":
    for i in range(N):
        v = socket.socket(socket.AF_UNIX); v.bind("/tmp/ask%d" % i); v.listen(); vs.append(v)
def want(i):
    if kind == "signal":
        os.kill(ps[i].pid, 15)
    elif kind == "unix_socket":
        socket.socket(socket.AF_UNIX).connect("/tmp/ask%d" % i)
    elif kind == "file":
        os.open("/workspace/%d.ask" % i, os.O_WRONLY)
    else:
        os.execv(sys.argv[2], ["printenv", str(i)])
kids = set()
for i in range(N):
    k = os.fork()
    if k == 0:
        try:
            want(i)
            os._exit(0)
        except PermissionError:
            os._exit(77)
    kids.add(k)
refused = 0
while kids:
    k, rc = os.wait()
    if k not in kids:
        continue
    kids.remove(k)
    refused += os.waitstatus_to_exitcode(rc) == 77
    if refused == N - 10:
        open("/workspace/full", "w").close()
for p in ps:
    p.kill()
print(refused)'

other=unix_socket
for kind in file command signal unix_socket; do
	new_session "$kind" "$ws" '"policy":"fair"'
	rm -f "$ws/full"
	bg all "$kind" python3 -c "$one" "$kind" "$(command -v printenv)"
	request 10
	wait_for 30 test -e "$ws/full" || fail "$kind: nobody was refused"
	want "$kind: ten" "$(pending)" 10
	first=$(asked .command_id)
	# another command gets its turn, with that and with something else
	for beside in "$kind" "$other"; do
		case $beside in
		file)
			bg p "$kind" sh -c 'echo x >>beside.ask && echo on' ;;
		command)
			bg p "$kind" sh -c 'printenv HOME >/dev/null && echo on' ;;
		signal)
			bg p "$kind" sh -c 'trap "echo on" TERM; kill -TERM $$' ;;
		unix_socket)
			bg p "$kind" python3 -c "import socket
v = socket.socket(socket.AF_UNIX); v.bind('/tmp/askbeside'); v.listen()
socket.socket(socket.AF_UNIX).connect('/tmp/askbeside'); print('on')" ;;
		esac
		request 11
		want "beside $kind" "$(asked .kind)" "$beside"
		[ "$(asked .command_id)" != "$first" ] || fail "it is the same command"
		ctl approve "$id" || fail approve
		await p
		want "$beside beside $kind" "$(out p)" "on "
	done
	other=$kind
	for id in $(jq -r ".[] | select(.command_id == \"$first\").id" "$T/pending.json"); do
		ctl deny "$id" || fail deny
	done
	await all
	want "$kind: none" "$(out all)" "40 "
done
