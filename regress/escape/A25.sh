#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A25: A descriptor of another session is not had: two sessions on one
# workspace, and a process outside, have no socket in common by which one could
# be passed, by path in the workspace or in /tmp, nor by an abstract name, also
# not by a rule that has the path in it.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
ws=$(new_workspace "$ME")
policy open <<'P'
P
policy named <<P
unix_socket_rules:
  - {name: named, paths: ["$ws/meet", "/workspace/meet", "/tmp/meet", "@meet"], decision: allow}
P
API_USER=$ME
names="'$ws/meet', '/tmp/meet', '\\0meet'"
for policy_ in open named; do
	for end_ in a b; do
		new_session $policy_-$end_ "$ws" "\"policy\":\"$policy_\",\"real_paths\":true"
	done
	(
		T=$T/$policy_
		mkdir "$T"
		py $policy_-a <<P
import time
held = [server(n) for n in ($names)]
assert all(why(sock().connect, n) == 'ok' for n in ($names))
open('$ws/there-$policy_', 'w').close()
for i in range(1200):
    if os.path.exists('$ws/tried-$policy_'):
        break
    time.sleep(0.05)
os.unlink('$ws/meet')
P
	) &
	wait_for 20 test -e "$ws/there-$policy_" || fail "$policy_: the sockets were not made"
	out=$(py $policy_-b <<P
print([n for n in ($names) if why(sock().connect, n) == 'ok'])
P
	)
	want "$policy_: reached from the other session" "$out" "[]"
	[ -e "$ws/meet" ] || fail "$policy_: too late"
	out=$(as "$ME" python3 -c "
import socket
s = socket.socket(socket.AF_UNIX)
try:
    s.connect('$ws/meet')
    print('reached')
except OSError as e:
    print('refused')")
	want "$policy_: reached from outside" "$out" "refused"
	: >"$ws/tried-$policy_"
	wait_for 20 test ! -e "$ws/meet" || fail "$policy_: the first session hangs"
	wait %% 2>/dev/null
done
