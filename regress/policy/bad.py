# SPDX-License-Identifier: Apache-2.0
"""Policies that are refused: bad.py CHECK UPDATE

bad.txt has one case after the other: a line "= TITLE", the policy, and a line
"> TEXT" with what must be said about it. The policy follows the lines of HEAD,
but where the title begins with "whole". With UPDATE 1 the texts are written
anew.
"""
import os
import subprocess
import sys
import tempfile

HEAD = "version: 1\nname: t\n"
check, update = os.path.abspath(sys.argv[1]), sys.argv[2] == "1"
with open("bad.txt", encoding="utf-8") as f:
    lines = f.read().split("\n")
preface, cases = [], []
for line in lines:
    if line.startswith("= "):
        cases.append([line[2:], [], None])
    elif not cases:
        preface.append(line)
    elif line.startswith("> "):
        cases[-1][2] = line[2:]
    elif cases[-1][2] is None:
        cases[-1][1].append(line)
failed = 0
titles = set()
with tempfile.TemporaryDirectory() as d:
    for case in cases:
        title, body, want = case
        if title in titles:
            print(f"{title}: two cases of this title")
            failed = 1
        titles.add(title)
        text = "\n".join(body) + ("\n" if body else "")
        with open(d + "/p", "w", encoding="utf-8") as f:
            f.write(text if title.startswith("whole") else HEAD + text)
        r = subprocess.run([check, "p"], cwd=d, capture_output=True, text=True)
        got = r.stdout.rstrip("\n")
        case[2] = got.split("\n")[-1]
        if r.returncode != 1:
            print(f"{title}: status {r.returncode}, not 1: {got}{r.stderr}")
            failed = 1
        elif not update and got != want:
            print(f"{title}: got:\n{got}\nwant:\n{want}")
            failed = 1
if update:
    with open("bad.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(preface) + ("\n" if preface else ""))
        for title, body, want in cases:
            f.write("\n".join([f"= {title}"] + body + [f"> {want}"]) + "\n")
print(f"{len(cases)} refused policies")
sys.exit(failed)
