#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ordinary work in the workspace gives the results it gives without agentsh, and
# what is changed inside is changed outside, with the user's ownership.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 git
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
want "cwd" "$(run_in s pwd)" /workspace
run_in s sh -c 'echo a >f && mkdir -p d/e && mv f d/e/g && ln -s d/e/g l && chmod 755 d/e/g &&
    ln d/e/g h && truncate -s 100 h && rm l && touch -d @1000000000 d/e/g' || fail "file operations"
want "size outside" "$(stat -c %s "$ws/d/e/g")" 100
want "owner outside" "$(stat -c %u "$ws/d/e/g")" "$ME_UID"
want "mode outside" "$(stat -c %a "$ws/d/e/g")" 755
want "time outside" "$(stat -c %Y "$ws/d/e/g")" 1000000000
want "links outside" "$(stat -c %h "$ws/h")" 2
[ ! -L "$ws/l" ] || fail "a link that was removed inside is still there"
as "$ME" sh -c "echo outside >$ws/new"
want "made outside, seen inside" "$(run_in s cat new)" outside
as "$ME" sh -c "echo changed, and longer >$ws/new"
want "changed outside, seen inside" "$(run_in s cat new)" "changed, and longer"
run_in s git init -q . || fail "git init"
run_in s sh -c 'git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m x && git log --oneline | wc -l' >/dev/null || fail "git commit"
run_in s sh -c 'head -c 20000000 /dev/urandom >big && sha256sum <big >sum && sha256sum -c - <<E
$(cut -d" " -f1 sum)  big
E' >/dev/null || fail "20 MB written and read"
want "the same outside" "$(sha256sum <"$ws/big" | cut -d' ' -f1)" "$(cut -d' ' -f1 <"$ws/sum")"
run_in s python3 -c '
import mmap
with open("map", "wb") as f:
    f.truncate(8192)
with open("map", "r+b") as f:
    m = mmap.mmap(f.fileno(), 8192)
    m[5000:5004] = b"word"
    m.flush()
    m.close()
with open("map", "rb") as f:
    f.seek(5000)
    assert f.read(4) == b"word"
' || fail "mmap"
# the host's tree: readable where the policy says so, never writable
run_in s test -r /etc/passwd || fail "/etc/passwd is not readable"
run_in s sh -c 'echo x >/etc/agentsh-test' && fail "/etc is writable"
run_in s sh -c 'echo x >/usr/agentsh-test' && fail "/usr is writable"
run_in s sh -c 'echo x >/agentsh-test' && fail "/ is writable"
run_in s ls "$T/home/bob" && fail "another's home can be listed"
run_in s sh -c 'echo x >/tmp/t && cat /tmp/t' >/dev/null || fail "/tmp is not writable"
[ ! -e /tmp/t ] || fail "/tmp of the session is the host's"
# a workspace named by a link is the directory that the link leads to
ln -s "$ws" "$T/link"
new_session l "$T/link"
want "workspace by a link" "$(json .workspace <"$T/session.json")" "$ws"
API_USER=$ME api POST /api/v1/sessions "{\"workspace\":\"$ws/none\"}" >/dev/null
want "workspace that is not there" "$(status)" 400
