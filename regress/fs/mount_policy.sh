#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mounts with a policy of their own: it decides about files beneath the mount and
# nowhere else, the base policy about everything else. What is read-only is read
# by its policy, with events of its own, and never changes.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes

# a place that is no session's own, as /tmp is
if [ "$ME" = self ]; then
	M=$(mktemp -d /var/tmp/agentsh-test.XXXXXX) || fail mktemp
	trap 'keep_=$?; rm -rf "$M"; (exit $keep_); cleanup' EXIT
else
	mount -t tmpfs -o mode=0755,nosuid test /mnt || fail "tmpfs on /mnt"
	M=/mnt
fi
mkdir -p "$M/data/out" "$M/data/secret" "$M/ref/sub" "$M/plain" "$M/free" "$M/beside"
for f in data/file data/secret/key data/out/old ref/file ref/a.key ref/sub/file plain/file beside/file; do
	echo "$f" >"$M/$f"
done
ln -s ../beside/file "$M/ref/out"
ws=$(new_workspace "$ME")
mkdir "$ws/secret" "$ws/out"
echo key >"$ws/secret/key"
if [ "$ME" != self ]; then
	chown -R "$ME:$ME" "$M/data" "$M/ref" "$M/plain" "$M/free" "$M/beside" "$ws"
	mkdir "$M/bound"
	mount --bind "$M/ref" "$M/bound"
fi

if [ "$MODE" = service ]; then P=$T/var/policies; else P=$T/state/policies; fi
mkdir -p "$P"
cat >"$P/base.yaml" <<Y
version: 1
name: base
file_rules:
  - {name: base-no-data, paths: ["$M/data{,/**}", "$M/ref/**"], decision: deny}
  - {name: base-no-list, paths: ["$M"], operations: [open, read, list], decision: deny}
  - {name: base-no-hush, paths: ["**/hush"], decision: deny}
  - {name: base-all, paths: ["/**"], decision: allow}
command_rules:
  - {name: base-commands, commands: ["*"], decision: allow}
Y
# own EXTRA: what decides in data, with that rule before the others
own()
{
	cat >"$P/.own" <<Y
version: 1
name: own
file_rules:
$1
  - {name: own-elsewhere, paths: ["\${PROJECT_ROOT}/to-*"], decision: redirect, redirect_to: "$M/plain"}
  - {name: own-no-secret, paths: ["**/secret{,/**}"], decision: deny}
  - {name: own-no-beside, paths: ["$M/beside/**", "$ws/**"], decision: deny}
  - {name: own-read, paths: ["\${PROJECT_ROOT}{,/**}"], operations: [open, read, stat, list, readlink, access], decision: allow}
  - {name: own-out, paths: ["\${WORKSPACE}/out/**", "\${PROJECT_ROOT}/.*{,/**}"], decision: allow}
command_rules:
  - {name: own-none, commands: ["*"], decision: deny}
Y
	mv "$P/.own" "$P/own.yaml"
}
own ""
cat >"$P/refs.yaml" <<Y
version: 1
name: refs
defaults: {reads: allow}
file_rules:
  - {name: refs-no-keys, paths: ["**/*.key"], decision: deny}
  - {name: refs-write, paths: ["**"], operations: [write, create, delete, mkdir, chmod, rename, link], decision: allow}
Y
cat >"$P/free.yaml" <<Y
version: 1
name: free
defaults: {protected: off}
file_rules:
  - {name: free-all, paths: ["**"], decision: allow}
Y
profile="p: {base_policy: base, mounts: [{path: $M/data, mode: rw, policy: own}, {path: $M/ref, policy: refs},
   {path: $M/plain, mode: rw}, {path: $M/free, mode: rw, policy: free}]},
  none: {base_policy: base, mounts: [{path: $M/plain, policy: nosuch}]}"
start_any "mount_profiles: {$profile}" "policies.symlink_escape: deny"
API_USER=$ME
[ "$ME" = self ] && API_USER=

# rules: of what was denied in the last command
rules()
{
	jq -r '[.events.blocked_operations[]?.policy.rule] | unique | join(" ")' <"$T/exec.json"
}

# denied RULE COMMAND...
denied()
{
	rule=$1
	shift
	run_in s "$@" >"$T/denied.out" && fail "not denied by $rule: $*: $(cat "$T/denied.out")"
	want "rule of: $*" "$(rules)" "$rule"
}

# event TYPE PATH: rules of the events of that path
event()
{
	api GET "/api/v1/sessions/s/history?type=$1&limit=1000" |
	    jq -r --arg p "$2" '[.[] | select(.path == $p) | .policy.rule] | unique | join(" ")'
}

new_session s "$ws" '"profile":"p"'
want "policies of the mounts" "$(json '.mounts[] | .mount_point + " " + .mode + " " + .policy' <"$T/session.json" | tr '\n' ' ')" \
    "$M/data rw own $M/ref ro refs $M/plain rw base $M/free rw free "

want "the event of it" "$(api GET "/api/v1/sessions/s/history?type=session_created" |
    jq -r '.[0].fields | .policy, .profile, .mounts[]' | tr '\n' ';')" \
    "base;p;rw own $M/data;ro refs $M/ref;rw base $M/plain;rw free $M/free;"

# by the mount's own rules, for its own root, whatever the base policy says there
want "read" "$(run_in s cat "$M/data/file")" data/file
want "by which rule" "$(event file_open "$M/data/file")" own-read
want "a listing" "$(run_in s ls "$M/data" | tr '\n' ' ')" "file out secret "
run_in s sh -c "echo x >$M/data/out/new && mv $M/data/out/new $M/data/out/b && rm $M/data/out/b" ||
    fail "work in out: $(cat "$T/exec.json")"
denied default-deny-files sh -c "echo x >$M/data/new"
denied default-deny-files rm "$M/data/file"
denied own-no-secret cat "$M/data/secret/key"
denied own-no-secret mv "$M/data/out/old" "$M/data/secret/old"
denied default-deny-files ln "$M/data/file" "$M/data/out/link"
# which say nothing elsewhere
want "secret of the workspace" "$(run_in s cat secret/key)" key
want "beside" "$(run_in s cat "$M/beside/file")" beside/file
run_in s sh -c "echo x >out/hush" && fail "the base policy denies nothing in the workspace"
want "base" "$(rules)" base-no-hush
# nor do the base policy's beneath the mount
run_in s sh -c "echo x >$M/data/out/hush" || fail "the base policy decides in the mount"
denied base-no-hush sh -c "echo x >$M/plain/hush"
# the way there can be looked at, no more
run_in s stat "$M" >/dev/null || fail "stat of the way"
denied base-no-list ls "$M"

# protected files, in each mount, but for the policy that has them not
denied protected-agent sh -c "echo {} >$M/data/.mcp.json"
denied protected-ide sh -c "mkdir $M/data/.vscode && echo {} >$M/data/.vscode/tasks.json"
denied protected-shell sh -c "echo x >$M/plain/.bashrc"
denied protected-git sh -c "mkdir -p $M/plain/sub/.git/hooks && echo x >$M/plain/sub/.git/hooks/post-commit"
run_in s sh -c "mkdir -p $M/free/.git/hooks && echo x >$M/free/.git/hooks/post-commit && echo x >$M/free/.bashrc" ||
    fail "protected: off: $(cat "$T/exec.json")"

# from one to another: both have to allow it, and each is a file system of its own
run_in s python3 -c "
import errno, os
open('$M/data/out/w', 'w').close()
open('w', 'w').close()
for a, b in ('$M/data/out/w', '$M/plain/w'), ('$M/plain/file', '$M/data/out/w2'), ('w', '$M/data/out/w3'), ('$M/free/.bashrc', '$M/plain/x'):
    for f in os.rename, os.link:
        try:
            f(a, b)
        except OSError as e:
            assert e.errno == errno.EXDEV, (a, b, e)
        else:
            raise SystemExit('crossed')" || fail "rename and link: $(cat "$T/exec.json")"
run_in s mv "$M/data/file" "$M/plain/moved" && fail "moved out of where it may not be deleted"
want "it stays" "$(cat "$M/data/file")" data/file
denied own-no-secret mv "$M/plain/file" "$M/data/secret/moved"
want "it stays, too" "$(cat "$M/plain/file")" plain/file
run_in s cp "$M/data/file" "$M/plain/moved" || fail "cp between mounts"
run_in s mv "$M/plain/moved" "$M/data/out/moved" || fail "mv between mounts: $(cat "$T/exec.json")"
want "moved" "$(cat "$M/data/out/moved")" data/file

# redirected from one to the other, where that one's policy decides
run_in s sh -c "echo there >$M/data/to-plain" || fail "redirected: $(cat "$T/exec.json")"
want "redirected" "$(cat "$M/plain/to-plain") $(find "$M/data" -name "to-*")" "there "
want "read back" "$(run_in s cat "$M/data/to-plain")" there

# read-only: read by its own rules, each with an event; never changed, also where
# they would let it
want "read of ro" "$(run_in s cat "$M/ref/sub/file")" ref/sub/file
want "its event" "$(event file_open "$M/ref/sub/file")" default-allow-reads
denied refs-no-keys cat "$M/ref/a.key"
for change in "echo x >>$M/ref/file" "echo x >$M/ref/made" "rm -f $M/ref/file" "mkdir $M/ref/d" "chmod 600 $M/ref/file" \
    "mv $M/ref/file $M/ref/f" "ln $M/ref/file $M/ref/f" "truncate -s 0 $M/ref/file" "touch -d @1 $M/ref/file" \
    "mkfifo $M/ref/fifo" "ln -s x $M/ref/l"; do
	run_in s sh -c "$change" && fail "changed: $change"
done
denied mount-read-only sh -c "echo x >$M/ref/made"
denied mount-read-only chmod 600 "$M/ref/file"
run_in s python3 -c "
import os
fd = os.open('$M/ref/file', os.O_RDONLY)
for f in lambda: os.fchmod(fd, 0), lambda: os.truncate(fd, 0), lambda: os.open('/proc/self/fd/%d' % fd, os.O_RDWR), \
    lambda: os.utime(fd), lambda: os.setxattr(fd, 'user.x', b'y'), lambda: os.open('$M/ref', os.O_TMPFILE | os.O_WRONLY):
    try:
        f()
    except OSError:
        continue
    raise SystemExit('changed')" || fail "changed by a descriptor: $(cat "$T/exec.json")"
want "what it is" "$(cd "$M/ref" && ls -A | tr '\n' ' ')$(cat "$M/ref/file")" "a.key file out sub ref/file"
want "mode" "$(stat -c %a "$M/ref/file")" 644
run_in s cat "$M/ref/out" && fail "a link out of ro is followed"
if [ "$ME" = self ]; then
	left_out "a mount's other path needs root"
else
	denied mount-by-other-path cat "$M/bound/file"
fi
# changes outside are seen
echo fresh >"$M/ref/sub/file"
want "seen" "$(run_in s cat "$M/ref/sub/file")" fresh

# a reload takes every file: all of it, or nothing
if [ "$MODE" = service ]; then
	# shellcheck disable=SC2153
	as_op="$T/stage/agentshctl -s $OPERATOR_SOCK"
else
	as_op="as $ME $T/stage/agentshctl -s $OPERATOR_SOCK"
fi
$as_op reload >"$T/out" || fail "reload: $(cat "$T/out")"
want_in "nothing new" "$(cat "$T/out")" unchanged
own '  - {name: own-no-file, paths: ["${PROJECT_ROOT}/file"], decision: deny}'
$as_op reload >"$T/out" || fail "reload: $(cat "$T/out")"
denied own-no-file cat "$M/data/file"
echo "nonsense" >"$P/own.yaml"
$as_op reload >"$T/out" 2>&1
want_in "why it stays" "$(cat "$T/out")" own.yaml
denied own-no-file cat "$M/data/file"
own ""
$as_op reload >"$T/out" || fail "reload: $(cat "$T/out")"
want "as before" "$(run_in s cat "$M/data/file")" data/file

# what cannot be had
refused()
{
	api POST /api/v1/sessions "{\"id\":\"$1\",\"workspace\":\"$ws\",\"profile\":\"$2\"}" >"$T/refused.json"
	want "$1" "$(status)" "$3"
	want_in "$1" "$(cat "$T/refused.json")" "$4"
}
refused r1 none 400 "policy nosuch: there is no policy of this name"
echo "version: 1" >"$P/own.yaml"
refused r2 p 400 own.yaml

# each file is vouched for
own ""
stop_server
# shellcheck disable=SC2154
mkdir -p "$M/keys"
[ "$ME" = self ] || [ "$MODE" = service ] || chown "$ME" "$M/keys"
list()
{
	for f in "$@"; do
		printf '%s  %s\n' "$(sha256sum <"$P/$f" | cut -c1-64)" "$f"
	done >"$T/list"
	chmod 0644 "$T/list"
	if [ "$MODE" = service ]; then
		cp "$T/list" "$M/keys/manifest"
	else
		as "$ME" cp "$T/list" "$M/keys/manifest"
	fi
}
list base.yaml refs.yaml free.yaml
start_any "mount_profiles: {$profile}" "policies.manifest_path: $M/keys/manifest"
refused r3 p 403 "own.yaml is not in the manifest"
list base.yaml refs.yaml free.yaml own.yaml
API_USER=$ME
[ "$ME" = self ] && API_USER=
new_session s "$ws" '"profile":"p"'
want "vouched for" "$(run_in s cat "$M/data/file")" data/file
