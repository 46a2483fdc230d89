#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh trash: list, restore, purge. The agent's side of it: links put where
# something is restored to, what is there already, a manifest that lies.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any "sandbox.fuse.audit.mode: soft_delete"
API_USER=$ME
ws=$(new_workspace "$ME")
if [ "$MODE" = service ]; then
	trash=$T/var/trash
	own=$trash/$ME_UID
else
	trash=$T/state/trash
	own=$trash
fi
new_session s "$ws"
[ "$ME" != self ] || PATH=$T/stage:$PATH

trash()
{
	as "$ME" "$T/stage/agentsh" trash "$@" --trash-path "$trash" 2>"$T/err"
}
# del COMMAND: runs it; the token of what it deleted
del()
{
	run_in s sh -c "$1" >/dev/null || fail "$1: $(cat "$T/exec.json")"
	jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.fields.trash_token]|last' "$T/exec.json"
}
# bad WHY command...
bad()
{
	why_=$1
	shift
	trash "$@" >"$T/out" && fail "$*: succeeded"
	want_in "$*" "$(cat "$T/err")" "$why_"
}

want "nothing" "$(trash list)" "trash empty"
want "nothing as JSON" "$(trash list --json)" "[]"
a=$(del 'mkdir -p d/e && printf hello >d/e/f && chmod 640 d/e/f && touch -d "2020-01-02 03:04:05 UTC" d/e/f && rm d/e/f')
want "list" "$(trash list | sed 's/[0-9]*s ago$/NOW/')" "$(printf '%s\t%s\t5 bytes\tNOW' "$a" "$ws/d/e/f")"
want "of a session" "$(trash list --session s | wc -l)" 1
want "of another" "$(trash list --session other)" "trash empty"
want "as JSON" "$(trash list --json | jq -r '.[0]|[.token,.path,.type,.size,.session]|join(" ")')" "$a $ws/d/e/f file 5 s"
want "restore" "$(trash restore "$a")" "restored $ws/d/e/f"
want "restored" "$(cat "$ws/d/e/f") $(stat -c '%a %Y' "$ws/d/e/f")" "hello 640 1577934245"
want "empty again" "$(trash list) $(find "$own/payload" "$own/manifest" -type f | wc -l)" "trash empty 0"
want "the sum" "$(tr -d 0 <"$own/sum" | cut -d' ' -f1,2)" " "

# a tree that is gone with it
a=$(del 'rm d/e/f && rmdir d/e d' >/dev/null; jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.fields.trash_token]|first' "$T/exec.json")
trash restore "$a" >/dev/null || fail "without its directories: $(cat "$T/err")"
want "with its directories" "$(cat "$ws/d/e/f")" hello
trash purge --ttl 0s >/dev/null || fail "purge"
# all types
for how in 'ln -s /etc/passwd l; rm l' 'mkfifo p; rm p' 'mkdir -m 710 dd; rmdir dd'; do
	del "$how" >/dev/null
done
for tok in $(trash list | cut -f1); do
	trash restore "$tok" >/dev/null || fail "$tok: $(cat "$T/err")"
done
want "types" "$(readlink "$ws/l") $(stat -c '%F' "$ws/p") $(stat -c '%F %a' "$ws/dd")" "/etc/passwd fifo directory 710"

# what is there already
a=$(del 'printf old >x; rm x; printf new >x')
bad "--force" restore "$a"
want "left alone" "$(cat "$ws/x")" new
want "still in the trash" "$(trash list | wc -l)" 1
want "forced, as JSON" "$(trash restore "$a" --force --json | jq -r .path)" "$ws/x"
want "replaced" "$(cat "$ws/x")" old
# elsewhere
a=$(del 'rm x')
out=$(as "$ME" mktemp -d "$T/home/$ME/out.XXXXXX")
trash restore "$a" --dest "$out/y" >/dev/null || fail "--dest: $(cat "$T/err")"
want "--dest" "$(cat "$out/y")" old
# another file system on the way back
[ "$(id -u)" = 0 ] || left_out "another file system needs root"
if [ "$(id -u)" = 0 ]; then
	mkdir "$T/fs" && mount -t tmpfs -o mode=1777 fs "$T/fs"
	a=$(del 'printf far >far; chmod 750 far; rm far')
	trash restore "$a" --dest "$T/fs/far" >/dev/null || fail "other file system: $(cat "$T/err")"
	want "other file system" "$(cat "$T/fs/far") $(stat -c %a "$T/fs/far") $(ls -A "$T/fs")" "far 750 far"
fi

# links on the way
a=$(del 'mkdir -p v/w; printf evil >v/w/.bashrc; rm v/w/.bashrc')
run_in s sh -c "rmdir v/w; ln -s $out v/w" >/dev/null || fail link
bad "symbolic link" restore "$a"
run_in s sh -c "rm v/w; rmdir v; ln -s $out v" >/dev/null || fail link
bad "symbolic link" restore "$a"
want "nothing came out" "$(find "$out" -name .bashrc | wc -l)" 0
run_in s sh -c "rm v; mkdir -p v/w; ln -s $out/y v/w/.bashrc" >/dev/null || fail link
bad "there already" restore "$a"
trash restore "$a" --force >/dev/null || fail "over a link: $(cat "$T/err")"
[ ! -L "$ws/v/w/.bashrc" ] || fail "written through a link"
want "the link's target" "$(cat "$out/y")" old
bad "symbolic link" restore "$(del 'rm v/w/.bashrc')" --dest "$ws/l/y"

# what changed in the trash
a=$(del 'printf data >c; rm c')
printf DATA | dd of="$own/payload/$a" conv=notrunc 2>/dev/null
bad "hash differs" restore "$a"
[ ! -e "$ws/c" ] || fail "restored with another hash"
trash restore "$a" --force >/dev/null || fail "forced"
want "forced" "$(cat "$ws/c")" DATA

# manifests that lie do no harm: places outside of the workspace, another token
a=$(del 'printf z >z; rm z')
m=$own/manifest/$a.json
cp "$m" "$T/m"
lie()
{
	jq "$1" "$T/m" >"$m"
	bad "$2" restore "$a"
	[ ! -e "$out/stolen" ] || fail "$1: written"
}
lie ".original_path = \"$out/stolen\"" "not in the trash"
lie ".original_path = \"$ws/../stolen\"" "not in the trash"
lie ".original_path = \"$ws\"" "not in the trash"
lie '.original_path = "relative"' "not in the trash"
lie '.token = "00"' "not in the trash"
lie '.type = "directory"' "it is no directory"
lie 'del(.workspace)' "not in the trash"
printf '{' >"$m"
bad "not in the trash" restore "$a"
jq '.trash_path = "../../../etc/passwd"' "$T/m" >"$m"
trash restore "$a" >/dev/null || fail "trash_path counts"
want "trash_path is ignored" "$(cat "$ws/z")" z
for tok in x ../x "payload/$a" "${a}0" "$(printf %s "$a" | tr a-f A-F | sed 's/[0-9]/Z/')"; do
	trash restore "$tok" >/dev/null && fail "$tok was taken"
	want_in "$tok" "$(cat "$T/err")" "no token"
done
bad "not in the trash" restore 00000000000000000000000000000000
# not somebody else's, and not from inside
if [ "$MODE" = service ] && as bob "$T/stage/agentsh" trash list --trash-path "$own" >/dev/null 2>&1; then
	fail "bob lists alice's trash"
fi
as "$ME" env AGENTSH_IN_SESSION=1 "$T/stage/agentsh" trash list >"$T/out" 2>&1 && fail "inside"
want_in "inside" "$(cat "$T/out")" "outside of it"

# purge
trash purge --ttl 0s >/dev/null
a=$(del ': >1; rm 1')
b=$(del 'head -c 100000 /dev/zero | tr "\0" x >2; rm 2')
touch -d '8 days ago' "$own/manifest/$a.json"
want "purge what is old" "$(trash purge)" "purged 1, 4096 bytes"
want "the other stays" "$(trash list | cut -f1)" "$b"
want "purge by size" "$(trash purge --quota 50KB --json | jq -r .purged)" 1
c=$(del ': >3; rm 3')
want "of another session" "$(trash purge --session other)" "purged 0, 0 bytes"
want "of this one" "$(trash purge --session s)" "purged 1, 4096 bytes"
want "nothing is left" "$(trash list) $(find "$own/payload" "$own/manifest" -type f | wc -l)" "trash empty 0"
for o in "--ttl x" "--quota x"; do
	# shellcheck disable=SC2086
	bad "is not" purge $o
done
# the log, which is only added to; what is in it prints safely
want "log of a session" "$(trash list --log --session s | tail -n 1 | cut -f2-5 | tr '\t' ' ')" "purge 1 4096 s"
first=$(trash list --log | head -n 1)
want "log" "$(printf %s "$first" | cut -f2- | tr '\t' ' ')" "restore 1 8192 s $(printf %s "$first" | cut -f6) $ws/d/e/f"
want "log as JSON" "$(trash list --log --json | jq -r '.[0]|[.action,.objects,.session,.path]|join(" ")')" "restore 1 s $ws/d/e/f"
want "purges" "$(trash list --log --json | jq -r '[.[]|select(.action == "purge")|.objects]|join(" ")')" "2 5 1 1 1"
want "mode of the log" "$(stat -c %a "$own/log")" 600
printf '2020-01-01T00:00:00Z\trestore\t1\t1\ts\tx\t/\033[31m\\\\x\nnot a line\n' >>"$own/log"
want "what others wrote" "$(trash list --log | tail -n 1 | cut -f7)" '/\033[31m\\x'
n=$(wc -l <"$own/log")
head -c 1100000 /dev/zero | tr '\0' x >>"$own/log"
del ': >4; rm 4' >/dev/null
trash purge --ttl 0s >/dev/null || fail "purge"
want "another log begins" "$(wc -l <"$own/log")" 1
want "the one before is shown too" "$(trash list --log | wc -l)" "$n"
rm "$own/log" && ln -s "$out/y" "$own/log"
del ': >5; rm 5' >/dev/null
trash purge --ttl 0s >"$T/out" || fail "purge without a log: $(cat "$T/err")"
want_in "a log that is a link" "$(cat "$T/err")" "the log of the trash"
want "the link's target" "$(cat "$out/y")" old
