#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands that show files in JSON: through the rules, and nothing of the
# process that shows them.
#
# shellcheck disable=SC2016

. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
own_policies
cat >"$policies/all.yaml" <<'P'
version: 1
name: all
file_rules:
  - {name: shut, paths: ["/workspace/shut", "/workspace/shut/**"], decision: deny}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
P
chmod -R a+rX "$policies"
# of the server's own environment, which is nobody's
SERVER_SECRET=of-the-server start_any "policies.default: all"
ws=$(new_workspace "$ME")
mkdir -p "$ws/shut" "$ws/listed"
printf 'hello\n' >"$ws/listed/a.txt"
printf 'a\377b' >"$ws/listed/bytes"
ln -s a.txt "$ws/listed/link"
printf 'kept\n' >"$ws/shut/secret"
[ "$ME" = self ] || chown -R "$ME" "$ws"
new_session s "$ws"

answer()
{
	jq -r "$1" "$T/exec.json"
}

# JSON of files, through the rules
want "als" "$(run_in s als listed | jq -c 'map([.name, .path, .is_dir, .size_bytes])')" \
    '[["a.txt","/workspace/listed/a.txt",false,6],["bytes","/workspace/listed/bytes",false,3],["link","/workspace/listed/link",false,5]]'
want "als of the directory" "$(run_in s als | jq -r '.[] | select(.name == "listed") | "\(.path) \(.is_dir)"')" "/workspace/listed true"
want "acat" "$(run_in s acat listed/a.txt | jq -c '[.path, .content, .truncated, .size_bytes]')" '["/workspace/listed/a.txt","hello\n",false,6]'
want "acat of bytes" "$(run_in s acat listed/bytes | jq -r '.content_base64' | base64 -d | od -An -tx1 | tr -d ' ')" 61ff62
want "astat" "$(run_in s astat listed/a.txt | jq -c '[.path, .size_bytes, .is_dir, .mode]')" '["/workspace/listed/a.txt",6,false,"0644"]'
want "a file that is read has its event" "$(run_in s acat listed/a.txt >/dev/null; answer '[.events.file_operations[].path] | index("/workspace/listed/a.txt") != null')" true
for name_ in acat astat; do
	run_in s $name_ shut/secret >/dev/null
	want "$name_ of what is shut" "$(answer '.result | "\(.exit_code) \(.stderr)"')" "1 $name_: shut/secret: Permission denied"
done
run_in s als shut >/dev/null
want "als of what is shut" "$(answer '.result | "\(.exit_code) \(.stderr)"')" "1 als: shut: Permission denied"
want "that is recorded" "$(answer '.events.blocked_operations[0].policy.rule')" shut
run_in s acat /dev/zero >/dev/null
want "acat of a device" "$(answer .result.stderr)" "acat: /dev/zero: Invalid argument"
run_in s acat /proc/1/environ >/dev/null
want "acat of init's environment" "$(answer .result.exit_code)" 1
# the process that does it is a fork of init
for name_ in environ maps stat auxv; do
	run_in s acat /proc/self/$name_ >/dev/null
	want "acat of its own $name_" "$(answer '.result | "\(.exit_code)\(.stdout // "")"')" 1
done
for name_ in map_files fd; do
	run_in s als /proc/self/$name_ >/dev/null
	want "als of its own $name_" "$(answer '.result | "\(.exit_code)\(.stdout // "")"')" 1
done
run_in s astat /proc/self/fd/3/. >/dev/null
want "what else is open" "$(answer .result.exit_code)" 1
want "a file of another user" "$(run_in s acat /etc/shadow >/dev/null; answer .result.exit_code)" 1
