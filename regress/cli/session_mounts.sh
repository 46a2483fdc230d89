#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What agentsh says of a session with mounts: policy test, explain and mounts
# --session know each mount and its policy; a checkpoint of the session is one of
# all that it can write to.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes

if [ "$ME" = self ]; then
	M=$(mktemp -d /var/tmp/agentsh-test.XXXXXX) || fail mktemp
	trap 'keep_=$?; rm -rf "$M"; (exit $keep_); cleanup' EXIT
else
	mount -t tmpfs -o mode=0755,nosuid test /mnt || fail "tmpfs on /mnt"
	M=/mnt
fi
mkdir -p "$M/data/d" "$M/ref" "$M/plain"
echo data >"$M/data/d/f"
ln -s /etc/passwd "$M/data/link"
echo plain >"$M/plain/f"
ws=$(new_workspace "$ME")
echo work >"$ws/w"
[ "$ME" = self ] || chown -R "$ME:$ME" "$M/data" "$M/ref" "$M/plain" "$ws"
if [ "$MODE" = service ]; then P=$T/var/policies; else P=$T/state/policies; fi
mkdir -p "$P"
cat >"$P/base.yaml" <<Y
version: 1
name: base
file_rules:
  - {name: base-all, paths: ["/**"], decision: allow}
command_rules:
  - {name: any, commands: ["*"], decision: allow}
Y
# own RULE
own()
{
	cat >"$P/.new" <<Y
version: 1
name: own
file_rules:
  - {name: $1, paths: ["\${PROJECT_ROOT}/no"], decision: deny}
  - {name: own-read, paths: ["\${PROJECT_ROOT}{,/**}"], operations: [open, read, stat, list, readlink], decision: allow}
  - {name: own-dot, paths: ["\${PROJECT_ROOT}/.*"], decision: allow}
Y
	mv "$P/.new" "$P/own.yaml"
}
own own-no
start_any "mount_profiles: {p: {base_policy: base, mounts: [{path: $M/data, mode: rw, policy: own},
    {path: $M/ref, policy: own}, {path: $M/plain, mode: rw}]}}"
API_USER=$ME
[ "$ME" = self ] && API_USER=

# cli ARG...: as the user, with the standard output in $out and the status in $rc
cli()
{
	out=$(cd "$ws" && as "$ME" env AGENTSH_SERVER="unix://$API_SOCK" HOME=/nonexistent USER=nobody \
	    AGENTSH_HELPER_DIR="$T/stage" "$T/stage/agentsh" "$@" 2>"$T/err")
	rc=$?
}

# says WHAT LINE: what was printed has the line
says()
{
	printf '%s\n' "$out" | grep -qx -- "$2" || fail "$1: $out $(cat "$T/err")"
}

new_session s "$ws" '"profile":"p"'
new_session plain "$ws" '"policy":"base"'

cli policy test --session s read "$M/data/no"
says "a rule of the mount" "rule: own-no"
says "where it is" "why: rule 1 of file_rules of the mount's policy own, line 4"
cli policy test --session s write "$M/data/x"
says "no rule of it" "rule: default-deny-files"
says "why" "why: no rule of the mount's policy own matches, and the default is to deny"
cli policy test --session s write "$M/data/.mcp.json"
says "protected" "rule: protected-agent"
says "by which rule it is not" "why: built in: it is protected, and rule 3 of file_rules of the mount's policy own, line 6, does not name it"
cli policy test --session s read "$M/ref/no"
says "its variable in each mount" "rule: own-no"
cli policy test --session s write "$M/plain/x"
says "a mount without a policy" "rule: base-all"
says "the base policy" "why: rule 1 of file_rules, line 4"
cli policy test --session s write w
says "the workspace" "rule: base-all"
cli policy test --session plain write "$M/data/x"
says "a session without them" "rule: base-all"
cli policy explain --session s read "$M/data/f"
want "explain" "$rc $(printf '%s\n' "$out" | sed -n 2,3p | tr -s ' ' | tr '\n' ';')" \
    "0  1 own-no (of the mount, line 4, deny): not its path; 2 own-read (of the mount, line 5, allow): matches;"
cli policy explain --session s write "$M/data/f"
says "explain a default" " *default-deny-files (built in, deny): matches"
cli policy explain --session s read "$ws/no" --json
want "no rule of a mount elsewhere" "$(printf '%s' "$out" | jq -r '[.considered[0].rules[].name] | join(" ")')" base-all
cli policy explain --session s read "$M/ref/f" --json
want "explain, JSON" "$(printf '%s' "$out" | jq -r '[.considered[0].rules[] | .name + " " + .mount] | join(";")')" \
    "own-no $M/ref;own-read $M/ref"

cli policy mounts --session s
want "status of mounts" "$rc" 0
says "a mount" "$M/data	decided	a mount of the profile, rw, by policy own"
says "read-only" "$M/ref	decided	a mount of the profile, ro, by policy own"
says "by the base policy" "$M/plain	decided	a mount of the profile, rw, by policy base"
cli policy mounts --session s --json
want "JSON" "$(printf '%s' "$out" | jq -r --arg p "$M/ref" '.mounts[] | select(.path == $p) | .mount')" decided
if [ "$M" = /mnt ]; then
	want "why /mnt is decided" "$(printf '%s' "$out" | jq -r '.mounts[] | select(.path == "/mnt") | .mount')" decided
fi
cli policy mounts --session s base
want "a name besides" "$rc$out" 2
want_in "why" "$(cat "$T/err")" "takes the place of NAME"
cli policy mounts --session nosuch
want "no such session" "$rc$out" 2
cli policy mounts --client-timeout 3s base
want_in "a server for nothing" "$rc $(cat "$T/err")" "--client-timeout needs --session"

# one file of several has changed, or is gone
own changed
cli policy test --session s read "$M/data/no"
want "a changed one" "$rc$out" 2
want_in "why" "$(cat "$T/err")" "was changed and not taken by the session"
rm "$P/own.yaml"
cli policy mounts --session s
want "without it" "$rc$out" 2
want_in "why" "$(cat "$T/err")" "policy own: there is none of this name"
own own-no
cli policy test --session s read "$M/data/no"
says "as it was" "rule: own-no"

# checkpoints: of all that the session can write to
S=$T/cp
mkdir -m 0700 "$S"
[ "$ME" = self ] || chown "$ME:$ME" "$S"
checkpoint()
{
	cli checkpoint "$@" --session s --storage-dir "$S"
}
checkpoint create
want "create" "$rc" 0
want "of which" "$(printf '%s\n' "$out" | cut -f 2 | tr '\n' ' ')" "$ws $M/data $M/plain "
id=$(printf '%s\n' "$out" | sed -n "s|	$M/data\$||p")
checkpoint list --json
want "kept" "$(printf '%s' "$out" | jq -r '[.checkpoints[].workspace] | sort | join(" ")')" \
    "$(printf '%s\n' "$ws" "$M/data" "$M/plain" | LC_ALL=C sort | xargs)"
as "$ME" sh -c "cd $M/data && rm -r d && ln -s $M/ref d && echo x >new && rm link && echo x >link" || fail spoil
echo keep >"$M/ref/f"
checkpoint rollback "$id"
want "of another directory" "$rc" 1
want_in "why" "$(cat "$T/err")" "is of $M/data, not of $ws"
[ -e "$M/data/new" ] || fail "rolled back all the same"
checkpoint rollback "$id" --workspace "$M/data"
want "rollback" "$rc" 0
want "what it is" "$(cd "$M/data" && find . -mindepth 1 -printf '%P %y %l\n' | LC_ALL=C sort | tr '\n' ';')$(cat "$M/data/d/f")" \
    "d d ;d/f f ;link l /etc/passwd;data"
want "nothing through the link" "$(cat "$M/ref/f") $(ls "$M/ref")" "keep f"
checkpoint create --json
want "JSON" "$(printf '%s' "$out" | jq -r '[.workspace, .mounts[].workspace] | join(" ")')" "$ws $M/data $M/plain"
# one directory where it is named, where there is no such session and where none
# is named; and a server that cannot be asked only counts where it is named
checkpoint create --workspace "$M/plain"
want "one" "$rc $(printf '%s' "$out" | grep -c cp-)" "0 1"
cli checkpoint create --session none --storage-dir "$S" --json
want "no such session" "$(printf '%s' "$out" | jq -r '.workspace, has("mounts")' | tr '\n' ' ')" "$ws false "
cli checkpoint create --storage-dir "$S" --json
want "none is named" "$(printf '%s' "$out" | jq -r '.workspace, has("mounts")' | tr '\n' ' ')" "$ws false "
cli checkpoint create --session none --storage-dir "$S" --server "unix://$API_SOCK"
want "no such session of a named server" "$rc$out" 1
want_in "why" "$(cat "$T/err")" "(HTTP 404)"
checkpoint create --workspace "$M/plain" --server "unix://$API_SOCK"
want "a server for nothing" "$rc$out" 2
rm -rf "$M/plain/x"
as "$ME" sh -c "mkdir $M/plain/x && chmod 0 $M/plain/x" || fail "mkdir"
checkpoint create
[ "$ME_UID" = 0 ] || want "one that cannot be read" "$rc $(printf '%s\n' "$out" | wc -l)" "1 2"
as "$ME" rmdir "$M/plain/x"
stop_server
checkpoint create
want "no server" "$rc $(printf '%s' "$out" | grep -c cp-)" "0 1"
checkpoint create --server "unix://$API_SOCK"
want "a named one" "$rc$out" 1
