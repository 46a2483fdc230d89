#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every real helper against a peer that breaks every rule (hostile.c), on every
# channel of chan.def, in both directions. In a build with sanitizers this is the
# test under ASan and UBSan, of everything that passes the gate and a quarter of
# what it refuses (unit/t_gate_all has all of that).
# alone
# timeout: 1200
. "${TEST_SRC:?}/regress/lib.sh"
need_stage
need_tool python3 xargs
hostile=$TEST_BUILD/regress/privsep/hostile
[ -x "$hostile" ] || skip "regress/privsep/hostile is not built: run make check-programs"
# the processes and the peer as some user, never as root; hostile_service.sh has
# root's agentshd
run=
if [ "$(id -u)" = 0 ]; then
	need_root
	run="setpriv --reuid $ALICE_UID --regid $ALICE_UID --clear-groups"
else
	need_dir
fi
missing=
if ! $run sh -c ': <>/dev/fuse' 2>/dev/null; then
	missing="agentshd: /dev/fuse may not be opened"
elif ! $run unshare -Ur true 2>/dev/null; then
	missing="agentshd and init: no user namespaces"
fi
victims="readconf maker sessiond policyd eventd netd execd fsd fusereg agentshctl"
peers=
[ -n "$missing" ] || {
	victims="$victims init"
	# (fusereg: of root's service only, hostile_service)
	peers="readconf maker sessiond policyd eventd netd execd fsd"
}
mkdir -m 0755 "$T/bin" "$T/out"
cp -a "$STAGE/." "$T/bin/"
cp "$hostile" "$T/hostile"
chmod 0711 "$T"

# a directory of helpers where all but agentshd and init are the peer's
make_cast()
{
	mkdir -m 0755 "$1" "$1/policies"
	ln "$T/bin/agentshd" "$T/bin/init" "$1/"
	for name_ in readconf maker sessiond policyd eventd netd execd fsd fusereg; do
		ln "$T/hostile" "$1/$name_"
	done
	say "{}" >"$1/config.yaml"
	[ "$(id -u)" != 0 ] || chown "$ALICE_UID:$ALICE_UID" "$1"
}

for peer in $peers; do
	make_cast "$T/cast.$peer"
	say "agentshd $T/cast.$peer $T/work.p.$peer $peer"
done >"$T/jobs"
for victim in $victims; do
	say "$victim $T/bin $T/work.$victim"
done >>"$T/jobs"
while read -r _ _ work _; do
	mkdir -m 0700 "$work"
	mkdir -m 0700 "$work/home" "$work/run" "$work/state"
	[ "$(id -u)" != 0 ] || chown -R "$ALICE_UID:$ALICE_UID" "$work"
done <"$T/jobs"
[ "$(id -u)" != 0 ] || chown "$ALICE_UID:$ALICE_UID" "$T/out"
# shellcheck disable=SC2016
$run xargs -P "$(nproc)" -L 1 sh -c '
	out=$0/out/$2.$5
	"$1" "$2" "$3" "$4" ${5:+"$5"} >"$out" 2>&1 || echo "$2 $5 status $?" >>"$0/out/bad"
' "$T" "$T/hostile" <"$T/jobs"
cat "$T/out"/*.*
[ ! -e "$T/out/bad" ] ||
    fail "took what it should refuse, or crashed: $(tr '\n' ';' <"$T/out/bad")"
# each row of chan.def both ways
python3 - "$TEST_SRC/src/common" "$T/out" "$missing" <<'PY' || fail "a channel was not tried"
import os
import re
import sys

common, out, missing = sys.argv[1:]


def table(name, pattern):
    with open(os.path.join(common, name), encoding="utf-8") as f:
        return re.findall(pattern, re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S), re.M)


names = dict(table("proc.def", r'^PROC\((\w+),\s*"(\w+)"'))
rows = table("msg.def", r"^MSG\(\w+, \w+, ([\w|]+), ([\w|]+),")
sets = {"HELPERS": "SESSIOND|POLICYD|EVENTD|NETD|EXECD|FSD|FUSEREG", "PRODUCERS": "EXECD|FSD|NETD"}


def roles(mask):
    got = set()
    for r in mask.split("|"):
        r = r[2:] if r.startswith("R_") else r
        got |= roles(sets[r]) if r in sets else {r}
    return got


tried = {}
for f in os.listdir(out):
    with open(os.path.join(out, f), encoding="utf-8") as text:
        for a, b, n in re.findall(r"^# edge (\w+) (\w+): .*, (\d+) trials$", text.read(), re.M):
            tried[a, b] = tried.get((a, b), 0) + int(n)
bad = False
for a, b in table("chan.def", r"^CHAN\((\w+),\s*(\w+),"):
    for x, y in ((a, b), (b, a)):
        n = tried.get((names[x], names[y]), 0)
        row = any(x in roles(f) and y in roles(t) for f, t in rows)
        print(f"{names[x]:>10} to {names[y]:<10} {n:6} trials{'' if row else ' (no message)'}")
        # where a row could be sent; what this user may not start is said below
        # root's service has it (hostile_service), and fsd hears it when it asked
        if names[x] == "fusereg":
            continue
        if n == 0 and row and not (missing and names[y] in ("init", "agentshd")):
            bad = True
if missing:
    print("not tried:", missing)
sys.exit(bad)
PY
