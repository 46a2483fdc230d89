#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentshctl without a server: abbreviations, what is said, exit statuses.
ctl=${TEST_BUILD:-.}/src/agentshctl/agentshctl
[ -x "$ctl" ] || { echo "$ctl is not built"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0

# status, words that the messages have, then the arguments
expect() {
	want=$1 words=$2
	shift 2
	"$ctl" "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	if [ $got -ne "$want" ] || ! cat "$tmp/out" "$tmp/err" | grep -q "$words"; then
		echo "agentshctl $*: status $got, wanted $want and '$words'; got:"
		cat "$tmp/out" "$tmp/err"
		bad=1
	fi
}

export AGENTSH_OPERATOR_SOCKET="$tmp/none"
expect 0 'show processes' --help
expect 2 usage
expect 2 usage -x
expect 2 'unknown command' bogus
expect 2 'unknown command' show sessions more
expect 2 'unknown command' show ''
expect 2 ambiguous show
expect 2 ambiguous sh
expect 1 "$tmp/none: .*is it running" show sessions
expect 1 'is it running' sh p
expect 1 'is it running' l v
expect 1 "$tmp/other: " -s "$tmp/other" log brief
expect 1 'too long' -s "$(printf '%0200d' 0)" log brief
exit $bad
