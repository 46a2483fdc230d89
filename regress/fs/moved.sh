#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A directory that another session moved to where the policy says other things:
# a process that is still in it, or has a file of it open to be read, does not work
# there by the old path.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
if [ "$MODE" = service ]; then policies=$T/var/policies; else policies=$T/state/policies; fi
cat >"$policies/p.yaml" <<'P'
version: 1
name: p
file_rules:
  - {name: secret, paths: ["${PROJECT_ROOT}/protected/s*"], decision: deny}
  - {name: work, paths: ["${PROJECT_ROOT}", "${PROJECT_ROOT}/**", "/dev/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
P
chmod 644 "$policies/p.yaml"
ws=$(new_workspace "$ME")
API_USER=$ME
new_session one "$ws" '"policy":"p"'
new_session two "$ws" '"policy":"p"'

# what a process in "a" does when it is "protected"
cat >"$ws/in.sh" <<'E'
mkdir a && cd a && : >plain && : >../in && while [ -e ../in ]; do sleep 0.05; done
try() { "$@" 2>/dev/null && echo "NOT REFUSED: $*"; }
try sh -c 'echo x >secret'; try mkdir sdir; try ln -s x slink; try ln ../f shard; try mv ../f sname
try mkfifo sfifo; try cat skept; try rm -f skept
cd ../protected && : >plain2 && rm plain2 && echo WORKS
E
echo f >"$ws/f"
[ "$ME" = self ] || chown "$ME:$ME" "$ws/f"
run_in one sh in.sh >"$T/out" &
one=$!
wait_for 30 test -e "$ws/in" || fail "the first session does nothing"
(T=$T/two; mkdir "$T"; run_in two mv a protected) || fail "the second session cannot move it"
as "$ME" sh -c "echo TOPSECRET >$ws/protected/skept && rm $ws/in" || fail "keep"
wait $one
cat "$T/out"
grep -q 'NOT REFUSED\|TOPSECRET' "$T/out" && fail "by the old path"
want "by the new path" "$(cat "$T/out")" WORKS
[ "$(cat "$ws/protected/skept")" = TOPSECRET ] || fail "what is kept"
for name in secret sdir slink shard sname sfifo; do
	[ ! -e "$ws/protected/$name" ] && [ ! -L "$ws/protected/$name" ] || fail "$name was made"
done

# and what it has open it does not change
cat >"$ws/attr.py" <<'E'
import os, time
os.mkdir("b")
for n in "sfile", "plain":
    open("b/" + n, "w").close()
    os.chmod("b/" + n, 0o640)
os.mkdir("b/sdir")
s, p, d = (os.open("b/" + n, os.O_RDONLY) for n in ("sfile", "plain", "sdir"))
path = os.open("b/sfile", os.O_PATH)
os.setxattr(s, "user.a", b"1")
open("in", "w").close()
while os.path.exists("in"):
    time.sleep(0.05)

def attempt(what, f, *args):
    try:
        f(*args)
        print("NOT REFUSED:", what)
    except OSError:
        pass
attempt("chmod", os.fchmod, s, 0o777)
attempt("chmod by path", os.chmod, f"/proc/self/fd/{path}", 0o777)
attempt("chmod of a directory", os.fchmod, d, 0o700)
attempt("chown", os.fchown, s, os.getuid(), os.getgid())
attempt("times", os.utime, s, (1, 1))
attempt("attribute", os.setxattr, s, "user.b", b"2")
attempt("remove an attribute", os.removexattr, s, "user.a")
# by the path that it has now
os.chmod("protected2/plain", 0o600)
os.utime("protected2/plain", (1, 1))
os.setxattr("protected2/plain", "user.c", b"2")
q = os.open("protected2/plain", os.O_RDWR)
os.fchmod(q, 0o644)
os.unlink("protected2/plain")
os.fchmod(q, 0o600)
print("WORKS")
E
sed -i 's,/protected/s\*,/protected*/s*,' "$policies/p.yaml"
new_session three "$ws" '"policy":"p"'
run_in three python3 attr.py >"$T/out" &
three=$!
wait_for 30 test -e "$ws/in" || fail "the third session does nothing"
before=$(stat -c '%a %Y %U' "$ws/b/sfile" "$ws/b/sdir")
as "$ME" sh -c "mv $ws/b $ws/protected2 && rm $ws/in" || fail "move"
wait $three
cat "$T/out"
want "by the new path" "$(cat "$T/out")" WORKS
want "attributes" "$(stat -c '%a %Y %U' "$ws/protected2/sfile" "$ws/protected2/sdir")" "$before"

# Who changes them at the moment of the move has what was there before: a mode that
# the process was told to have set, and no later one.
cat >"$ws/race.py" <<'E'
import os, sys, time
os.mkdir("c")
open("c/sfile", "w").close()
s = os.open("c/sfile", os.O_RDONLY)
os.fchmod(s, 0o600)
os.setxattr(s, "user.m", b"600")
mode, last, attribute = 0, 0o600, 0o600
for i in range(int(sys.argv[1])):
    open(f"on{i}", "w").close()
    try:
        while True:
            mode = (mode + 1) % 64
            os.fchmod(s, 0o600 + mode)
            last = 0o600 + mode
            os.setxattr(s, "user.m", b"%o" % last)
            attribute = last
    except OSError:
        pass
    x = os.open(f"at{i}.new", os.O_CREAT | os.O_WRONLY)
    os.write(x, b"%o %o" % (last, attribute))
    os.close(x)
    os.rename(f"at{i}.new", f"at{i}")
    while not os.path.exists(f"back{i}"):
        time.sleep(0.001)
E
cat >"$T/race_out.py" <<'E'
import os, sys, time
def wait(name):
    end = time.time() + 60
    while not os.path.exists(name):
        time.sleep(0.001)
        if time.time() > end:
            sys.exit("no " + name)
wrong = 0
for i in range(int(sys.argv[1])):
    wait(f"on{i}")
    time.sleep(0.002 + i % 50 / 10000)
    os.rename("c", "protected3")
    wait(f"at{i}")
    mode = os.stat("protected3/sfile").st_mode & 0o777
    attribute = int(os.getxattr("protected3/sfile", "user.m"), 8)
    wrong += "%o %o" % (mode, attribute) != open(f"at{i}").read()
    os.rename("protected3", "c")
    open(f"back{i}", "w").close()
print(wrong)
E
rounds=${MOVED_ROUNDS:-150}
run_in three python3 race.py "$rounds" >/dev/null &
three=$!
as "$ME" sh -c "cd $ws && python3 $T/race_out.py $rounds" >"$T/out" || fail "race"
wait $three
want "what changed at the moment of the move" "$(cat "$T/out")" 0
api GET "/api/v1/sessions/three/history?type=file_chmod" >"$T/history"
say "taken back: $(jq '[.[] | select(.policy.rule == "moved-meanwhile" or (tostring | test("moved-meanwhile")))] | length' "$T/history")"
