# SPDX-License-Identifier: Apache-2.0
"""The traces of all processes against sandbox.def; see sandbox.sh."""
import collections
import os
import re
import sys

src, traces, top, workspace, uid = sys.argv[1:]
# linux/landlock.h
FS = {"EXECUTE": 0, "WRITE_FILE": 1, "READ_FILE": 2, "READ_DIR": 3, "REMOVE_DIR": 4,
      "REMOVE_FILE": 5, "MAKE_CHAR": 6, "MAKE_DIR": 7, "MAKE_REG": 8, "MAKE_SOCK": 9,
      "MAKE_FIFO": 10, "MAKE_BLOCK": 11, "MAKE_SYM": 12, "REFER": 13, "TRUNCATE": 14,
      "IOCTL_DEV": 15}
SINCE = {"REFER": 2, "TRUNCATE": 3, "IOCTL_DEV": 5}
READ = ["READ_FILE", "READ_DIR"]
WRITE = ["WRITE_FILE", "REMOVE_DIR", "REMOVE_FILE", "MAKE_DIR", "MAKE_REG", "MAKE_SOCK",
         "MAKE_FIFO", "MAKE_SYM", "REFER", "TRUNCATE"]
NO_NEW_PRIVS = "0x26"
SET_SECCOMP = "0x16"
bad = 0


def say(text):
    global bad
    bad += 1
    print(text)


def table(path, pattern):
    with open(os.path.join(src, "src", path), encoding="utf-8") as f:
        return re.findall(pattern, re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S), re.M)


files = dict(table("common/proc.def", r'^PROC\((\w+),\s*"(\w+)"'))
HELPERS = ["SESSIOND", "POLICYD", "EVENTD", "NETD", "EXECD", "FSD", "FUSEREG"]


def roles(mask):
    got = []
    for r in mask.replace("R_", "").split("|"):
        got += HELPERS + ["READCONF"] if r == "LISTED" else HELPERS if r == "HELPERS" else [r]
    return [files[r] for r in got]


access = {}
for mask, what in table("common/sandbox.def", r"^LANDLOCK\(([\w|]+),\s*(\w+),"):
    for name in roles(mask):
        access[name] = what
limits = collections.defaultdict(dict)
for mask, resource, value in table("common/sandbox.def", r"^LIMIT\(([\w|]+),\s*(\w+),\s*(\d+),"):
    for name in roles(mask):
        limits[name][resource] = int(value)
RESOURCE = {"CORE": 4, "NOFILE": 7, "MEMLOCK": 8}


def bits(names, abi):
    return sum(1 << FS[n] for n in names if SINCE.get(n, 1) <= abi)


def directories(name):
    """What each may touch: path -> names of rights."""
    service = os.path.isdir(top + "/var/lib")
    trash = f"{top}/var/trash/{uid}" if service else top + "/state/trash"
    var = top + "/var" if service else top + "/state"
    return {"sessiond": {var + "/lib": READ + WRITE},
            "policyd": {var + "/policies": READ, top + "/stage/policies": READ},
            "eventd": {var + "/log": READ + WRITE},
            # it reads everything, and that is not restricted
            "fsd": {os.path.realpath(workspace): WRITE, trash: WRITE},
            "fusereg": {os.path.realpath(workspace): WRITE + ["EXECUTE"],
                        trash: WRITE + ["EXECUTE"]}}.get(name, {})


class Proc:
    def __init__(self, name):
        self.name = name
        self.steps = []
        self.abi = 0
        self.handled = None
        self.size = 0
        self.rules = {}
        self.limits = {}

    def landlock(self, call):
        m = re.match(r"landlock_create_ruleset\(NULL, 0, 0x1\)\s*= (\d+)", call)
        if m:
            self.abi = int(m.group(1))
        m = re.match(r"landlock_create_ruleset\(\{handled_access_fs=(\w+).*\}, (\d+), 0\)\s*= \d",
                     call)
        if m:
            self.handled, self.size = int(m.group(1), 16), int(m.group(2))
        m = re.match(r"landlock_add_rule\(.*allowed_access=(\w+), parent_fd=\d+<(.*)>\}, 0\)\s*= 0",
                     call)
        if m:
            self.rules[m.group(2)] = int(m.group(1), 16)
        if re.match(r"landlock_restrict_self\(.*, 0\)\s*= 0", call):
            self.steps.append("landlock")

    def take(self, call):
        if call.startswith("landlock_"):
            self.landlock(call)
        if not re.search(r"= (0|\d+<.*>)$", call):
            return
        if call.startswith(f"prctl({NO_NEW_PRIVS}"):
            if "no_new_privs" not in self.steps:  # libseccomp does it again
                self.steps.append("no_new_privs")
        elif call.startswith(("seccomp(0x1,", f"prctl({SET_SECCOMP}")):
            self.steps.append("seccomp")
        elif call.startswith("accept4(") and "seccomp" not in self.steps:
            say(f"{self.name}: accepts a client before its filter: {call}")
        m = re.match(r"(?:setrlimit\(|prlimit64\(0, )(\w+), \{rlim_cur=(\w+), rlim_max=(\w+)\}", call)
        if m and m.group(2) == m.group(3):
            self.limits[int(m.group(1), 0)] = m.group(3)

    def check(self):
        absent = access[self.name] == "ABSENT"
        want = ["no_new_privs", "seccomp"] if absent else ["no_new_privs", "landlock", "seccomp"]
        if self.steps != want:
            say(f"{self.name}: its sandbox was closed by {self.steps}")
        if absent:
            self.check_limits()
            return
        handled = bits(FS, self.abi)
        if access[self.name] in ("WRITE", "OPEN"):
            handled &= ~bits(READ, self.abi)
        if self.handled != handled:
            say(f"{self.name}: restricts {self.handled}, want {handled} of ABI {self.abi}")
        # rights on files, and on TCP since ABI 4, and scopes since ABI 6
        size = 24 if self.abi >= 6 else 16 if self.abi >= 4 else 8
        if self.size != size:
            say(f"{self.name}: a ruleset of {self.size} bytes, want {size}")
        want = {d: bits(r, self.abi) & handled for d, r in directories(self.name).items()}
        if access[self.name] == "NONE" and want or self.rules != want:
            say(f"{self.name}: may {self.rules}, want {want}")
        self.check_limits()

    def check_limits(self):
        for resource, value in limits[self.name].items():
            have = self.limits.get(RESOURCE[resource])
            if have is None or int(have, 0) > value:
                say(f"{self.name}: limit {resource} is {have}, want {value}")


def main():
    procs = {}
    for f in sorted(os.listdir(traces), key=lambda f: int(f.split(".")[1])):
        with open(os.path.join(traces, f), encoding="utf-8", errors="replace") as text:
            for line in text:
                call = line.strip()
                m = re.match(r'execve\("[^"]*/([a-z]+)"', call)
                if m and call.endswith("= 0"):
                    procs[f] = Proc(m.group(1))
                elif f in procs:
                    procs[f].take(call)
    seen = collections.Counter(p.name for p in procs.values())
    for name in access:
        # root's service has it, since Linux 6.9
        if name == "fusereg" and not seen[name] and not (os.path.isdir(top + "/var/lib") and
                tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (6, 9)):
            continue
        if not seen[name]:
            say(f"{name}: was never started")
    for p in procs.values():
        if p.name in access:
            p.check()
    abi = max(p.abi for p in procs.values())
    print("Landlock ABI", abi, dict(seen))
    return 1 if bad else 0


sys.exit(main())
