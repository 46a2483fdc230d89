#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trash: a manifest forged from inside, two objects under one token, a restore
# over what the policy protects.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any "sandbox.fuse.audit.mode: soft_delete"
API_USER=$ME
home=$(new_workspace "$ME")
as "$ME" mkdir -p "$home/p/.git/hooks" "$home/out"
if [ "$MODE" = service ]; then
	base=$T/var/trash
	own=$base/$ME_UID
else
	base=$T/state/trash
	own=$base
fi
new_session s "$home/p"
trash()
{
	as "$ME" "$T/stage/agentsh" trash "$@" --trash-path "$base" >"$T/out" 2>&1
}

# forged, or taken away, by any path to the trash that there is
cat >"$T/forge.py" <<'PY'
import os, sys
trash, home = sys.argv[1:]
token = "0" * 32
for d in ("", "/proc/self/root", "/proc/1/root", "/proc/self/cwd/../../../../../.."):
    for path, data in ((d + trash + "/payload/" + token, "evil"),
                       (d + trash + "/manifest/" + token + ".json",
                        '{"token":"%s","workspace":"%s","original_path":"%s/.bashrc","type":"file"}' % (token, home, home))):
        for act in (lambda: open(path, "w").write(data), lambda: os.link(sys.argv[0], path),
                    lambda: os.rename("moved", path), lambda: os.symlink("/etc/passwd", path),
                    lambda: os.unlink(path), lambda: os.rename(os.path.dirname(path), "moved"),
                    lambda: print("READ", os.listdir(os.path.dirname(path)))):
            try:
                act()
                print("DONE", path)
            except OSError:
                pass
PY
run_in s sh -c ': >gone; rm gone' || fail "a soft delete"
cp "$T/forge.py" "$home/p/forge.py"
chmod a+r "$home/p/forge.py"
want "from inside" "$(run_in s python3 forge.py "$own" "$home")" ""
trash restore 00000000000000000000000000000000 && fail "a forged entry was restored"

# one moment, many deletes
want "tokens" "$(run_in s python3 -c '
import os, threading
go = threading.Event()
def work(k):
    open("c%d" % k, "w").write(str(k))
    go.wait()
    os.unlink("c%d" % k)
ts = [threading.Thread(target=work, args=(k,)) for k in range(40)]
for t in ts: t.start()
go.set()
for t in ts: t.join()
print(len([n for n in os.listdir() if n.startswith("c")]))')" 0
want "none went over another" "$(find "$own/payload" -type f -size -3c -size +0c -exec cat {} + | wc -c)" 70

# over a hook, by what its place becomes meanwhile
run_in s sh -c 'mkdir -p a/hooks && echo evil >a/hooks/pre-commit && rm a/hooks/pre-commit' || fail "delete"
tok=$(jq -r '[.events.file_operations[]|select(.type=="soft_delete")|.fields.trash_token]|last' "$T/exec.json")
run_in s sh -c 'rmdir a/hooks && ln -s ../.git/hooks a/hooks' || fail "link"
trash restore "$tok" && fail "restored through a link"
run_in s sh -c 'rm a/hooks && rmdir a && ln -s .git a' || fail "link"
trash restore "$tok" && fail "restored through a link of its directory"
want "the hooks" "$(ls -A "$home/p/.git/hooks")" ""
as "$ME" sh -c "echo mine >'$home/p/.git/hooks/pre-commit'"
run_in s sh -c 'rm a; mkdir -p a/hooks; ln .git/hooks/pre-commit a/hooks/pre-commit || : >a/hooks/pre-commit'
trash restore "$tok" && fail "restored over what is there"
trash restore "$tok" --force || fail "restore: $(cat "$T/out")"
want "the hook" "$(cat "$home/p/.git/hooks/pre-commit")" mine
want "restored" "$(cat "$home/p/a/hooks/pre-commit")" evil
