#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the host changes in the workspace is seen in a session that runs, though
# the kernel keeps what it was told: within a second, however often the command
# has looked before. And what a command changes itself it sees at once.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
# a directory of the host's own tree that this test may change
host=
if [ "$ME" = alice ] && [ -d /opt ]; then
	mount -t tmpfs -o mode=0755 none /opt || fail "mount"
	host=/opt/absent
else
	left_out "the host's tree is not this user's to change"
fi
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
cp "$TEST_SRC/regress/fs/hostchange.py" "$ws/"
as "$ME" mkdir "$ws/d" "$ws/d/sub" "$ws/out" "$ws/d/way" "$ws/d/way/in"
as "$ME" sh -c "echo one >$ws/d/f; echo a >$ws/d/linked; ln $ws/d/linked $ws/out/linked; echo x >$ws/d/sub/x; echo one >$ws/d/way/in/f; echo one >$ws/d/way/g"
new_session s "$ws"

# The command looks at everything all the time and says what is new; the host
# changes one thing after the other and waits for it to be said.
run_in s python3 hostchange.py $host >"$T/out" &
cmd=$!

# seen TEXT: it was said soon after the change (the file system asks the host again
# after 30 s where it does not hear of changes)
seen()
{
	from_=$(date +%s%N)
	wait_for 20 grep -qxF "$1" "$ws/said" || { cat "$ws/said"; fail "never seen: $1"; }
	took_=$((($(date +%s%N) - from_) / 1000000))
	say "$1: $took_ ms"
	[ $took_ -lt 15000 ] || fail "$1 was seen after $took_ ms"
}

wait_for 20 grep -qxF ready "$ws/said" || fail "the command does not begin"
h() { as "$ME" sh -c "cd $ws && $1"; }
h 'echo new >d/absent'
seen 'd/absent: 4'
[ -z "$host" ] || {
	echo other >"$host"
	seen "$host: 6"
	rm "$host"
	seen "$host: gone"
}
h 'rm d/absent'
seen 'd/absent: gone'
h 'echo longer >>d/f'
seen 'd/f: 11'
h 'echo whole >d/t && mv d/t d/f'
seen 'd/f: 6'
h 'chmod 600 d/f'
seen 'd/f: mode 600'
h 'echo more >>out/linked'
seen 'd/linked: 7'
h 'touch d/sub/new'
seen 'd/sub: new x'
h 'mv d/sub d/moved'
seen 'd/sub: gone'
seen 'd/moved: new x'
h 'touch d/moved/third'
seen 'd/moved: new third x'
h 'rm -r d/moved && mkdir d/moved'
seen 'd/moved: '
h 'ln -s f d/link'
seen 'd/link: to f'
h 'ln -sfn other d/link'
seen 'd/link: to other'
h 'echo root >top'
seen 'top: 5'
# who may not go there any more must not by what the kernel remembers
h 'chmod 0 d/way'
seen 'd/way/in/f: closed'
seen 'd/way/g: closed'
h 'chmod 755 d/way'
seen 'd/way/in/f: 4'
seen 'd/way/g: 4'
h 'i=0; while [ $i -lt 3000 ]; do : >d/moved/$i; i=$((i+1)); done; rm d/moved/*; : >d/moved/last'
seen 'd/moved: last'
h ': >end'
wait $cmd || { cat "$T/exec.json"; fail "the command fails"; }
cat "$T/out"
want_in "its own changes" "$(cat "$T/out")" "own: ok"
