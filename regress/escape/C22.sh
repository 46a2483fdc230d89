#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A restore that writes through a link: at the end of the path, on its way, put
# there while it is restored, a hard link of what lies outside, and the same from
# another file system. agentsh checkpoint is held to it by cli/checkpoint.
# timeout: 180
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any "sandbox.fuse.audit.mode: soft_delete"
API_USER=$ME
home=$(new_workspace "$ME")
as "$ME" mkdir -p "$home/p" "$home/out"
if [ "$MODE" = service ]; then
	base=$T/var/trash
else
	base=$T/state/trash
fi
new_session s "$home/p"
trash()
{
	as "$ME" "$T/stage/agentsh" trash "$@" --trash-path "$base" >"$T/out" 2>&1
}
# del COMMAND: the token of what it deleted
del()
{
	run_in s sh -c "$1" >/dev/null || fail "$1: $(cat "$T/exec.json")"
	jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.fields.trash_token]|last' "$T/exec.json"
}
outside()
{
	want "$1: outside" "$(cd "$home/out" && find . -type f -exec cat {} + | sort -u)" mine
	want "$1: nothing new" "$(find "$home/out" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' ')" "f g "
}
as "$ME" sh -c "echo mine >'$home/out/f'; echo mine >'$home/out/g'"

# the name is a link, or another name of what lies outside
a=$(del 'echo evil >a; rm a; ln -s ../out/f a')
trash restore "$a" && fail "over a link"
outside "over a link"
trash restore "$a" --force || fail "over a link: $(cat "$T/out")"
[ ! -L "$home/p/a" ] || fail "the link is still there"
outside "in place of a link"
b=$(del 'echo evil >b; rm b')
as "$ME" ln "$home/out/g" "$home/p/b"
trash restore "$b" --force || fail "over a hard link: $(cat "$T/out")"
want "in place of a hard link" "$(cat "$home/p/b")" evil
outside "over a hard link"

# the object in the trash is a link: it is restored, not followed
c=$(del 'ln -s ../out/f c; rm c')
trash restore "$c" || fail "a link: $(cat "$T/out")"
want "a link" "$(readlink "$home/p/c")" ../out/f
outside "a link"

# a directory on the way is a link, and becomes one while it is restored
d=$(del 'mkdir -p d/e; echo evil >d/e/f; rm d/e/f; rmdir d/e; ln -s ../../out d/e')
trash restore "$d" --force && fail "through a link"
outside "through a link"
cat >"$T/swap.py" <<'PY'
import ctypes, os, sys
p = sys.argv[1]
os.chdir(p)
os.makedirs("real", exist_ok=True)
libc = ctypes.CDLL(None)
while not os.path.exists("stop"):
    libc.renameat2(-100, b"swap", -100, b"link", 2)
PY
run_in s sh -c 'mkdir swap; ln -s ../out link' || fail "swap"
chmod 644 "$T/swap.py"
as "$ME" python3 "$T/swap.py" "$home/p" &
swapper=$!
through=0
for _ in 1 2 3 4 5 6 7 8; do
	e=$(run_in s sh -c 'mkdir -p w; echo evil >w/f; rm w/f' >/dev/null;
		jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.fields.trash_token]|last' "$T/exec.json")
	# as if it had been deleted beneath what is swapped
	m=$base/manifest/$e.json
	[ "$MODE" != service ] || m=$base/$ME_UID/manifest/$e.json
	sed -i "s|$home/p/w/f|$home/p/swap/f|" "$m"
	trash restore "$e" --force && through=$((through + 1))
done
as "$ME" touch "$home/p/stop"
wait $swapper
say "$through of 8 came back"
outside "while it is swapped"

# the same by a copy, from another file system
[ "$(id -u)" = 0 ] || left_out "another file system needs root"
if [ "$(id -u)" = 0 ]; then
	mkdir "$T/fs" && mount -t tmpfs -o mode=1777 fs "$T/fs"
	as "$ME" mkdir "$T/fs/w" && as "$ME" sh -c "ln -s '$home/out' '$T/fs/w/l'; ln -s '$home/out/f' '$T/fs/w/f'"
	g=$(del 'echo evil >g; rm g')
	trash restore "$g" --dest "$T/fs/w/l/f" --force && fail "a copy through a link"
	trash restore "$g" --dest "$T/fs/w/f" && fail "a copy over a link"
	outside "a copy"
	trash restore "$g" --dest "$T/fs/w/f" --force || fail "a copy: $(cat "$T/out")"
	want "a copy" "$(cat "$T/fs/w/f") $(find "$T/fs/w" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' ')" "evil f l "
	outside "a copy in place of a link"
fi
true
