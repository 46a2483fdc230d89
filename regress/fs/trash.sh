#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Soft deletes: what such a rule deletes goes to the trash of the session's user,
# which no session reaches; what cannot go there stays where it is.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 sha256sum
need_modes
mkdir -p "$T/var/policies" "$T/state/policies"
for d in "$T/var/policies" "$T/state/policies"; do
	cat >"$d/softly.yaml" <<'P'
version: 1
name: softly
# the protected set would keep it from the trash before fsd's own look does
defaults: {protected: off}
file_rules:
  - {name: keep, paths: ["${PROJECT_ROOT}/soft/**"], operations: [delete, rmdir], decision: soft_delete, message: "kept for you"}
  - {name: no-new-names, paths: ["${PROJECT_ROOT}/soft/fixed/**"], operations: [rename], decision: deny}
  - {name: seen, paths: ["${PROJECT_ROOT}/seen/**"], operations: [delete], decision: audit}
  - {name: rest, paths: ["/**"], decision: allow}
command_rules:
  - {name: any, commands: ["*"], decision: allow}
P
	chmod 0644 "$d/softly.yaml"
done
if [ "$MODE" = user ] && [ "$ME" != self ]; then
	chown -R "$ME:$ME" "$T/state"
fi
start_any "sandbox.fuse.audit.quota: 3MB" "sandbox.fuse.audit.max_entries: 70"
API_USER=$ME
ws=$(new_workspace "$ME")
if [ "$MODE" = service ]; then
	trash=$T/var/trash/$ME_UID
else
	trash=$T/state/trash
fi
new_session s "$ws" '"policy":"softly"'
want "mode of the trash" "$(stat -c '%a %u' "$trash")" "700 $ME_UID"

entries()
{
	find "$trash/manifest" -name '*.json' | wc -l
}
# note FILTER PATH: of the newest manifest of that path
note()
{
	# shellcheck disable=SC2012
	m_=$(grep -lF "\"session_path\":\"$2\"" "$trash/manifest"/*.json | tr '\n' '\0' | xargs -0 ls -t | head -n 1)
	[ -n "$m_" ] || fail "no manifest of $2"
	jq -r "$1" "$m_"
}
gone()
{
	[ ! -e "$1" ] && [ ! -L "$1" ] || fail "$1 is still there"
}

# all kinds of objects
run_in s sh -c 'mkdir -p soft/d plain && printf hello >soft/f && chmod 640 soft/f &&
    touch -d "2020-01-02 03:04:05 UTC" soft/f && ln -s ../plain/nowhere soft/l && mkfifo soft/p && mkdir -m 750 soft/d/e &&
    printf linked >soft/h && ln soft/h plain/h' || fail "making"
run_in s rm soft/f || fail "rm: $(cat "$T/exec.json")"
gone "$ws/soft/f"
tok=$(note .token /workspace/soft/f)
want "token" "$(printf %s "$tok" | tr -d 0-9a-f | wc -c) ${#tok}" "0 32"
want "payload" "$(cat "$trash/payload/$tok")" hello
want "payload's mode and time" "$(stat -c '%a %Y' "$trash/payload/$tok")" "640 1577934245"
want "manifest's mode" "$(stat -c %a "$trash/manifest/$tok.json")" 640
want "original_path" "$(note .original_path /workspace/soft/f)" "$ws/soft/f"
want "hash" "$(note .hash_algo,.hash /workspace/soft/f | tr '\n' ' ')" "sha256 $(printf hello | sha256sum | cut -d' ' -f1) "
want "the rest" "$(note '[.trash_path,.type,.size,.mode,.mtime,.session,.platform]|join(" ")' /workspace/soft/f)" \
    "payload/$tok file 5 416 2020-01-02T03:04:05.000000000Z s linux"
want "command" "$(note .command /workspace/soft/f)" "$(jq -r .command_id "$T/exec.json")"
ev=$(jq -c '.events.file_operations[] | select(.type == "soft_delete")' "$T/exec.json")
want "event" "$(printf %s "$ev" | jq -r '[.path,.operation,.policy.decision,.policy.effective_decision,.policy.rule,.fields.trash_token,.fields.restore_hint]|join(" ")')" \
    "/workspace/soft/f delete soft_delete allow keep $tok agentsh trash restore $tok"
want "hint" "$(jq -r .result.stderr "$T/exec.json")" \
    "agentsh: /workspace/soft/f is in the trash; to restore it: agentsh trash restore $tok"
want "guidance" "$(jq -r '.guidance|[.status,.suggestions[0].action,.suggestions[0].command]|join(" ")' "$T/exec.json")" \
    "ok restore_from_trash agentsh trash restore $tok"
want "not blocked" "$(jq -r '.events.blocked_operations_count' "$T/exec.json")" 0

run_in s sh -c 'rm soft/l soft/p && rmdir soft/d/e && rm soft/h' || fail "links, FIFO, directory"
want "link" "$(readlink "$trash/payload/$(note .token /workspace/soft/l)")" ../plain/nowhere
[ -p "$trash/payload/$(note .token /workspace/soft/p)" ] || fail "no FIFO in the trash"
want "directory" "$(stat -c '%F %a' "$trash/payload/$(note .token /workspace/soft/d/e)")" "directory 750"
want "other name of a file" "$(run_in s cat plain/h)" linked
want "one inode" "$(stat -c %i "$trash/payload/$(note .token /workspace/soft/h)")" "$(stat -c %i "$ws/plain/h")"
n=$(entries)
run_in s sh -c 'mkdir soft/full && : >soft/full/x; rmdir soft/full' && fail "a full directory was removed"
want_in "a full directory" "$(jq -r .result.stderr "$T/exec.json")" "not empty"
want "nothing went to the trash" "$(entries)" "$n"
want "open while it is deleted" "$(run_in s sh -c 'printf ab >soft/o; exec 3<soft/o; rm soft/o; cat <&3')" ab
want "a plain delete" "$(run_in s sh -c ': >plain/x; rm plain/x; ls plain')" "h"

# what a rename replaces is deleted
run_in s sh -c 'printf old >soft/r && printf new >plain/n && mv -f plain/n soft/r' || fail "replace"
want "replacing" "$(cat "$ws/soft/r")" new
want "replaced" "$(cat "$trash/payload/$(note .token /workspace/soft/r)")" old
want "events of it" "$(jq -r '[.events.file_operations[]|select(.type=="soft_delete" or .type=="file_rename")|.type+":"+.policy.decision+":"+.path]|join(" ")' "$T/exec.json")" \
    "file_rename:allow:/workspace/plain/n soft_delete:soft_delete:/workspace/soft/r"
run_in s sh -c 'mkdir -p soft/rd plain/rd && : >plain/rd/in && mv -T plain/rd soft/rd && test -e soft/rd/in' || fail "replaced directory"
run_in s sh -c 'ln -s /etc/passwd soft/rl && : >plain/m && mv -fT plain/m soft/rl' || fail "replaced link"
want "replaced link" "$(readlink "$trash/payload/$(note .token /workspace/soft/rl)")" /etc/passwd
run_in s sh -c 'mkdir -p seen && : >seen/f && : >plain/m && mv -f plain/m seen/f' || fail "audited"
want "an audited delete by a rename" "$(jq -r '[.events.file_operations[]|select(.type=="file_rename")|.policy.decision]|join(" ")' "$T/exec.json")" audit
want "replaced directory" "$(note .type /workspace/soft/rd)" directory
n=$(entries)
run_in s sh -c 'printf 1 >soft/a1; ln soft/a1 soft/a2; python3 -c "import os; os.rename(\"soft/a1\", \"soft/a2\")"; test -e soft/a1 -a -e soft/a2' ||
    fail "two names of one file"
run_in s sh -c 'mkdir soft/nd && : >soft/nd/x; : >soft/file; python3 -c "
import os
for a, b in ((\"soft/file\", \"soft/nd\"), (\"soft/rd\", \"soft/nd\")):
    try:
        os.rename(a, b)
        print(\"REPLACED\")
    except OSError as e:
        pass"' >"$T/out"
[ ! -s "$T/out" ] || fail "a full directory was replaced"
want "failed renames leave nothing" "$(entries)" "$n"
# a tree
run_in s sh -c 'mkdir -p soft/t/u && : >soft/t/u/1 && : >soft/t/2 && rm -r soft/t' || fail "rm -r"
want "a tree" "$(entries)" $((n + 4))
run_in s sh -c 'for i in 1 2 3 4 5 6 7; do : >soft/i$i; rm soft/i$i; done; echo mine >&2; exit 3' && fail "status"
want "many hints" "$(jq -r .result.stderr "$T/exec.json" | sed -n '1p;6p;7p' | sed 's/restore [0-9a-f]*$/restore TOKEN/')" "mine
agentsh: /workspace/soft/i5 is in the trash; to restore it: agentsh trash restore TOKEN
agentsh: 2 more are in the trash: agentsh trash list --session s"
want "guidance of a failure" "$(jq -r '.guidance|.status+" "+.suggestions[0].action' "$T/exec.json")" "failed restore_from_trash"
as "$ME" "$T/stage/agentsh" --server "unix://$API_SOCK" exec s -- sh -c ': >soft/j; rm soft/j' 2>"$T/err" || fail "agentsh exec"
want_in "hint of agentsh exec" "$(cat "$T/err")" "agentsh trash restore $(note .token /workspace/soft/j)"

# a workspace on another file system: copies, and no more than one of both
[ "$(id -u)" = 0 ] || left_out "another file system needs root"
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$T/fs" && mount -t tmpfs -o size=64m fs "$T/fs" && mkdir "$T/fs/w" && chown "$ME:$ME" "$T/fs/w" || fail tmpfs
	new_session far "$T/fs/w" '"policy":"softly"'
	run_in far python3 -c '
import os
os.makedirs("soft/d")
with open("soft/f", "wb") as f:
    f.write(b"a" * 5000)
    f.truncate(3000000)
    f.seek(2999999)
    f.write(b"z")
os.chmod("soft/f", 0o750)
os.utime("soft/f", (1, 1577934245))
os.symlink("/etc/shadow", "soft/l")
os.mkfifo("soft/p")
os.link("soft/f", "f2")
w = open("soft/log", "w")
w.write("one "); w.flush()
for n in ("f", "l", "p", "log"):
    os.unlink("soft/" + n)
os.rmdir("soft/d")
w.write("two"); w.close()
open("soft/r", "w").write("before")
open("n", "w").write("after")
os.rename("n", "soft/r")
' || fail "another file system: $(jq -r .result.stderr "$T/exec.json")"
	f=$trash/payload/$(note .token /workspace/soft/f)
	cmp "$f" "$T/fs/w/f2" || fail "the copy differs"
	want "copy" "$(stat -c '%a %Y' "$f")" "750 1577934245"
	[ "$(stat -c %b "$f")" -lt 100 ] || fail "the copy has lost its holes"
	want "link" "$(readlink "$trash/payload/$(note .token /workspace/soft/l)")" /etc/shadow
	want "types" "$(for x in p d log; do note .type /workspace/soft/$x; done | tr '\n' ' ')" "fifo directory file "
	want "log" "$(cat "$trash/payload/$(note .token /workspace/soft/log)")" "one "
	want "replaced" "$(cat "$T/fs/w/soft/r") $(cat "$trash/payload/$(note .token /workspace/soft/r)")" "after before"
	want "gone" "$(ls "$T/fs/w/soft")" r
	# more names of attributes than fit into a page
	if run_in far python3 -c '
import os
open("soft/x", "w").close()
for i in range(40):
    os.setxattr("soft/x", "user.%03d" % i + "n" * 150, b"v" * 8)
os.unlink("soft/x")
'; then
		kept=$(python3 -c '
import os, sys
print(len([n for n in os.listxattr(sys.argv[1]) if os.getxattr(sys.argv[1], n) == b"v" * 8]))' "$trash/payload/$(note .token /workspace/soft/x)")
		[ "$kept" -gt 5 ] || fail "attributes: $kept are kept"
		want "attributes in the manifest" "$(jq '.xattrs|length' "$trash/manifest/$(note .token /workspace/soft/x).json")" 40
	else
		left_out "this tmpfs has no attributes of users"
	fi
	# who goes on writing does not get past the quota
	run_in far python3 -c '
import os, threading
f = os.open("soft/grow", os.O_RDWR | os.O_CREAT)
os.ftruncate(f, 40000000)
stop = False
def grow():
    at = 0
    while not stop and at < 40000000:
        os.pwrite(f, b"x" * 1000000, at)
        at += 1000000
t = threading.Thread(target=grow)
t.start()
try:
    os.unlink("soft/grow")
except OSError:
    pass
stop = True
t.join()
'
	[ "$(du -sk "$trash/payload" | cut -f1)" -lt 7000 ] || fail "more than the quota"
	n=$(entries)
	run_in far sh -c ': >soft/m; chmod 0 soft/m; rm -f soft/m' && fail "deleted what cannot be kept"
	want "unreadable" "$(jq -r .guidance.policy_rule "$T/exec.json") $(entries)" "trash-failed $n"
	[ -e "$T/fs/w/soft/m" ] || fail "it is gone"
fi

# no way around: out of the rule by another name
refused()
{
	name_=$1
	shift
	run_in s "$@" && fail "$name_: succeeded"
	want_in "$name_" "$(jq -r '.guidance.policy_rule' "$T/exec.json")" "$rule_"
}
run_in s sh -c 'printf precious >soft/k; mkdir soft/kd; printf precious >soft/kd/k'
rule_=rename-from-soft-delete
refused "rename out, then rm" python3 -c 'import os; os.rename("soft/k", "plain/k"); os.unlink("plain/k")'
refused "its directory out" python3 -c 'import os; os.rename("soft/kd", "plain/kd")'
refused "exchange" python3 -c '
import ctypes, os, sys
open("plain/j", "w").close()
sys.exit(1 if ctypes.CDLL(None, use_errno=True).syscall(316, -100, b"plain/j", -100, b"soft/k", 2) else 0)'
want "still there" "$(cat "$ws/soft/k" "$ws/soft/kd/k")" preciousprecious
run_in s sh -c 'mv soft/k soft/k2 && mv soft/k2 soft/k' || fail "rename within the rule"
run_in s sh -c 'ln soft/k plain/k && rm plain/k && rm soft/k' || fail "hard link"
want "kept after a link" "$(cat "$trash/payload/$(note .token /workspace/soft/k)")" precious

# no way in
probe=$(cat <<'PY'
import glob, os, sys
t = sys.argv[1]
ways = [t, t + "/payload", t + "/manifest", os.path.dirname(t)]
ways += ["/proc/1/root" + t, "/proc/self/root" + t, "/proc/self/cwd/../" + t]
for pid in glob.glob("/proc/[0-9]*"):
    for fd in glob.glob(pid + "/fd/*"):
        try:
            if "trash" in os.readlink(fd):
                print("DESCRIPTOR", fd)
        except OSError:
            pass
for w in ways:
    try:
        if any(len(n) > 30 or n == "payload" for n in os.listdir(w)):
            print("LISTED", w)
    except OSError:
        pass
    if w == os.path.dirname(t):
        continue
    try:
        open(w + "/forged.json", "w")
        print("WRITTEN", w)
    except OSError:
        pass
PY
)
want "the trash from inside" "$(run_in s python3 -c "$probe" "$trash")" ""

# the workspace holds the trash: all the same
up=$T
if [ "$MODE" = user ]; then
	up=$T/state
	new_session above "$up" '"policy":"softly"'
	want "the trash in the workspace" "$(run_in above python3 -c "$probe" /workspace/trash)" ""
	for how in 'mv trash other' 'mv trash/payload x' 'rm -rf trash' 'ln -s /workspace/trash t; ls t/'; do
		run_in above sh -c "$how" && fail "$how: succeeded"
	done
	[ -d "$trash/payload" ] || fail "the trash is gone"
	api POST /api/v1/sessions "{\"workspace\":\"$trash\"}" >"$T/answer.json"
	want "the trash as a workspace" "$(status)" 400
	api POST /api/v1/sessions "{\"workspace\":\"$trash/payload\"}" >"$T/answer.json"
	want "a part of it" "$(status)" 400
fi

# where agentsh looks for the trash of a user's own server, nobody makes one
if [ "$MODE" = service ]; then
	h=$T/home/$ME
	place=.local/state/agentsh
else
	h=$T/state
	place=agentsh
	rm -rf "$h/agentsh"
fi
new_session home "$h" '"policy":"softly"'
for how in "mkdir -p $place/trash" "mkdir -p x/trash $place; mv -T x $place" "mkdir x; ln -s x $place/trash" \
    "mkdir -p x/trash; rmdir $place; ln -s ../x $place" "mkdir -p x; mv -T ${place%%/*} y; mv -T x ${place%%/*}" ": >$place/trash"; do
	run_in home sh -c "mkdir -p $place; $how" && fail "$how: succeeded"
	want "$how" "$(jq -r .guidance.policy_rule "$T/exec.json")" trash
	[ ! -e "$h/$place/trash" ] || fail "$how: made"
	as "$ME" rm -rf "$h/x" "$h/y"
done

# quota: bytes, then entries; what does not fit stays
n=$(entries)
run_in s sh -c 'head -c 4000000 /dev/urandom >soft/big; rm soft/big' && fail "more than the quota was deleted"
want "rule" "$(jq -r '.guidance.policy_rule' "$T/exec.json")" trash-full
want "it stays" "$(stat -c %s "$ws/soft/big")" 4000000
want "event of it" "$(jq -r '[.events.blocked_operations[]|.type+":"+.policy.decision+":"+.path]|join(" ")' "$T/exec.json")" \
    "file_delete:deny:/workspace/soft/big"
want "nothing is left in the trash" "$(entries) $(find "$trash/payload" -mindepth 1 | wc -l)" "$n $n"
run_in s sh -c 'i=0; while [ $i -lt 100 ]; do : >soft/q$i; rm soft/q$i || exit 1; i=$((i+1)); done' && fail "no end of entries"
want "entries" "$(entries)" 70
run_in s sh -c 'printf x >plain/y; mv -f plain/y soft/r' && fail "replaced with a full trash"
want "not replaced" "$(cat "$ws/soft/r")" new
# the oldest expire, and make room
for m in $(ls -t "$trash/manifest"/*.json | tail -n 5); do
	touch -d '30 days ago' "$m"
done
rm -f "$trash/sum"
stop_server
start_any "sandbox.fuse.audit.quota: 3MB" "sandbox.fuse.audit.max_entries: 70" "sandbox.fuse.audit.ttl: 7d"
new_session s2 "$ws" '"policy":"softly"'
wait_for 10 sh -c "[ \$(ls '$trash/manifest' | wc -l) = 65 ]" || fail "what expired is still there"
run_in s2 sh -c ': >soft/z; rm soft/z' || fail "room again: $(cat "$T/exec.json")"
[ "$MODE" = user ] || want "nobody else reads it" "$(as bob ls "$trash" 2>/dev/null)" ""

# names that are no UTF-8 come back as they are
run_in s2 python3 -c 'import os; open(b"soft/\xff\xfe", "w").close(); os.unlink(b"soft/\xff\xfe")' || fail "odd name"
m=$(grep -l original_path_base64 "$trash/manifest"/*.json)
want "odd name" "$(jq -r .original_path_base64 "$m" | base64 -d | od -An -tx1 | tr -d ' \n' | tail -c 4)" fffe

# the whole workspace softly
stop_server
rm -rf "$trash/payload" "$trash/manifest"
start_any "sandbox.fuse.audit.mode: soft_delete"
new_session s3 "$ws" '"policy":"softly"'
run_in s3 sh -c 'printf w >plain/w; rm plain/w' || fail "mode soft_delete"
want "mode soft_delete" "$(cat "$trash/payload/$(note .token /workspace/plain/w)")" w
want "its event" "$(jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.policy.decision+":"+.policy.rule]|join(" ")' "$T/exec.json")" soft_delete:rest
# many at once, and the session killed in the middle: each is in one place, whole
run_in s3 python3 -c '
import os, threading
def work(k):
    for i in range(40):
        n = "m/%d-%d" % (k, i)
        with open(n, "w") as f:
            f.write(n)
        os.unlink(n)
os.mkdir("m")
ts = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in ts: t.start()
for t in ts: t.join()
' || fail "many at once"
want "many at once" "$(ls "$ws/m" | wc -l) $(cat "$trash/payload"/* 2>/dev/null | grep -o 'm/[0-9]*-[0-9]' | wc -l)" "0 320"
want "their tokens" "$(ls "$trash/payload" | wc -l)" "$(entries)"
run_in s3 sh -c 'i=0; while [ $i -lt 2000 ]; do echo k$i >k$i; i=$((i+1)); done' || fail "making"
# its answer may be that the session is gone
api POST /api/v1/sessions/s3/exec '{"command":"sh","args":["-c","rm k*"]}' >"$T/out" 2>&1 &
killed_=$!
wait_for 10 sh -c "grep -l 'workspace/k1[0-9]*' '$trash/manifest'/*.json" || fail "no delete was seen"
api DELETE /api/v1/sessions/s3 >/dev/null
wait "$killed_"
wait_for 10 sh -c "! pgrep -u $ME_UID -x fsd" || :
python3 - "$ws" "$trash" <<'PY' || fail "lost"
import json, os, sys
ws, trash = sys.argv[1:]
notes = {}
for n in os.listdir(trash + "/manifest"):
    with open(trash + "/manifest/" + n) as f:
        m = json.load(f)
    notes[m["token"]] = m["session_path"]
there = {}
for t in os.listdir(trash + "/payload"):
    assert t in notes, "no manifest of " + t
    p = notes[t]
    if p.startswith("/workspace/k"):
        there[os.path.basename(p)] = open(trash + "/payload/" + t).read().strip()
here = {n: open(ws + "/" + n).read().strip() for n in os.listdir(ws) if n.startswith("k") and n[1:].isdigit()}
for i in range(2000):
    k = "k%d" % i
    assert (k in here) != (k in there), (k, k in here, k in there)
    assert {**here, **there}[k] == k
PY
# the trash goes while a session has it
new_session s5 "$ws" '"policy":"softly"'
rm -rf "$trash/payload"
run_in s5 sh -c ': >soft/v; rm soft/v' && fail "deleted into no trash"
want "no payloads" "$(jq -r .guidance.policy_rule "$T/exec.json") $(ls "$ws/soft/v")" "trash-failed $ws/soft/v"
rm -rf "$trash/manifest"
run_in s5 rm soft/v && fail "deleted without a manifest"
want "no manifests" "$(jq -r .guidance.policy_rule "$T/exec.json") $(ls "$ws/soft/v")" "trash-failed $ws/soft/v"
run_in s5 sh -c ': >soft/v2; mv soft/v2 soft/v' && fail "replaced without a manifest"
api DELETE /api/v1/sessions/s5 >/dev/null
# without a trash nothing is deleted
stop_server
rm -rf "$trash/payload" && : >"$trash/payload"
start_any
new_session s4 "$ws" '"policy":"softly"'
run_in s4 sh -c ': >soft/n; rm soft/n' && fail "deleted without a trash"
[ -e "$ws/soft/n" ] || fail "it is gone"
