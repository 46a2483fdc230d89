#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Under each policy that is shipped, in a session, with the settings that an
# installation has: git, a compiler with make, python3 with venv and pip, node
# and npm do what they are for, and nothing of it is refused. What is not
# installed is left out, and said. What takes half a minute, venv and npm, is done
# under each policy, and in each way to start agentshd, but not in each of both.
# timeout: 600
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 git gcc make
need_modes
start_any "sandbox.seccomp.shellc.opaque: enforce"

skipped=
/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || skipped="$skipped venv"
[ -x /usr/bin/node ] || skipped="$skipped node"
[ -x /usr/bin/npm ] || skipped="$skipped npm"

# step NAME: the script on stdin is run in the session as a file, in a directory
# of its own
step()
{
	case " $skipped $once " in *" $1 "*) return ;; esac
	{
		say "set -eu; export LC_ALL=C.UTF-8; mkdir $1; cd $1"
		cat
	} >"$ws/$1.sh"
	run_in "$id" sh "./$1.sh" >"$T/step.out" || {
		jq -r '.result.stdout, .result.stderr, .message // empty' "$T/exec.json"
		jq -c '.events.blocked_operations[]?' "$T/exec.json"
		fail "$policy: $1"
	}
	want "$policy: $1: refused" \
	    "$(jq -r '[.events.blocked_operations[]? | .path // .command] | unique | join(" ")' "$T/exec.json")" ""
	want "$policy: $1" "$(tail -n 1 "$T/step.out")" "$2"
}

# direct WANT command...: asked for by itself
direct()
{
	want_=$1
	shift
	run_in "$id" "$@" >"$T/step.out" || fail "$policy: $*: $(cat "$T/exec.json")"
	want "$policy: $*" "$(tail -n 1 "$T/step.out")" "$want_"
}

# denied RULE command...
denied()
{
	rule_=$1
	shift
	run_in "$id" "$@" >"$T/step.out" && fail "$policy: $* was not refused"
	want_in "$policy: $*" "$(cat "$T/exec.json")" "\"$rule_\""
}

for policy in default agent-default agent-strict agent-observe ci-strict dev-safe; do
	id=s-$policy
	once=
	[ "$MODE $ME" != "user alice" ] || [ $policy = default ] || once="venv npm"
	ws=$(new_workspace "$ME")
	new_session "$id" "$ws" "\"policy\":\"$policy\""

	step git two <<-'E'
		git init -q -b main r && cd r
		git config user.name A && git config user.email a@example.org
		echo one >f && git add f && git commit -qm one
		git checkout -qb side && echo two >f && git commit -qam two
		git checkout -q main && git merge -q side && git stash list
		git clone -q . ../c && cd ../c && git status --short && git log -1 --format=%s
	E
	step build 42 <<-'E'
		echo 'int f(int x) { return x * 7; }' >f.c
		printf '#include <stdio.h>\nint f(int);\nint main(void) { printf("%%d\\n", f(6)); return 0; }\n' >main.c
		printf 'prog: main.o f.o\n\tgcc -o $@ $^\n' >Makefile
		make -s CC=gcc && ./prog
	E
	step python '[1, 4, 9]' <<-'E'
		python3 -c 'import json, ssl, sqlite3; print([x * x for x in range(1, 4)])'
	E
	step venv 5 <<-'E'
		/usr/bin/python3 - <<-'P'
			import zipfile
			info = "q-1.0.dist-info/"
			with zipfile.ZipFile("q-1.0-py3-none-any.whl", "w") as z:
			    z.writestr("q.py", "X = 5\n")
			    z.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: q\nVersion: 1.0\n")
			    z.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
			    z.writestr(info + "RECORD", "q.py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n")
		P
		/usr/bin/python3 -m venv v
		v/bin/pip --version | grep -q '^pip '
		v/bin/pip install -q --disable-pip-version-check --no-index ./q-1.0-py3-none-any.whl
		v/bin/python -c 'import q; print(q.X)'
	E
	step node '6 a' <<-'E'
		node -e 'const fs = require("fs"); fs.writeFileSync("a", "x"); console.log(2 * 3, fs.readdirSync(".").join())'
	E
	step npm '+-- (empty)' <<-'E'
		npm init -y >/dev/null
		npm pkg set scripts.t='node -p 40+2' >/dev/null
		[ "$(npm run --silent t)" = 42 ]
		npm ls --no-unicode 2>&1 | sed -n '/^[\`+]/s/^`/+/p' | tail -n 1
	E
	direct "hello" echo hello
	direct "main" sh -c 'cd git/r && git branch --show-current | cat'
	denied deny-privileges sudo id
	denied deny-privileges sh -c 'ls; sudo id'
	[ "$policy" = default ] || [ "$policy" = agent-observe ] ||
	    denied deny-wipe rm -rf /
	case $policy in
	agent-default | agent-strict | ci-strict) denied not-on-the-list tac2 x ;;
	esac
	say KEY >"$ws/secret.pem"
	run_in "$id" cat secret.pem >/dev/null && fail "$policy: a key was read"
	say "$policy: all done"
done
# The default policy for a workspace at its own path beneath a directory of the
# system: it can be written, its credentials cannot be read, and what is beside
# it is the system's.
[ "$ME" = alice ] || left_out "a workspace at its own path needs root, for another /opt"
if [ "$ME" = alice ]; then
	mount -t tmpfs -o mode=0755,nosuid,nodev test /opt || fail "tmpfs on /opt"
	mkdir -m 0777 /opt/beside
	mkdir -m 0755 /opt/work
	say TOPSECRET >/opt/work/a.pem
	say public >/opt/beside/b.pem
	chown -R alice:alice /opt/work
	policy=default id=s-real
	new_session "$id" /opt/work '"real_paths":true'
	direct /opt/work pwd
	direct x sh -c 'echo x >f && cat /opt/work/f'
	want "the file" "$(cat /opt/work/f)" x
	run_in "$id" cat a.pem >"$T/step.out" && fail "a key was read"
	want "a key beneath /opt" "$(jq -r .guidance.policy_rule "$T/exec.json")" deny-private-keys
	direct public cat /opt/beside/b.pem
	run_in "$id" touch /opt/beside/x >"$T/step.out" && fail "the system was changed"
	[ ! -e /opt/beside/x ] || fail "the system was changed"
fi
[ -z "$skipped" ] || skip "the rest passed; not installed:$skipped"
