#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A link that a session can make gives a program no name: what it leads to needs
# a rule for its own. Links of the system, as sh and awk are, are names as before.
# Everything that is refused is shown to run in a session without rules.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
supervise_start
w=/workspace
policy links <<P
  - {name: no-harmless, commands: [harmless], decision: deny}
  - {name: names, commands: [sh, ln, cp, mkdir, chmod, execs, tool, python, python3, awk], decision: allow}
  - {name: place, commands: ["$w/place/**"], decision: allow}
P
new_session links "$ws" '"policy":"links"'

# made by the session: link NAME TARGET
link()
{
	# shellcheck disable=SC2016 # the session's own
	run_in open sh -c 'mkdir -p "${1%/*}" && ln -sfn "$2" "$1"' sh "$1" "$2" || fail "link $1"
}

# ran WANT SESSION command...: its output begins with WANT
ran()
{
	want_=$1
	in_=$2
	shift 2
	out_=$(run_in "$in_" "$@")
	case $out_ in
	"$want_"*) ;;
	*) fail "$in_: $*: $out_ $(jq -c '.result, .events.blocked_operations' "$T/exec.json")" ;;
	esac
}

# kept WANT PATH WORD...: it runs without rules, not with them: neither by itself
# nor from a shell, nor by a path to a descriptor
kept()
{
	want_=$1
	shift
	ran "$want_" open "$@"
	# shellcheck disable=SC2016,SC2086 # the session's own; words
	for how_ in "" "sh -c" "$w/execs execve" "$w/execs opath" "$w/execs vfork"; do
		case $how_ in
		"") out_=$(run_in links "$@") ;;
		sh*) out_=$(run_in links sh -c '"$@"; true' sh "$@") ;;
		*) out_=$(run_in links $how_ "$@") ;;
		esac
		case $out_ in
		"$want_"*) fail "it runs by \"$how_ $*\"" ;;
		esac
	done
}

# links in the workspace to programs there and to those of the system
link $w/l/tool ../denied
kept "RAN denied x" $w/l/tool x
run_in links $w/l/tool x
want "the rule" "$(exec_events 'select(.effective_action == "blocked").policy.rule' | head -n 1)" \
    default-deny-commands
link $w/l2/tool ../l/tool
kept "RAN denied x" $w/l2/tool x
link $w/l3 l
kept "RAN denied x" $w/l3/tool x
link $w/l/python /usr/bin/printf
kept "ab" $w/l/python ab
link $w/bin /usr/bin
link $w/l4/awk ../bin/printf
kept "ab" $w/l4/awk ab
link $w/place/x ../denied
kept "RAN denied x" $w/place/x x
link $w/place/bin /usr/bin
kept "ab" $w/place/bin/printf ab
link $w/l/python3 /proc/self/root/usr/bin/printf
kept "ab" $w/l/python3 ab
link $w/l/sh /bin/../bin/./printf
kept "ab" $w/l/sh ab
mawk=$(readlink -f /usr/bin/awk)
if [ "${mawk##*/}" != awk ]; then
	link $w/l/awk "$mawk"
	kept "ab" $w/l/awk 'BEGIN { print "ab" }'
fi
# a link elsewhere, and one that a script names
# shellcheck disable=SC2016 # the session's own
for s in open links; do
	out=$(run_in $s sh -c 'ln -s /usr/bin/printf /tmp/tool && exec /tmp/tool ab')
	[ $s = open ] && want "in /tmp" "$out" ab && continue
	want "in /tmp" "$out" ""
done
put place/script <<S
#!$w/l/tool one
S
kept "RAN denied one" $w/place/script

# what the link leads to is allowed, and no rule is about the link
link $w/l/another ../tool
ran "RAN tool x" links $w/execs execve $w/l/another x
link $w/l/tool2 $w/l2/../tool
ran "RAN tool x" links $w/execs execve $w/l/tool2 x
# a rule about the link holds too
link $w/l/harmless ../tool
kept "RAN tool x" $w/l/harmless x

# the system's links are names: sh is dash, awk is what /etc/alternatives says,
# python3 has a version; also behind a link of the workspace, as in a venv
ran "one" links sh -c 'echo one'
ran "one" links /bin/sh -c 'echo one'
ran "42" links awk 'BEGIN { print 42 }'
ran "42" links /usr/bin/awk 'BEGIN { print 42 }'
ran "42" links /usr/bin/python3 -c 'print(42)'
link $w/venv/bin/python /usr/bin/python3
link $w/venv/bin/python3 python
ran "42" links $w/venv/bin/python -c 'print(42)'
ran "42" links $w/venv/bin/python3 -c 'print(42)'
link $w/l5/awk /usr/bin/awk
ran "42" links $w/l5/awk 'BEGIN { print 42 }'
link $w/l5/sh /bin/sh
ran "one" links $w/l5/sh -c 'echo one'
put place/script <<S
#!$w/venv/bin/python
print("one")
S
ran "one" links $w/place/script

# one file for many programs: whatever begins with "busybox" runs what its next
# word names; a link to another such file is read by that file's name as well
for name in busyboxx coreutils; do
	cp "$execs" "$ws/$name" && chmod 0755 "$ws/$name" || fail cp
done
refused "busyboxx denied x" $w/execs execve $w/busyboxx denied x
refused "tool denied x" python3 -c "import os
os.execv('$w/tool', ['busybox.a', 'denied', 'x'])"
refused "coreutils denied x" $w/execs execve $w/coreutils denied x
link $w/cu coreutils
refused "coreutils denied x" $w/execs execve $w/cu denied x
