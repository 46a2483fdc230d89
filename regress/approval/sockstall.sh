#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Addresses of sockets that are in a directory in which an operation waits for an
# operator are looked for as long. However many threads of one command do that,
# they keep no other command from its execs, signals and sockets; who has too many
# is told to try again.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
cat >"$policies/both.yaml" <<'P'
version: 1
name: both
file_rules:
  - {name: ask, paths: ["${WORKSPACE}/lock/*.ask"], operations: [write, create], decision: approve, timeout: 900s}
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
unix_socket_rules:
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
chmod 0644 "$policies/both.yaml"
new_session k "$ws" '"policy":"both"'
as "$ME" mkdir "$ws/lock"
events_of=k

# a command of a hundred threads, each with a name of which nothing is known
crowd()
{
	bg "$1" k python3 -c "import errno, socket, threading, time
n = []
def one(i):
    try:
        socket.socket(socket.AF_UNIX).connect('/workspace/lock/$1%d' % i)
    except OSError as e:
        n.append(errno.errorcode[e.errno])
ts = [threading.Thread(target=one, args=(i,)) for i in range(100)]
for t in ts: t.start()
open('/workspace/begun-$1', 'w').close()
while 'EAGAIN' not in n and len(n) < 100: time.sleep(0.05)
open('/workspace/told-$1', 'w').close()
for t in ts: t.join()
print(len(n), set(n) <= {'EAGAIN', 'ENOENT'}, n.count('EAGAIN') < 100)"
	wait_for 30 test -e "$ws/begun-$1" || fail "$1 does not begin"
}

# it is a matter of a second, and would be one of the operator
others()
{
	bg o k python3 -c "import os, socket, subprocess
subprocess.run(['true'], check=True)
p = subprocess.Popen(['sleep', '300']); p.kill(); p.wait()
v = socket.socket(socket.AF_UNIX); v.bind('/tmp/$1'); v.listen()
socket.socket(socket.AF_UNIX).connect('/tmp/$1')
print('on')"
	await o
	want "others beside $1" "$(out o)" "on "
}

bg m k sh -c 'echo x >lock/d.ask'
request 1
crowd one
others one
wait_for 30 test -e "$ws/told-one" || fail "nobody was told to try again"
crowd two
others two
wait_for 30 test -e "$ws/told-two" || fail "nobody was told to try again"
want "it waits still" "$(pending)" 1
ctl deny "$id" || fail deny
for i in m one two; do
	await $i
done
want "the crowds" "$(out one)$(out two)" "100 True True 100 True True "
# and those who had to go away leave nothing
crowd three
await three
want "looked for" "$(out three)" "100 True True "
others three
