#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manuals are well-formed, and each table of the sources is in its page.
cd "${TEST_SRC:?}" || exit 1
bad=0
if command -v mandoc >/dev/null; then
	for page in man/*.[1-8]; do
		# a page that is not installed here is not an error of this one
		out=$(mandoc -Tlint -W style "$page" |
		    grep -vE 'referenced manual not found|STYLE: no blank before trailing delimiter')
		if [ -n "$out" ]; then
			echo "$out"
			bad=1
		fi
	done
fi
python3 man/messages.py || bad=1
python3 - <<'PY' || bad=1
import os
import re
import sys

bad = False


def say(text):
    global bad
    bad = True
    print(text)


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return None


def rows(path, *macros):
    """First argument of each row, in order, without quotes."""
    text = read(path)
    if text is None:
        return []
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.findall(rf'^(?:{"|".join(macros)})\(\s*("[^"]*"|\w+)\s*,\s*("[^"]*"|\w+)?',
                      text, re.M)


def page(name):
    text = read("man/" + name)
    if text is None:
        say(f"man/{name} is missing")
        return None
    return text.replace("\\-", "-")


def in_order(name, words, pattern):
    text = page(name)
    if text is None:
        return
    at = 0
    for w in words:
        m = re.compile(pattern.format(re.escape(w)), re.M).search(text, at)
        if m is None:
            where = "out of order" if re.search(pattern.format(re.escape(w)), text, re.M) \
                else "not there"
            say(f"{name}: {w}: {where}")
        else:
            at = m.end()


def unquote(row, n):
    return row[n].strip('"')


in_order("agentshd.conf.5",
         [unquote(r, 0) for r in rows("src/common/conf.def", r"CONF_\w+")],
         r"^\.It .*{}( |$)")
in_order("agentsh-privsep.7",
         [unquote(r, 1) for r in rows("src/common/proc.def", "PROC")],
         r"^\.It .*{}( |$)")
in_order("agentsh-events.5",
         [unquote(r, 1) for r in rows("src/common/event.def", "EVENT")],
         r"^\.It .*{}( |$)")
names = {r[0]: unquote(r, 1) for r in rows("src/common/proc.def", "PROC")}
text = page("agentsh-privsep.7")
if text is not None:
    for a, b in rows("src/common/chan.def", "CHAN"):
        if not re.search(rf"^\.It .*{names[a]} .*{names[b]}( |$)", text, re.M):
            say(f"agentsh-privsep.7: no channel {names[a]} {names[b]}")
for path, name, macro in (("src/sessiond/route.def", "agentsh-api.7", "ROUTE"),):
    source, text = read(path), page(name)
    if source is None:
        say(f"{path} is missing")
    elif text is not None:
        source = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
        for row in re.findall(rf"^{macro}\((.*)", source, re.M):
            m = re.search(r'"(/[^"]*)"', row)
            if m and m.group(1) not in text:
                say(f"{name}: no route {m.group(1)}")
source, text = read("src/agentsh/cmd.def"), page("agentsh.1")
if source is None:
    say("src/agentsh/cmd.def is missing")
elif text is not None:
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    for row in re.findall(r"^CMD\((.*)", source, re.M):
        words = re.findall(r'"([^"]*)"', row)
        if words and not re.search(rf"(^|[\s\"]){re.escape(words[0])}([\s\"]|$)", text):
            say(f"agentsh.1: no command {words[0]}")
sys.exit(bad)
PY
exit $bad
