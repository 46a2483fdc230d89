#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh checkpoint: what is kept is what comes back, no more and no less, also
# when who writes in the workspace is against it.
# timeout: 120
. "$(dirname "$0")/_lib.sh"
command -v jq >/dev/null || { echo "1..0 # SKIP no jq"; exit 77; }
export XDG_STATE_HOME="$tmp/state" LC_ALL=C.UTF-8
W=$tmp/w S=$tmp/state/agentsh/checkpoints
umask 022
mkdir "$W" && cd "$W" || exit 1

# state: all there is to know of the workspace, but times of directories
state() {
	(cd "$W" && find . -mindepth 1 -printf '%P %y %m %l\n' | sort &&
	    find . -type f -exec sha256sum {} + | sort -k 2 && find . ! -type d -printf '%P %T@\n' | sort)
}
# back ID: rollback, and the workspace is what $tmp/was says
back() {
	run checkpoint rollback "$1"
	state >"$tmp/is"
	[ "$rc" = 0 ] && diff "$tmp/was" "$tmp/is" | sed 's/^/# /' | tee "$tmp/diff" && [ ! -s "$tmp/diff" ]
}

echo one >a && mkdir -p d/e .hidden .git/objects && echo two >d/e/b && echo three >.hidden/c
echo HEAD >.git/HEAD && ln -s /etc/passwd link && ln -s nowhere dangling && : >empty
echo x >"$(printf 'd/new\nline')" && echo y >"$(printf 'd/b\377yte')" && echo z >d-x && ln a hard
printf '#!/bin/sh\n' >run && chmod 755 run && chmod 640 a && chmod 500 d/e
touch -d '2001-02-03 04:05:06.789' d/e/b
dd if=/dev/urandom of=big bs=1M count=3 2>/dev/null
state >"$tmp/was"
run checkpoint create --reason 'before the work'
check "create" rc_is 0
id=$(cat "$tmp/out")
check "its id" test -d "$S" -a "$(echo "$S"/*/"$id")" = "$(echo "$S"/*/)$id"
D=$(echo "$S"/*/"$id")
check "its place is the user's alone" test "$(stat -c %a "$S" "$D" "$D/files" | sort -u)" = 700
check "metadata" test "$(jq -r '[.id, .reason, .workspace, (.stats | .files, .symlinks, .directories), .can_rollback] | join(" ")' "$D/metadata.json")" = "$id before the work $W 11 2 5 true"
check "a file in it" test "$(jq -r '.files[] | select(.path == "d/e/b") | .hash + .mode + (.size | tostring)' "$D/metadata.json")" = "$(sha256sum <d/e/b | cut -c 1-64)06444"
check "a file by its hash" cmp -s big "$D/files/$(sha256sum <big | cut -c 1-64)"
run checkpoint list
check "list" out_has "^$id	.*	before the work\$"
run checkpoint list --json
check "list as JSON" test "$(jq -r '.checkpoints[0] | .id, has("files")' "$tmp/out" | xargs)" = "$id false"
run checkpoint show "$id" --diff
check "no difference" out_is ''

spoil() {
	echo changed >a && chmod 777 run && rm big "$(printf 'd/new\nline')" && mkdir -p new/deep && echo n >new/deep/f
	rm link && mkdir link && echo in >link/in && rm -rf .hidden && echo file >.hidden && ln -sf /etc/shadow dangling
	echo more >.git/new && mkfifo fifo && : >d/added
}
spoil
run checkpoint show "$id" --diff
check "what has changed" test "$(cut -f 1 "$tmp/out" | sort | uniq -c | xargs)" = '7 added 3 deleted 6 modified'
run checkpoint show "$id" --diff --json
check "as JSON" test "$(jq -r '.diff[] | select(.path == "a") | .status, .old_size, .new_size' "$tmp/out" | xargs)" = 'modified 4 8'
state >"$tmp/spoilt"
run checkpoint rollback "$id" --dry-run
state >"$tmp/is"
check "a dry run" cmp -s "$tmp/spoilt" "$tmp/is"
check "says what it would do" out_has '^added	fifo$'
check "rollback" back "$id"
spoil
run checkpoint rollback --json "$id"
check "as JSON" test "$(jq -r '.failed, (.restored > 0), (.removed > 0)' "$tmp/out" | xargs)" = '0 true true'
check "once more, of nothing" back "$id"

# Sharing, ids, limits, purge.
sleep 0.01
echo second >second
run checkpoint create
id2=$(cat "$tmp/out")
D2=$(echo "$S"/*/"$id2")
f=$(sha256sum <big | cut -c 1-64)
check "an unchanged file is kept once" test "$D/files/$f" -ef "$D2/files/$f"
run checkpoint create --max-size 1
check "no more than the limit" err_has 'see --max-size'
check "and nothing is left of it" test "$(find "$S"/* -maxdepth 1 -mindepth 1 | wc -l)" = 2
run checkpoint purge
check "purge of what" rc_is 2
run checkpoint purge --older-than 1h
check "nothing is old" out_is ''
run checkpoint purge --keep 1 --dry-run
check "a dry purge" test -d "$D"
run checkpoint purge --keep 1
check "purge" out_is "$id\n"
check "the other has its files" cmp -s big "$D2/files/$f"
rm second && touch second2
run checkpoint rollback "$id2"
check "rollback to it" test -e second
check "what was added goes" test ! -e second2

# Against it.
state >"$tmp/was"
echo secret >"$tmp/outside" && mkdir "$tmp/out_dir" && echo o >"$tmp/out_dir/o"
rm a && ln -s "$tmp/outside" a && rm -rf d && ln -s "$tmp/out_dir" d
check "links in the place of files and directories" back "$id2"
check "nothing was written through them" test "$(cat "$tmp/outside") $(ls "$tmp/out_dir")" = 'secret o'
rm a && ln "$tmp/outside" a
check "another name of something else" back "$id2"
check "it is as it was" test "$(cat "$tmp/outside")" = secret
# a directory that is a link every other moment
cat >"$tmp/race.py" <<'P'
import os, sys, time
w, out = sys.argv[1:]
end = time.time() + 4
while time.time() < end:
    try:
        os.rename(w + "/d", w + "/.d")
        os.symlink(out, w + "/d")
        os.unlink(w + "/d")
        os.rename(w + "/.d", w + "/d")
    except OSError:
        pass
P
python3 "$tmp/race.py" "$W" "$tmp/out_dir" &
race=$!
n=0
while kill -0 $race 2>/dev/null; do
	"$AGENTSH" checkpoint rollback "$id2" >/dev/null 2>&1 </dev/null
	# not as many as a session may have
	n=$((n + 1))
	[ $n -gt 50 ] || "$AGENTSH" checkpoint create >/dev/null 2>&1 </dev/null
done
wait $race
check "a race for a directory writes nothing elsewhere" test "$(find "$tmp/out_dir" | wc -l) $(cat "$tmp/out_dir/o")" = '2 o'
check "and keeps nothing of elsewhere" test -z "$(find "$S" -name "$(echo o | sha256sum | cut -c 1-64)")"
rm -rf "$W/d" "$W/.d"
check "after it" back "$id2"
for i in $(seq 1 140); do p=$p/x; done
mkdir -p "deep$p"
run checkpoint create
check "too deep" err_has 'nested too deeply'
run checkpoint rollback "$id2"
check "a tree too deep changes nothing" rc_is 1
rm -rf deep
mkdir -p m && chmod 000 m
[ "$(id -u)" = 0 ] || { run checkpoint create; check "what cannot be read is no checkpoint" err_has 'm: Permission denied'; }
chmod 700 m && rmdir m

# The storage.
run checkpoint create --storage-dir "$W/store"
check "not in the workspace" err_has 'in the workspace'
rm -rf store
ln -s "$W" "$tmp/lnk"
run checkpoint create --storage-dir "$tmp/lnk/sub"
check "not by a link" err_has 'in the workspace'
rm -rf sub
mkdir -m 777 "$tmp/open" && run checkpoint create --storage-dir "$tmp/open"
check "not where others write" err_has 'yours alone'
run checkpoint show ../x
check "no id" err_has 'no id of a checkpoint'
run checkpoint list --session ../..
check "no session" err_has 'no id of a session'
run checkpoint show cp-none
check "none such" err_has 'there is none'
run checkpoint rollback "$id2" --workspace "$tmp/out_dir" --session "$(basename "$(dirname "$D2")")"
check "another workspace" err_has 'is of '
AGENTSH_IN_SESSION=1 "$AGENTSH" checkpoint list 2>"$tmp/err"
check "not inside a session" err_has 'inside a session'
cp "$D2/metadata.json" "$tmp/m"
chmod u+w "$D2/files/$f" && printf X | dd of="$D2/files/$f" conv=notrunc 2>/dev/null
rm big
run checkpoint rollback "$id2"
check "a damaged copy" err_has 'big: the checkpoint.s copy is damaged'
check "does not come back" test ! -e big
rm "$D2/files/$f"
echo changed >a
run checkpoint rollback "$id2"
check "a missing one" err_has 'missing or damaged; nothing was changed'
check "changes nothing" test "$(cat a)" = changed
for bad in '.files[0].path = "../x"' '.files[0].path = "/x"' '.files[0].path = "a/../../x"' '.files[0].mode = "x"' \
    '.files[0].path = ""' '.workspace_hash = "0"' '.files[0].path = "other"' '.session_id = "../x"' 'del(.files)'; do
	jq "$bad" "$tmp/m" >"$D2/metadata.json"
	run checkpoint rollback "$id2"
	check "$bad" err_has 'not what a checkpoint says'
done

# one of the very moment, as far as the clock says
mkdir "$tmp/w2" && cd "$tmp/w2" && echo 1 >f
run checkpoint create --session moments
first=$(cat "$tmp/out")
D3=$(echo "$S"/*/"$first" | xargs dirname)
mv "$D3/$first" "$D3/cp-20990101T000000.999Z-ffffffff"
run checkpoint create --session moments
check "an id after the last one" test "$(sed 's/-[0-9a-f]*$//' "$tmp/out")" = cp-20990101T000001.000Z
run checkpoint create --session moments
check "and one after that" test "$(sed 's/-[0-9a-f]*$//' "$tmp/out")" = cp-20990101T000001.001Z
check "when it was made" test "$(jq -r .created_at "$D3/$(cat "$tmp/out")/metadata.json" | cut -c 1-4)" = "$(date -u +%Y)"

# attributes that are none, in metadata whose hash is right
run checkpoint create --session attrs
id4=$(cat "$tmp/out")
cat >"$tmp/attrs.py" <<'P'
import hashlib, json, sys
path, text = sys.argv[1:]
m = json.load(open(path))
h = hashlib.sha256()
for e in m["files"]:
    e["xattrs"] = text
    h.update(b"0 %o %d %s " % (int(e["mode"], 8), e["size"], e["hash"].encode()))
    h.update(e["path"].encode() + b"\0\0" + text.encode() + b"\0")
m["workspace_hash"] = h.hexdigest()
json.dump(m, open(path, "w"))
P
x=757365722e61
for bad in $x $x=6 $x=61,$x 61=61 =61 6; do
	python3 "$tmp/attrs.py" "$(echo "$S"/*/"$id4")/metadata.json" $bad
	rm -f f
	run checkpoint rollback --session attrs "$id4"
	check "attributes: $bad" err_has 'f: Invalid argument'
	check "its file does not come back" test ! -e f
done
python3 "$tmp/attrs.py" "$(echo "$S"/*/"$id4")/metadata.json" $x=,${x}62=6162
run checkpoint rollback --session attrs "$id4"
check "attributes that are some" rc_is 0
finish
