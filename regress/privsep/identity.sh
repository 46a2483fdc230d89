#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every running process, with one session and one command in it, is as the
# tables say: ids, groups, the five capability sets, no_new_privs, seccomp,
# dumpable, and each open descriptor (descriptors.txt).
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
[ "$ME" != self ] || skip "the descriptors of processes that are not dumpable, only root can see"
start_any
ws=$(new_workspace "$ME")
new_session s "$ws"
run_in s sh -c 'sleep 300 </dev/null >/dev/null 2>&1 &' || fail "a command in the background"
wait_for 20 pgrep -x sleep || fail "the command does not run"
python3 "$TEST_SRC/regress/privsep/identity.py" "$TEST_SRC" "$SERVER_PID" "$MODE" "$ME_UID" "$T" "$ws" ||
    fail "processes are not as the tables say"
