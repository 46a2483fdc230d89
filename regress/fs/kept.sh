#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the kernel keeps of a file from one opening to the next is what is in it:
# the host changes files in every way, also unheard of, and has them read in the
# session.
# What is kept is said in the events, and with passthrough off nothing is.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
API_USER=$ME
outer=$(new_workspace "$ME")
ws=$outer/ws
as "$ME" mkdir "$ws" "$outer/beside"
cp "$TEST_SRC/regress/fs/kept.py" "$ws/"
as "$ME" sh -c "echo small >$ws/small; touch -d '1 hour ago' $ws/small"
new_session s "$ws"
seed=${KEPT_SEED:-$(date +%s)}
as "$ME" sh -c "cd $ws && python3 kept.py ${KEPT_ROUNDS:-3000} $seed $outer/beside/linked $T/stage/agentsh exec --pty s -- python3 kept.py" >"$T/out" 2>&1 || {
	cat "$T/out"
	fail "seed $seed"
}
want "seed $seed" "$(tail -n 1 "$T/out")" "all as it should be"

# reads NAME: the numbers of bytes of one session's look at it
reads()
{
	run_in "$1" cat small >/dev/null || fail "cat"
	jq -r '.events.file_operations[] | select(.type == "file_read" and .path == "/workspace/small")
	    | "\(.fields.bytes // "-") \(.fields.bytes_at_least // "-") \(.fields.size // "-")"' "$T/exec.json"
}
want "read for the first time" "$(reads s)" "6 - -"
want "kept" "$(reads s)" "- 0 6"
want "kept still" "$(reads s)" "- 0 6"
as "$ME" sh -c "echo other >$ws/small"
want "changed" "$(reads s)" "6 - -"
stop_server

start_any "sandbox.fuse.passthrough: off"
new_session t "$ws"
want "exact numbers, first" "$(reads t)" "6 - -"
want "exact numbers, again" "$(reads t)" "6 - -"
