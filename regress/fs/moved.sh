#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A directory that another session moved to where the policy says other things:
# a process that is still in it does not work there by the old path.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
start_any
if [ "$MODE" = service ]; then policies=$T/var/policies; else policies=$T/state/policies; fi
cat >"$policies/p.yaml" <<'P'
version: 1
name: p
file_rules:
  - {name: secret, paths: ["${PROJECT_ROOT}/protected/s*"], decision: deny}
  - {name: work, paths: ["${PROJECT_ROOT}", "${PROJECT_ROOT}/**", "/dev/**"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
P
chmod 644 "$policies/p.yaml"
ws=$(new_workspace "$ME")
API_USER=$ME
new_session one "$ws" '"policy":"p"'
new_session two "$ws" '"policy":"p"'

# what a process in "a" does when it is "protected"
cat >"$ws/in.sh" <<'E'
mkdir a && cd a && : >plain && : >../in && while [ -e ../in ]; do sleep 0.05; done
try() { "$@" 2>/dev/null && echo "NOT REFUSED: $*"; }
try sh -c 'echo x >secret'; try mkdir sdir; try ln -s x slink; try ln ../f shard; try mv ../f sname
try mkfifo sfifo; try cat skept; try rm -f skept
cd ../protected && : >plain2 && rm plain2 && echo WORKS
E
echo f >"$ws/f"
[ "$ME" = self ] || chown "$ME:$ME" "$ws/f"
run_in one sh in.sh >"$T/out" &
one=$!
wait_for 30 test -e "$ws/in" || fail "the first session does nothing"
(T=$T/two; mkdir "$T"; run_in two mv a protected) || fail "the second session cannot move it"
as "$ME" sh -c "echo TOPSECRET >$ws/protected/skept && rm $ws/in" || fail "keep"
wait $one
cat "$T/out"
grep -q 'NOT REFUSED\|TOPSECRET' "$T/out" && fail "by the old path"
want "by the new path" "$(cat "$T/out")" WORKS
[ "$(cat "$ws/protected/skept")" = TOPSECRET ] || fail "what is kept"
for name in secret sdir slink shard sname sfifo; do
	[ ! -e "$ws/protected/$name" ] && [ ! -L "$ws/protected/$name" ] || fail "$name was made"
done
