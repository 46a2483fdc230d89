#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sessions share a number of terminals, and as many sessions as one user may have
# leave some to others, whatever their commands do; each has one for every command.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
need_tool curl jq python3
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
new_session s "$ws"
run_in s python3 -c 'import os
fds = []
try:
    while True:
        fds += os.openpty()
except OSError as e:
    print(len(fds) // 2, e.strerror)' >"$T/out" || fail "openpty"
want_in "the end" "$(cat "$T/out")" "No space left on device"
read -r n _ <"$T/out"
[ "$n" -ge 32 ] || fail "$n terminals, and 32 commands"
[ $((n * 75)) -lt 3072 ] || fail "$n terminals of a session, and 75 sessions of a user"
