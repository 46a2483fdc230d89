#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The service manager's files: systemd takes the unit, which leaves agentshd the
# capabilities of privcap.def; sysusers.d makes each user of proc.def and the
# operators' group; tmpfiles.d makes directories that agentshd takes.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool python3 systemd-analyze systemd-sysusers systemd-tmpfiles
need_stage
etc=${TEST_BUILD:?}/etc
for file in agentshd.service agentsh-sysusers.conf agentsh-tmpfiles.conf; do
	[ -f "$etc/$file" ] || skip "$etc/$file is not built: run make"
done
need_dir

# the programs where they are now; whether manuals are installed is not asked
sed "s|^\(Exec[A-Za-z]*\)=[^ ]*/agentshd|\1=$STAGE/agentshd|" "$etc/agentshd.service" \
    >"$T/agentshd.service"
grep -q "^ExecStart=$STAGE/agentshd" "$T/agentshd.service" || fail "the unit starts no agentshd"
out=$(systemd-analyze verify --man=no "$T/agentshd.service" 2>&1)
want "systemd-analyze verify: status" $? 0
# of this unit; the machine's own have words too
want "systemd-analyze verify" "$(say "$out" | grep agentshd)" ""
for cap in $(sed -n 's/^PRIVCAP(\([A-Z_]*\),.*/CAP_\1/p' "$TEST_SRC/src/privd/privcap.def"); do
	grep "^CapabilityBoundingSet=" "$T/agentshd.service" | tr '= ' '\n\n' | grep -qx "$cap" ||
	    fail "the unit's CapabilityBoundingSet has no $cap"
done

mkdir -p "$T/root/etc"
: >"$T/root/etc/passwd"
: >"$T/root/etc/group"
say "root:x:0:0::/root:/bin/sh" >"$T/root/etc/passwd"
say "root:x:0:" >"$T/root/etc/group"
[ "$(id -u)" = 0 ] || skip "needs root: the rest makes files of other users"
systemd-sysusers --root="$T/root" "$etc/agentsh-sysusers.conf" >"$T/sysusers.log" 2>&1 ||
    { cat "$T/sysusers.log"; fail "systemd-sysusers"; }
systemd-tmpfiles --root="$T/root" --create "$etc/agentsh-tmpfiles.conf" >"$T/tmpfiles.log" 2>&1
want "systemd-tmpfiles: status" $? 0
want "systemd-tmpfiles" "$(cat "$T/tmpfiles.log")" ""

python3 - "$TEST_SRC" "$T/root" "$STAGE/agentshd" <<'PY' || fail "users or directories"
import os
import re
import sys

src, root, agentshd = sys.argv[1:]
bad = 0


def say(text):
    global bad
    bad = 1
    print(text)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


passwd = {x[0]: x for x in (line.split(":") for line in read(root, "etc/passwd").splitlines())}
groups = [line.split(":")[0] for line in read(root, "etc/group").splitlines()]
user = dict(re.findall(r'^PROC\((\w+),\s*"\w+",\s*(?:"(\w+)"|NULL)', read(src, "src/common/proc.def"), re.M))
for role, name in user.items():
    if not name:
        continue
    if name not in passwd:
        say(f"sysusers.d has no user {name} for {role}")
    elif not 0 < int(passwd[name][2]) < 1000 or not passwd[name][6].endswith("nologin"):
        say(f"{name} is no system user: {':'.join(passwd[name])}")
have = {name for name in user.values() if name in passwd}
if len({passwd[name][2] for name in have}) != len(have):
    say("two roles' users are one")
operators = re.search(r'OPERATOR_GROUP "(.*)"', read(src, "src/privd/socket.c")).group(1)
if operators not in groups:
    say(f"sysusers.d has no group {operators}")

# what dir_open and policies_open of privd/dirs.c ask for
with open(agentshd, "rb") as f:
    program = f.read()
private = {"/lib/agentsh/sessions": "SESSIOND", "/log/agentsh": "EVENTD"}
made = set()
for top, dirs, _ in os.walk(root):
    for d in dirs:
        path = os.path.join(top, d)
        name = path[len(root):]
        # not the version of a directory that all is below
        if "agentsh" not in name.split("/"):
            continue
        st = os.stat(path)
        role = next((r for end, r in private.items() if name.endswith(end)), None)
        made.add(next((end for end in private if name.endswith(end)), name))
        owner = int(passwd[user[role]][2]) if role else 0
        if st.st_uid != owner:
            say(f"{name} belongs to {st.st_uid}, agentshd wants {owner}")
        # root's group makes the users' directories there: privd/workspace.c
        shared = name.endswith("/lib/agentsh/trash")
        if shared and st.st_mode & 0o7777 != 0o1771:
            say(f"{name} has mode {st.st_mode & 0o7777:o}")
        if not shared and st.st_mode & (0o027 if role else 0o022):
            say(f"{name} has mode {st.st_mode & 0o7777:o}")
        # a directory of agentshd's own, and the names that it or the
        # example of the configuration puts beneath
        where = re.sub(r"/(sessions|trash|policies|keys)$", "", name)
        if where.encode() + b"\0" not in program:
            say(f"agentshd was not built for {name}")
for end in private:
    if end not in made:
        say(f"tmpfiles.d makes no directory for {private[end]}")
for part in "agentsh", "agentsh/keys", "agentsh/policies":
    if not any(name.endswith("/etc/" + part) for name in made):
        say(f"tmpfiles.d makes no etc/{part}")
sys.exit(bad)
PY
