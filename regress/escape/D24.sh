#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D24: What a terminal would obey (escape sequences, OSC 52, C1 controls) or
# show wrongly (bidirectional controls) reaches the user's and the operator's
# only as \ooo, wherever agentsh itself tells names, words and messages; what a
# command prints is its own.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals "sandbox.fuse.audit.mode: soft_delete"
# OSC 52, a C1 CSI, red, and what turns text around
evil=$(printf 'a\033]52;c;ZXZpbA==\007\302\2332J\033[31m\342\200\256z')
export AGENTSH_SERVER="unix://$API_SOCK"

# clean FILE: no control but tabs and ends of lines, nothing that turns around
clean()
{
	[ -s "$1" ] || fail "$2 said nothing"
	if LC_ALL=C tr -d '\n\t' <"$1" | LC_ALL=C grep -aqP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]'; then
		fail "$2: $(cat -v "$1")"
	fi
	grep -qF '\033' "$1" || fail "$2 does not tell it: $(cat "$1")"
}

# the control: a command's own output is shown as it is
as "$ME" agentsh exec s -- echo "$evil" >"$T/o"
printf "%s\n" "$evil" | cmp -s - "$T/o" || fail "a command's output was changed"

as "$ME" agentsh exec s -- "$evil" >"$T/o" 2>"$T/e"
want "status of what is not there" $? 127
clean "$T/e" "what is not there"
as "$ME" agentsh exec --working-dir "$evil" s -- true >"$T/o" 2>"$T/e"
clean "$T/e" "a directory that is not there"
as "$ME" agentsh session get "$evil" >"$T/o" 2>"$T/e"
as "$ME" agentsh exec --root "$evil" -- true >"$T/o" 2>"$T/e"
clean "$T/e" "a workspace that is not there"

# what an operator is asked
bg p s printenv "$evil"
request 1
ctl approvals >"$T/o"
clean "$T/o" "the list of approvals"
ctl deny --reason "no" "$id" || fail deny
await p

# the record
as "$ME" agentsh events s --limit 100 >"$T/o"
tr -d '\n\t' <"$T/o" | LC_ALL=C grep -aqP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' &&
    fail "the events: $(cat -v "$T/o")"
want "what they say" "$(jq -r '[.[] | select(.type == "execve") | .argv[1]] | unique | join("|")' "$T/o")" "$evil"
# what agentsh tells as JSON of files: JSON has these as they are
soft=$(printf 'b\302\2332J\342\200\256y')
mine()
{
	what=$*
	as "$ME" agentsh "$@" >"$T/o" 2>"$T/e" || fail "$what: $(cat -v "$T/e")"
	tr -d '\n\t' <"$T/o" | LC_ALL=C grep -aqP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' &&
	    fail "$what: $(cat -v "$T/o")"
	jq -r '.. | strings' "$T/o" | grep -qF "$soft" || fail "$what does not tell it: $(cat -v "$T/o")"
}
work=$(new_workspace "$ME")
as "$ME" sh -c 'echo 1 >"$1"' sh "$work/$soft" || fail write
mine checkpoint create --workspace "$work" --storage-dir "$T/home/$ME/cp" --reason "$soft" --json
mine checkpoint list --workspace "$work" --storage-dir "$T/home/$ME/cp" --json
id=$(jq -r '[.. | objects | .id // empty][0]' "$T/o")
mine checkpoint show "$id" --workspace "$work" --storage-dir "$T/home/$ME/cp" --json
as "$ME" sh -c 'echo 22 >"$1"' sh "$work/$soft" || fail write
mine checkpoint show "$id" --diff --workspace "$work" --storage-dir "$T/home/$ME/cp" --json
mine checkpoint rollback "$id" --workspace "$work" --storage-dir "$T/home/$ME/cp" --json
trash=$T/var/trash
[ "$MODE" = service ] || trash=$T/state/trash
run_in s sh -c 'echo 1 >"$0" && rm "$0"' "$soft" || fail "delete: $(cat -v "$T/exec.json")"
mine trash list --json --trash-path "$trash"
mine trash restore --json --trash-path "$trash" "$(jq -r '.[0].token' "$T/o")"
# a whole answer, also of what a command prints
as "$ME" agentsh exec --output json s -- echo "$evil" >"$T/o"
tr -d '\n\t' <"$T/o" | LC_ALL=C grep -aqP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' &&
    fail "the answer: $(cat -v "$T/o")"
want "its output" "$(jq -r .result.stdout "$T/o")" "$evil"
