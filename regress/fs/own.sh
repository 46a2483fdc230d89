#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a user's own server works by is not changed by a session whose workspace it
# lies in, whatever the policy says: policies, configuration, log, kept output.
# Neither are the directories above put aside for others.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
mkdir -p "$T/state/policies"
cat >"$T/state/policies/wide.yaml" <<'Y'
version: 1
name: wide
defaults:
  protected: off
file_rules:
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
Y
chown -R alice:alice "$T/state"
# what it is called leads to where it is
mv "$T/state" "$T/real" && ln -s real "$T/state"
start_user_server alice
API_USER=alice
look()
{
	find "$T/real/policies" "$T/user.yaml" -type f -exec stat -c '%n %i' {} + | sort
	cat "$T/real/policies/wide.yaml" "$T/user.yaml"
}

# attack SESSION DIRECTORY CONFIGURATION: where these are in it; the latter may be ""
attack()
{
	look >"$T/was"
	run_in "$1" python3 -c '
import glob, os, sys
top, config = sys.argv[1:]
bad = []
def must_fail(name, fn, *a):
    try:
        fn(*a)
        bad.append(name)
    except PermissionError:
        pass
def write(path):
    with open(path, "a") as f:
        f.write("x")
logs = glob.glob(top + "/log/*/*.jsonl")
for p in [top + "/policies/wide.yaml", *logs] + ([config] if config else []):
    for name, fn, *a in [("write", write, p), ("remove", os.unlink, p), ("truncate", os.truncate, p, 0),
            ("rename", os.rename, p, "aside"), ("replace", os.rename, "mine", p), ("link", os.link, p, "linked")]:
        open("mine", "w").close()
        must_fail(name + " " + p, fn, *a)
must_fail("make a policy", write, top + "/policies/new.yaml")
must_fail("link a policy", os.symlink, "/tmp/x", top + "/policies/new.yaml")
must_fail("make a log", write, top + "/log/x")
for d in ["policies", "log", "lib"] + ([""] if config else []):
    d = top + "/" + d if d else top
    must_fail("rename " + d, os.rename, d, "aside")
assert logs
os.unlink("mine")
write("beside")
os.unlink("beside")
print(*bad, sep=", ")
' "$2" "$3" >"$T/out" || fail "$1: $(cat "$T/out"; jq -r .result.stderr "$T/exec.json")"
	want "$1" "$(cat "$T/out")" ""
	look | diff "$T/was" - || fail "$1: it has changed"
}
new_session state "$T/real" '"policy":"wide"'
attack state . ""
want "the rule" "$(jq -r '[.events.file_operations[] | select(.type == "file_delete" and .path == "/workspace/policies/wide.yaml")
    | .policy.rule] | join(" ")' "$T/exec.json")" agentsh-files
chmod 777 "$T"
new_session above "$T" '"policy":"wide"'
attack above real user.yaml
# a workspace that lies in it
as alice mkdir "$T/real/policies/sub"
new_session beneath "$T/real/policies/sub" '"policy":"wide"'
run_in beneath sh -c 'echo x >new.yaml' >"$T/out" && fail "a policy is made beneath"
[ ! -e "$T/real/policies/sub/new.yaml" ] || fail "beneath"
