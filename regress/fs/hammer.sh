#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever many threads do to the names of a directory at once, no denied file
# opens, nothing waits for ever, and the events say what was done, by the names
# of that moment: hammer.c. HAMMER_SECONDS and HAMMER_SEED make it longer and
# begin elsewhere.
# timeout: 120
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd hammer
need_tool python3
hammer=$TEST_BUILD/regress/fs/hammer
cat >"$T/policy.yaml" <<'P'
version: 1
name: test
file_rules:
  - {name: closed, paths: ["**/h/secret0", "**/h/*/secret0", "**/h/closed", "**/h/closed/**", "**/h/d0/only0"], decision: deny}
  - name: unread
    paths: ["**/h/secret1", "**/h/*/secret1"]
    operations: [read, open]
    decision: deny
  - name: kept
    paths: ["**/h/secret2", "**/h/*/secret2"]
    operations: [write, delete, rename, create]
    decision: deny
  - {name: all, paths: ["/**"], decision: allow}
P
mkdir "$T/ws" "$T/ws/h" "$T/ws/h/closed" "$T/ws/h/d0" "$T/ws/h/d1" "$T/ws/h/d2" "$T/ws/h/d3" \
    "$T/ws/h/d4" "$T/ws/h/d5" "$T/ws/h/d6" "$T/ws/h/d7"
for f in secret0 secret1 closed/n0 closed/n1 closed/secret0 d0/secret0 d0/secret1 d0/only0 d1/secret1 d2/secret0; do
	echo "SECRET $f" >"$T/ws/h/$f"
done
for f in secret2 d1/secret2 d3/secret2; do
	echo "kept $f" >"$T/ws/h/$f"
done
for i in 0 1 2 3 4 5; do
	echo public >"$T/ws/h/n$i"
	echo public >"$T/ws/h/d$((i % 8))/n$i"
done
cp "$hammer" "$T/ws/hammer"
chown -R $ALICE_UID:$ALICE_UID "$T/ws"
ASAN_OPTIONS=detect_leaks=0 timeout -s KILL $((60 + ${HAMMER_SECONDS:-4} * 2)) "$drive" "$T/fsd" \
    "$T/policy.yaml" $ALICE_UID $ALICE_UID "$T/ws" \
    "./hammer -t ${HAMMER_SECONDS:-4} -s ${HAMMER_SEED:-1}" 9>"$T/events" >"$T/in" 2>"$T/err" || {
	cat "$T/in" "$T/err"
	fail "the session"
}
[ -z "${HAMMER_KEEP:-}" ] || cp "$T/in" "$T/events" "$HAMMER_KEEP/"
# what may not be deleted is as it was, and every secret under a name that is denied
for what in "secret0 4" "secret2 3" "closed/n[01] 2" "d0/only0 1"; do
	n=$(find "$T/ws/h" -type f -path "*/${what% *}" -exec grep -ls 'SECRET\|kept' {} + | wc -l)
	[ "$n" = "${what#* }" ] || fail "of ${what% *} there are $n, not ${what#* }"
done
grep -rls SECRET "$T/ws/h" | grep -v '/secret[01]$\|/h/closed/[^/]*$\|/h/d0/only0$' && fail "a secret has moved"
python3 - "$T/in" "$T/events" <<'P' || fail "events"
import collections, re, sys
want, own, strange = {}, {}, []
with open(sys.argv[1], encoding="utf-8") as f:
    for line in f:
        w = line.split()
        if w[0] == "own":
            own[int(w[1])] = int(w[2])
        elif w[0] == "hammer:":
            strange.append(line)
        else:
            want[w[0]] = int(w[1])
have = collections.Counter()
at = collections.Counter()
opens = collections.Counter()
denied = 0
bad = strange
shut = re.compile(r"/workspace/h(/[^/]+)?/secret0$|/workspace/h/closed(/|$)|/workspace/h/d0/only0$")
unread = re.compile(r"/workspace/h(/[^/]+)?/secret1$")
with open(sys.argv[2], encoding="utf-8") as f:
    for line in f:
        w = line.split()
        if w[0] == "--":
            continue
        kv = dict(x.split("=", 1) for x in w[1:] if "=" in x)
        path, to = kv.get("path", ""), kv.get("fields.to_path", "")
        if not path.startswith("/workspace/"):
            continue
        if kv["policy.decision"] != "allow":
            denied += 1
            if kv["policy.rule"] not in ("closed", "unread", "kept"):
                bad.append(line)
            continue
        have[w[0]] += 1
        if shut.search(path) or shut.search(to):
            bad.append(line)
        if unread.search(path) and w[0] in ("file_open", "file_read"):
            bad.append(line)
        m = re.fullmatch(r"/workspace/h/own(\d+)\.(\d+)", path)
        if m is None:
            continue
        k, n = int(m[1]), int(m[2])
        if w[0] == "file_rename":
            if n != at[k] or to != f"/workspace/h/own{k}.{n + 1}":
                bad.append(line)
            at[k] = n + 1
        elif w[0] == "file_open":
            opens[k] += 1
            if n != at[k]:
                bad.append(line)
for name in ("file_rename", "file_link", "file_delete", "dir_create", "dir_delete", "symlink_create"):
    # a rename between two names of one file does nothing, and is not asked for
    if have[name] != want[name] and not (name == "file_rename" and 0 < have[name] < want[name]):
        bad.append(f"{name}: {want[name]} done, {have[name]} events\n")
for k, n in own.items():
    if at[k] != n or opens[k] != n:
        bad.append(f"own{k}: {n} names, {at[k]} renames and {opens[k]} opens\n")
if denied == 0 or want["opened"] == 0 or want["odd"] != 0:
    bad.append(f"{denied} refusals, {want['opened']} files opened, {want['odd']} strange errors\n")
for line in bad[:30]:
    print(line, end="")
print(f"{sum(have.values())} events, {denied} refusals, {want['opened']} files opened, {len(bad)} wrong")
sys.exit(bool(bad))
P
