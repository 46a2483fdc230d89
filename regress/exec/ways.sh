#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the command rules say of a program is the same whoever starts it: the
# client by the API, agentsh or a terminal, and in a session shells, make, npm,
# python, node, perl, go, C and the programs that run others, also five levels
# down. ways.py has the table of cases, and what each rule says of them.
# timeout: 500
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
supervise_start
w=/workspace
policy ways <<P
  - {name: no-denied, commands: [denied], decision: deny}
  - {name: no-push, commands: [tool], args_patterns: ["^push"], decision: deny}
  - {name: not-below, commands: [direct], context: [nested], decision: deny}
  - {name: only-below, commands: [nested], context: [direct], decision: deny}
  - {name: not-deep, commands: [deepd], context: {min_depth: 3}, decision: deny}
  - {name: not-shallow, commands: [shallow], context: {max_depth: 2}, decision: deny}
  - name: elsewhere
    commands: [re]
    decision: redirect
    redirect_to: {command: $w/tool, args_append: [instead]}
  - {name: watched, commands: [audited], decision: audit}
  - {name: list-only, commands: [lister], args_patterns: ["^list( |$)"], decision: allow}
  - {name: no-lister, commands: [lister], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
P
for name in nested deepd shallow re audited lister; do
	cp "$execs" "$ws/$name" || fail cp
done
here=$TEST_SRC/regress/exec
ways="api cli pty script sh-c bash env nice timeout xargs find"

# by_program PROGRAM WAY ...: the ways that need this one in the session
by_program()
{
	if command -v "$1" >/dev/null; then
		shift
		ways="$ways $*"
	else
		left_out "$1 is not installed"
	fi
}

by_program make make make-plain
by_program python3 python-fork python-vfork python-spawn python-shell
by_program node node
by_program npm npm
by_program perl perl
if cc -static -O1 -o "$ws/way-c" "$here/ways.c" 2>"$T/cc"; then
	ways="$ways c-spawn c-vfork c-clone3"
else
	left_out "a static program cannot be built"
fi
go=$(command -v go || command -v /usr/local/go/bin/go)
if [ -n "$go" ] && GOFLAGS=-mod=mod GOCACHE=$T/gocache CGO_ENABLED=0 HOME=$T \
    "$go" build -o "$ws/way-go" "$here/ways.go" 2>"$T/cc"; then
	ways="$ways go"
else
	left_out "a program of go cannot be built"
fi

PYTHONDONTWRITEBYTECODE=1 python3 - "$here" "$ws" <<'P' || fail "the ways cannot be written"
import os
import re
import sys

sys.argv[1:], (here, ws) = ["", "x", "0"], sys.argv[1:]
# only the table
source = open(f"{here}/ways.py").read().split("\ndef case(")[0]
exec(source)


def put(name, text):
    with open(f"{ws}/{name}", "w") as f:
        f.write(text)
    os.chmod(f"{ws}/{name}", 0o755)


put("way", "")
put("cases", "".join(" ".join(c) + "\n" for c in CASES))


def shell(around):
    return "#!/bin/sh\n" + "".join(
        f"echo CASE {c[-1][1:]}\n{around.replace('{}', ' '.join(c))}\necho END {c[-1][1:]} $?\n"
        for c in CASES)


put("way.sh", shell("{}"))
put("way-env", shell("/usr/bin/env B=2 {}"))
put("way-nice", shell("/usr/bin/nice -n 2 {}"))
put("way-timeout", shell("/usr/bin/timeout 99 {}"))
put("way-xargs", shell("echo | /usr/bin/xargs {}"))
put("way-find", shell("/usr/bin/find /workspace/way -exec {} ';'"))
put("package.json", '{"name": "x", "version": "1.0.0", "scripts": {"way": ". /workspace/way.sh"}}\n')
make = "".join(f"\t-@/bin/echo CASE {c[-1][1:]}\n\t-@%s\n\t-@/bin/echo END {c[-1][1:]}\n" % " ".join(c)
               for c in CASES)
put("way-plain.mk", "all:\n" + make)
put("way.mk", "all:\n" + "".join(
    f"\t-@/bin/echo CASE {c[-1][1:]}\n\t-@{' '.join(c)}; echo\n\t-@/bin/echo END {c[-1][1:]}\n" for c in CASES))
python = """import errno, os, subprocess
for line in open("/workspace/cases"):
    w = line.split()
    print("CASE", w[-1][1:], flush=True)
    try:
        status = %s
    except OSError as e:
        status = errno.errorcode[e.errno]
    print("END", w[-1][1:], status, flush=True)
"""
put("way-fork", python % "subprocess.run(w, preexec_fn=lambda: None).returncode")
put("way-vfork", python % "subprocess.run(w, close_fds=False).returncode")
put("way-shell", python % 'subprocess.run(" ".join(w) + "; echo", shell=True).returncode')
put("way-spawn", python % "os.waitstatus_to_exitcode(os.waitpid("
    "os.posix_spawn(w[0], w, os.environ), 0)[1])")
put("way-node", """const {spawnSync} = require("child_process"), fs = require("fs");
for (const line of fs.readFileSync("/workspace/cases", "utf8").trim().split("\\n")) {
  const w = line.split(" "), id = w[w.length - 1].slice(1);
  fs.writeSync(1, "CASE " + id + "\\n");
  const r = spawnSync(w[0], w.slice(1), {stdio: "inherit"});
  fs.writeSync(1, "END " + id + " " + (r.error ? r.error.code : r.status) + "\\n");
}
""")
put("way-perl", r"""use Errno; $| = 1;
open(my $f, "<", "/workspace/cases") or die;
while (<$f>) {
  my @w = split; my $id = substr($w[-1], 1); print "CASE $id\n";
  my $r = system { $w[0] } @w;
  print "END $id ", ($r == -1 ? ($!{EACCES} ? "EACCES" : "$!") : $r >> 8), "\n";
}
""")
P
[ "$ME" = self ] || chown "$ME" "$ws"/*
new_session ways "$ws" '"policy":"ways"'
new_session deep "$ws" '"policy":"ways"'
export AGENTSH_SERVER="unix://$API_SOCK"

# tries SESSION LEVELS WAY ...
tries()
{
	as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 \
	    python3 "$here/ways.py" "$API_SOCK" "$@" >"$T/tried" 2>&1 ||
	    fail "$(grep -v ^tried "$T/tried" | head -n 60)"
}

# shellcheck disable=SC2086
tries ways 0 $ways
# shellcheck disable=SC2086
tries deep 5 ${ways#api cli pty }
say "tried: $ways"
