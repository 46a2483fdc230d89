#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# policies.symlink_escape: a link that leads out of the workspace is decided by
# what it leads to, or is neither followed nor read.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
ws=$(new_workspace "$ME")
as "$ME" sh -c "cd $ws && mkdir -p a/b && echo in >a/f && ln -s a/b/../../../etc/hostname hidden &&
    ln -s a/f rel && ln -s ../f a/b/up && ln -s /workspace/a/f abs && ln -s rel chain && ln -s . dot && ln -s ./a//./f odd &&
    ln -s /usr/share out && ln -s ../usr/share up && ln -s ../../../usr/share a/b/upup && ln -s $ws/a/f host &&
    ln -s /workspace2 near && ln -s /workspace/../usr/share over && ln -s a/../../usr/share behind &&
    ln -s out chained && ln -s /workspace/a d && ln -s d/../../usr/share by && ln -s / root" || fail workspace
cat >"$ws/moved.py" <<'PY'
import ctypes, os
libc = ctypes.CDLL(None)
text = "../../etc/os-release"
def out(what, path):
    try:
        open(path).close()
        print(what)
    except PermissionError:
        pass
for i in range(50):
    os.makedirs("m/d/e")
    for l in ("m/d/l", "m/d/e/l"):
        os.symlink(text if l == "m/d/l" else "../" + text, l)
        os.readlink(l)
    os.rename("m/d", "n")
    out("beneath a directory", "n/l")
    out("deep beneath it", "n/e/l")
    os.rename("n", "m/d")
    os.rename("m/d/l", "m/l")
    out("itself", "m/l")
    os.rename("m/l", "m/d/l")
    os.readlink("m/d/l")
    os.makedirs("n")
    libc.renameat2(-100, b"m/d", -100, b"n", 2)
    out("exchanged", "n/l")
    for f in ("n/l", "n/e/l"):
        os.unlink(f)
    for f in ("n/e", "n", "m/d", "m"):
        os.rmdir(f)
PY
API_USER=$ME
inside="rel abs chain odd a/b/up dot/rel dot/dot/a/f d/f"
outside="out up a/b/upup near over behind chained by root hidden"
for how in evaluate deny; do
	start_any "policies.symlink_escape: $how"
	new_session s "$ws"
	for l in $inside; do
		want "$how: $l" "$(run_in s cat "$l")" in
	done
	for l in $outside; do
		if [ $how = evaluate ]; then
			run_in s readlink "$l" >/dev/null || fail "evaluate: $l cannot be read"
			continue
		fi
		run_in s ls "$l/" >/dev/null && fail "deny: $l is followed"
		want_in "deny: $l" "$(cat "$T/exec.json")" symlink-escape
		[ "$l" = chained ] || [ "$l" = by ] || {
			run_in s readlink "$l" >/dev/null && fail "deny: $l is read"
		}
	done
	if [ $how = evaluate ]; then
		run_in s ls out/ >/dev/null || fail "evaluate: out is not followed"
		run_in s cat hidden >/dev/null
	else
		run_in s sh -c 'ln -s /usr/share new && ls new/' >/dev/null && fail "deny: a new one is followed"
		run_in s sh -c 'mv a/b/up up2 && cat up2' >/dev/null && fail "deny: one that was moved is followed"
		# the kernel knows the text by then
		run_in s python3 moved.py >"$T/out" || fail "deny: moved.py: $(jq -r .result.stderr "$T/exec.json")"
		want "deny: what was read, and is moved" "$(cat "$T/out")" ""
		run_in s sh -c 'ls /usr/share >/dev/null && cat /etc/os-release' >/dev/null || fail "deny: links outside: $(cat "$T/exec.json")"
	fi
	stop_server
done
