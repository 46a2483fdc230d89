#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fsd without the rest: what it allows, refuses and writes down, also when it
# may have only few descriptors.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_tool python3
need_fsd

cat >"$T/policy.yaml" <<'P'
version: 1
name: test
file_rules:
  - {name: no-pem, paths: ["**/*.pem"], decision: deny, message: "no {{.Operation}} of {{.Path}} for {{.User}} ({{.Rule}})"}
  - {name: no-read, paths: ["**/*.noread"], operations: [open, read], decision: deny}
  - {name: keep, paths: ["**/*.keep"], operations: [write, create, delete, rename], decision: deny}
  - {name: mode, paths: ["**/*.nochmod"], operations: [chmod], decision: deny}
  - {name: make, paths: ["**/*.keep/**"], operations: [create], decision: deny}
  - {name: stay, paths: ["/workspace/stay/**"], operations: [delete, rmdir, chmod], decision: deny}
  - {name: no-new, paths: ["/workspace/absent/**"], operations: [create], decision: deny}
  - {name: no-link, paths: ["/workspace/nolink/**"], operations: [symlink], decision: deny}
  - {name: no-access, paths: ["**/*.noaccess"], operations: [access], decision: deny}
  - {name: no-list, paths: ["**/*.nolist"], operations: [list], decision: deny}
  - {name: no-readlink, paths: ["**/*.noreadlink"], operations: [readlink], decision: deny}
  - {name: watch, paths: ["**/*.watch", /etc/hostname], decision: audit}
  - {name: work, paths: ["${PROJECT_ROOT}", "${PROJECT_ROOT}/**"], decision: allow}
  - {name: host, paths: ["/**"], operations: [open, read, stat, list, readlink, access, write], decision: allow}
P

# session command...: each a command of one session, in a new workspace
session()
{
	rm -rf "$T/home/alice/w"
	mkdir -p "$T/home/alice/w/keys/deep" "$T/home/alice/w/dir"
	(
		cd "$T/home/alice/w" || exit 1
		echo secret >k.pem
		echo secret >keys/deep/k.pem
		echo secret >n.noread
		echo keep >k.keep
		echo watch >w.watch
		echo mode >fixed.nochmod
		mkdir nomake.keep nolink
		mkdir -p stay/sub
		echo stay >stay/f
		echo text >a.txt
		echo f >dir/f
	)
	cp "$TEST_SRC/regress/fs/names.py" "$T/home/alice/w/dir/"
	chown -R $ALICE_UID:$ALICE_UID "$T/home/alice/w"
	echo hers >"$T/home/alice/w/hers" && chmod 644 "$T/home/alice/w/hers"
	drive "$T/home/alice/w" "$@" >"$T/out" 2>&1
}

# event REGEX: it was written down
event()
{
	grep -Eq "^$1" "$T/events" || {
		cat "$T/out" "$T/events" >&2
		fail "no event $1"
	}
}

# What is refused: one line a command of the session.
session 'exec 2>&1
no() { "$@" && echo "NOT REFUSED: $*"; }
no cat k.pem; no mv k.pem x; no ln k.pem y; no mv a.txt b.pem; no ln a.txt b.pem
no cp a.txt new.pem; no mkdir d.pem; no mv keys other; no mv dir dir.pem
no cat n.noread; no mv n.noread n; no ln n.noread n; no cp n.noread n
no rm k.keep; no mv k.keep k; no mv a.txt k.keep; no sh -c "echo >k.keep"; no touch new.keep
no chmod 600 /etc/passwd; no touch /etc/x; no mknod n c 1 3; no ln /etc/passwd p
no python3 -c "import ctypes,sys
sys.exit(ctypes.CDLL(None).renameat2(-100,b\"a.txt\",-100,b\"k.keep\",2) and 1)"
cat w.watch k.keep; cat nothing.pem 2>&1 | grep -c "No such file"'
grep -q 'NOT REFUSED\|secret' "$T/out" && { cat "$T/out" >&2; fail "not refused"; }
event 'file_stat cmd=c1 pid=[0-9]+ path=/workspace/k.pem operation=stat policy.decision=deny .*policy.rule=no-pem policy.message=no stat of /workspace/k.pem for [a-z]+ \(no-pem\) fields.blocked=1'
event 'file_open .*path=/workspace/n.noread operation=(open|read) policy.decision=deny'
event 'file_rename .*path=/workspace/keys operation=rename policy.decision=deny .*because of /workspace/keys/deep/k.pem.*to_path=/workspace/other|file_rename .*path=/workspace/keys operation=rename policy.decision=deny .*to_path=/workspace/other .*because of /workspace/keys/deep/k.pem'
event 'file_create .*path=/workspace/new.pem operation=create policy.decision=deny'
event 'file_delete .*path=/workspace/k.keep operation=delete policy.decision=deny .*rule=keep'
event 'file_open .*path=/workspace/w.watch operation=read policy.decision=audit policy.effective_decision=allow'
want "refused looks at k.pem" "$(grep -c 'file_stat .*path=/workspace/k.pem ' "$T/events")" 1

# Another name must not allow what the first one does not: removal, changes of
# the mode, making. Where both say the same, names may change.
session 'exec 2>&1
no() { "$@" && echo "NOT REFUSED: $*"; }
no mv stay/f f; no ln stay/f f; no mv stay/sub sub; no mv stay other; no mv fixed.nochmod f; no ln fixed.nochmod f
no python3 -c "import ctypes,sys
sys.exit(ctypes.CDLL(None).renameat2(-100,b\"a.txt\",-100,b\"stay/f\",2) and 1)"
mkdir new; echo x >new/x; no mv new absent; rm new/x; ln -s a.txt l; no mv l nolink/l; no ln -P l nolink/l; mv l new; no mv new nolink
mv stay/f stay/sub/f && mv fixed.nochmod also.nochmod && mv a.txt new/ && mv new/a.txt dir/f && mv dir new/ && echo WORKS'
grep -q 'NOT REFUSED' "$T/out" && { cat "$T/out" >&2; fail "not refused"; }
want "names that change" "$(tail -n 1 "$T/out")" WORKS
event 'file_rename .*path=/workspace/stay/f operation=rename policy.decision=deny .*rule=stay .*to_path=/workspace/f'
event 'file_rename .*path=/workspace/new operation=rename policy.decision=deny .*rule=no-new'

# What is done, with its bytes, by the right command.
session 'printf 12345 >five; cat five >/dev/null; exec 3>log; echo a >&3; echo bc >&3' \
    'cat five five >/dev/null; mv five six; chmod 600 six; ln six seven; rm seven; mkdir m; rmdir m
     python3 -c "
import mmap, os
f = open(\"map\", \"w+b\"); f.truncate(4096); m = mmap.mmap(f.fileno(), 4096); m[0] = 65; m.close(); f.close()"' ||
    { cat "$T/out" >&2; fail "work"; }
event 'file_create cmd=c1 .*path=/workspace/five '
event 'file_write cmd=c1 .*path=/workspace/five .*bytes=5'
event 'file_read cmd=c1 .*path=/workspace/five .*bytes=5'
want "bytes of the log" "$(sed -n 's/^file_write .*path=.workspace.log .*bytes=//p' "$T/events" | awk '{n+=$1} END {print n}')" 5
want "reads of the second" "$(grep -c '^file_read cmd=c2 .*path=/workspace/five .*bytes=5' "$T/events")" 2
event 'file_rename cmd=c2 .*path=/workspace/five .*to_path=/workspace/six'
event 'file_chmod cmd=c2 .*path=/workspace/six .*mode=384'
event 'file_link cmd=c2 .*to_path=/workspace/seven'
event 'file_delete cmd=c2 .*path=/workspace/seven'
event 'dir_create cmd=c2 .*path=/workspace/m '
event 'dir_delete cmd=c2 .*path=/workspace/m '
event 'file_write cmd=c2 .*path=/workspace/map .*bytes=4096'
want "events without a command" "$(grep -c 'cmd= ' "$T/events")" 0

# What one may not write gets no second name, whatever the host's setting.
session 'ls -l /workspace/dir >/dev/null; ln hers mine && echo "NOT REFUSED"; ln -s hers fine; ln dir/f also; ls also' ||
    { cat "$T/out" >&2; fail "links"; }
grep 'NOT REFUSED' "$T/out" && fail "a link to another's file"

# A file without a name is decided where it is made, and by the name it gets;
# an access list as the mode is.
session 'python3 -c "
import os, struct
def no(what, f, *a, **k):
    try:
        f(*a, **k)
        print(\"NOT REFUSED:\", what)
    except PermissionError:
        pass
fd = os.open(\".\", os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(fd, b\"unnamed\")
me = \"/proc/self/fd/%d\" % fd
no(\"denied name\", os.link, me, \"x.pem\", src_dir_fd=fd)
no(\"unreadable name\", os.link, me, \"x.noread\", src_dir_fd=fd)
os.link(me, \"named\", src_dir_fd=fd)
no(\"in /etc\", os.open, \"/etc\", os.O_TMPFILE | os.O_RDWR, 0o600)
no(\"in a directory that may only be read\", os.open, \"nomake.keep\", os.O_TMPFILE | os.O_RDWR, 0o600)
acl = struct.pack(\"<I\", 2) + b\"\".join(struct.pack(\"<HHI\", t, p, i) for t, p, i in
    [(1, 6, 2**32-1), (2, 4, 4321), (4, 4, 2**32-1), (16, 4, 2**32-1), (32, 0, 2**32-1)])
os.setxattr(\"named\", \"system.posix_acl_access\", acl)
no(\"access list\", os.setxattr, \"fixed.nochmod\", \"system.posix_acl_access\", acl)
os.setxattr(\"fixed.nochmod\", \"user.a\", b\"v\")
no(\"mode\", os.chmod, \"fixed.nochmod\", 0o600)
no(\"access list of the host\", os.setxattr, \"/etc/passwd\", \"system.posix_acl_access\", acl)
"; cat named' || { cat "$T/out" >&2; fail "files without a name"; }
grep 'NOT REFUSED' "$T/out" && fail "not refused"
grep -q '^unnamed$' "$T/out" || fail "the file that got its name"
event 'file_create .*path=/workspace/#tmpfile operation=create policy.decision=allow'
event 'file_link .*to_path=/workspace/named'
event 'file_link .*path=/workspace/#tmpfile .*decision=deny .*to_path=/workspace/x.pem'
event 'xattr_set .*path=/workspace/named operation=chmod .*attribute=system.posix_acl_access'
event 'xattr_set .*path=/workspace/fixed.nochmod operation=chmod policy.decision=deny .*rule=mode'

# Changes of everything but contents are told apart, and not once too often.
session 'echo text >five; touch five; touch -d @1000000000 five; touch five; chgrp $(id -g) five; truncate -s 3 five; : >five; : >five
     python3 -c "
import os
fd = os.open(\"five\", os.O_RDWR)
os.posix_fallocate(fd, 0, 10000)
os.posix_fallocate(fd, 0, 5000)
os.close(fd)
for i in range(9):
    os.setxattr(\"five\", \"user.k\", b\"v%d\" % i)
os.setxattr(\"five\", \"user.l\", b\"v\")
os.removexattr(\"five\", \"user.k\")"
     touch -d @1 k.keep; setfattr -n user.k -v v k.keep 2>/dev/null || python3 -c "import os; os.setxattr(\"k.keep\", \"user.k\", b\"v\")"; true'
five=" cmd=c1 pid=[0-9]* path=/workspace/five operation="
event "file_utimes${five}write policy.decision=allow"
want "changes of times" "$(grep -c "^file_utimes${five}" "$T/events")" 1
event "file_chown${five}chown .*fields.group=$ALICE_UID"
event "file_truncate${five}write .*fields.size=3"
want "made empty by opening" "$(grep -c "^file_truncate${five}.*fields.size=0" "$T/events")" 1
event "file_allocate${five}write .*fields.bytes=15000"
want "attributes set" "$(grep "^xattr_set${five}" "$T/events" | sed 's/.*attribute=//' | tr '\n' ' ')" "user.k user.l "
event "xattr_remove${five}write .*fields.attribute=user.k"
event 'file_utimes .*path=/workspace/k.keep operation=write policy.decision=deny .*rule=keep'
event 'xattr_set .*path=/workspace/k.keep operation=write policy.decision=deny .*rule=keep'

# The kinds that are left, done and refused.
session 'mkfifo fifo; ln -s a.txt sym; ls dir >/dev/null; echo >a.noaccess; mkdir d.nolist; ln -s a.txt s.noreadlink
no() { "$@" 2>/dev/null && echo "NOT REFUSED: $*"; }
no test -r a.noaccess; no ls d.nolist; no readlink s.noreadlink; no mkfifo f.pem; no ln -s a.txt s.pem; true' ||
    { cat "$T/out" >&2; fail "the kinds that are left"; }
grep 'NOT REFUSED' "$T/out" && fail "not refused"
event 'file_mknod cmd=c1 pid=[0-9]+ path=/workspace/fifo operation=mknod policy.decision=allow'
event 'symlink_create cmd=c1 pid=[0-9]+ path=/workspace/sym operation=symlink policy.decision=allow .*fields.target=a.txt'
event 'dir_list cmd=c1 pid=[0-9]+ path=/workspace/dir operation=list policy.decision=allow'
event 'file_access .*path=/workspace/a.noaccess operation=access policy.decision=deny .*rule=no-access'
event 'dir_list .*path=/workspace/d.nolist operation=list policy.decision=deny .*rule=no-list'
event 'symlink_read .*path=/workspace/s.noreadlink operation=readlink policy.decision=deny .*rule=no-readlink'
event '(file_mknod|file_create) .*path=/workspace/f.pem .*decision=deny .*rule=no-pem'
event 'symlink_create .*path=/workspace/s.pem .*decision=deny .*rule=no-pem'

# Outside of the workspace what is opened is counted, for each command before
# its end, and behind that for what it left running; what is audited is not
# in the number, what is refused neither.
session 'exec 3</etc/passwd 4</etc/passwd 5</etc/group' \
    'exec 3</etc/passwd; exec 4</etc/hostname; (exec 5<k.pem) 2>/dev/null; true' ':' \
    '(sleep 0.4; exec cat /etc/passwd >/dev/null) >/dev/null 2>&1 & true' 'sleep 0.8' ||
    { cat "$T/out" >&2; fail "reads of the host"; }
# opened NUMBER: in /etc by that command, but for what the loader opens
opened()
{
	sed -n "s/^file_read_summary cmd=c$1 pid=0 operation=read .*fields.opened=\([0-9]*\) \/etc.*/\1/p" "$T/events"
}
idle="$(opened 3)"
want "reads of the first" "$(($(opened 1) - idle))" 3
want "reads of the second" "$(($(opened 2) - idle))" 1
event 'file_read_summary cmd=c1 .*fields.opened=[0-9]+ /usr'
event 'file_open cmd=c2 .*path=/etc/hostname operation=read policy.decision=audit'
want "opens told one by one" "$(grep -c '^file_open .*path=/etc/passwd ' "$T/events")" 0
for c in 1 2 3 4 5; do
	summary="$(grep -n "^file_read_summary cmd=c$c " "$T/events" | head -n 1 | cut -d: -f1)"
	end="$(grep -n "^-- c$c " "$T/events" | cut -d: -f1)"
	[ "${summary:-99999}" -lt "$end" ] || fail "command $c ended before its summary"
done

# Names that come and go under load, with few descriptors.
# shellcheck disable=SC3045
ulimit -n 400
session 'python3 dir/names.py' || { cat "$T/out" >&2; fail "names"; }
want "names" "$(tail -n 1 "$T/out")" "ok"
