#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where several kinds of rule meet: a redirect leads nowhere that its target's
# rules do not, what an operator approved is that object and not what was put
# there meanwhile, and what he lets go goes to the trash.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
own_policies
cat >"$policies/combo.yaml" <<'P'
version: 1
name: combo
file_rules:
  - {name: hooks, paths: ["${PROJECT_ROOT}/in/**"], decision: redirect, redirect_to: "${PROJECT_ROOT}/r/.git/hooks"}
  - {name: settings, paths: ["${PROJECT_ROOT}/cfg/**"], decision: redirect, redirect_to: "${PROJECT_ROOT}/r/.git"}
  - {name: to-asked, paths: ["${PROJECT_ROOT}/to/**"], decision: redirect, redirect_to: "${PROJECT_ROOT}/asked"}
  - {name: ask, paths: ["${PROJECT_ROOT}/asked/**"], operations: [write, create, delete, rename], decision: approve, timeout: 60s}
  - {name: away, paths: ["${PROJECT_ROOT}/away/**"], decision: redirect, redirect_to: "${PROJECT_ROOT}/soft"}
  - {name: keep, paths: ["${PROJECT_ROOT}/soft/**"], operations: [delete, rmdir], decision: soft_delete}
  - {name: unread, paths: ["${PROJECT_ROOT}/wr/unread*"], operations: [open, read], decision: deny}
  - {name: writes, paths: ["${PROJECT_ROOT}/wr/**"], operations: [write, create], decision: redirect, redirect_to: "${PROJECT_ROOT}/scratch"}
  - {name: rest, paths: ["/**"], decision: allow}
command_rules:
  - {name: any, commands: ["*"], decision: allow}
P
start_approvals "sandbox.fuse.audit.mode: soft_delete"
as "$ME" sh -c "cd '$ws' && mkdir -p in cfg to asked away soft wr scratch plain && echo old >asked/f && echo old >asked/g &&
    echo old >asked/h && echo orig >in/pre-commit && echo kept >soft/s && echo HIDDEN >wr/unread && echo read >wr/f &&
    echo mine >plain/p && git init -q -b main r" || fail workspace
rm -f "$ws/r/.git/hooks/"* && cp "$ws/r/.git/config" "$T/config" || fail hooks
api DELETE /api/v1/sessions/s >/dev/null
new_session s "$ws" '"policy":"combo"'
trash=$T/var/trash/$ME_UID
[ "$MODE" = service ] || trash=$T/state/trash
no()
{
	name_=$1
	shift
	have_=$(run_in s "$@") && fail "$name_: succeeded: $have_"
	case $have_ in
	*HIDDEN*) fail "$name_: $have_" ;;
	esac
}
# inside CODE: as the last command of python3; it prints what went wrong
inside()
{
	run_in s python3 -c "
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def exchange(a, b):
    return libc.renameat2(-100, a.encode(), -100, b.encode(), 2) == 0
$2" >"$T/out" || fail "$1: $(jq -r .result.stderr "$T/exec.json")"
	want "$1" "$(cat "$T/out")" ""
}

# a redirect into what is protected
no "a hook" sh -c 'echo x >in/pre-push'
no "a hook that is there under this name" sh -c 'echo x >>in/pre-commit'
no "a hook by a rename" mv plain/p in/pre-push
no "a hook by a link" ln plain/p in/pre-push
no "a hook by a symbolic link" ln -s ../../plain/p in/pre-push
no "a hook by a directory" mkdir in/pre-push
inside "a hook by an exchange" 'if exchange("plain/p", "in/pre-commit"): print("exchanged")'
inside "a hook without a name" '
fd = os.open("plain", os.O_TMPFILE | os.O_RDWR, 0o755)
if libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"in/pre-push", 0x400) == 0: print("linked")'
want hooks "$(ls "$ws/r/.git/hooks")" ""
no "settings" sh -c 'echo "[core] fsmonitor = evil" >>cfg/config'
no "settings by a rename" sh -c 'printf "[core]\n\tfsmonitor = evil\n" >plain/c; mv plain/c cfg/config'
no "settings shortened" truncate -s 0 cfg/config
no "settings by another name" ln cfg/config plain/config
inside "settings while they are mapped" '
open("plain/m", "w").write(open("r/.git/config").read())
fd = os.open("plain/m", os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
try:
    os.rename("plain/m", "cfg/config")
    print("moved")
except PermissionError:
    pass
m[0:6] = b"[cores"'
cmp "$T/config" "$ws/r/.git/config" || fail "settings were changed"

# what is deleted by a redirected name is the other object, and it is kept
run_in s rm away/s >/dev/null || fail "rm: $(jq -r .result.stderr "$T/exec.json")"
want "its name" "$(jq -r '.events | .file_operations[], .other[] | select(.type == "soft_delete") | .path' "$T/exec.json")" /workspace/soft/s
want "kept" "$(cat "$trash"/payload/*)" kept
as "$ME" sh -c "echo two >$ws/soft/s"
run_in s mv plain/p away/s >/dev/null || fail "mv: $(jq -r .result.stderr "$T/exec.json")"
want "what was replaced is kept too" "$(cat "$trash"/payload/* | sort | tr '\n' ' ')" "kept two "

# a copy for who may not read it
no "a copy" sh -c 'echo x >>wr/unread; cat wr/unread scratch/unread'
[ ! -e "$ws/scratch/unread" ] || fail "a copy of what may not be read"
as "$ME" sh -c "rmdir $ws/scratch && ln -s r/.git/hooks $ws/scratch"
no "a copy by a link that came" sh -c 'echo x >>wr/f'
want hooks "$(ls "$ws/r/.git/hooks")" ""
as "$ME" sh -c "rm $ws/scratch && mkdir $ws/scratch && ln -s ../r/.git/config $ws/scratch/f && ln $ws/r/.git/config $ws/scratch/g"
no "a copy by a link at its end" sh -c 'echo x >>wr/f'
cmp "$T/config" "$ws/r/.git/config" || fail "settings were changed"

# an operator is shown, and approves, what is there in truth
bg w s sh -c 'echo new >to/f'
request 1
want "what is asked" "$(asked '.target + " " + .fields.operation')" "/workspace/asked/f write"
ctl approve "$id" >/dev/null
await w
want "approved" "$(cat "$ws/asked/f") $(ls "$ws/to")" "new "
# another object by the time of the answer
bg w s sh -c 'echo new >to/g'
request 1
run_in s sh -c 'echo precious >plain/q' || fail "plain/q"
as "$ME" mv "$ws/plain/q" "$ws/asked/g"
ctl approve "$id" >/dev/null
await w
[ "$(of w .result.exit_code)" != 0 ] || fail "another object was written by an approval"
want "another object" "$(cat "$ws/asked/g")" precious
# an approved delete where all goes to the trash
bg w s rm to/h
request 1
want "what is asked" "$(asked '.target + " " + .fields.operation')" "/workspace/asked/h delete"
ctl approve "$id" >/dev/null
await w
want "approved" "$(of w .result.exit_code)" 0
[ ! -e "$ws/asked/h" ] || fail "it was not deleted"
want "kept" "$(cat "$trash"/payload/* | sort | tr '\n' ' ')" "kept old two "
# replaced by a rename, approved
as "$ME" sh -c "echo replaced >$ws/asked/h"
run_in s sh -c 'echo by >plain/by' || fail plain/by
bg w s mv plain/by to/h
n=0
while [ $n -lt 4 ] && ! [ -e "$T/w.status" ]; do
	n=$((n + 1))
	request 1
	say "asked: $(asked '.target + " " + .fields.operation')"
	ctl approve "$id" >/dev/null
	wait_for 30 asked_or_answered w
done
await w
want "approved" "$(of w .result.exit_code) $(cat "$ws/asked/h")" "0 by"
want "kept" "$(cat "$trash"/payload/* | sort | tr '\n' ' ')" "kept old replaced two "
