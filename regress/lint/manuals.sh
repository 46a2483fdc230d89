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


def example():
    """Every key of the configuration is in etc/config.yaml, which is commented out,
    and with every value of a choice."""
    at, found = [], set()
    text = read("etc/config.yaml")
    for line in text.splitlines():
        m = re.match(r"#?( *)([a-z_]+):", line)
        if m is None or line.startswith("##"):
            continue
        at = [(n, key) for n, key in at if n < len(m[1])] + [(len(m[1]), m[2])]
        found.add(".".join(key for _, key in at))
    for row in rows("src/common/conf.def", r"CONF_\w+"):
        if unquote(row, 0) not in found:
            say(f"etc/config.yaml: no {unquote(row, 0)}")
    for key, values in re.findall(r'^CONF_CHOICE\("([^"]*)", \w+, \d+, "([^"]*)"',
                                  read("src/common/conf.def"), re.M):
        words = values.split("|")
        if len(words) > 1 and f"({', '.join(words[:-1])} or {words[-1]})" not in text:
            say(f"etc/config.yaml: {key} has other values")


example()
in_order("agentshd.conf.5",
         [unquote(r, 0) for r in rows("src/common/conf.def", r"CONF_\w+")],
         r"^\.It .*{}( |$)")
text = page("agentsh-policy.5")
if text is not None:
    text = text.partition("\n.Ss Protected files\n")[2].partition("\n.Ss ")[0]
    for row in re.findall(r'^PROTECTED\(.*"([^"]*)"\)', read("src/policyd/protected.def"), re.M):
        if not re.search(rf"^\.(It )?Pa {re.escape(row)}( ,)?$", text, re.M):
            say(f"agentsh-policy.5: {row} is protected, and the manual does not say so")
text = page("agentsh-policy.5")
if text is not None:
    text = text.partition("\n.Ss Refused addresses\n")[2].partition("\n.Ss ")[0]
    for row in re.findall(r'^CLASS[46]\(.*?, "([^"]*)",', read("src/common/addrclass.def"), re.M):
        if not re.search(rf"^\.It Cm .*\b{row}\b", text, re.M):
            say(f"agentsh-policy.5: addresses of class {row} are refused, and the manual does not say so")
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


def macro(path, name):
    """Arguments of each row of one macro."""
    text = re.sub(r"/\*.*?\*/", "", read(path) or "", flags=re.S)
    return [[a.strip().strip('"') for a in m.split(",")]
            for m in re.findall(rf"^{name}\((.*)\)$", text, re.M)]


def policy_page():
    """agentsh-policy(5) against schema.def: order, words, what is enforced."""
    name = "agentsh-policy.5"
    text = page(name)
    if text is None:
        return
    part = {}
    for chunk in re.split(r"^\.Ss ", text, flags=re.M)[1:]:
        title, _, body = chunk.partition("\n")
        part[title] = body
    lists = {"TOP": "Keys of the file", "FILE": "File rules", "COMMAND": "Command rules",
             "NETWORK": "Network rules", "UNIX": "Unix socket rules",
             "SIGNAL": "Signal rules", "DNS": "Redirects of names and connections",
             "CONNECT": "Redirects of names and connections", "ENV": "Environment",
             "LIMITS": "Limits"}
    inside = {"DEFAULTS": "TOP", "METADATA": "TOP", "TRANSPARENT": "TOP",
              "CONTEXT": "COMMAND", "INSTEAD": "COMMAND", "TARGET": "SIGNAL",
              "TLS": "CONNECT"}
    later, keys = {}, macro("src/policyd/schema.def", "KEY")
    at = {}
    for section, key, _, _, _, state in keys:
        later.setdefault(key, set()).add(state)
        if section in inside:
            if not re.search(rf"\b{key}\b", part.get(lists[inside[section]], "")):
                say(f"{name}: no {key} of {section}")
        elif section in lists:
            body = part.get(lists[section], "")
            start = at.get(section)
            if start is None and section == "CONNECT":
                start = body.find("connect_redirects")
            m = re.compile(rf"^\.It Cm {key}( |$)", re.M).search(body, start or 0)
            if m is None:
                say(f"{name}: {key} is missing or out of order in {lists[section]}")
            else:
                at[section] = m.end()
    enforced = part.get("What this build enforces", "").partition("An empty list")[0]
    choices = macro("src/policyd/schema.def", "CHOICE")
    # words of the sets that only kinds without rules here have
    other = {"REGISTRY", "ANSWER", "CHAIN", "PACKAGE", "PROVIDER", "DIALECT", "DB_TLS",
             "DATABASE", "CONNECTION"}
    for which, word, _, _ in choices:
        if which not in other and not re.search(rf"\b{word}\b", text):
            say(f"{name}: no word {word}")
    said = set(re.findall(r"\b\w+\b", " ".join(re.findall(r"^\.Cm (.*)", enforced, re.M))))
    for section, key, _, _, _, state in keys:
        if state == "LATER" and key not in said:
            say(f"{name}: {key} is not enforced, and the manual does not say so")
    for word in said & set(later) - {c[1] for c in choices}:
        if "LATER" not in later[word] and not (
                word == "unix_socket_rules" and
                any(c[0] == "UNIX" and c[3] == "LATER" for c in choices)):
            say(f"{name}: {word} is enforced, and the manual says that it is not")
    in_order(name, ["{{." + unquote(r, 1) + "}}" for r in
                    rows("src/common/template.def", "TEMPLATE")], r"^\.It Li {}( |$)")


policy_page()
sys.exit(bad)
PY
exit $bad
