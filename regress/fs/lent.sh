#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is written by a descriptor that another command has opened, or stored in a
# mapping of a file that others have open, is in the events of who did it.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
# where the kernel moves the bytes nobody sees by whom
start_any "sandbox.fuse.passthrough: off"
ws=$(new_workspace "$ME")
cp "$TEST_SRC/regress/fs/lent.py" "$ws/"
[ "$ME" = self ] || chown "$ME:$ME" "$ws/lent.py"
API_USER=$ME
new_session s "$ws"

# pair HOW: both sides of lent.py, each a command; their ids are $opener and $user
pair()
{
	rm -f "$T/used" "$ws/f"
	(
		T=$T/user
		run_in s python3 lent.py use "$1" /tmp/s f >"$T/out"
		cp "$T/exec.json" "$T/../used"
	) &
	run_in s python3 lent.py open "$1" /tmp/s f >"$T/out" || fail "$1: $(cat "$T/out" "$T/exec.json")"
	opener=$(jq -r .command_id "$T/exec.json")
	wait_for 20 test -s "$T/used"
	want "$1: used" "$(cat "$T/user/out")" used
	user=$(jq -r .command_id "$T/used")
}
# wrote RESULT: bytes of f that the result of a command says it wrote
wrote()
{
	jq -r '[.events.file_operations[] | select(.path == "/workspace/f" and .type == "file_write")
	    | .fields.bytes] | add' "$1"
}
mkdir "$T/user"
chmod 777 "$T/user"
pair lent
want "who opened it" "$(wrote "$T/exec.json")" "10"
want "who used it" "$(wrote "$T/used")" "1001"
want "by the log" "$(api GET "/api/v1/sessions/s/history?type=file_write&limit=5000" |
    jq -r --arg user "$user" '[.[] | select(.path == "/workspace/f" and .command_id == $user)] | length')" 1
pair both
want "who opened it, both at once" "$(wrote "$T/exec.json")" "3010"
want "who used it, both at once" "$(wrote "$T/used")" "1001"
# whose mapping it was the kernel does not say
pair mapped
want "who stored in a mapping" "$(jq -r '[.events.file_operations[] | select(.path == "/workspace/f" and .type == "file_write")
    | .fields.bytes_at_least != null] | join(" ")' "$T/used")" true
