#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each helper against a peer that breaks every rule (hostile.c).
# timeout: 900
. "${TEST_SRC:?}/regress/lib.sh"
need_stage
[ -x "$TEST_BUILD/regress/privsep/hostile" ] || skip "regress/privsep/hostile is not built: run make check"
need_dir
chmod 0711 "$T"
# the helpers and the peer as some user, never as root
if [ "$(id -u)" = 0 ]; then
	mkdir -m 0755 "$T/stage"
	cp -a "$STAGE/." "$T/stage/"
	cp "$TEST_BUILD/regress/privsep/hostile" "$T/hostile"
	install -d -m 0700 -o 61010 -g 61010 "$T/work"
	run="setpriv --reuid 61010 --regid 61010 --clear-groups $T/hostile"
	helpers=$T/stage
else
	mkdir -m 0700 "$T/work"
	run=$TEST_BUILD/regress/privsep/hostile
	helpers=$STAGE
fi
bad=
for role in netd policyd eventd sessiond execd fsd; do
	say "== $role"
	# shellcheck disable=SC2086
	$run "$role" "$helpers" "$T/work" >"$T/out" 2>&1 || bad="$bad $role"
	cat "$T/out"
done
[ -z "$bad" ] || fail "helpers that took what they should refuse, or crashed:$bad"
