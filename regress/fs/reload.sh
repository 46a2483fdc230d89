#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the kernel remembers of names, there or not, by the old policy does not
# outlive a reload.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
rules()
{
	cat >"$policies/re.yaml" <<P
version: 1
name: re
file_rules:
$1
  - {name: rest, paths: ["/**"], decision: allow}
command_rules:
  - {name: any, commands: ["*"], decision: allow}
P
	chmod a+r "$policies/re.yaml"
}
rules ""
as "$ME" sh -c "cd $ws && mkdir here there hid && echo there >there/n && echo there >there/f && echo here >here/f && echo x >hid/f"
api DELETE /api/v1/sessions/s >/dev/null
new_session s "$ws" '"policy":"re"'
# shellcheck disable=SC2016
look='for f in here/n here/f hid/f hid/n; do cat $f 2>&1 | sed "s/.*: //"; done'
want "before" "$(run_in s sh -c "$look; $look >/dev/null" | tr '\n' ';')" \
    "No such file or directory;here;x;No such file or directory;"
rules '  - {name: to, paths: ["${PROJECT_ROOT}/here/*"], decision: redirect, redirect_to: "${PROJECT_ROOT}/there"}
  - {name: hid, paths: ["${PROJECT_ROOT}/hid", "${PROJECT_ROOT}/hid/**"], decision: deny}'
ctl reload >"$T/out" || fail "reload: $(cat "$T/out")"
want "by the new policy" "$(run_in s sh -c "$look" | tr '\n' ';')" \
    "there;there;Permission denied;Permission denied;"
rules ""
ctl reload >"$T/out" || fail "reload: $(cat "$T/out")"
want "by the old one again" "$(run_in s sh -c "$look" | tr '\n' ';')" \
    "No such file or directory;here;x;No such file or directory;"

# names that were not there, in directories that are gone: what has their nodes'
# numbers by now is no directory
cat >"$T/gone.py" <<'P'
import os
for i in range(400):
    os.mkdir(f"gone{i}")
    for name in "ab":
        try:
            os.stat(f"gone{i}/{name}")
        except FileNotFoundError:
            pass
for i in range(400):
    os.rmdir(f"gone{i}")
for i in range(1200):
    open(f"new{i}", "w").close()
P
as "$ME" cp "$T/gone.py" "$ws/"
for i in 1 2 3; do
	run_in s sh -c 'python3 gone.py; ls -l >/dev/null' || fail "directories come and go: $(cat "$T/exec.json")"
	rules "  - {name: other$i, paths: [/nothing], decision: deny}"
	ctl reload >"$T/out" || fail "reload: $(cat "$T/out")"
	want "what is there after a reload" "$(run_in s cat here/f)" here
	run_in s sh -c 'rm new*' || fail "files go: $(cat "$T/exec.json")"
done
