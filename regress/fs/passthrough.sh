#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files that the kernel reads and writes itself: what is in them, whoever has
# them open and however; that the host's permissions hold; and what the events
# say of their bytes, and of those of all others.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
is_kernel 6.9 || skip "the kernel has no FUSE passthrough"
# on a file system of a disk where there is one: not all can do this
dir=$(mktemp -d /var/tmp/agentsh-through.XXXXXX) || skip "no /var/tmp"
trap 'keep_=$?; rm -rf "$dir"; (exit $keep_); cleanup' EXIT
chmod 0755 "$T" "$dir"
start_service
API_USER=alice
ws=$dir/ws
install -d -o alice -g alice "$ws"
cp "$TEST_SRC/regress/fs/passthrough.py" "$ws/"
as alice sh -c "cd $ws && head -c 3000000 /dev/urandom >large && echo small >small &&
	head -c 2000000 /dev/zero >ro && chmod 444 ro && mkdir d && echo x >setid && chmod 4755 setid"
head -c 2000000 /dev/zero >"$ws/roots"
chmod 644 "$ws/roots"
new_session s "$ws"
want "the session says so" "$(json .file_data <"$T/session.json")" passthrough
pgrep -x fusereg >/dev/null || fail "no fusereg"

# the program asks which way a file goes: fsd's own reading is in /proc
run_in s python3 passthrough.py >"$T/out" || { cat "$T/exec.json"; fail "the program"; }
cat "$T/out"
want "the program" "$(tail -n 1 "$T/out")" "all as it should be"
[ "$(stat -c %a "$ws/setid")" = 755 ] || fail "a set-user-id bit stays after a write"
[ "$(stat -c %s "$ws/new")" = 1000000 ] || fail "a new file"

# a program that is large enough for the kernel to read it itself
cp "$(readlink -f /bin/true)" "$ws/program" && truncate -s 2000000 "$ws/program" && chown alice: "$ws/program"
run_in s ./program || fail "a large program: $(jq -r .result.stderr "$T/exec.json")"
run_in s sh -c 'cp program copy && ./copy' || fail "a large program that was written: $(jq -r .result.stderr "$T/exec.json")"

# ev COMMAND... : its file events, "type path bytes at_least": one is a number
ev()
{
	run_in s "$@" >/dev/null || { cat "$T/exec.json"; fail "$*"; }
	jq -r '.events.file_operations[] | select(.type == "file_read" or .type == "file_write")
	    | "\(.type) \(.path) \(.fields.bytes // "-") \(.fields.bytes_at_least // "-")"' "$T/exec.json"
}
want_in "a small file" "$(ev cat small)" "file_read /workspace/small 6 -"
want_in "a new file" "$(ev sh -c 'echo twelve bytes >fresh')" "file_write /workspace/fresh - 13"
want_in "an appended file" "$(ev sh -c 'echo more >>fresh')" "file_write /workspace/fresh - 5"
want_in "a file written over" "$(ev sh -c 'echo MORE | dd of=fresh conv=notrunc status=none')" "file_write /workspace/fresh - 0"
# one who makes small files only is not given to the kernel after some, until one
# is not small
cat >"$ws/many.py" <<EOF
import os
import time
for i in range(22):
    f = os.open(f"d/many{i}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for k in range(30 if i == 10 else 1):
        os.write(f, b"0123456789")
    os.close(f)
    time.sleep(0.02)  # the closing is heard of later
EOF
ev python3 many.py >"$T/many"
many() { sed -n "s|file_write /workspace/d/many$1 ||p" "$T/many"; }
want "the first small file" "$(many 0)" "- 10"
want "the eighth" "$(many 7)" "- 10"
want "the ninth" "$(many 8)" "10 -"
want "one that is written to often" "$(many 10)" "300 -"
want "the one after it" "$(many 11)" "- 10"
want "the eighth after it" "$(many 18)" "- 10"
want "the ninth after it" "$(many 19)" "10 -"
want "not written" "$(ev sh -c ': >>fresh')" ""
want "opened to be written, not written" "$(ev python3 -c 'open("large", "ab").close()')" ""
want_in "a large file" "$(ev cat large)" "file_read /workspace/large - 0"
want_in "one that may not be written" "$(ev cat ro)" "file_read /workspace/ro 2000000 -"
# the kernel opens a program, too
run_in s sh -c 'cp /bin/true true && head -c 2000000 /dev/zero >>true' || fail "a large program"
run_in s ./true || fail "a large program is not executed: $(jq -c .result "$T/exec.json")"
want_in "root's" "$(ev cat roots)" "file_read /workspace/roots 2000000 -"
# one name goes to the trash, and the file is opened by the other
sed 's/^name: .*/name: softly/; s/^file_rules:/&\n  - {name: soft, paths: ["${PROJECT_ROOT}\/soft*"], operations: [delete], decision: soft_delete}/' \
    "$TEST_SRC/etc/policies/default.yaml" >"$T/var/policies/softly.yaml"
chmod 644 "$T/var/policies/softly.yaml"
new_session t "$ws" '"policy":"softly"'
run_in t python3 -c '
import os
open("soft", "wb").write(b"x" * 2000000)
os.link("soft", "other")
r = open("other", "rb")
os.unlink("soft")
with open("other", "ab") as f:
    f.write(b"y")
assert open("other", "rb").read() == b"x" * 2000000 + b"y"
' || fail "one name in the trash: $(jq -r .result.stderr "$T/exec.json")"
api DELETE /api/v1/sessions/t >/dev/null
want_in "it went there" "$(jq -r '[.events.file_operations[].type]|join(" ")' "$T/exec.json")" soft_delete
run_in s sh -c 'echo x >>roots' && fail "root's file was written"
[ "$(stat -c %s "$ws/roots")" = 2000000 ] || fail "root's file was changed"
api DELETE /api/v1/sessions/s >/dev/null
wait_for 10 sh -c '! pgrep -x fusereg' || fail "fusereg stays"
stop_server

start_service "sandbox.fuse.passthrough: off"
new_session s "$ws"
want "switched off" "$(json .file_data <"$T/session.json")" fsd
pgrep -x fusereg && fail "fusereg runs"
want_in "switched off: a new file" "$(ev sh -c 'echo twelve bytes >fresh2')" "file_write /workspace/fresh2 13 -"
want_in "switched off: a file written over" "$(ev sh -c 'echo MORE | dd of=fresh2 conv=notrunc status=none')" "file_write /workspace/fresh2 5 -"
want_in "switched off: a large file" "$(ev cat large)" "file_read /workspace/large 3000000 -"
run_in s python3 passthrough.py >"$T/out" || { cat "$T/exec.json"; fail "the program without"; }
want "the program without" "$(tail -n 1 "$T/out")" "all as it should be"
stop_server

start_user_server alice "sandbox.fuse.passthrough: required"
API_USER=alice
api POST /api/v1/sessions "{\"id\":\"r\",\"workspace\":\"$ws\"}" >"$T/session.json"
want "required of a user's own server" "$(status)" 500
grep -q 'sandbox.fuse.passthrough: required: only root' "$T/server.log" || fail "the log does not say why"
