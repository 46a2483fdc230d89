#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file of the host that is only read costs one descriptor of fsd, however many
# processes have it open: handles.c. Each of them opens it by its own right, and
# gets what is there now. Where a limit is, the error says so, the log once, and
# it is over when the files are closed.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd handles
need_tool curl jq
allow_all
handles=$TEST_BUILD/regress/fs/handles

# 1,000 processes, and a program started among them; fsd may have 5,000
# descriptors for open files, not more
many()
(
	# shellcheck disable=SC3045 # dash has it
	ulimit -n 20000 || skip "RLIMIT_NOFILE is below 20000"
	start_service "sandbox.fuse.scope: all"
	API_USER=alice
	ws=$(new_workspace alice)
	cp "$handles" "$ws/handles"
	new_session s "$ws"
	want "no native mounts" "$(json .native_reads <"$T/session.json")" none
	run_in s sh -c 'mkfifo go; ./handles -w waiting 1000 10 /usr/lib <go >out & exec 9>go
	    until grep -q waiting out; do sleep 0.1; done
	    ./handles -l 1000 10 /usr/lib; touch now; /bin/echo started; until [ -e counted ]; do sleep 0.1; done
	    exec 9>&-; wait; cat out' >"$T/out" &
	job=$!
	wait_for 60 test -e "$ws/now" || fail "they do not wait: $(cat "$ws/out")"
	n=$(find "/proc/$(pgrep -x fsd)/fd" -mindepth 1 | wc -l)
	touch "$ws/counted"
	wait $job
	want "1,000 processes with 10 files each" "$(tr '\n' ' ' <"$T/out")" "opened 10000 started opened 10000 waiting "
	[ "$n" -lt 3000 ] || fail "fsd has $n descriptors"
	say "1,000 processes with 10 files each: fsd has $n descriptors"
	api DELETE /api/v1/sessions/s >/dev/null
	stop_server
)
many || exit

# limits of a small one: 256 descriptors and 4,096 open files
mkdir "$T/ws"
cp "$handles" "$T/ws/handles"
chown -R $ALICE_UID:$ALICE_UID "$T/ws"
small()
(
	# shellcheck disable=SC3045
	ulimit -n 1024
	drive "$T/ws" "$@" >"$T/out" 2>"$T/err" || {
		cat "$T/out" "$T/err"
		fail "the session"
	}
)
small './handles -d 20 20 /usr/lib; ./handles -d 20 20 /usr/lib; ./handles 10 10 /usr/lib'
awk '{ n[NR] = $2 } /EMFILE/ && $2 + $4 == 400 { full++ }
    END { exit !(full == 2 && n[1] > 200 && n[1] < 256 && n[2] == n[1] && $0 == "opened 100") }' "$T/out" ||
	{ cat "$T/out"; fail "files that differ"; }
want "the log of it" "$(grep -c 'have all 256 descriptors' "$T/err")" 1
small './handles 100 50 /usr/lib; ./handles 100 50 /usr/lib; ./handles 10 10 /usr/lib'
awk '{ n[NR] = $2 } /ENFILE/ && $2 + $4 == 5000 { full++ }
    END { exit !(full == 2 && n[1] > 4000 && n[1] < 4096 && n[2] == n[1] && $0 == "opened 100") }' "$T/out" ||
	{ cat "$T/out"; fail "the same files"; }
want "the log of it" "$(grep -c 'has 4096 files open' "$T/err")" 1

# directories being listed have at most 64 descriptors; of the rest nothing is
# lost, in the host's tree and in the workspace
for d in 0 1 2 3 4 5 6 7 8; do
	mkdir -p "$T/ws/big/$d" && (cd "$T/ws/big/$d" && seq 400 | sed 's/^/a-name-that-is-not-short-/' | xargs touch) || fail big
done
chown -R $ALICE_UID:$ALICE_UID "$T/ws/big"
small './handles -l 100 10 big; ./handles -l 100 10 /usr/lib; ./handles 10 10 /usr/lib'
want "1,000 listed at once" "$(tr '\n' ' ' <"$T/out")" "opened 1000 opened 1000 opened 100 "

# what another one has open lends nothing: not its right, and not its bytes,
# also where the file is another one behind the same name and number
host=/mnt # of this test alone
mount -t tmpfs -o mode=0755 test $host
mkdir -m 755 $host/low $host/up $host/work $host/over
for f in mode bytes name low/copied; do
	echo first >$host/$f && chmod 644 $host/$f
done
mount -t overlay -o lowerdir=$host/low,upperdir=$host/up,workdir=$host/work overlay $host/over ||
	skip "the rest: no overlayfs here"
small "exec 3<$host/mode 4<$host/bytes 5<$host/name 6<$host/over/copied; touch open
    until [ -e changed ]; do sleep 0.1; done; sleep 2
    cat $host/mode; cat <&3; cat $host/bytes; cat <&4; cat $host/name; cat <&5; cat $host/over/copied" &
job=$!
wait_for 20 test -e "$T/ws/open" || fail "they do not open"
chmod 000 $host/mode
echo second >$host/bytes
echo second >$host/new && chmod 644 $host/new && mv $host/new $host/name
echo second >$host/over/copied
touch "$T/ws/changed"
wait $job
want "opened again" "$(tr '\n' ' ' <"$T/out")" "first second second second first second "
want_in "the mode" "$(cat "$T/err")" "mode: Permission denied"
