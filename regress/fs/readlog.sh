#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# log: full of a file rule: outside of the workspace each open under it is an
# event, with its rule; others are counted. No native mount takes that away.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
# shellcheck disable=SC2046
set -- $(find /usr/share/doc -xdev -type f -perm -o=r 2>/dev/null | head -n 30)
[ $# = 30 ] || skip "too few files in /usr/share/doc"
mkdir -p "$T/var/policies" "$T/state/policies"
for d in "$T/var/policies" "$T/state/policies"; do
	for log in full summary; do
		cat >"$d/log-$log.yaml" <<P
version: 1
name: log-$log
file_rules:
  - {name: docs, paths: [/usr/share/doc, "/usr/share/doc/**"], operations: [open, list, stat], decision: allow, log: $log}
  - {name: no, paths: [/srv, "/srv/**"], decision: deny, log: $log}
  - {name: work, paths: ["\${PROJECT_ROOT}", "\${PROJECT_ROOT}/**"], decision: allow}
  - {name: see, paths: ["/**"], operations: [open, stat, list, readlink, access], decision: allow}
command_rules:
  - {name: any, commands: ["*"], decision: allow}
P
		chmod 0644 "$d/log-$log.yaml"
	done
done
if [ "$MODE" = user ] && [ "$ME" != self ]; then
	chown -R "$ME:$ME" "$T/state"
fi
start_any
ws=$(new_workspace "$ME")
new_session full "$ws" '"policy":"log-full"'
new_session sum "$ws" '"policy":"log-summary"'

# events FILTER: of the last command
events()
{
	jq -r "[.events.file_operations[]|select($1)]|length" "$T/exec.json"
}
doc='.type == "file_open" and (.path|startswith("/usr/share/doc/"))'

run_in full cat "$@" >/dev/null || fail "cat: $(cat "$T/exec.json")"
want "each open" "$(events "$doc and .policy.rule == \"docs\" and .policy.decision == \"allow\"")" 30
want "each path" "$(jq -r "[.events.file_operations[]|select($doc)|.path]|unique|length" "$T/exec.json")" 30
one=$(jq -r '[.events.file_operations[]|select(.type == "file_read_summary")][0].fields.opened' "$T/exec.json")
[ "$(printf %s "$one" | jq '.["/usr"]')" -gt 0 ] || fail "the rest is not counted: $one"
run_in full sh -c 'cat "$1" "$1" "$1"' sh "$1" >/dev/null || fail "cat"
want "one file three times" "$(events "$doc")" 3
run_in full sh -c 'cat </usr/share/doc/none; ls /usr/share/doc >/dev/null; cat /etc/passwd >/dev/null'
want "what is not there" "$(events "$doc")" 0
want "a listing" "$(events '.type == "dir_list" and .path == "/usr/share/doc"')" 1
want "of another rule" "$(events '.path == "/etc/passwd"')" 0
run_in full cat "$@" >/dev/null
two=$(jq -r '[.events.file_operations[]|select(.type == "file_read_summary")][0].fields.opened' "$T/exec.json")
want "none is counted twice" "$(printf %s "$two" | jq '.["/usr"]')" "$(printf %s "$one" | jq '.["/usr"]')"
# a tree that is denied as a whole is not hidden: each try is seen
run_in full sh -c 'cat /srv/a; cat /srv/b' 2>/dev/null
want "each denial" "$(jq -r '[.events.blocked_operations[]|select(.policy.rule == "no")]|length > 0' "$T/exec.json")" true

run_in sum cat "$@" >/dev/null || fail "cat: $(cat "$T/exec.json")"
want "by summary" "$(events "$doc")" 0
if [ "$MODE" = service ]; then
	want "counted" "$(jq -r '[.events.file_operations[]|select(.type == "file_read_summary")][0].fields.opened["/usr"] >= 30' "$T/exec.json")" true
fi
run_in sum sh -c 'cat /srv/a; ls /usr/share/doc >/dev/null' 2>/dev/null
want "a hidden tree" "$(jq -r '.events.blocked_operations|length' "$T/exec.json") $(events '.type == "dir_list"')" "0 0"
