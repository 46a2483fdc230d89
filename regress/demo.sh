#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration: an agent's work on a small C project in a session, from git
# status to a script that also tries two secrets; then what agentsh answered is
# shown and checked. As root the service runs, in private namespaces, and the
# agent is a user; as an ordinary user agentsh starts its server by itself.
if [ "$(id -u)" = 0 ]; then
	export TEST_ROOT=1
fi
. "${TEST_SRC:?run it by ./bootstrap demo}/regress/lib.sh"

need_tool git jq python3 make gcc setpriv
need_stage

show()
{
	printf '\n$ agentsh exec demo -- %s\n' "$*"
}

# The agent's side: agentsh, as the user.
agent()
{
	if [ "$AGENT" = self ]; then
		"$STAGE/agentsh" "$@"
	else
		as "$AGENT" "$T/stage/agentsh" "$@"
	fi
}

owner()
{
	if [ "$AGENT" = self ]; then
		"$@"
	else
		as "$AGENT" "$@"
	fi
}

if [ "$(id -u)" = 0 ]; then
	need_root
	AGENT=alice
	start_service
	AGENTSH_SERVER=unix://$API_SOCK
	say "the service runs: agentshd and its helpers, under users of their own"
else
	need_dir
	need_fuse
	AGENT=self
	mkdir -p "$T/home" "$T/state" "$T/config"
	mkdir -m 0700 "$T/run"
	export HOME="$T/home" XDG_RUNTIME_DIR="$T/run" XDG_STATE_HOME="$T/state" \
	    XDG_CONFIG_HOME="$T/config" AGENTSH_HELPER_DIR="$STAGE" \
	    AGENTSH_CONFIG="$T/config/agentsh.yaml"
	write_config "$AGENTSH_CONFIG" "$T/state/agentsh" \
	    "sessions.base_dir: $T/state/agentsh/spool" "audit.dir: $T/state/agentsh/log"
	say "no server runs: the first agentsh exec starts one of this user"
fi

WS=$(new_workspace "$AGENT")
chmod 0700 "$WS"
owner sh -c 'cd "$1" && cat >add.c <<"C"
#include "add.h"

int
add(int a, int b)
{
	return a + b;
}
C
cat >add.h <<"C"
int add(int, int);
C
cat >test.c <<"C"
#include <stdio.h>
#include "add.h"

int
main(void)
{
	if (add(2, 2) != 4)
		return 1;
	puts("2 + 2 is 4");
	return 0;
}
C
cat >Makefile <<"M"
all: test
test: test.o add.o
	$(CC) -o test test.o add.o
check: test
	./test
M
cat >agent.py <<"P"
"""What an agent might run: some work, and two things it should not do."""
import os

with open("add.c") as f:
    text = f.read()
with open("NOTES.md", "w") as f:
    f.write("add.c has %d bytes\n" % len(text))
for secret in ("deploy.pem", "/etc/shadow"):
    try:
        with open(secret) as f:
            print("READ", secret, len(f.read()))
    except OSError as e:
        print("refused:", secret, os.strerror(e.errno))
print("done")
P
printf "%s\n" "-----BEGIN PRIVATE KEY-----" "not for agents" >deploy.pem
printf "%s\n" "*.o" test >.gitignore
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org \
    GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
git init -q -b main . && git add add.c add.h test.c Makefile .gitignore agent.py &&
    git commit -qm "A project"' sh "$WS" || fail "the project could not be made"

# agentsh by itself starts in the current directory; the session is made by the
# first command
cd "$WS" || fail "cd $WS"

show git status --short
out=$(agent exec demo --root "$WS" -- git status --short) || fail "git status: status $?"
say "$out"

show make
agent exec demo -- make || fail "make: status $?"
[ -x "$WS/test" ] || fail "make in the session left no program in the workspace"

show make check
out=$(agent exec demo -- make check) || fail "make check: status $?"
say "$out"
want_in "make check" "$out" "2 + 2 is 4"

show false
agent exec demo -- false
want "exit code of false" $? 1

show sudo id
agent exec demo -- sudo id
want "exit code of a denied command" $? 126

show python3 agent.py
agent exec demo --output json --events all -- python3 agent.py >"$T/last.json"
want "exit code of the script" $? 0
jq '{exit_code: .result.exit_code, stdout: .result.stdout, guidance,
     blocked: .events.blocked_operations,
     files: [.events.file_operations[] | select((.path // "") | test("add.c|NOTES"))]}' "$T/last.json"

[ -s "$WS/NOTES.md" ] || fail "the script left no NOTES.md in the workspace"
python3 - "$T/last.json" "$(stat -c %s "$WS/add.c")" "$(stat -c %s "$WS/NOTES.md")" <<'PY' || fail "the answer lacks something"
import json
import sys

with open(sys.argv[1]) as f:
    a = json.load(f)
size_read, size_written = int(sys.argv[2]), int(sys.argv[3])
bad = []


def check(what, cond):
    print(("  found:   " if cond else "  MISSING: ") + what)
    if not cond:
        bad.append(what)


r, ev = a["result"], a["events"]
check("exit code 0", r["exit_code"] == 0)
check("the script's output", r["stdout"].endswith("done\n"))
check("neither secret in it", "READ" not in r["stdout"])


def moved(path, kind):
    # where the kernel moves them, those that are known of
    # or has kept since it was read before
    return [e["fields"].get("bytes", e["fields"].get("size", e["fields"].get("bytes_at_least")))
            for e in ev["file_operations"]
            if e.get("path") == path and e.get("type") == kind]


check("add.c was read, with its bytes", size_read in moved("/workspace/add.c", "file_read"))
check("NOTES.md was written, with its bytes",
      size_written in moved("/workspace/NOTES.md", "file_write"))


def blocked(path):
    return {e.get("policy", {}).get("rule") for e in ev["blocked_operations"]
            if e.get("path") == path}


check("deploy.pem refused by deny-private-keys",
      "deny-private-keys" in blocked("/workspace/deploy.pem"))
check("/etc/shadow refused by deny-system-secrets",
      "deny-system-secrets" in blocked("/etc/shadow"))
check("each event belongs to the command",
      all(e.get("command_id") == a["command_id"] for e in ev["file_operations"]))
g = a.get("guidance") or {}
check("guidance: blocked, and by which rule",
      g.get("status") == "blocked" and g.get("policy_rule") == "deny-private-keys")
check("a suggestion", len(g.get("suggestions") or []) > 0)
sys.exit(1 if bad else 0)
PY

agent session destroy demo >/dev/null || fail "the session could not be destroyed"
[ "$AGENT" != self ] || {
	SERVER_PID=$(cat "$T/run/agentsh/agentshd.pid") || fail "no agentshd.pid"
}
cd /
say
say "All as it should be."
