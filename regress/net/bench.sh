#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/net measures what it is asked for, in a session and outside, asks nginx by
# wrk where there are both, says what is missing where there are not, and leaves
# no process behind.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_root
need_tool python3 jq unshare nsenter setpriv openssl ip pgrep
need_stage
need_fuse
[ -x "$TEST_BUILD/bench/netio" ] || skip "not built: run make bench/netio"
need_dir
chmod 0755 "$T"
bench=$TEST_SRC/bench/net

# the same programs, without these two, in whatever of PATH they are
mkdir "$T/bin" "$T/tmp"
(
	IFS=:
	for d in $PATH; do
		[ -d "$d" ] || continue
		find "$d/" -maxdepth 1 ! -type d ! -name wrk ! -name nginx -exec ln -sf -t "$T/bin" {} +
	done
)
PATH=$T/bin "$bench" -j -n 1 -b "$TEST_BUILD" -d "$T/tmp" http tls >"$T/json" 2>"$T/err" || fail "bench/net"
want "works" "$(jq -c '.works | keys' "$T/json")" '["tls"]'
for who in native veth agentsh; do
	want "rounds of $who" "$(jq ".works.tls.values[\"$who\"] | length == 1 and .[0] > 0" "$T/json")" true
done
jq -e '.works.tls | .ratio.agentsh == .median.agentsh / .median.native' "$T/json" >/dev/null || fail "ratio"
want_in "what is missing" "$(cat "$T/err")" "wrk and nginx, 32 connections: not installed: nginx wrk"

missing=
if command -v wrk >/dev/null && command -v nginx >/dev/null; then
	"$bench" -j -n 1 -b "$TEST_BUILD" -d "$T/tmp" http >"$T/json" || fail "bench/net http"
	want "works" "$(jq -c '.works | keys' "$T/json")" '["http"]'
	for who in native veth agentsh; do
		want "wrk of $who" "$(jq ".works.http.values[\"$who\"] | length == 1 and .[0] > 0" "$T/json")" true
	done
else
	missing=yes
fi
want "what is left" "$(find "$T/tmp" -mindepth 1 && pgrep -f "$T/tmp")" ""

"$bench" -n 0 2>"$T/err" && fail "no rounds"
want_in "usage" "$(cat "$T/err")" "usage: net"
want_in "help" "$("$bench" --help)" "veth"
[ -z "$missing" ] || skip "the rest passed; nothing is asked of nginx: it or wrk is not installed"
