#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual's SYNOPSIS is the usage of every command, in the same order, and
# the manual names every option.
. "$(dirname "$0")/_lib.sh"
command -v mandoc >/dev/null || { echo "1..0 # SKIP no mandoc"; exit 77; }
man=$here/../../man/agentsh.1

mandoc -Tascii -Owidth=1000 "$man" | col -b | sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' |
    sed -n 's/^ *agentsh \(.*\)/\1/p' | grep -v '^--version' | sed 's/ *$//' >"$tmp/synopsis"
"$AGENTSH" help | sed -n '/^commands:/,/^options/s/^  \([a-z]* \{0,1\}[a-z]*\)  .*/\1/p' >"$tmp/cmds"
: >"$tmp/usage"
: >"$tmp/opts"
while read -r cmd; do
	# shellcheck disable=SC2086 # one or two words
	"$AGENTSH" $cmd --help >"$tmp/help"
	sed -n 's/^usage: agentsh //p' "$tmp/help" >>"$tmp/usage"
	sed -n 's/^  -\(-*[a-z0-9-]*\).*/\1/p' "$tmp/help" >>"$tmp/opts"
done <"$tmp/cmds"
cp "$tmp/usage" "$tmp/out"
cp "$tmp/synopsis" "$tmp/err"
check "commands were found" [ "$(wc -l <"$tmp/usage")" -ge 14 ]
check "SYNOPSIS is the usage" cmp -s "$tmp/usage" "$tmp/synopsis"
for o in $(sort -u "$tmp/opts"); do
	check "-$o is in the manual" grep -qE -- "Fl (.* )?$o( |\$)" "$man"
done
finish
