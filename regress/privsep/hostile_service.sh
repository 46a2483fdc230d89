#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As hostile.sh, for root's agentshd: each of its helpers in turn breaks every
# rule. The hostile maker is root as well, but sends messages and nothing else;
# all of it runs in mount and pid namespaces of the test's own, each peer with a
# /run of its own.
# alone
# timeout: 1200
. "${TEST_SRC:?}/regress/lib.sh"
need_stage
need_tool xargs
hostile=$TEST_BUILD/regress/privsep/hostile
[ -x "$hostile" ] || skip "regress/privsep/hostile is not built: run make check-programs"
need_root
need_fuse
peers="readconf maker sessiond policyd eventd netd execd fsd"
is_kernel 6.9 && peers="$peers fusereg"
mkdir -m 0755 "$T/out"
chmod 0711 "$T"
cp "$hostile" "$T/hostile"
for peer in $peers; do
	cast=$T/cast.$peer
	mkdir -m 0755 "$cast" "$cast/policies"
	cp "$STAGE/agentshd" "$STAGE/init" "$cast/"
	for name in readconf maker sessiond policyd eventd netd execd fsd fusereg; do
		cp "$T/hostile" "$cast/$name"
	done
	# the real one, so that nothing is written outside of the test's directory
	[ "$peer" = readconf ] || cp "$STAGE/readconf" "$cast/readconf"
	chown -R 0:0 "$cast"
	work=$T/work.$peer
	mkdir -m 0755 "$work"
	install -d -m 0700 -o 61010 -g 61010 "$work/lib"
	install -d -m 0700 -o 61012 -g 61012 "$work/log"
	mkdir "$work/policies"
	write_config "$cast/config.yaml" "$work"
	say "agentshd $cast $work $peer"
done >"$T/jobs"
# shellcheck disable=SC2016
HOSTILE_UID=$ALICE_UID xargs -P "$(nproc)" -L 1 unshare --mount --propagation private sh -c '
	mount -t tmpfs -o mode=0755,nosuid,nodev run /run || exit 1
	"$0/hostile" "$@" >"$0/out/$4" 2>&1 || echo "$4 status $?" >>"$0/out/bad"
' "$T" <"$T/jobs"
cat "$T/out"/[!b]*
[ ! -e "$T/out/bad" ] ||
    fail "took what it should refuse, or crashed: $(tr '\n' ';' <"$T/out/bad")"
for peer in $peers; do
	grep -q "^# edge $peer agentshd: .*, [1-9][0-9]* trials" "$T/out/$peer" ||
	    fail "$peer was not tried"
done
