#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every running process is as proc.def says: ids, groups, capabilities, seccomp,
# no_new_privs, dumpable, descriptors, children.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
ws=$(new_workspace alice)
API_USER=alice
new_session s "$ws"
run_in s sh -c 'sleep 300 </dev/null >/dev/null 2>&1 &' || fail "a command in the background"
cat >"$T/identity.py" <<'PY'
import os
import re
import stat
import sys

src, server, alice = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# such a build stays dumpable: its reports need that
sanitized = "-DAGENTSH_SANITIZED" in open(os.environ["TEST_BUILD"] + "/Makefile").read()
bad = 0


def say(text):
    global bad
    bad += 1
    print(text)


text = re.sub(r"/\*.*?\*/", "", open(src + "/src/common/proc.def").read(), flags=re.S)
rows = {}
for m in re.finditer(r'^PROC\((\w+),\s*"(\w+)",\s*(NULL|"\w+"),\s*(\w+)', text, re.M):
    rows[m.group(2)] = (m.group(1), m.group(3).strip('"'), m.group(4))
users = {}
for line in open("/etc/passwd"):
    f = line.split(":")
    users[f[0]] = int(f[2])
names = {v: k for k, v in users.items()}
seen = {}
for p in sorted((int(x) for x in os.listdir("/proc") if x.isdigit())):
    try:
        comm = open(f"/proc/{p}/comm").read().strip()
        st = dict(line.split(":\t", 1) for line in open(f"/proc/{p}/status").read().splitlines()
                  if ":\t" in line)
        exe = os.readlink(f"/proc/{p}/exe")
    except OSError:
        continue
    base = os.path.basename(exe.replace(" (deleted)", ""))
    if base in rows and "/stage/" in exe or (base == "init" and comm == "init"):
        seen.setdefault(base, []).append((p, st))
for name, (role, user, scope) in rows.items():
    got = seen.get(name, [])
    if scope == "SERVICE" and len(got) != 1:
        say(f"{name}: {len(got)} processes instead of one")
    if scope in ("ONCE",) and got:
        say(f"{name}: still runs")
    if scope == "TOP" and [p for p, _ in got] != [server]:
        say(f"{name}: runs as {[p for p, _ in got]}")
    if scope == "SESSION" and name != "init" and len(got) != 1:
        say(f"{name}: {len(got)} processes of one session")
for name, list_ in seen.items():
    role, user, scope = rows[name]
    for p, st in list_:
        who = f"{name} ({p})"
        uids = [int(x) for x in st["Uid"].split()]
        gids = [int(x) for x in st["Gid"].split()]
        groups = [int(x) for x in st["Groups"].split()]
        if scope in ("SERVICE", "SESSION"):
            want = users[user] if user != "NULL" else alice
            if set(uids) != {want}:
                say(f"{who}: uids {uids}, want {want}")
            if 0 in gids or 0 in groups:
                say(f"{who}: is in group 0: {gids} {groups}")
            if user != "NULL" and groups not in ([], [gids[0]]):
                say(f"{who}: groups {groups}")
            for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                if int(st[c], 16) != 0:
                    say(f"{who}: {c} is {st[c]}")
            if st["NoNewPrivs"].strip() != "1":
                say(f"{who}: may gain rights by execve")
            if st["Seccomp"].strip() != "2":
                say(f"{who}: no seccomp filter")
        # one thread that is not confined would be a hole
        for t in os.listdir(f"/proc/{p}/task"):
            ts = open(f"/proc/{p}/task/{t}/status").read()
            if scope in ("SERVICE", "SESSION") and "Seccomp:\t2" not in ts:
                say(f"{who}: thread {t} has no seccomp filter")
        owner = os.stat(f"/proc/{p}/mem").st_uid
        if scope in ("SERVICE", "SESSION") and owner != 0 and name != "init" and not sanitized:
            say(f"{who}: is dumpable (owner of /proc/{p}/mem is {owner})")
        for fd in os.listdir(f"/proc/{p}/fd"):
            try:
                target = os.readlink(f"/proc/{p}/fd/{fd}")
                mode = os.stat(f"/proc/{p}/fd/{fd}").st_mode
            except OSError:
                continue
            if name in ("netd", "execd") and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) \
                    and "memfd:" not in target and target != "/dev/null" and int(fd) > 2:
                say(f"{who}: holds {target}")
            # fsd shows the host's tree, and holds what is open in it
            if name not in ("agentshd", "fsd") and target.startswith("/etc/"):
                say(f"{who}: holds {target}")
            if stat.S_ISBLK(mode):
                say(f"{who}: holds a block device: {target}")
# what commands see of themselves is in escape/processes
print("processes:", {k: len(v) for k, v in seen.items()})
sys.exit(1 if bad else 0)
PY
python3 "$T/identity.py" "$TEST_SRC" "$SERVER_PID" "$ALICE_UID" || fail "processes are not as proc.def says"
