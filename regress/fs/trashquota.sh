#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The quota of the trash: many threads that delete at once, and files that are
# written to after they were deleted. What a session put there goes with it
# where the configuration says so.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
quota=3000000
start_any "sandbox.fuse.audit.mode: soft_delete" "sandbox.fuse.audit.quota: 3MB"
API_USER=$ME
ws=$(new_workspace "$ME")
if [ "$MODE" = service ]; then
	trash=$T/var/trash/$ME_UID
else
	trash=$T/state/trash
fi
new_session s "$ws"
[ "$ME" != self ] || PATH=$T/stage:$PATH
trash()
{
	as "$ME" "$T/stage/agentsh" trash "$@" --trash-path "$trash" 2>"$T/err"
}
# what the trash takes, as the quota counts it, and what its sum says
taken()
{
	python3 - "$trash" <<'PY'
import os, sys
t = sys.argv[1]
def note(n):
    return max(4096, (os.lstat(t + "/manifest/" + n + ".json").st_size + 4095) // 4096 * 4096)
print(sum(note(n) + os.lstat(t + "/payload/" + n).st_blocks * 512 for n in os.listdir(t + "/payload")))
PY
}
summed()
{
	cut -d' ' -f1 <"$trash/sum" | sed 's/^0*//; s/^$/0/'
}
fits()
{
	[ "$(taken)" -le $quota ] || fail "$1: $(taken) bytes are more than the quota"
	want "$1: the sum" "$(summed)" "$(taken)"
}
token()
{
	jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.fields.trash_token]|last' "$T/exec.json"
}

# begin ID COMMAND...: without waiting for its end; $waited
begin()
{
	id_=$1
	shift
	body_=$(jq -cn '{command: $ARGS.positional[0], args: $ARGS.positional[1:]}' --args -- "$@")
	as "$ME" curl -s --max-time 100 --unix-socket "$API_SOCK" -H 'Content-Type: application/json' \
	    --data-binary "$body_" "http://localhost/api/v1/sessions/$id_/exec" >/dev/null 2>&1 &
	waited=$!
}

# what is long to tell takes as much: 80 of these do not fit, though they are empty
run_in s python3 -c '
import os
for i in range(15):
    os.mkdir("\x01" * 250)
    os.chdir("\x01" * 250)
for i in range(80):
    open(str(i), "w").close()
    try:
        os.unlink(str(i))
    except PermissionError:
        pass
' || fail "long names: $(cat "$T/exec.json")"
fits "long names"
[ "$(find "$trash/payload" -type f | wc -l)" -lt 80 ] || fail "80 long names are in the trash"
trash restore "$(token)" >/dev/null || fail "a long name: $(cat "$T/err")"
fits "one of them restored"
trash purge --ttl 0s >/dev/null || fail "purge: $(cat "$T/err")"
fits "none of them"
rm -rf "${ws:?}"/* "$trash/log"

# what was deleted gets no name in the workspace by who still holds it, to grow by
run_in s python3 -c '
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def link(fd, to):
    if libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, to, 0x400) == -1:
        raise OSError(ctypes.get_errno(), to)
for what in "fgh":
    open(what, "w").close()
    fd = os.open(what, os.O_PATH if what != "g" else os.O_RDONLY)
    os.unlink(what)
    os.stat(fd)
    try:
        link(fd, b"back")
        with open("back", "wb") as f:
            f.write(b"x" * 6000000)
        print(what, "is back")
        os.rename("back", what + "2")
    except OSError as e:
        assert e.errno in (errno.ENOENT, errno.ESTALE), e
    os.close(fd)
# one that never had one does
fd = os.open(".", os.O_TMPFILE | os.O_RDWR)
link(fd, b"new")
os.link("new", "newer")
' >"$T/out" || fail "back: $(cat "$T/out"; jq -r .result.stderr "$T/exec.json")"
want "back from the trash" "$(cat "$T/out")" ""
fits "what was held"
trash purge --ttl 0s >/dev/null || fail "purge: $(cat "$T/err")"
rm -rf "${ws:?}"/* "$trash/log"

# 40 at once, of which 14 fit: each is in one place, whole
run_in s python3 -c '
import os, threading
go = threading.Event()
def work(k):
    with open("r%d" % k, "wb") as f:
        f.write(bytes([k]) * 200000)
    go.wait()
    try:
        os.unlink("r%d" % k)
    except PermissionError:
        pass
ts = [threading.Thread(target=work, args=(k,)) for k in range(40)]
for t in ts: t.start()
go.set()
for t in ts: t.join()
' || fail "40 threads: $(cat "$T/exec.json")"
here=$(find "$ws" -name 'r*' -size 200000c | wc -l)
there=$(find "$trash/payload" -type f -size 200000c | wc -l)
want "one place for each" $((here + there)) 40
want "no half" "$(find "$trash/manifest" -name '*.json' | wc -l) $(find "$trash/payload" -type f | wc -l)" "$there $there"
[ "$there" -ge 13 ] || fail "only $there fit"
fits "many at once"
rm -f "$ws"/r*
trash purge --ttl 0s >/dev/null || fail "purge: $(cat "$T/err")"

# others that must stay, whatever grows
run_in s sh -c 'head -c 1000000 /dev/zero >other; rm other' || fail "other"
other=$(token)
# within the quota what is written later counts
run_in s python3 -c '
import os
f = os.open("a", os.O_RDWR | os.O_CREAT, 0o644)
os.write(f, b"keep")
os.unlink("a")
os.write(f, b"x" * 100000)
os.close(f)
' || fail "a: $(cat "$T/exec.json")"
want "written later" "$(wc -c <"$trash/payload/$(token)")" 100004
fits "written later"
# beyond it, it is cut to what was deleted
run_in s python3 -c '
import os
f = os.open("b", os.O_RDWR | os.O_CREAT, 0o644)
os.write(f, b"keep")
os.unlink("b")
for i in range(50):
    os.write(f, b"x" * 100000)
os.close(f)
' || fail "b: $(cat "$T/exec.json")"
want "cut" "$(cat "$trash/payload/$(token)")" keep
fits "cut"
# no cut helps where holes were filled: it goes
run_in s python3 -c '
import os
f = os.open("c", os.O_RDWR | os.O_CREAT, 0o644)
os.ftruncate(f, 5000000)
os.unlink("c")
for i in range(50):
    os.pwrite(f, b"x" * 100000, i * 100000)
os.close(f)
' || fail "c: $(cat "$T/exec.json")"
c=$(token)
wait_for 20 sh -c "! test -e '$trash/payload/$c' -o -e '$trash/manifest/$c.json'" || fail "holes were filled: $(taken)"
fits "holes"
# neither does it of what has another name, which is not the trash's
run_in s python3 -c '
import os
open("d", "w").write("keep")
os.link("d", "d2")
os.unlink("d")
open("d2", "a").write("x" * 5000000)
' || fail "d: $(cat "$T/exec.json")"
d=$(token)
wait_for 20 sh -c "! test -e '$trash/payload/$d'" || fail "the other name grew: $(taken)"
want "the other name" "$(wc -c <"$ws/d2")" 5000004
fits "another name"
want "what nobody wrote to" "$(wc -c <"$trash/payload/$other")" 1000000
run_in s true
want "events" "$(api GET '/api/v1/sessions/s/history?type=trash_purge' | jq -r '[.[]|.fields.reason+":"+.fields.trash_token]|sort|join(" ")')" \
    "$(printf 'grown:%s\n' "$c" "$d" | sort | tr '\n' ' ' | sed 's/ $//')"
want "the log" "$(trash list --log | cut -f2,3,6 | sort | tr '\t\n' '  ')" \
    "$(printf 'grown 1 %s\n' "$c" "$d" | sort | tr '\n' ' ')purge $there - "

# the session is killed while one grows: found when the next one starts
begin s python3 -c '
import os, time
f = os.open("e", os.O_RDWR | os.O_CREAT, 0o644)
os.unlink("e")
for i in range(50):
    os.write(f, b"x" * 100000)
open("grown", "w").close()
time.sleep(60)
'
wait_for 10 test -e "$ws/grown" || fail "nothing grew"
sleep 0.1
[ "$(taken)" -gt $quota ] || fail "it did not get past the quota"
api DELETE /api/v1/sessions/s >/dev/null
wait $waited || :
new_session s2 "$ws"
wait_for 10 sh -c "[ \$(find '$trash/payload' -type f -size +4000k | wc -l) = 0 ]" || fail "it is still there: $(taken)"
fits "at the next start"
want "what nobody wrote to" "$(wc -c <"$trash/payload/$other")" 1000000

# what a session deleted stays, or goes with it
run_in s2 sh -c ': >k; rm k' || fail "k"
k=$(token)
api DELETE /api/v1/sessions/s2 >/dev/null
[ -e "$trash/payload/$k" ] || fail "the session's end took it"
stop_server
start_any "sandbox.fuse.audit.mode: soft_delete" "sandbox.fuse.audit.session_end: purge"
new_session p "$ws"
new_session q "$ws"
run_in q sh -c 'echo q >q; rm q' || fail "q"
q=$(token)
run_in p sh -c 'for i in 1 2 3 4 5; do echo $i >p$i; rm p$i; done; mkdir pd; rmdir pd; echo back >pb; rm pb' || fail "p: $(cat "$T/exec.json")"
b=$(token)
trash restore "$b" >/dev/null || fail "restore: $(cat "$T/err")"
api DELETE /api/v1/sessions/p >/dev/null
wait_for 20 sh -c "! grep -l '\"session\":\"p\"' '$trash/manifest'/*.json" || fail "what p deleted is still there"
want "restored" "$(cat "$ws/pb")" back
for t in $q $k $other; do
	[ -e "$trash/payload/$t" ] || fail "more than its own went"
done
want "the sum" "$(summed)" "$(taken)"
want "the log" "$(trash list --log --session p | cut -f2,3,5 | tr '\t\n' '  ')" "restore 1 p session_end 6 p "
# while a command runs, and many of them
begin q sh -c 'i=0; while [ $i -lt 500 ]; do echo $i >m$i; i=$((i+1)); done; rm m*; : >ready; sleep 60'
wait_for 30 test -e "$ws/ready" || fail "not ready"
api DELETE /api/v1/sessions/q >/dev/null
wait $waited || :
wait_for 20 sh -c "! grep -l '\"session\":\"q\"' '$trash/manifest'/*.json" || fail "what q deleted is still there"
[ -e "$trash/payload/$k" ] || fail "more than its own went"
want "event" "$(api GET '/api/v1/sessions/q/history?type=trash_purge' | jq -r '[.[]|"\(.fields.reason) \(.fields.purged)"]|join(" ")')" "session_end 501"

# what can be written to in the trash is at most half of what fits: more is not
# deleted, and is once the other names are gone
stop_server
trash purge --ttl 0s >/dev/null || fail "purge: $(cat "$T/err")"
start_any "sandbox.fuse.audit.mode: soft_delete" "sandbox.fuse.audit.max_entries: 40"
new_session l "$ws"
run_in l sh -c 'for i in $(seq 20); do : >l$i; ln l$i k$i; rm l$i || exit 1; done; : >l; ln l k; : >plain' ||
    fail "20 of 40: $(cat "$T/exec.json")"
run_in l rm l && fail "more than half of the trash can be written to"
want "which rule" "$(jq -r '[.events.blocked_operations[]?.policy.rule] | unique | join(" ")' <"$T/exec.json")" trash-full
want_in "the reason" "$(jq -r '[.events.blocked_operations[]?.policy.message] | join(" ")' <"$T/exec.json")" "another name"
[ -e "$ws/l" ] || fail "it is gone all the same"
run_in l rm plain || fail "what nobody can write to: $(cat "$T/exec.json")"
as "$ME" sh -c "rm $ws/k1 $ws/k2 $ws/k3" || fail "rm"
sleep 2.1
run_in l rm l || fail "with fewer: $(cat "$T/exec.json")"
true
