#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A denied file stays closed by whatever way it is named, and each attempt is
# recorded with the rule. The decision is made on the file, not on the words.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
as "$ME" sh -c "cd $ws && echo TOPSECRET >deploy.pem && mkdir -p dir/sub && echo TOPSECRET >dir/sub/k.key &&
    ln -s deploy.pem link && ln -s $ws/deploy.pem abslink && ln -s /workspace/deploy.pem wslink &&
    ln -s /etc/shadow shadow && echo fine >plain && mkdir keys && echo TOPSECRET >keys/id_rsa" ||
    fail "workspace"
API_USER=$ME
new_session s "$ws"

# closed NAME command...: fails, and shows nothing of the secret
closed()
{
	name_=$1
	shift
	out=$(run_in s "$@")
	rc_=$?
	case $out$(jq -r '.result.stderr // ""' "$T/exec.json") in
	*TOPSECRET*) fail "$name_: the secret came out" ;;
	esac
	[ $rc_ != 0 ] || fail "$name_: the command succeeded"
}

want "an allowed file" "$(run_in s cat plain)" fine
closed "relative" cat deploy.pem
want "rule" "$(jq -r '.guidance.policy_rule' "$T/exec.json")" deny-private-keys
[ "$(jq '.events.blocked_operations | length' "$T/exec.json")" -gt 0 ] || fail "no blocked operation"
closed "absolute" cat /workspace/deploy.pem
closed "dots" cat /workspace/dir/../deploy.pem
closed "slashes" cat //workspace//./deploy.pem
closed "deeper" cat dir/sub/k.key
closed "symbolic link" cat link
closed "absolute link to the host's path" cat abslink
closed "absolute link" cat wslink
closed "link to the host" cat shadow
closed "own root" cat /proc/self/root/workspace/deploy.pem
closed "own cwd" cat /proc/self/cwd/deploy.pem
closed "root of pid 1" cat /proc/1/root/workspace/deploy.pem
closed "descriptor of a directory" sh -c 'exec 5</workspace && cat /proc/self/fd/5/deploy.pem'
closed "descriptor in /dev/fd" sh -c 'exec 5</workspace && cat /dev/fd/5/deploy.pem'
closed "new link" sh -c 'ln -s deploy.pem new && cat new'
closed "new hard link" sh -c 'ln deploy.pem harmless.txt && cat harmless.txt'
closed "renamed" sh -c 'mv deploy.pem harmless.txt && cat harmless.txt'
closed "copied" cp deploy.pem harmless.txt
closed "tar" tar cf out.tar deploy.pem
closed "python's open" python3 -c 'print(open("deploy.pem").read())'
closed "openat2 relative to a descriptor" python3 -c '
import os
d = os.open("/workspace", os.O_RDONLY | os.O_DIRECTORY)
print(os.read(os.open("deploy.pem", os.O_RDONLY, dir_fd=d), 100))'
closed "O_PATH and then again" python3 -c '
import os
p = os.open("deploy.pem", os.O_PATH)
print(os.read(os.open("/proc/self/fd/%d" % p, os.O_RDONLY), 100))'
closed "as a program" ./deploy.pem
closed "truncate" truncate -s 0 deploy.pem
closed "write" sh -c 'echo x >deploy.pem'
closed "delete" rm -f deploy.pem
[ "$(cat "$ws/deploy.pem")" = TOPSECRET ] || fail "deploy.pem was changed"

# its directory renamed: the rule is by name, and holds under the new one too
closed "parent renamed" sh -c 'mv keys other && cat other/id_rsa'
closed "parent renamed to an allowed name" sh -c 'mv dir d2 && cat d2/sub/k.key'

# a descriptor opened before, under a name that was allowed, must not follow the
# file to a denied name
out=$(run_in s python3 -c '
import os
with open("draft", "w") as f:
    f.write("mine")
f = open("draft")
try:
    os.rename("draft", "draft.key")
    open("draft.key").read()
    print("REOPENED")
except OSError as e:
    print("refused")
print(f.read())')
case $out in
*REOPENED*) fail "a file renamed to a denied name can be opened" ;;
esac

# what runs later in the background is decided like everything
closed "background" sh -c '(sleep 0.1; cat deploy.pem) & wait $!'
want "an allowed file again" "$(run_in s cat plain)" fine
