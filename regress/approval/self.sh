#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nobody approves what he asks for himself: not from inside of a session, not by
# the API, and as a service no user who is not an operator.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
as "$ME" sh -c "echo hidden >$ws/a.secret"
cp "$T/stage/agentshctl" "$ws/agentshctl"
chmod 0755 "$ws/agentshctl"
cat >"$ws/reach.py" <<'P'
import os
import socket
import sys
kinds = (socket.SOCK_SEQPACKET, socket.SOCK_STREAM)
for path in sys.argv[1:]:
    for name in (path, "\0" + path, "/proc/1/root" + path):
        for kind in kinds:
            s = socket.socket(socket.AF_UNIX, kind)
            try:
                s.connect(name)
                print("reached", repr(name))
            except OSError:
                pass
            s.close()
# by a link, and by what a descriptor means
for path in sys.argv[1:]:
    try:
        os.symlink(path, "link")
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect("link")
        print("reached by a link")
    except OSError:
        pass
    try:
        os.unlink("link")
    except OSError:
        pass
    fd = -1
    try:
        fd = os.open(path, os.O_PATH)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect("/proc/self/fd/%d" % fd)
        print("reached by a descriptor")
    except OSError:
        pass
    if fd != -1:
        os.close(fd)
    s.close()
# nothing that was inherited is a way there
for fd in range(3, 64):
    try:
        os.fstat(fd)
        print("descriptor", fd)
    except OSError:
        pass
P
bg w s cat a.secret
request 1
# outside both answer, so the test would see it
as "$ME" python3 "$ws/reach.py" "$API_SOCK" | grep -q reached || fail "the API's socket cannot be reached at all"
want "both sockets from inside" "$(run_in s python3 reach.py "$OPERATOR_SOCK" "$API_SOCK")" ""
for how in "./agentshctl -s $OPERATOR_SOCK approve $id" "./agentshctl -s $OPERATOR_SOCK approvals" \
    "AGENTSH_OPERATOR_SOCKET=$OPERATOR_SOCK ./agentshctl approve $id" \
    "curl -sf --unix-socket $API_SOCK http://localhost/api/v1/approvals" \
    "curl -sf --max-time 3 http://$API_TCP/health"; do
	run_in s sh -c "$how" >"$T/out" 2>&1 && fail "from inside: $how: $(cat "$T/out")"
done
# as a service the socket is the operators'
if [ "$MODE" = service ]; then
	as alice agentshctl -s "$OPERATOR_SOCK" approve "$id" 2>"$T/out" && fail "a user approves for himself"
	as bob agentshctl -s "$OPERATOR_SOCK" approvals 2>"$T/out" && fail "a user sees what waits"
fi

# the API has the routes, and says who can
api GET /api/v1/approvals >"$T/out"
want "GET" "$(status)" 403
want_in "what to do" "$(jq -r .error "$T/out")" "agentshctl approvals"
api POST "/api/v1/approvals/$id" '{"decision":"approve"}' >"$T/out"
want "POST" "$(status)" 403
want_in "what to do" "$(jq -r .error "$T/out")" "agentshctl"
as "$ME" env AGENTSH_SERVER="unix://$API_SOCK" agentsh approve list 2>"$T/out" && fail "agentsh approve list"
want_in "agentsh approve list" "$(cat "$T/out")" "agentshctl approvals"
as "$ME" env AGENTSH_SERVER="unix://$API_SOCK" agentsh approve resolve --allow "$id" 2>"$T/out" && fail "agentsh approve resolve"
want_in "agentsh approve resolve" "$(cat "$T/out")" "agentshctl"
as "$ME" agentsh approve resolve "$id" 2>"$T/out" && fail "no answer"
want_in "usage" "$(cat "$T/out")" "one of --allow and --deny"
want "it waits still" "$(pending)" 1
ctl deny "$id"
await w
want "and was never let go on" "$(out w)" ""

# what an agent calls things cannot act on the operator's terminal
# shellcheck disable=SC2016 # the session's shell expands it
bg w s sh -c 'n=$(printf "x\033[2J\342\200\256.ask"); echo x >"$n"'
request 1
ctl approvals >"$T/out"
LC_ALL=C grep -q "$(printf '[\033\200-\377]')" "$T/out" && fail "raw bytes on the terminal"
grep -q 'x\\033\[2J\\342\\200\\256.ask' "$T/out" || fail "not shown as it is: $(cat "$T/out")"
ctl deny "$id"
await w
bg w s printenv 'a b' "it's" ''
request 1
want_in "words can be told apart" "$(ctl approvals)" "argv: printenv 'a b' 'it'\\''s' ''"
ctl deny "$id"
await w

# a slip of the operator is no answer
bg w s cat a.secret
request 1
for bad in "approve" "approve --sesion $id" "approve $id extra" "deny --session $id" "approve approval-0123456789abcdef" "approvals --json --watch" "approve --json $id"; do
	# shellcheck disable=SC2086 # words
	ctl $bad >"$T/out" 2>&1 && fail "taken: $bad"
done
want "it waits still" "$(pending)" 1
(ctl approvals --watch >"$T/watch" 2>/dev/null & echo $! >"$T/watch.pid"; wait)  &
wait_for 10 grep -q "$id" "$T/watch" || fail "--watch shows nothing"
bg v s printenv HOME
request 2
wait_for 10 grep -q "$id" "$T/watch" || fail "--watch does not show what comes"
want "each once" "$(grep -c '^approval-' "$T/watch")" 2

# the end of policyd is the end of the service, and of what waits
pid=$(ctl show processes | awk '$1 == "policyd" { print $2 }')
kill -KILL "$pid" || fail "policyd"
wait_for 20 server_is_gone || fail "the service goes on without policyd"
wait_for 10 test -e "$T/w.status" || fail "no end of what waited"
want "nothing was let go on" "$(out w 2>/dev/null)" ""
