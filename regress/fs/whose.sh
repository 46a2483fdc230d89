#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a command does is in the events of that command, however it hides:
# behind hundreds of generations, behind parents that end at that moment, behind
# descriptors that it holds so that none is left to find out whose it is.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
cp "$TEST_SRC/regress/fs/whose.py" "$ws/"
[ "$ME" = self ] || chown "$ME:$ME" "$ws/whose.py"
API_USER=$ME

# deleted SESSION NAME: how many files of that name the last command deleted, as
# its events say
deleted()
{
	api GET "/api/v1/sessions/$1/history?type=file_delete&limit=5000&command_id=$(
	    jq -r .command_id "$T/exec.json")" |
	    jq "[.[] | select(.path | test(\"/$2[0-9]+\$\"))] | length"
}

new_session s "$ws"
# shellcheck disable=SC2016
run_in s sh -c 'echo "[ \$1 = 0 ] && exec rm deep0; sh deep.sh \$((\$1 - 1)); exit \$?" >deep.sh
    : >deep0; sh deep.sh 300' >"$T/out" || fail "deep: $(cat "$T/out" "$T/exec.json")"
want "of the last of 300 generations" "$(deleted s deep)" 1
run_in s python3 whose.py orphan 400 >"$T/out" || fail "orphan: $(cat "$T/out" "$T/exec.json")"
want "of processes whose parents end" "$(deleted s orphan)" 400
run_in s python3 whose.py hoard 4 >"$T/out" || fail "hoard: $(cat "$T/out" "$T/exec.json")"
want "with all descriptors held" "$(deleted s hoard)" 4
want "the session's state" "$(api GET /api/v1/sessions/s | jq -r .state)" ready
