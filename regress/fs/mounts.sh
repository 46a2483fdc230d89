#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Directories of the host beside the workspace, by a profile: what is rw changes
# as the policy says and nowhere else, what is ro does not, and both are the
# user's to open.
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
mkdir "$M/data" "$M/data/sub" "$M/data/secret" "$M/data/hid" "$M/ref" "$M/beside" "$M/real" "$M/locked"
echo old >"$M/data/file"
echo key >"$M/data/secret/key"
echo hid >"$M/data/hid/f"
echo ref >"$M/ref/file"
echo beside >"$M/beside/file"
ln -s real "$M/link"
ln -s ../ref/file "$M/data/out"
ln -s file "$M/data/in"
chmod 0700 "$M/locked"
if [ "$ME" != self ]; then
	chown -R "$ME:$ME" "$M/data" "$M/ref" "$M/beside" "$M/real"
	mkdir "$M/bound"
	mount --bind "$M/data" "$M/bound"
fi
ws=$(new_workspace "$ME")
inner=$M/data/sub

if [ "$MODE" = service ]; then P=$T/var/policies; else P=$T/state/policies; fi
mkdir -p "$P"
cat >"$P/work.yaml" <<Y
version: 1
name: work
file_rules:
  - {name: no-secret, paths: ["$M/data/secret{,/**}"], operations: [open, read, write, list], decision: deny}
  - {name: no-hid, paths: ["$M/data/hid{,/**}"], decision: deny}
  - {name: no-delete, paths: ["$M/data/kept"], operations: [delete], decision: deny}
  - {name: soft, paths: ["$M/data/soft*"], operations: [delete], decision: soft_delete}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
Y
cat >"$P/names.yaml" <<Y
version: 1
name: names
file_rules:
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: names, commands: [ln, cat, awk], decision: allow}
Y
if [ "$MODE" = service ]; then
	mount -t tmpfs -o mode=0755 test /opt || fail "tmpfs on /opt"
	mkdir /opt/tools
fi
profiles="{p: {base_policy: work, mounts: [{path: $M/data, mode: rw, policy: work}, {path: $M/ref}]},
  lnk: {base_policy: work, mounts: [{path: $M/link, mode: rw}]},
  gone: {base_policy: work, mounts: [{path: $M/none}]},
  bound: {base_policy: work, mounts: [{path: $M/data, mode: rw}, {path: $M/bound, mode: rw}]},
  tools: {base_policy: names, mounts: [{path: /opt/tools, mode: rw}]},
  locked: {base_policy: work, mounts: [{path: $M/locked, mode: ro}]}}"
start_any "mount_profiles: $profiles" "policies.symlink_escape: deny"
API_USER=$ME
[ "$ME" = self ] && API_USER=

# refused ID MEMBERS STATUS TEXT
refused()
{
	api POST /api/v1/sessions "{\"id\":\"$1\",$2}" >"$T/refused.json"
	want "$1" "$(status)" "$3"
	want_in "$1" "$(cat "$T/refused.json")" "$4"
}

want "profiles" "$(api GET /api/v1/profiles | jq -c '.profiles[0]')" \
    "{\"name\":\"p\",\"base_policy\":\"work\",\"mounts\":[{\"path\":\"$M/data\",\"policy\":\"work\",\"mode\":\"rw\"},{\"path\":\"$M/ref\",\"policy\":\"work\",\"mode\":\"ro\"}]}"
new_session s "$ws" '"profile":"p"'
want "policy of the profile" "$(json .policy <"$T/session.json")" work
want "profile" "$(json .profile <"$T/session.json")" p
want "mounts" "$(json '.mounts[] | .mode + " " + .mount_point' <"$T/session.json" | tr '\n' ' ')" "rw $M/data ro $M/ref "

# what is rw: at its own path, with everything that files can do
want "seen" "$(run_in s cat "$M/data/file")" old
run_in s sh -c "cd $M/data && echo new >file && mkdir -p a/b && echo x >a/b/c && mv a/b/c a/d && ln a/d a/e &&
    ln -s d a/l && truncate -s 9 a/d && chmod 600 a/d && rm a/l && touch -d @1000000000 a/d && cat a/e" >/dev/null ||
    fail "work in the mount: $(cat "$T/exec.json")"
want "changed outside" "$(cat "$M/data/file")" new
want "made outside" "$(stat -c '%s %u %a %Y' "$M/data/a/d")" "9 $ME_UID 600 1000000000"
[ ! -L "$M/data/a/l" ] || fail "a link that was removed is there"
run_in s python3 -c "
import mmap
with open('$M/data/map', 'w+b') as f:
    f.truncate(8192)
    m = mmap.mmap(f.fileno(), 8192)
    m[5000:5004] = b'word'
    m.flush()" || fail "mmap"
want "mapped" "$(dd if="$M/data/map" bs=1 skip=5000 count=4 2>/dev/null)" word
want "an event of it" "$(api GET "/api/v1/sessions/s/history?type=file_rename" |
    jq -r '.[0].path + " " + .[0].fields.to_path + (.[0].to_path // "")' | grep -c "$M/data/a/b/c")" 1
echo outside >"$M/data/fresh"
want "made outside, seen inside" "$(run_in s cat "$M/data/fresh")" outside


# programs there, and commands that start there
printf '#!/bin/sh\npwd\n' >"$M/data/prog"
chmod 755 "$M/data/prog"
want "a program, in its directory" "$(api POST /api/v1/sessions/s/exec \
    "{\"command\":\"./prog\",\"working_dir\":\"$M/data\"}" | json '.result.stdout')" "$M/data"
want "a listing" "$(run_in s ls "$M" | tr '\n' ' ' | grep -c 'data .*ref ')" 1

# nothing around it changes, nor what is ro
for dir in beside ref .; do
	run_in s sh -c "echo x >$M/$dir/made" && fail "$M/$dir is writable"
	[ ! -e "$M/$dir/made" ] || fail "made in $M/$dir"
done
want "ro is readable" "$(run_in s cat "$M/ref/file")" ref
run_in s sh -c "echo x >$M/ref/file" && fail "a file of ro is writable"
run_in s chmod 777 "$M/ref" && fail "chmod of ro"
run_in s mv "$M/data" "$M/moved" && fail "the mount was renamed"
run_in s rmdir "$M/data" && fail "the mount was removed"
run_in s sh -c "cd $M/data/a/../../ref && echo x >made" && fail "by .. into ro"
run_in s ln "$M/ref/file" "$M/data/hard" && fail "a hard link of ro into rw"
[ ! -e "$M/data/hard" ] || fail "a hard link is there"
if [ "$ME" = self ]; then
	left_out "another path of a mount, one that the user may not open, and links in /opt need root"
else
	run_in s ls "$M/bound" && fail "by another path"
	want "which rule" "$(jq -r '[.events.blocked_operations[]?.policy.rule] | unique | join(" ")' <"$T/exec.json")" mount-by-other-path
fi

# the policy's word holds there
run_in s cat "$M/data/secret/key" && fail "the secret is readable"
run_in s mv "$M/data/secret" "$M/data/open" && fail "the secret's directory was renamed"
run_in s sh -c "echo x >$M/data/secret/new" && fail "the secret's directory is writable"
run_in s cat "$M/data/hid/f" && fail "what is hidden is readable"
run_in s sh -c "mkdir -p $M/data/.git/hooks && echo x >$M/data/.git/hooks/pre-commit" && fail "a hook of git was made"
[ ! -e "$M/data/.git/hooks/pre-commit" ] || fail "the hook is there"
run_in s sh -c "echo x >$M/data/kept" || fail "kept"
run_in s rm -f "$M/data/kept" && fail "kept was deleted"

# between it and the workspace: as between two file systems
run_in s python3 -c "
import errno, os
open('w', 'w').close()
for f in os.rename, os.link:
    try:
        f('w', '$M/data/w')
    except OSError as e:
        assert e.errno == errno.EXDEV, e
    else:
        raise SystemExit('crossed')" || fail "rename and link to the mount: $(cat "$T/exec.json")"
run_in s sh -c "echo moved >w && mv w $M/data/w && mv $M/data/w back && cat back" >/dev/null || fail "mv"
want "moved" "$(cat "$ws/back")" moved

# soft deletes come back to where they were
echo soft >"$M/data/soft1"
[ "$ME" = self ] || chown "$ME:$ME" "$M/data/soft1"
run_in s rm "$M/data/soft1" || fail "soft delete"
[ ! -e "$M/data/soft1" ] || fail "it is not deleted"
if [ "$MODE" = service ]; then trash=$T/var/trash/$ME_UID; else trash=$T/state/trash; fi
token=$(as "$ME" "$T/stage/agentsh" trash list --json --trash-path "$trash" |
    jq -r '.. | objects | select(.path? == "'"$M/data/soft1"'") | .token' | head -n 1)
[ -n "$token" ] || fail "not in the trash: $(as "$ME" "$T/stage/agentsh" trash list --json --trash-path "$trash")"
as "$ME" "$T/stage/agentsh" trash restore "$token" --trash-path "$trash" >/dev/null || fail "restore"
want "restored" "$(cat "$M/data/soft1")" soft

# links: out of the mount is out, as it is of the workspace; within it is not
want "a link within" "$(run_in s cat "$M/data/in")" new
run_in s cat "$M/data/out" && fail "a link out of the mount is followed"

# a session without the profile has nothing of it
new_session plain "$ws" '"policy":"work"'
want "no profile" "$(json '.profile // "none"' <"$T/session.json")" none
run_in plain sh -c "echo x >$M/data/plain" && fail "writable without the profile"

refused none "\"workspace\":\"$ws\",\"profile\":\"q\"" 400 mount_profiles
refused two "\"workspace\":\"$ws\",\"profile\":\"p\",\"policy\":\"work\"" 400 "brings its policy"
refused lnk "\"workspace\":\"$ws\",\"profile\":\"lnk\"" 400 "leads to $M/real"
refused gone "\"workspace\":\"$ws\",\"profile\":\"gone\"" 400 "No such file"
refused inner "\"workspace\":\"$inner\",\"profile\":\"p\"" 400 "lie in each other"
refused same "\"workspace\":\"$M/data\",\"profile\":\"p\"" 400 "one directory"
refused around "\"workspace\":\"$M\",\"profile\":\"p\"" 400 "lie in each other"
if [ "$ME" != self ]; then
	refused locked "\"workspace\":\"$ws\",\"profile\":\"locked\"" 403 "Permission denied"
	want "code" "$(json .code <"$T/refused.json")" invalid_profile
	refused bound "\"workspace\":\"$ws\",\"profile\":\"bound\"" 400 "one directory"
fi

# by the command line
AGENTSH_NO_AUTO=1
AGENTSH_SERVER=unix://$API_SOCK
want "made by exec" "$(as "$ME" "$T/stage/agentsh" exec --root "$ws" --profile p cli1 -- cat "$M/data/file")" new
as "$ME" "$T/stage/agentsh" session create --workspace "$ws" --profile p --id cli2 >/dev/null || fail "session create"
want "by session create" "$(as "$ME" "$T/stage/agentsh" exec --profile p cli2 -- cat "$M/data/file")" new
as "$ME" "$T/stage/agentsh" exec --profile p plain -- true 2>"$T/cli" && fail "exec in a session without the profile"
want_in "why" "$(cat "$T/cli")" "session plain exists with no profile, not profile p"

# a link that a session can make in a mount gives a program no name, also where
# links are the system's and root's else
if [ "$MODE" = service ]; then
	stop_server
	start_any "mount_profiles: $profiles"
	API_USER=
	new_session tools "$(new_workspace root)" '"profile":"tools"'
	run_in tools ln -s /usr/bin/printf /opt/tools/awk || fail "ln in /opt/tools: $(cat "$T/exec.json")"
	[ -L /opt/tools/awk ] || fail "no link in /opt/tools"
	run_in tools /opt/tools/awk ab >"$T/out" && fail "printf by the name of awk: $(cat "$T/out")"
	run_in tools awk 'BEGIN { exit 0 }' || fail "awk itself"
fi

# directories of agentsh itself
stop_server
own=$(dirname "$P")
if [ "$MODE" = service ]; then conf=$T/etc/config.yaml; else conf=$T/user.yaml; fi
for place in "$P" "$own/log"; do
	# $T is beneath /tmp: by a place outside of it
	mkdir -p "$M/own"
	sed -e "s|^  dir: $place\$|  dir: $M/own|" -e "s|$M/ref|$M/own|" "$conf" >"$T/own.yaml"
	grep -q "dir: $M/own" "$T/own.yaml" || fail "no $place in the configuration"
	env AGENTSH_HELPER_DIR="$T/stage" HOME="$T/home/$ME" XDG_RUNTIME_DIR="$T/run-$ME" XDG_STATE_HOME="$T/state" \
	    "$T/stage/agentshd" -n -f "$T/own.yaml" 2>"$T/own.err" && fail "a mount of agentsh's own $place"
	want_in "$place" "$(cat "$T/own.err")" "agentsh has its own $M/own there"
done
