# SPDX-License-Identifier: Apache-2.0
"""Every process of agentsh against proc.def, chan.def, privcap.def and
descriptors.txt; see identity.sh."""
import collections
import ctypes
import os
import re
import socket
import stat
import sys

src, server, mode, me, top, workspace = sys.argv[1:]
me = int(me)
workspace = os.path.realpath(workspace)
COMMAND = "sleep"
O_PATH = 0o10000000
CAPS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
# such a build stays dumpable: its reports need that
with open(os.environ["TEST_BUILD"] + "/Makefile", encoding="utf-8") as makefile:
    sanitized = "-DAGENTSH_SANITIZED" in makefile.read()
# the kernel reads and writes files itself
through = mode == "service" and tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (6, 9)
bad = 0


def say(text):
    global bad
    bad += 1
    print(text)


def table(path, pattern):
    with open(os.path.join(src, "src", path), encoding="utf-8") as f:
        return re.findall(pattern, re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S), re.M)


Row = collections.namedtuple("Row", "user scope")
rows = {}
files = {}
for role, name, user, scope in table(
        "common/proc.def", r'^PROC\((\w+),\s*"(\w+)",\s*(NULL|"\w+"),\s*(\w+)'):
    rows[name] = Row(user.strip('"'), scope)
    files[role] = name
channels = collections.Counter()
for a, b, scope in table("common/chan.def", r"^CHAN\((\w+),\s*(\w+),\s*(\w+)"):
    # readconf and maker are gone, and an operator is not there
    if scope != "OUTSIDE" and not {a, b} & {"READCONF", "MAKER"}:
        channels[files[a]] += 1
        channels[files[b]] += 1
number = {"KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12,
          "SYS_ADMIN": 21, "SETFCAP": 31}
kept = sum(1 << number[n] for n in table("privd/privcap.def", r"^PRIVCAP\((\w+),"))
want_fds = collections.defaultdict(dict)
with open(os.path.join(os.path.dirname(__file__), "descriptors.txt"), encoding="utf-8") as listed:
    for line in listed:
        word = line.split("#")[0].split()
        if word:
            want_fds[word[0]][word[1]] = word[2]
with open("/etc/passwd", encoding="utf-8") as f:
    passwd = {x.split(":")[0]: [int(n) for n in x.split(":")[2:4]] for x in f}
with open("/etc/group", encoding="utf-8") as f:
    own_groups = {passwd["alice"][1]} | {int(g.split(":")[2]) for g in f
                                         if "alice" in g.strip().split(":")[3].split(",")}


def read(pid, name):
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as f:
        return f.read()


def status(pid):
    return {k: v.strip() for k, v in (x.split(":", 1) for x in read(pid, "status").splitlines())}


def sockets(pid):
    """inode: (kind, listens)"""
    found = {}
    for name in ("unix", "tcp", "tcp6"):
        try:
            text = read(pid, "net/" + name).splitlines()[1:]
        except OSError:
            continue
        for line in text:
            w = line.split()
            if name == "unix":
                found[w[6]] = ("unix", int(w[4], 16), int(w[3], 16) & 0x10000 != 0)
            else:
                found[w[9]] = ("tcp", 1, w[3] == "0A")
    return found


def foreign(pid, fd):
    """One that is in no list: not bound, or of a session's network namespace."""
    mine = ctypes.CDLL(None).syscall(438, os.pidfd_open(pid), int(fd), 0)  # pidfd_getfd
    if mine == -1:
        return "unknown socket"
    with socket.socket(fileno=mine) as s:
        if s.family == socket.AF_NETLINK:
            return "netlink"
        if s.type == socket.SOCK_DGRAM:
            return "udp"
        return "listen:tcp" if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else "client"


def kind_of_socket(known, inode, who, pid, fd):
    if inode not in known:
        return foreign(pid, fd)
    family, kind, listens = known[inode]
    if listens:
        return "listen:" + family
    if family == "unix" and kind == socket.SOCK_SEQPACKET:
        return "keeper" if who == "keeper" else "channel"
    return "client"


PLACES = {top + "/var/lib": "spool", top + "/state/lib": "spool",
          top + "/var/log": "log", top + "/state/log": "log",
          top + "/var/policies": "policy", top + "/state/policies": "policy",
          top + "/stage/policies": "default", workspace: "workspace", "/": "root"}


def kind_of(pid, fd, who, known):
    target = os.readlink(f"/proc/{pid}/fd/{fd}")
    flags = int(re.search(r"^flags:\s*(\d+)", read(pid, "fdinfo/" + fd), re.M).group(1), 8)
    if flags & O_PATH:
        return "path"
    st = os.stat(f"/proc/{pid}/fd/{fd}")
    if target == top + "/server.log":
        return "log"
    if stat.S_ISCHR(st.st_mode):
        return {(1, 3): "null", (10, 229): "fuse"}.get(
            (os.major(st.st_rdev), os.minor(st.st_rdev)), "device " + target)
    if stat.S_ISSOCK(st.st_mode):
        return kind_of_socket(known, target[8:-1], who, pid, fd)
    if target.startswith("pipe:"):
        return "pipe"
    if target.startswith("pid:"):
        return "namespace:pid"
    m = re.fullmatch(r"anon_inode:\[?([\w ]+)\]?", target)
    if m:
        return {"eventpoll": "epoll", "seccomp notify": "notify"}.get(m.group(1), m.group(1))
    m = re.match(r"/memfd:agentsh-(\w+)", target)
    if m:
        return "memfd:" + m.group(1)
    in_trash = re.match(r"(/var|/state)/trash(/|$)", target[len(top):]) and target.startswith(top)
    if stat.S_ISDIR(st.st_mode) and in_trash:
        return "dir:trash"
    # of the session's processes, in no tree
    if target == "/" and os.path.lexists(f"/proc/{pid}/fd/{fd}/thread-self"):
        return "dir:processes"
    if stat.S_ISDIR(st.st_mode):
        return "dir:" + PLACES.get(target, target)
    name = os.path.basename(target)
    if name == "sum" and in_trash:
        return "file:trash"
    if name == "agentshd.pid":
        return "file:lock"
    if target == top + "/stage/init":
        return "file:init"
    m = re.fullmatch(r"(.*)/\d+/[^/]*", target)  # a directory a user
    if m and PLACES.get(m.group(1)) == "log":
        return "file:log"
    if name == "abort" and stat.S_IMODE(st.st_mode) == 0o200:
        return "file:abort"
    return "file " + target


def check_fds(pid, name):
    have = collections.Counter()
    known = {**sockets("self"), **sockets(pid)}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        have[kind_of(pid, fd, name, known)] += 1
    want = dict(want_fds[name])
    # init's end of each keeper's socketpair looks like a channel
    n = channels[name] + int(want.pop("keeper", 0) if name == "init" else 0)
    if n:
        want["channel"] = str(n)
    if not through and name == "agentshd":
        want["pidfd"] = str(int(want["pidfd"]) - 1)
    if not through and name in ("agentshd", "fsd"):
        want["channel"] = str(int(want["channel"]) - 1)
    # an ordinary user's agentshd cannot mount fusectl itself
    if mode == "user" and not os.path.ismount("/sys/fs/fuse/connections"):
        want.pop("file:abort", None)
    for kind in sorted(set(have) | set(want)):
        limit = want.get(kind, "0")
        most = limit.removeprefix("<=")
        if limit != "ANY" and (have[kind] > int(most) if most != limit else have[kind] != int(most)):
            say(f"{name} ({pid}): {have[kind]} of kind \"{kind}\", want {limit}")


def check_ids(pid, name, st):
    row = rows.get(name, Row("NULL", "SESSION"))
    who = f"{name} ({pid})"
    if mode == "user":
        uid, gid, groups = me, me, own_groups
    elif row.scope == "TOP":
        uid, gid, groups = 0, 0, {0}
    elif row.user != "NULL":
        uid, gid, groups = *passwd[row.user], set()
    else:
        uid, gid, groups = me, me, own_groups
    if set(map(int, st["Uid"].split())) != {uid}:
        say(f"{who}: uids {st['Uid']}, want {uid}")
    if set(map(int, st["Gid"].split())) != {gid}:
        say(f"{who}: gids {st['Gid']}, want {gid}")
    if name == "execd" and os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user"):
        say(f"{who}: is in the user namespace of the host")
    have = set(map(int, st["Groups"].split()))
    if row.scope != "TOP" and have != groups or not have <= groups:
        say(f"{who}: groups {have}, want {groups}")


def check_rights(pid, name, st):
    row = rows.get(name, Row("NULL", "SESSION"))
    who = f"{name} ({pid})"
    for c in CAPS:
        want = kept if row.scope == "TOP" and c != "CapAmb" else 0
        if name == "execd" and c in ("CapPrm", "CapEff"):
            want = 1 << 19  # SYS_PTRACE, in the session's user namespace alone
        if name == "fusereg" and c in ("CapPrm", "CapEff"):
            want = 1 << 21  # SYS_ADMIN
        if int(st[c], 16) != want:
            say(f"{who}: {c} is {st[c]}, want {want:x}")
    # agentshd's deny list is everybody's; then the role's, or the commands'
    filters = 1 if row.scope == "TOP" else 2
    # one thread that is not confined would be a hole
    for t in os.listdir(f"/proc/{pid}/task"):
        ts = status(f"{pid}/task/{t}")
        have = (ts["NoNewPrivs"], ts["Seccomp"], ts.get("Seccomp_filters", str(filters)))
        if have != ("1", "2", str(filters)):
            say(f"{who}: thread {t}: no_new_privs, seccomp, filters are {have}")
        if any(ts[c] != st[c] for c in CAPS + ("Uid", "Gid", "Groups")):
            say(f"{who}: thread {t} has other rights")
    # what is not dumpable belongs to the root of its user namespace
    if name != COMMAND and not sanitized and \
            os.stat(f"/proc/{pid}/mem").st_uid == me and uid_of(st) == me:
        say(f"{who}: is dumpable")


def uid_of(st):
    return int(st["Uid"].split()[0])


def check_tree(seen):
    """Who is whose child."""
    parent = {name: int(st["PPid"]) for name, got in seen.items() for _, st in got}
    pid = {name: p for name, got in seen.items() for p, _ in got}
    for name in list(rows) + ["keeper", COMMAND]:
        if not seen.get(name) or name == "agentshd":
            continue
        want = {"keeper": "init", COMMAND: "keeper"}.get(name, "agentshd")
        if parent[name] != pid.get(want):
            say(f"{name}: its parent is {parent[name]}, not {want}")


def main():
    seen = collections.defaultdict(list)
    for p in sorted(int(x) for x in os.listdir("/proc") if x.isdigit()):
        try:
            st = status(p)
        except OSError:
            continue
        if st["Name"] in rows or st["Name"] in ("keeper", COMMAND):
            seen[st["Name"]].append((p, st))
    for name, row in rows.items():
        n = 0 if row.scope in ("ONCE", "CLIENT") or name == "fusereg" and not through else 1
        if len(seen[name]) != n:
            say(f"{name}: {len(seen[name])} processes, want {n}")
    if [p for p, _ in seen["agentshd"]] != [int(server)]:
        say("agentshd: another one than was started")
    for name in ("keeper", COMMAND):
        if len(seen[name]) != 1:
            say(f"{name}: {len(seen[name])} processes, want 1")
    check_tree(seen)
    for name, got in seen.items():
        for pid, st in got:
            check_ids(pid, name, st)
            check_rights(pid, name, st)
            check_fds(pid, name)
    print("processes:", {k: len(v) for k, v in seen.items() if v})
    return 1 if bad else 0


sys.exit(main())
