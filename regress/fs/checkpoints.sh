#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What agentsh checkpoint keeps is no session's: it holds what the policy denies by
# its name in the workspace, and goes back there by the user's hand. Not where the
# host's files can be read, not in a mount, and not in a workspace that is the
# user's home.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
MODE=service
own_policies
cat >"$policies/wide.yaml" <<'Y'
version: 1
name: wide
file_rules:
  - {name: no-env, paths: ["**/.env"], decision: deny}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
Y
# a home that is not in /tmp, which each session has its own of
mount -t tmpfs -o mode=0755,nosuid test /mnt || fail "tmpfs on /mnt"
home=/mnt/alice
sed "s|^\\(alice:.*:\\)[^:]*\\(:[^:]*\\)$|\\1$home\\2|" "$T/etc/passwd" >"$T/passwd"
cat "$T/passwd" >"$T/etc/passwd"
install -d -m 0750 -o alice -g alice $home $home/.local $home/.local/share
echo file >$home/file
start_service "mount_profiles: {p: {base_policy: wide, mounts: [{path: $home/.local, mode: rw}]}}"
API_USER=alice
ws=$(new_workspace alice)
as alice sh -c "echo secret >'$ws/.env'; echo one >'$ws/one'"
as alice env HOME=$home "$T/stage/agentsh" checkpoint create --workspace "$ws" >/dev/null || fail "create"
store=$home/.local/state/agentsh/checkpoints
kept=$(find "$store" -name "$(echo secret | sha256sum | cut -c 1-64)")
[ -f "$kept" ] || fail "nothing is kept in $store"
look()
{
	find "$store/" -exec stat -c '%n %Y %i %s' {} + | sort
}
look >"$T/was"

# attack SESSION PATH: by that path of the storage
attack()
{
	run_in "$1" python3 -c '
import os, sys
store, kept = sys.argv[1:]
bad = []
def must_fail(name, fn, *a):
    try:
        fn(*a)
        bad.append(name)
    except OSError:
        pass
must_fail("read", lambda: open(store + kept).read())
must_fail("list", os.listdir, store)
must_fail("stat", os.stat, store)
must_fail("open", os.open, store, os.O_PATH)
must_fail("link", os.link, store + kept, "stolen")
must_fail("write", lambda: open(store + kept, "r+"))
must_fail("remove", os.unlink, store + kept)
must_fail("make", os.mkdir, store + "/new")
must_fail("rename", os.rename, store, os.path.dirname(store) + "/other")
must_fail("rename what is above", os.rename, os.path.dirname(store), store + "-other")
must_fail("put another in its place", os.rename, os.getcwd(), store)
print(*bad, sep=", ")
' "$2" "${kept#"$store"}" >"$T/out" || fail "$1: $(cat "$T/out" "$T/exec.json")"
	want "$1" "$(cat "$T/out")" ""
	look | diff "$T/was" - || fail "$1: it has changed"
}
new_session host "$ws" '"policy":"wide"'
attack host "$store"
new_session mount "$ws" '"profile":"p"'
attack mount "$store"
new_session home "$home" '"policy":"wide"'
attack home "/workspace${store#"$home"}"
# by a link to where it is
as alice mv "$home/.local/state" "$home/moved"
as alice ln -s ../moved "$home/.local/state"
look >"$T/was"
new_session linked "$ws" '"policy":"wide"'
attack linked "$home/moved/agentsh/checkpoints"
want "the rest of the home" "$(run_in linked cat "$home/moved/agentsh/../../file")" file
