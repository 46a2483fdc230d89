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
	during "$@" -- "$AGENTSH" checkpoint rollback "$id" $where
}
# during WHAT ARG ... -- COMMAND ...
during() {
	meanwhile=
	while [ "$1" != -- ]; do
		meanwhile="$meanwhile $1"
		shift
	done
	shift
	# shellcheck disable=SC2016
	sh -c 'kill -STOP $$; exec "$@"' sh "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	# shellcheck disable=SC2086
	set -- $meanwhile
	python3 "$here/live.py" "$@" $pid >"$tmp/seen" 2>&1
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
rm -rf "${W:?}"/*

# The trash: what is in it is put back by its own name alone.
tok=0123456789abcdef0123456789abcdef
# deleted TRASH PATH: 40 MiB of s
deleted() {
	mkdir -p "$1/payload" "$1/manifest" && chmod 700 "$1"
	large >"$1/payload/$tok"
	printf '{"token":"%s","original_path":"%s","workspace":"%s","type":"file","size":1}' $tok "$2" "$W" >"$1/manifest/$tok.json"
}
if [ "$(stat -c %d "$other")" != "$(stat -c %d "$W")" ]; then
	for force in "" --force; do
		deleted "$other/trash" "$W/.env"
		[ -z "$force" ] || echo other >.env
		during names "$W" .env -- "$AGENTSH" trash restore $tok $force --trash-path "$other/trash"
		check "restore $force: it is back" rc_is 0
		check "restore $force: the whole of it" test "$(wc -c <.env)" = $((40 << 20))
		check "restore $force: it had no other name" test ! -s "$tmp/seen"
		rm -f .env
	done
	deleted "$other/trash" "$W/d/settings.json"
	mkdir d
	during move "$W/d" "$W/.vscode" "$W/d" -- "$AGENTSH" trash restore $tok --trash-path "$other/trash"
	check "restore: a directory that moves" test "$(cat "$tmp/seen")" = moved
	check "restore: gets nothing" test -z "$(ls -A .vscode)"
	check "restore: and that is said" err_has 'd/settings.json: the directory was moved meanwhile$'
	check "restore: it is still in the trash" test -s "$other/trash/payload/$tok"
	rmdir .vscode
fi
# where it is renamed: the moment is made long
if strace -qq -o /dev/null true 2>/dev/null; then
	deleted "$tmp/trash" "$W/d/settings.json"
	mkdir d
	during move "$W/d" "$W/.vscode" "$W/d" -- strace -E ASAN_OPTIONS=detect_leaks=0 -D -qq -o /dev/null -e trace=renameat2 \
	    -e inject=renameat2:delay_enter=1000000:when=1 "$AGENTSH" trash restore $tok --trash-path "$tmp/trash"
	check "renamed: a directory that moves" test "$(cat "$tmp/seen")" = moved
	check "renamed: gets nothing" test -z "$(ls -A .vscode)"
	check "renamed: and that is said" err_has 'd/settings.json: the directory was moved meanwhile$'
	check "renamed: it is still in the trash" test -s "$tmp/trash/payload/$tok" -a -s "$tmp/trash/manifest/$tok.json"
	run trash restore $tok --trash-path "$tmp/trash"
	check "renamed: and can be restored" test "$(wc -c <d/settings.json)" = $((40 << 20))
	# where every file has a name
	rm -rf d .vscode
	echo kept >a && echo kept >b
	create
	echo other >a && rm b
	for when in 4 5; do
		strace -E ASAN_OPTIONS=detect_leaks=0 -qq -o "$tmp/calls" -P . -e trace=openat -e "inject=openat:error=EOPNOTSUPP:when=$when" \
		    "$AGENTSH" checkpoint rollback "$id" >/dev/null 2>"$tmp/err" </dev/null
		check "with a name ($when)" test "$? $(cat a b | xargs) $(ls)" = "0 kept kept a
b"
		check "that was tried" grep -q 'O_TMPFILE.*INJECTED' "$tmp/calls"
		echo other >a && rm b
	done
fi
finish
