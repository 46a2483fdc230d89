#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# regress/escape/rows.def: each row has its test, which names the row; a gap is
# one of a row that is tried, with a reason.
cd "${TEST_SRC:?}" || exit 1
python3 - <<'PY'
import os
import re
import sys

bad = False


def say(text):
    global bad
    bad = True
    print(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


text = re.sub(r"/\*.*?\*/", "", read("regress/escape/rows.def"), flags=re.S)
rows, last = {}, ""
for line in text.splitlines():
    if not line.startswith("ROW("):
        continue
    m = re.fullmatch(r'ROW\(([A-F]\d\d), "([^"]+)", ([A-Z]+), (ATTACK|TEST|NONE), '
                     r'("[^"]+"|ESCAPES|KERNEL|ANYHOW)\)', line)
    if m is None:
        say(f"rows.def: not a row: {line}")
        continue
    row, title, layer, how, arg = m.groups()
    if row <= last:
        say(f"rows.def: {row} is not after {last}")
    last = row
    rows[row] = how
    if layer not in ("BPF", "NTF", "LL", "NS", "FS", "CG", "NET", "ENV", "MON", "POL", "API"):
        say(f"rows.def: {row}: no layer {layer}")
    if (how == "ATTACK") == arg.startswith('"'):
        say(f"rows.def: {row}: {how} with {arg}")
    if how != "TEST":
        continue
    path = "regress/" + arg.strip('"')
    found = [p for p in (path + ".sh", path + ".c") if os.path.exists(p)]
    if not found:
        say(f"rows.def: {row}: no test {arg}")
    elif not re.search(rf"\b{row}\b", read(found[0])):
        say(f"{found[0]}: does not say that it is the test of {row}")
if len(rows) < 40:
    say(f"rows.def: {len(rows)} rows")
seen = set()
for line in read("regress/escape/known-gaps").splitlines():
    if line.startswith("#"):
        continue
    m = re.fullmatch(r"(\w+)\t(service|user|service user)\t(\S.*)", line)
    if m is None:
        say(f"known-gaps: not a gap: {line}")
        continue
    if rows.get(m.group(1)) != "ATTACK":
        say(f"known-gaps: {m.group(1)} is no row that is tried")
    if m.group(1) in seen:
        say(f"known-gaps: {m.group(1)} twice")
    seen.add(m.group(1))
for name in sorted(os.listdir("regress/escape")):
    m = re.fullmatch(r"([ABD]\d\d)\.sh", name)
    if m and m.group(1) in rows and rows[m.group(1)] == "NONE":
        say(f"rows.def: {m.group(1)} has a test")
sys.exit(bad)
PY
