#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Settings of git are compared when nobody can write to them any more: not by a
# mapping that outlives its descriptor, nor from another session, nor from
# outside. And who opens them meanwhile does no harm to the session.
# timeout: 180
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 git
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
cp "$TEST_SRC/regress/fs/settings.py" "$ws/"
new_session s "$ws"
new_session other "$ws"
run_in s git init -q -b main r >/dev/null || fail "git init: $(jq -r .result.stderr "$T/exec.json")"
config=$ws/r/.git/config
cp "$config" "$T/good"
stays()
{
	cmp -s "$T/good" "$config" || { cat "$config"; fail "$1: .git/config was changed"; }
}

run_in s sh -c 'cd r && python3 ../settings.py' >"$T/out" || fail "$(jq -r .result.stderr "$T/exec.json")"
want "what can still write" "$(cat "$T/out")" none
stays "after all"

# What was compared gets no further name, though the policy would let it: by
# that it could be written to. Before, and as a new file, it does.
if [ "$MODE" = service ]; then policies=$T/var/policies; else policies=$T/state/policies; fi
cat >"$policies/links.yaml" <<'P'
version: 1
name: links
file_rules:
  - {name: links, paths: ["${PROJECT_ROOT}/r/.git/config"], operations: [link, chown, write], decision: allow}
  - {name: work, paths: ["${PROJECT_ROOT}", "${PROJECT_ROOT}/**", "/dev/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
P
chmod 644 "$policies/links.yaml"
new_session links "$ws" '"policy":"links"'
cat >"$ws/link.py" <<'PY'
import os, shutil
os.link("r/.git/config", "w")
os.unlink("w")
shutil.copy("r/.git/config", "x")
os.rename("x", "r/.git/config")
try:
    os.link("r/.git/config", "w")
    print("linked")
    os.unlink("w")
except OSError as e:
    print(e.strerror)
PY
want "a further name of what was compared" "$(run_in links python3 link.py)" "Permission denied"
want "its event" "$(jq -r '[.events.blocked_operations[] | select(.type == "file_link") | .policy.rule] | unique | join(" ")' "$T/exec.json")" protected-git
stays "linked"
api DELETE /api/v1/sessions/links >/dev/null

# another session has it open
cat >"$ws/hold.py" <<'PY'
import os, time
fd = os.open("r/x", os.O_WRONLY)
open("held", "w").close()
while not os.path.exists("moved"):
    time.sleep(0.05)
os.pwrite(fd, b"[core]\n\tfsmonitor = evil\n", 0)
PY
run_in s cp r/.git/config r/x || fail "cp: $(jq -r .result.stderr "$T/exec.json")"
(mkdir "$T/other" && T=$T/other && run_in other python3 hold.py >/dev/null) &
other=$!
wait_for 30 test -e "$ws/held" || fail "the other session does nothing"
run_in s mv r/x r/.git/config >/dev/null && say "moved while another session has it open"
as "$ME" touch "$ws/moved"
wait $other || fail "the other session"
stays "open in another session"

# another session opens it by a descriptor of its old name
cat >"$ws/stale.py" <<'PY'
import os, time
fd = os.open("r/x", os.O_PATH)
open("held2", "w").close()
while not os.path.exists("moved2"):
    time.sleep(0.05)
for way in (lambda p: os.write(os.open(p, os.O_WRONLY), b"[core]\n\tfsmonitor = evil\n"), lambda p: os.truncate(p, 3)):
    try:
        way("/proc/self/fd/%d" % fd)
    except OSError:
        pass
PY
run_in s cp r/.git/config r/x || fail "cp: $(jq -r .result.stderr "$T/exec.json")"
(rm -rf "$T/other" && mkdir "$T/other" && T=$T/other && run_in other python3 stale.py >/dev/null) &
other=$!
wait_for 30 test -e "$ws/held2" || fail "the other session does nothing"
run_in s mv r/x r/.git/config >/dev/null || fail "mv: $(jq -r .result.stderr "$T/exec.json")"
as "$ME" touch "$ws/moved2"
wait $other || fail "the other session"
stays "opened by another session by its old name"

# somebody outside opens it again and again while it is moved
run_in s sh -c 'rm -f r/x moved' || fail "rm"
cat >"$T/open.py" <<'PY'
import os, sys, threading
def work():
    while not os.path.exists("moved"):
        try:
            os.close(os.open("r/x", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass
for _ in range(2):
    threading.Thread(target=work).start()
PY
(cd "$ws" && as "$ME" python3 - <"$T/open.py") &
outside=$!
cat >"$ws/many.py" <<'PY'
import os, time
good = open("r/.git/config").read()
end = time.time() + 8
while time.time() < end:
    with open("r/y", "w") as f:
        f.write(good)
    os.rename("r/y", "r/x")
    try:
        os.rename("r/x", "r/.git/config")
    except PermissionError:
        pass
PY
run_in s python3 many.py >/dev/null || { as "$ME" touch "$ws/moved"; fail "many: $(jq -r .result.stderr "$T/exec.json") $(tail -5 "$T/server.log")"; }
as "$ME" touch "$ws/moved"
wait $outside
run_in s true || fail "the session is gone: $(tail -5 "$T/server.log")"
stays "opened outside"
true
