#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh checkpoint rollback and trash restore, while a session works in the
# workspace: nothing of a file is to be had by a name that is not its own, it
# does not come to be elsewhere, and none is lost.
# timeout: 120
. "$(dirname "$0")/_lib.sh"
export XDG_STATE_HOME="$tmp/state" LC_ALL=C.UTF-8
W=$tmp/w
umask 022
mkdir "$W" && cd "$W" || exit 1
: >"$tmp/out" && : >"$tmp/err"

# live WHAT ARG ...: a rollback, and somebody who does that meanwhile
live() {
	"$AGENTSH" checkpoint rollback "$id" $where >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	python3 "$here/checkpoint_live.py" "$@" $pid >"$tmp/seen" 2>&1
	rc=0
	wait $pid || rc=$?
	sed 's/^/# /' "$tmp/seen" | head -5
}
create() {
	run checkpoint create $where
	check "create" rc_is 0
	id=$(cat "$tmp/out")
}
large() { head -c $((${1:-40} << 20)) /dev/zero | tr '\0' 's'; }

# by_names WHERE: a file that its name keeps from the session
by_names() {
	where=$1
	large >.env && ln -s secret link
	create
	for how in absent present; do
		rm -f .env link
		[ $how = absent ] || { echo other >.env && ln -s other link; }
		live names "$W" .env link
		check "$how: it is back" rc_is 0
		check "$how: the whole of it" test "$(wc -c <.env) $(readlink link)" = "$((40 << 20)) secret"
		check "$how: it had no other name" test ! -s "$tmp/seen"
	done
	rm -f .env link
}
where=
by_names ""
# where the storage is on another file system
other=$(mktemp -d /dev/shm/agentsh-test.XXXXXX) || exit 1
trap 'stop_fake; rm -rf "$tmp" "$other"' EXIT
if [ "$(stat -c %d "$other")" != "$(stat -c %d "$W")" ]; then
	by_names "--storage-dir $other"
fi

# A directory that has the name of a protected one by the time that it is
# written to.
where=
mkdir d && large >d/settings.json
create
rm d/settings.json
live move "$W/d" "$W/.vscode" "$W/d"
check "a directory that moves" test "$(cat "$tmp/seen")" = moved
check "gets nothing" test -z "$(ls -A .vscode)"
check "and that is said" rc_is 1
check "as what it is" err_has '^.*d/settings.json: the directory was moved meanwhile$'
rmdir .vscode
run checkpoint rollback "$id"
check "without that" test "$(wc -c <d/settings.json)" = $((40 << 20))
rm -r d

# Files that move while they are looked for, and back.
n=6
for i in 1 2 3 4 5 6; do
	i=$((i - 1))
	mkdir "m$i" "d$i" && large 8 >"m$i/m"
	for k in 0 1 2 3 4 5; do echo "$i $k" >"d$i/f$k"; done
done
create
for stop in 1 2 3; do
	live shuffle "$W" $n $stop
	for i in 0 1 2 3 4 5; do
		for k in 0 1 2 3 4 5; do
			[ "$(cat "d$i/f$k" 2>/dev/null)" = "$i $k" ] || echo "d$i/f$k"
		done
	done >"$tmp/lost"
	sed 's/^/# lost /' "$tmp/lost" | head -3
	check "none is lost ($stop)" test "$(cat "$tmp/lost")" = ""
	run checkpoint rollback "$id"
done
finish
