#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git works in a workspace although its hooks and settings are protected: it may
# change settings that start no program, and no others; and what was looked at
# is what is there afterwards.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 git
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"

# does NAME script: succeeds, and nothing of it is refused
does()
{
	run_in s sh -ec "export GIT_CONFIG_GLOBAL=/dev/null LC_ALL=C.UTF-8; $2" >"$T/out" ||
	    fail "$1: $(cat "$T/exec.json")"
	want "$1: refused" "$(jq -c '[.events.blocked_operations[]?]' "$T/exec.json")" "[]"
}

# kept FILE NAME script: fails, and FILE is as it was
kept()
{
	cp "$ws/$1" "$T/before"
	run_in s sh -c "export GIT_CONFIG_GLOBAL=/dev/null; $3" >"$T/out" && fail "$2: succeeded"
	cmp "$T/before" "$ws/$1" || fail "$2: $1 was changed"
	rm -f "$ws/$1.lock"
}

does init 'git init -q -b main r && cd r && git config user.name A && git config user.email a@b.test &&
    echo 1 >f && git add f && git commit -qm one'
want "modes stay" "$(git -C "$ws/r" -c safe.directory='*' config core.filemode)" true
does "a bare one, and a remote" 'git init -q --bare -b main b.git; cd r && git remote add origin ../b.git &&
    git push -q -u origin main'
does "a branch" 'cd r && git checkout -q -b side && echo 2 >g && git add g && git commit -qm two &&
    git push -q -u origin side && git checkout -q main && git merge -q side'
# what a branch is bound to stays, which git only warns of
run_in s sh -c 'cd r && git branch -q -d side' >/dev/null || fail "branch -d: $(cat "$T/exec.json")"
want "the branch's remote" "$(git -C "$ws/r" -c safe.directory='*' config branch.side.remote)" origin
does clone 'git clone -q b.git c && cd c && git log -1 --format=%s && git pull -q && git checkout -q side'
does "clone of one branch" 'git clone -q --branch side --single-branch --depth 1 "file://$PWD/b.git" d'
want "what it says" "$(git -C "$ws/c" -c safe.directory='*' config remote.origin.url)" /workspace/b.git
does "all of it gone again" 'rm -rf d && test ! -e d'

kept r/.git/config "a program" 'cd r && git config core.fsmonitor evil'
want_in "the rule" "$(cat "$T/exec.json")" protected-git
kept r/.git/config "another way of it" 'cd r && git config alias.x "!evil"'
kept r/.git/config "another remote by the same name" 'cd r && git remote set-url origin https://evil.test/'
kept r/.git/config "removed and made anew" 'cd r && git remote remove origin'
kept r/.git/config "by hand" 'cd r && printf "[core]\n\tsshCommand = evil\n" >x && mv x .git/config'
kept r/.git/config "in place" 'cd r && echo "[core] sshCommand = evil" >>.git/config'
kept r/.git/config "with a second name" 'cd r && cp .git/config x && ln x y && mv x .git/config'
kept r/.git/config "a link" 'cd r && ln -s ../f .git/l && mv .git/l .git/config'
kept r/.git/config "while it is open" 'cd r && cp .git/config x && exec 3>>x && mv x .git/config'
kept r/.git/config "while it is mapped" 'cd r && cp .git/config x && python3 -c "
import mmap, os, sys
fd = os.open(\"x\", os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
try:
    os.rename(\"x\", \".git/config\")
except PermissionError:
    sys.exit(1)
m[0:6] = b\"[cores\""'
# a writer against the rename: whoever wins, what is there was looked at
cat >"$ws/race.py" <<'PY'
import os, random, threading, time
good = open(".git/config").read()
evil = good + "[core]\n\tfsmonitor = evil\n"
end = time.time() + 6
def open_it():
    while time.time() < end:
        time.sleep(random.random() / 100)
        try:
            fd = os.open(".git/z", os.O_WRONLY | os.O_APPEND)
        except OSError:
            continue
        try:
            os.write(fd, b"[core]\n\tfsmonitor = evil\n")
        except OSError:
            pass
        os.close(fd)
def shorten():
    while time.time() < end:
        time.sleep(random.random() / 100)
        try:
            os.truncate(".git/z", 3)
        except OSError:
            pass
for f in (open_it, open_it, shorten):
    threading.Thread(target=f).start()
n = 0
while time.time() < end:
    with open(".git/y", "w") as f:
        f.write(good)
    os.rename(".git/y", ".git/z")
    try:
        os.rename(".git/z", ".git/config")
        n += 1
    except OSError:
        pass
    now = open(".git/config").read()
    assert now == good, now
print(n > 0)
PY
out=$(run_in s sh -c 'cd r && python3 ../race.py') || fail "race: $(cat "$T/exec.json")"
want "settings against a writer" "$out" True
# what somebody else has set stays; a session sees it after a second
git -C "$ws/r" -c safe.directory='*' config core.hooksPath .husky
sleep 2
does "beside it" 'cd r && git config user.name B && git remote add up ../b.git'
want "it stays" "$(git -C "$ws/r" -c safe.directory='*' config core.hooksPath)" .husky
kept r/.git/config "not removed" 'rm -f r/.git/config'
kept r/.git/config "not unset" 'cd r && git config --unset core.hooksPath'
true
