#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# B14: a command leaves no program in the workspace that runs as the session's user
# when somebody else starts it outside. Directories keep their set-group-id bit.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
ws=$(new_workspace alice)
API_USER=alice
new_session s "$ws"

run_in s sh -c 'cp /bin/sh prog && chmod 755 prog' || fail "chmod 755"
for mode in 4755 2755 6755; do
	run_in s chmod $mode prog && fail "chmod $mode succeeds"
done
want "rule" "$(jq -r '.events.blocked_operations[0].policy.rule' "$T/exec.json")" no-setid
run_in s python3 -c '
import os
os.umask(0)
os.close(os.open("opened", os.O_CREAT | os.O_WRONLY, 0o6777))
os.mknod("made", 0o106777)
os.mkfifo("fifo", 0o6777)
f = os.open("fd", os.O_CREAT | os.O_WRONLY, 0o700)
try:
    os.fchmod(f, 0o4700)
except OSError:
    pass' || fail "creating files: $(jq -r .result.stderr "$T/exec.json")"
want "set-id files" "$(find "$ws" ! -type d -perm /6000)" ""
run_in s sh -c 'mkdir dir && chmod 2775 dir' || fail "set-group-id of a directory"
want "its mode" "$(stat -c %a "$ws/dir")" 2775
