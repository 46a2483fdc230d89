#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Keeps the table of agentsh-messages(7) equal to src/common/msg.def. Sender,
receiver, descriptors, state and fields of a message come from msg.def; its
meaning is written in the page, after the mark '.\\" meaning NAME'.

    messages.py [-u]    -u writes the page; otherwise status 1 says it is stale
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PAGE = os.path.join(HERE, "agentsh-messages.7")
COMMON = os.path.join(HERE, "..", "src", "common")
BEGIN = '.\\" the table begins; messages.py writes it, but for the meanings\n'
END = '.\\" the table ends\n'
KINDS = {"s": "socket", "m": "memfd or file", "d": "directory",
         "c": "character device", "a": "anonymous inode", "*": "any"}
STATES = {"ST_START": "during the start", "ST_RUN": "after the start",
          "ST_ANY": "at any time"}
GROUPS = {"R_HELPERS": "every helper", "R_PRODUCERS": "execd, fsd, netd"}


def read(name):
    with open(os.path.join(COMMON, name), encoding="utf-8") as f:
        text = f.read()
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def split_args(text):
    args, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif not quoted and c in "()":
            depth += 1 if c == "(" else -1
        elif not quoted and c == "," and depth == 0 and len(args) < 7:
            args.append(text[start:i].strip())
            start = i + 1
    return args + [text[start:].strip()]


def rows(text, macro):
    for m in re.finditer(rf"^{macro}\(", text, re.M):
        depth, i = 1, m.end()
        while depth > 0:
            depth += {"(": 1, ")": -1}.get(text[i], 0)
            i += 1
        yield split_args(text[m.end():i - 1])


def roles(mask, names):
    out = []
    for part in mask.split("|"):
        part = part.strip()
        out.append(GROUPS.get(part) or names[part[2:]])
    return ", ".join(out)


def fields(text):
    out = []
    for kind, args in re.findall(r"(U8|U16|U32|U64|STR|TAIL)\(([^()]*)\)", text):
        name, *limit = [a.strip() for a in args.split(",")]
        limit = limit[0].replace("AGENTSH_", "") if limit else ""
        what = {"STR": f"string of at most {limit}",
                "TAIL": f"the rest, at most {limit}"}.get(kind, kind.lower())
        out.append((name, what))
    return out


def table(page):
    names = {r[0]: r[1].strip('"') for r in rows(read("proc.def"), "PROC")}
    old = dict(re.findall(r'^\.\\" meaning (\w+)\n((?:(?!\.\\" |\.It |\.El).*\n)*)',
                          page, re.M))
    out = [BEGIN, ".Bl -tag -width Ds\n"]
    missing = []
    for name, _, src, dst, fds, state, flags, body in rows(read("msg.def"), "MSG"):
        flags = [f.strip() for f in flags.split("|")]
        kind = ("request" if "M_REQ" in flags else
                "answer" if "M_REP" in flags else "event")
        if "M_MORE" in flags:
            kind += ", more follow"
        if "M_ONCE" in flags:
            kind += ", once"
        if "M_BARE" in flags:
            kind += ", refused without descriptors"
        out.append(f".It Ic {name}\n")
        out.append(f"From {roles(src, names)} to {roles(dst, names)};\n"
                   f"{kind}, {STATES[state]}.\n")
        letters = fds.strip('"')
        if letters:
            out.append("Descriptors: " +
                       ", ".join(KINDS[c] for c in letters) + ".\n")
        f = fields(body)
        if f:
            out.append("Fields:\n")
            for i, (field, what) in enumerate(f):
                end = " ." if i == len(f) - 1 else " ,"
                out.append(f".Va {field}\n.Pq {what}{end}\n")
        out.append(".Pp\n")
        out.append(f'.\\" meaning {name}\n')
        if not old.get(name, "").strip():
            missing.append(name)
        out.append(old.get(name, ""))
    out += [".El\n", END]
    return "".join(out), missing


def main():
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    text, missing = table(page)
    new = head + text + tail
    for name in missing:
        print(f"agentsh-messages.7: write what {name} means, "
              f'after the line .\\" meaning {name}')
    if sys.argv[1:] == ["-u"]:
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(new)
    elif new != page:
        print("agentsh-messages.7 differs from msg.def: run man/messages.py -u")
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
