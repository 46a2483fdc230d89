# SPDX-License-Identifier: Apache-2.0
"""
The cases and the ways of ways.sh: each case by each way, compared with what the
rules say. Everything is asked for once a way: a program of the way starts all
cases, one after the other.

usage: ways.py SOCKET SESSION LEVELS WAY ...
"""
import http.client
import json
import os
import re
import socket
import subprocess
import sys

SOCK, SESSION, LEVELS = sys.argv[1], sys.argv[2], int(sys.argv[3])
W = "/workspace/"

# The rules of the policy, in its order: name, command, pattern of the
# arguments, least and greatest depth, decision.
RULES = [
    ("no-denied", "denied", None, 0, 99, "deny"),
    ("no-push", "tool", "^push", 0, 99, "deny"),
    ("not-below", "direct", None, 1, 99, "deny"),
    ("only-below", "nested", None, 0, 0, "deny"),
    ("not-deep", "deepd", None, 3, 99, "deny"),
    ("not-shallow", "shallow", None, 0, 2, "deny"),
    ("elsewhere", "re", None, 0, 99, "redirect"),
    ("watched", "audited", None, 0, 99, "audit"),
    ("list-only", "lister", "^list( |$)", 0, 99, "allow"),
    ("no-lister", "lister", None, 0, 99, "deny"),
    ("all", None, None, 0, 99, "allow"),
]

# What is started; the last word tells the cases apart. No word has a blank, so
# that every way can write them down.
CASES = [w.split() + ["@c%02d" % i] for i, w in enumerate("""
{w}denied x
{w}tool push
{w}tool pull
{w}direct x
{w}nested x
{w}deepd x
{w}shallow x
{w}re x
{w}audited x
{w}lister list
{w}lister drop
/usr/bin/env A=1 {w}denied x
/usr/bin/env {w}tool push
/usr/bin/env {w}tool pull
/usr/bin/env {w}direct x
/usr/bin/env {w}nested x
/usr/bin/nice -n 1 {w}deepd x
/usr/bin/timeout 99 {w}shallow x
/usr/bin/nice {w}re x
/usr/bin/nice /usr/bin/env {w}tool push
/bin/sh -c {w}denied
/bin/sh -c {w}audited
""".replace("{w}", W).strip().split("\n"))]


def case(words):
    m = re.search(r"@c\d\d", " ".join(words))
    return m[0] if m else None


def rule(words, depth):
    base = words[0].rsplit("/", 1)[1]
    args = " ".join(words[1:])
    for name, command, pattern, least, most, decision in RULES:
        if command not in (None, base) or not least <= depth <= most:
            continue
        if pattern is None or re.search(pattern, args):
            return name, decision
    raise AssertionError(words)


def payload(words):
    """What these words would start, or None."""
    base = words[0].rsplit("/", 1)[1]
    if base == "sh" and words[1] == "-c":
        return words[2].split(";")[0].split()
    if base not in ("env", "nice", "timeout", "find", "xargs"):
        return None
    at = next(i for i, w in enumerate(words) if i > 0 and w.startswith("/") and w != W + "way")
    return words[at:-1] if base == "find" else words[at:]


def expected(words, depth):
    """Events, as (filename, depth, decision, effect, rule, from, command), and
    what is printed, or None where something was denied."""
    name, decision = rule(words, depth)
    real = words[0].replace("/bin/sh", "/usr/bin/dash").replace("/usr/usr", "/usr")
    inner = payload(words)
    if decision == "deny":
        return [(real, depth, "deny", "blocked", name, None, None)], None
    at = inner
    if words[0] == "/usr/bin/xargs":
        at = payload(inner) if inner[0] == "/bin/sh" else None
    while at is not None != "/usr/bin/xargs":
        # within the arguments: denials only, at the depth of the outer one;
        # not where there are more of them than can be seen
        iname, idecision = rule(at, depth)
        if idecision == "deny":
            return [(real, depth, "deny", "blocked", iname, words[0], at[0])], None
        at = payload(at)
    event = (real, depth, decision, "allowed", name, None, None)
    if decision == "redirect":
        return [event], "RAN tool " + " ".join(words[1:] + ["instead"])
    if inner is not None:
        events, out = expected(inner, depth + 1)
        # by its words no event of it is known
        return [event] + (events if case(inner) else []), out
    return [event], "RAN " + words[0].rsplit("/", 1)[1] + "".join(" " + w for w in words[1:])


# --- the server ---

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(600)
        self.sock.connect(SOCK)


def ask(method, path, body=None):
    c = Unix("localhost")
    c.request(method, path, json.dumps(body) if body is not None else None,
              {"Content-Type": "application/json"})
    r = c.getresponse()
    data = json.loads(r.read())
    c.close()
    return r.status, data


def seen(events):
    """Those of each case, as expected() has them."""
    cases = {}
    for e in events:
        if e["type"] != "execve":
            continue
        m = re.search(r"@c\d\d\b", " ".join(e["argv"]))
        if not m:
            continue
        p = e["policy"]
        cases.setdefault(m[0], []).append((
            e["filename"], e["depth"], p["decision"], e["effective_action"], p["rule"],
            e.get("unwrapped_from"), e.get("payload_command")))
    return cases


errors = []


def want(way, words, what, have, expect):
    if have != expect:
        errors.append(f"{way}: {' '.join(words)}: {what}:\n   have {have}\n   want {expect}")


# --- by the client itself: depth 0, and a denial is the answer ---

def told(r):
    error = r["result"].get("error") or {}
    return (r["result"]["exit_code"], (r["result"].get("stdout") or "").strip(),
            error.get("policy_rule"))


def by_api(words):
    status, r = ask("POST", f"/api/v1/sessions/{SESSION}/exec",
                    {"command": words[0], "args": words[1:]})
    return told(r), r["events"]["other"]


def by_cli(words):
    p = subprocess.run(["agentsh", "exec", SESSION, "--output", "json", "--events", "all",
                        "--"] + words, stdout=subprocess.PIPE, text=True)
    r = json.loads(p.stdout)
    assert p.returncode == r["result"]["exit_code"], (words, p.returncode)
    return told(r), r["events"]["other"]


def by_pty(words):
    from ws import WS
    w = WS(SOCK, f"/api/v1/sessions/{SESSION}/pty")
    w.start(words)
    out, last = w.finish()
    rule_ = None
    code = last.get("exit_code")
    if last["type"] == "error":
        rule_ = last["response"]["result"]["error"].get("policy_rule")
        code = last["response"]["result"]["exit_code"]
    status, events = ask("GET", f"/api/v1/sessions/{SESSION}/history?order=asc&limit=5000"
                         f"&command_id={last['command_id']}")
    return (code, out.decode().strip(), rule_), events


def direct(way, by):
    for words in CASES:
        have, events = by(words)
        name, decision = rule(words, 0)
        at, whole = words, words
        while at is not None and decision not in ("deny", "redirect"):
            # in what a client asks for the strictest rule counts
            name, decision = rule(at, 0)
            if decision == "redirect":
                whole = at
            at = payload(at)
        policy = [(e["policy"]["decision"], e["policy"]["rule"]) for e in events
                  if e["type"] == "command_policy"]
        if decision == "deny":
            want(way, words, "answer", have, (126, "", name))
            want(way, words, "policy", policy, [("deny", name)])
            want(way, words, "execs", seen(events), {})
            continue
        events_, out = expected(words, 0)
        if decision == "redirect":
            out = "RAN tool " + " ".join(whole[1:] + ["instead"])
            want(way, words, "policy", policy, [("redirect", name)])
            want(way, words, "answer", have, (0, out, None))
            continue
        want(way, words, "execs", seen(events).get(case(words)), events_)
        if out is None:
            want(way, words, "status", have[0], 126)
            assert "RAN" not in have[1], (way, words, have)
        else:
            want(way, words, "answer", have, (0, out, None))


# --- by a program of the session ---

# name: words that start the way; depth of what it executes; what it puts around
# a case; what it says where that was denied. None: it does not say.
def plain(words):
    return words


def in_sh(words):
    return ["/bin/sh", "-c", " ".join(words) + "; echo"]


WAYS = {
    "script": (["way.sh"], 1, plain, "126"),
    "sh-c": (["/bin/sh", "-c", ". /workspace/way.sh"], 1, plain, "126"),
    "bash": (["/bin/bash", W + "way.sh"], 1, plain, "126"),
    "make": (["/usr/bin/make", "-s", "-f", W + "way.mk"], 1, in_sh, None),
    "make-plain": (["/usr/bin/make", "-s", "-f", W + "way-plain.mk"], 1, plain, None),
    "npm": (["/usr/bin/npm", "run", "--silent", "way"], 3, plain, "126"),
    "python-fork": (["/usr/bin/python3", W + "way-fork"], 1, plain, "EACCES"),
    "python-vfork": (["/usr/bin/python3", W + "way-vfork"], 1, plain, "EACCES"),
    "python-spawn": (["/usr/bin/python3", W + "way-spawn"], 1, plain, "EACCES"),
    "python-shell": (["/usr/bin/python3", W + "way-shell"], 1, in_sh, None),
    "node": (["/usr/bin/node", W + "way-node"], 1, plain, "EACCES"),
    "perl": (["/usr/bin/perl", W + "way-perl"], 1, plain, "EACCES"),
    "go": ([W + "way-go"], 1, plain, "EACCES"),
    "c-spawn": ([W + "way-c", "spawn"], 1, plain, "EACCES"),
    "c-vfork": ([W + "way-c", "vfork"], 1, plain, "EACCES"),
    "c-clone3": ([W + "way-c", "clone3"], 1, plain, "EACCES"),
    "env": (["way-env"], 1, lambda w: ["/usr/bin/env", "B=2"] + w, "126"),
    "nice": (["way-nice"], 1, lambda w: ["/usr/bin/nice", "-n", "2"] + w, "126"),
    "timeout": (["way-timeout"], 1, lambda w: ["/usr/bin/timeout", "99"] + w, "126"),
    "xargs": (["way-xargs"], 1, lambda w: ["/usr/bin/xargs"] + w, "126"),
    "find": (["way-find"], 1, lambda w: ["/usr/bin/find", W + "way", "-exec"] + w + [";"], None),
}


def by_way(way):
    start, depth, around, denied = WAYS[way]
    start = [W + start[0] if "/" not in start[0] else start[0]] + start[1:]
    if LEVELS > 0:
        start = [W + "execs", "deep", str(LEVELS - 1)] + start
    status, r = ask("POST", f"/api/v1/sessions/{SESSION}/exec",
                    {"command": start[0], "args": start[1:]})
    assert status == 200, (way, r)
    text = r["result"].get("stdout") or ""
    events = seen(r["events"]["other"])
    assert not r["events"]["truncated"], way
    assert "clone3:" not in text, text[-100:]
    for words in CASES:
        c = case(words)
        m = re.search(rf"^CASE {c[1:]}\n(.*?)^END {c[1:]} ?(\S*)$", text, re.S | re.M)
        if not m:
            errors.append(f"{way}: {' '.join(words)}: not tried: {r['result']['exit_code']} {r['result'].get('error')} {text[-300:]!r} "
                          f"{(r['result'].get('stderr') or '')[-300:]!r}")
            break
        events_, out = expected(around(words), depth + LEVELS)
        want(way, words, "execs", events.get(c), events_)
        have = [line for line in m[1].split("\n") if line.startswith("RAN")]
        want(way, words, "output", have, [] if out is None else [out])
        if denied is not None:
            # a wrapper that was started says it in its own way
            inner = out is None and len(events_) > 1
            by = "123" if way == "xargs" and len(events_) > 2 else "126"
            want(way, words, "status", m[2], "0" if out is not None else
                 by if inner else denied)


for way_ in sys.argv[4:]:
    if way_ in ("api", "cli", "pty"):
        direct(way_, {"api": by_api, "cli": by_cli, "pty": by_pty}[way_])
    else:
        by_way(way_)
    print("tried", way_, flush=True)
print("\n".join(errors))
sys.exit(1 if errors else 0)
