#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every row of rows.def that has a function: in a session it is stopped, or it
# is in known-gaps; outside of one, in a user namespace of its own, it does what
# it is about, so that "stopped" means something.
# timeout: 600
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
attack=$TEST_BUILD/regress/escape/attack
[ -x "$attack" ] || skip "$attack is missing: run make check-programs"
rows=$TEST_SRC/regress/escape/rows.def
gaps=$TEST_SRC/regress/escape/known-gaps

# furnish DIR: what attack.h says that it finds
furnish()
{
	cp "$attack" "$1/attack" && cp "$attack" "$1/denied" || fail "copy of $attack"
	rm -rf "$1/kept.d" "$1/fine" "$1/link" "$1/node" "$1/RAN" "$1"/core*
	say "hidden text" >"$1/secret"
	say "as it was" >"$1/kept"
	mkdir "$1/kept.d"
	[ "$ME" = self ] || chown -R "$ME:" "$1"
}

start_any
case $MODE in
service) policies=$T/var/policies ;;
*) policies=$T/state/policies ;;
esac
cat >"$policies/escape.yaml" <<'P'
version: 1
name: escape
file_rules:
  - name: secret
    paths: ["${PROJECT_ROOT}/secret"]
    operations: ["*"]
    decision: deny
  - name: kept
    paths: ["${PROJECT_ROOT}/kept", "${PROJECT_ROOT}/kept.d{,/**}"]
    operations: [write, create, delete, rmdir, mkdir, rename, link, symlink, chmod, chown, mknod]
    decision: deny
  - name: all
    paths: ["/**"]
    operations: ["*"]
    decision: allow
command_rules:
  - {name: no-denied, commands: [denied], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
resource_limits: {pids_max: 300}
P
chmod 0644 "$policies/escape.yaml"
ws=$(new_workspace "$ME")
furnish "$ws"
outside=$(new_workspace "$ME")
furnish "$outside"
API_USER=$ME
new_session s "$ws" '"policy":"escape"'

key=
remove_segment()
{
	[ -z "$key" ] || as "$ME" ipcrm -M "$key" 2>/dev/null
}
trap 'rc_=$?; remove_segment; (exit $rc_); cleanup' EXIT

# few_numbers ID: A09 is in a hurry to see one again. Only where the limit is of
# this test's own namespace, not of the machine.
few_numbers()
{
	[ "$MODE" != self ] && [ "$ME" != self ] && is_kernel 6.14 &&
	    [ -w /proc/sys/kernel/pid_max ] || return 0
	case $1 in
	A09) say 1000 >/proc/sys/kernel/pid_max ;;
	A10) say 32768 >/proc/sys/kernel/pid_max ;;
	esac
}

# argument ID: what the attack is told of
argument()
{
	case $1 in
	D02) say $$ ;;
	D22) say "$key" ;;
	esac
}

# result TEXT ID STATUS: "stopped why", "escaped why" or "absent why"
result()
{
	line_=$(say "$1" | grep "^$2 ")
	case $3:$line_ in
	"0:$2 stopped "* | "1:$2 escaped "* | "77:$2 absent "*) say "${line_#* }" ;;
	*) fail "$2: status $3: $1" ;;
	esac
}

inside()
{
	out_=$(run_in s /workspace/attack "$1" "$(argument "$1")")
	result "$out_" "$1" $?
}

# The same as root of a user namespace of its own, with nothing else of ours.
control()
{
	furnish "$outside"
	# shellcheck disable=SC2016
	out_=$(cd / && as "$ME" unshare -UrmpfnuC --mount-proc --kill-child=KILL \
	    sh -c 'cd "$0" && exec ./attack "$@" 9<kept' \
	    "$outside" "$1" "$(argument "$1")" 2>&1)
	result "$out_" "$1" $?
}

is_gap()
{
	grep -v '^#' "$gaps" | cut -f 1,2 | grep -q "^$1	.*\<$MODE\>"
}

key=$(as "$ME" python3 -c '
import ctypes
import sys
libc = ctypes.CDLL(None, use_errno=True)
for key in range(0x61676501, 0x61676601):
    if libc.shmget(key, 64, 0o3600) != -1:
        print(key)
        sys.exit()') || fail "no segment of shared memory"
bad=0
n=0
sed -n 's/^ROW(\(...\), .*, \([A-Z]*\), ATTACK, \([A-Z]*\))$/\1 \2 \3/p' "$rows" >"$T/rows"
"$attack" list >/dev/null 2>&1 && fail "attack works outside of any namespace"
while read -r id layer want <&3; do
	few_numbers "$id"
	in=$(inside "$id")
	told=$(jq '.events.blocked_operations | length' "$T/exec.json")
	out=$(control "$id")
	say "$id	$in	(events of refusals: $told)	outside: $out"
	n=$((n + 1))
	# of the static filter and the namespaces nobody hears
	case $layer:$in in
	NTF:stopped* | FS:stopped*) [ "$told" -gt 0 ] || { say "$id: no event tells of it"; bad=1; } ;;
	esac
	case $in in
	stopped*) ! is_gap "$id" || { say "$id is in known-gaps, and is stopped"; bad=1; } ;;
	escaped*) is_gap "$id" || { say "$id is not in known-gaps"; bad=1; } ;;
	absent*)
		left_out "$id: ${in#absent }"
		[ "$want" = ANYHOW ] || { say "$id has nothing to be tried on"; bad=1; }
		;;
	esac
	case $want:$out in
	ESCAPES:escaped* | KERNEL:stopped* | ANYHOW:*) ;;
	*) say "$id: outside it should be $want"; bad=1 ;;
	esac
done 3<"$T/rows"
[ "$n" -gt 30 ] || fail "$n rows"
[ "$(cat "$ws/kept")" = "as it was" ] || fail "kept has changed: $(cat "$ws/kept")"
[ -z "$(ls "$ws/kept.d")" ] || fail "kept.d has $(ls "$ws/kept.d")"
[ $bad = 0 ] || fail "rows.def, known-gaps and what happens differ"
