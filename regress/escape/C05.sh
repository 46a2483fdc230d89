#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What others run or obey later cannot be changed or made: while it is absent
# (C05), as a symbolic link (C06), by a new parent (C07), in another case (C35),
# in a repository however deep (C27); unless a rule names it. Also not as a hard
# link, and not through one. So git runs nothing that a session left (B17).
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
as "$ME" sh -c "cd $ws && mkdir -p .git/hooks .git/objects a/b/c/d/.git/hooks .idea .config/fish own &&
    printf '[core]\n\tbare = false\n\thooksPath = .husky\n' >.git/config &&
    echo theirs >.git/hooks/pre-push && echo theirs >.idea/workspace.xml &&
    echo theirs >.config/fish/config.fish && echo plain >plain && echo theirs >.bashrc &&
    ln -s .git gitlink" || fail "workspace"
(cd "$ws" && find . ! -name . | LC_ALL=C sort && cat .git/config .git/hooks/pre-push .bashrc) >"$T/before"
API_USER=$ME
new_session s "$ws"

# kept NAME script: fails, is said to be protected, and has changed nothing
kept()
{
	run_in s sh -c "$2" >"$T/out" && fail "$1: the command succeeded"
	jq -r '[.events.blocked_operations[]?.policy.rule] | join(" ")' "$T/exec.json" |
	    grep -q protected- || fail "$1: $(cat "$T/exec.json")"
	run_in s sh -c 'rm -rf x y z' >/dev/null
	(cd "$ws" && find . ! -name . | LC_ALL=C sort && cat .git/config .git/hooks/pre-push .bashrc) >"$T/after"
	cmp -s "$T/before" "$T/after" || fail "$1: $(diff "$T/before" "$T/after")"
}

kept "C05 a hook" 'echo evil >.git/hooks/pre-commit'
kept "C05 a hook that is there" 'echo evil >>.git/hooks/pre-push'
kept "C05 an editor's settings" 'mkdir .vscode'
kept "C05 an agent's" 'echo "{}" >.mcp.json'
kept "C05 a start-up file" 'echo evil >.zshrc'
kept "C05 one that is there" 'echo evil >>.bashrc'
kept "the same, removed" 'rm -f .bashrc'
kept "the same, made short" 'truncate -s 0 .bashrc'
kept "C27 deep below" 'echo evil >a/b/c/d/.git/hooks/pre-commit'
kept "settings of git" 'echo "[core] fsmonitor = evil" >>.git/config'
kept "git's place as a file" 'echo "gitdir: ../own" >own/.git'
kept "a worktree's way" 'mkdir .git/worktrees .git/worktrees/w; echo x >.git/worktrees/w/commondir; r=$?; rm -r .git/worktrees; exit $r'
kept "C06 git's place as a link" 'ln -s ../own own/.git'
kept "C06 a link to nowhere" 'ln -s /tmp/x .vscode'
kept "C06 hooks as a link" 'ln -s /tmp/x own/hooks && mkdir own/.git && mv own/hooks own/.git/hooks; r=$?; rm -rf own/hooks own/.git; exit $r'
kept "C06 through a link" 'echo evil >gitlink/hooks/pre-push'
kept "a hard link" 'echo evil >x && ln x .git/hooks/pre-commit'
kept "through a hard link" 'ln .bashrc x && echo evil >x'
kept "C07 the parent" 'mv .git x'
kept "C07 a parent of its parent" 'mv .config x'
kept "C07 a new parent" 'mkdir -p x/.git/hooks && echo evil >x/.git/hooks/y; mkdir -p x/g/hooks && echo evil >x/g/hooks/pre-commit && mv x/g own/.git'
kept "C07 exchanged" 'python3 -c "
import ctypes, os, sys
os.makedirs(\"x/hooks\")
open(\"x/hooks/pre-commit\", \"w\").write(\"evil\")
sys.exit(ctypes.CDLL(None).renameat2(-100, b\"x\", -100, b\".git\", 2) != 0)"'
kept "moved to it" 'echo evil >x && mv x .bashrc'
kept "moved away" 'mv .bashrc x'
kept "C35 in capitals" 'mkdir own/.GIT && mkdir own/.GIT/Hooks && echo evil >own/.GIT/Hooks/pre-commit; r=$?; rm -rf own/.GIT; exit $r'
kept "C35 with dots" 'mkdir own/.git. && mkdir own/.git./hooks.. && echo evil >own/.git./hooks../pre-commit; r=$?; rm -rf own/.git.; exit $r'
kept "C35 a start-up file" 'echo evil >.BashRC'
kept "its mode" 'chmod 777 .idea/workspace.xml'
kept "its times" 'touch .idea/workspace.xml'
kept "a descriptor for reading, opened again" 'exec 3<.bashrc && echo evil >/proc/self/fd/3'

# Ordinary names next to it, and what only looks like it.
run_in s sh -ec 'echo a >.bashrc.bak && echo a >bashrc && mkdir vscode .vscodex && echo a >.gitignore &&
    mkdir own/hooks && echo a >own/hooks/pre-commit && echo a >own/.bashrc && mkdir -p own/.vscode &&
    echo a >own/.vscode/tasks.json && echo a >.git/HEAD && echo a >.git/hooks/a.sample &&
    rm -r .bashrc.bak bashrc vscode .vscodex own/hooks' >/dev/null || fail "ordinary names: $(cat "$T/exec.json")"
for f in .bashrc .git/config .git/hooks/pre-push .idea/workspace.xml; do
	run_in s cat $f >/dev/null || fail "$f cannot be read"
done

# A rule that names one of them is about that one; without the set, none is.
policies=$T/var/policies
[ "$SERVER_USER" = root ] || policies=$T/state/policies
for p in named off; do
	cat >"$policies/$p.yaml" <<-E
		version: 1
		name: $p
		defaults: {protected: $([ $p = off ] && echo off || echo on)}
		file_rules:
		  - {name: mine, paths: ["\${PROJECT_ROOT}/.vscode{,/**}"], decision: allow}
		  - {name: work, paths: ["\${PROJECT_ROOT}{,/**}"], decision: allow}
		  - {name: system, paths: ["/{usr,lib,lib64,bin,etc}{,/**}"], operations: [open, read, stat, list, readlink, access], decision: allow}
		command_rules:
		  - {name: all, commands: ["*"], decision: allow}
	E
	chmod 644 "$policies/$p.yaml"
	new_session $p "$ws" "\"policy\":\"$p\""
done
run_in named sh -c 'mkdir .vscode && echo x >.vscode/tasks.json && rm -r .vscode' >/dev/null ||
    fail "what a rule names: $(cat "$T/exec.json")"
run_in named sh -c 'mkdir .idea2 && mv .idea .idea3' >/dev/null && fail "what no rule names"
run_in off sh -c 'echo x >>.bashrc && echo x >.git/hooks/pre-commit && mv .git x' >/dev/null ||
    fail "without the set: $(cat "$T/exec.json")"
