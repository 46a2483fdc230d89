#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh policy test and explain --session: what the policy of a running session
# decides, with its workspace, its user and their home, and by no other policy:
# one that was changed since is not answered by.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
start_any "sandbox.seccomp.shellc.opaque: deny"
dir=$T/var/policies
[ -d "$dir" ] || dir=$T/state/policies
ws=$(new_workspace "$ME")
API_USER=$ME

# policy RULE
policy()
{
	cat >"$dir/.new" <<P
version: 1
name: mine
file_rules:
  - {name: $1, paths: ["\${PROJECT_ROOT}/**"], decision: allow}
  - {name: home, paths: ["\${HOME}/x"], operations: [read], decision: allow, message: "of {{.User}}"}
  - {name: all, paths: ["/**"], operations: [open, read, stat, list, readlink, access], decision: allow}
command_rules:
  - {name: no-rm, commands: [rm], decision: deny}
  - {name: tools, commands: ["*"], decision: allow}
P
	chmod 0644 "$dir/.new" && mv "$dir/.new" "$dir/mine.yaml" || fail "policy"
}

# cli ARG...: as the user, with the standard output in $out and the status in $rc
cli()
{
	out=$(as "$ME" env AGENTSH_SERVER="unix://$API_SOCK" HOME=/nonexistent USER=nobody \
	    AGENTSH_HELPER_DIR="$T/stage" "$T/stage/agentsh" "$@" 2>"$T/err")
	rc=$?
}

# says WHAT LINE: what was printed has the line
says()
{
	printf '%s\n' "$out" | grep -qx -- "$2" || fail "$1: $out $(cat "$T/err")"
}

policy first
new_session s1 "$ws" '"policy":"mine"'
new_session s2 "$ws" '"policy":"mine","real_paths":true'

# the workspace of each, and a path relative to it
cli policy test --session s1 write /workspace/a
want "status" $rc 0
says "the workspace" "rule: first"
cli policy test write a --session s1
says "a relative path" "rule: first"
cli policy test --session s2 write "$ws/a"
says "real paths" "rule: first"
cli policy test --session s2 write /workspace/a --exit-code
says "none with real paths" "rule: default-deny-files"
want "status" $rc 1
# their user and home, whoever asks
user=$ME
[ "$ME" = self ] && user=$(id -un) || user=$(id -un "$ME")
home=$(getent passwd "$user" | cut -d: -f6)
cli policy test --session s1 read "$home/x"
says "the home" "rule: home"
says "the user" "message: of $user"
# the server's idea of opaque scripts
# shellcheck disable=SC2016
cli policy test --session s1 exec sh -c 'for i in a; do $i; done'
says "opaque" "rule: shellc-opaque-script"
cli policy test --session s1 exec rm -r --json
says "the command's own options" "rule: no-rm"
cli policy test --json --session s1 exec sh -c 'rm a'
want "JSON" "$(printf '%s' "$out" | jq -r '[.decision, .rule, .command] | join("|")')" "deny|no-rm|rm a"
cli policy explain --session s1 write a
says "explain" " *1 first (line 4, allow): matches"
cli policy explain --json --session s1 write a
want "explain, JSON" "$(printf '%s' "$out" | jq -r '.considered[0].rules[0].name')" first
cat >"$T/rows.tbl" <<R
write a -> allow first
exec rm -> deny no-rm
R
chmod 0644 "$T/rows.tbl"
cli policy test --session s1 --table "$T/rows.tbl"
want "a table" "$out" "2 passed, 0 failed"

# changed and not taken: no answer; taken: the new one's
policy second
cli policy test --session s1 --exit-code write a
want "status of what was changed" "$rc" 2
want "no answer" "$out" ""
want_in "why" "$(cat "$T/err")" "was changed and not taken by the session"
cli policy explain --session s1 --json write a
want "no explanation" "$rc$out" 2
ctl reload >/dev/null || fail reload
cli policy test --session s1 write a
says "after a reload" "rule: second"
# what the session could not take leaves the old one, and no answer
echo "nonsense" >"$dir/mine.yaml"
cli policy test --session s1 write a
want "status of what does not parse" "$rc$out" 2
policy second
cli policy test --session s1 write a
says "as it was" "rule: second"
rm "$dir/mine.yaml"
cli policy test --session s1 write a
want "status without a file" "$rc$out" 2
want_in "why" "$(cat "$T/err")" "there is none of this name"
policy second

# who may not see it, and what does not go together
cli policy test --session nosuch write a
want "no such session" "$rc$out" 2
want_in "why" "$(cat "$T/err")" "(HTTP 404)"
if [ "$MODE" = service ]; then
	as bob env AGENTSH_SERVER="unix://$API_SOCK" "$T/stage/agentsh" policy test \
	    --session s1 write a >"$T/out" 2>&1 && fail "another user's session is answered about"
	want_in "another user" "$(cat "$T/out")" "(HTTP 404)"
fi
for more in "--user x" "--home /x" "--real-paths" "--opaque deny"; do
	# shellcheck disable=SC2086
	cli policy test --session s1 $more write a
	want "with $more" "$rc$out" 2
	want_in "why" "$(cat "$T/err")" "the session says it"
done
cli policy test --client-timeout 3s mine write a
want_in "a server for nothing" "$rc $(cat "$T/err")" "--client-timeout needs --session"
api DELETE /api/v1/sessions/s1 >/dev/null
cli policy test --session s1 write a
want "an ended session" "$rc$out" 2
