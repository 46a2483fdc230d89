#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A function that only its own file uses is static: what a header has, others use,
# be it a test. Names that macros make of rows (a##b), of its directory or common,
# are those of the tables.
cd "${TEST_SRC:?}" || exit 1
python3 - <<'P'
import os
import re
import sys

text = {}
for top in "src", "regress":
    for d, _, names in os.walk(top):
        for name in names:
            if name.endswith((".c", ".h", ".def")):
                path = os.path.join(d, name)
                with open(path, encoding="utf-8") as f:
                    text[path] = re.sub(r"/\*.*?\*/", " ", f.read(), flags=re.S)
users, made = {}, {}
for path, code in text.items():
    for word in set(re.findall(r"\w+", code)):
        users.setdefault(word, set()).add(path)
    for pasted in re.findall(r"\w+(?:\s*##\s*\w+)+", code):
        parts = re.split(r"\s*##\s*", pasted)
        made.setdefault(os.path.dirname(path), set()).add(
            "".join(p if re.match("_|.*_$", p) else r"\w+" for p in parts))
bad = seen = 0
for path, code in sorted(text.items()):
    if not path.startswith("src/") or not path.endswith(".c") or path.endswith(".bpf.c"):
        continue
    tables = made.get(os.path.dirname(path), set()) | made["src/common"]
    for m in re.finditer(r"^([a-z][^\n{};]*)\n(\w+)\(", code, flags=re.M):
        name = m[2]
        if "static" in m[1].split() or name == "main" or name.startswith("__"):
            continue
        seen += 1
        others = {u for u in users[name] - {path}
                  if not (u.startswith("src/") and u.endswith(".h"))}
        if not others and not any(re.fullmatch(t, name) for t in tables):
            print(f"{path}: {name} is used here alone: static")
            bad = 1
if seen < 500:
    sys.exit(f"{seen} functions were found")
sys.exit(bad)
P
