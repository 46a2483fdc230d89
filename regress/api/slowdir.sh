#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A workspace on a file system whose server does not answer: agentshd waits for
# no file of a user's, so that the others are served.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_root
slowdir=$TEST_BUILD/regress/api/slowdir
[ -x "$slowdir" ] || skip "$slowdir is not built"
start_service
mkdir "$T/slow"
"$slowdir" "$T/slow" &
server=$!
wait_for 20 grep -q " $T/slow fuse" /proc/self/mounts || fail "no FUSE file system"
as alice curl -s --max-time 20 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
    -d "{\"id\":\"slow\",\"workspace\":\"$T/slow\"}" http://localhost/api/v1/sessions >"$T/slow.json" &
sleep 1
API_USER=bob
new_session b "$(new_workspace bob)"
want "bob's session" "$(run_in b echo alive)" alive
kill -KILL $server
