#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each helper closes its sandbox before it hears anybody but agentshd: Landlock
# (or, where the kernel lacks it, the start fails) and then seccomp, seen by
# strace from outside.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 strace
need_root
strace -f true 2>/dev/null || skip "strace may not trace here"
mkdir "$T/trace"
SERVER_WRAP="strace -ff -qq -o $T/trace/t -e trace=execve,prctl,seccomp,landlock_create_ruleset,landlock_add_rule,landlock_restrict_self,recvmsg,accept4"
start_service
ws=$(new_workspace alice)
API_USER=alice
new_session s "$ws"
run_in s true || fail "a command"
python3 - "$T/trace" <<'PY' || fail "a sandbox is open"
import os
import re
import sys

role = {}  # pid -> helper
state = {}
bad = 0
lines = []
for f in sorted(os.listdir(sys.argv[1]), key=lambda f: int(f.split(".")[1])):
    with open(os.path.join(sys.argv[1], f), errors="replace") as text:
        lines += [(f, line.strip()) for line in text]
for pid, call in lines:
    x = re.match(r'execve\("[^"]*/([a-z]+)"', call)
    if x and call.endswith("= 0"):
        role[pid] = x.group(1)
        state[pid] = []
    elif pid in state:
        if call.startswith("prctl(PR_SET_NO_NEW_PRIVS, 1") and call.endswith("= 0"):
            state[pid].append("nnp")
        elif call.startswith("landlock_restrict_self(") and call.endswith("= 0"):
            state[pid].append("landlock")
        elif re.match(r"(seccomp\(SECCOMP_SET_MODE_FILTER|prctl\(PR_SET_SECCOMP)", call) and \
                call.endswith("= 0"):
            state[pid].append("seccomp")
        elif call.startswith("accept4(") and "seccomp" not in state[pid] and "EAGAIN" not in call:
            print(role[pid], "accepts clients before its filter:", call)
            bad = 1
seen = {}
for pid, name in role.items():
    seen.setdefault(name, []).append(state[pid])
for name in ("readconf", "sessiond", "policyd", "eventd", "netd", "execd", "fsd"):
    if name not in seen:
        print(name, "was never started")
        bad = 1
    for s in seen.get(name, []):
        for what in ("landlock", "seccomp"):
            if what not in s:
                print(name, "has no", what, s)
                bad = 1
        if "landlock" in s and "seccomp" in s and s.index("landlock") > s.index("seccomp"):
            print(name, "closed seccomp before Landlock", s)
            bad = 1
print(seen)
sys.exit(bad)
PY
