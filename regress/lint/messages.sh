#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every message has a sender that sends it and, in each receiving program, a
# row in a handler table; no program handles what it can never hear.
cd "${TEST_SRC:?}" || exit 1
exec python3 - <<'PY'
import os
import re
import sys

sys.path.insert(0, "man")
import messages

dirs = {"PRIVD": "privd", "READCONF": "privd", "MAKER": "privd", "SESSIOND": "sessiond",
        "POLICYD": "policyd", "EVENTD": "eventd", "NETD": "netd", "EXECD": "execd",
        "FSD": "fsd", "FUSEREG": "fusereg", "INIT": "init", "CTL": "agentshctl"}
masks = {"HELPERS": ["SESSIOND", "POLICYD", "EVENTD", "NETD", "EXECD", "FSD", "FUSEREG"],
         "PRODUCERS": ["EXECD", "FSD", "NETD"]}


def sources(d):
    text = ""
    for top, _, files in os.walk("src/" + d):
        for f in sorted(files):
            if f.endswith((".c", ".h")):
                with open(os.path.join(top, f), encoding="utf-8") as s:
                    text += s.read()
    return text


def roles(mask):
    out = []
    for part in mask.split("|"):
        part = part.strip()[2:]
        out += masks.get(part, [part])
    return out


text = {d: sources(d) for d in set(dirs.values()) | {"common"}}
handled = {d: set(re.findall(r"\{\s*MSG_(\w+)\s*,", t)) | set(re.findall(r"case MSG_(\w+)", t)) |
           set(re.findall(r"type [!=]= MSG_(\w+)", t))
           for d, t in text.items()}
bad = False
can_hear = {}
for name, low, src, dst, fds, state, flags, body in messages.rows(messages.read("msg.def"), "MSG"):
    for r in roles(dst):
        can_hear.setdefault(dirs[r], set()).add(name)
        if name not in handled[dirs[r]] and name not in handled["common"]:
            print(f"src/{dirs[r]}: no handler of {name}")
            bad = True
    if not any(re.search(rf"msg_(send|put)_{low}\b|\bMSG_{name}\b", text[dirs[r]] + text["common"])
               for r in roles(src)):
        print(f"nobody sends {name}")
        bad = True
for d, names in handled.items():
    if d == "common":
        continue
    for name in sorted(names - can_hear.get(d, set()) - {"NONE", "MAX"}):
        print(f"src/{d}: handles {name}, which it can never hear")
        bad = True
sys.exit(bad)
PY
