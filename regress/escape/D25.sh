#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D25, D26, D27: sockets of the host's services (D-Bus, docker, X11, ssh-agent) are
# neither seen nor reached by a session, unless a rule names the very path; then
# as the session's user, that service and no other.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
h=$T/host
mkdir -m 0755 "$h" "$h/x11" "$h/user"
cat >"$T/daemon.py" <<'PY'
import os, socket, struct, sys
h = sys.argv[1]
def make(name, kind=socket.SOCK_STREAM, mode=0o666):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(name)
    if name[0] != "\0":
        os.chmod(name, mode)
    if kind != socket.SOCK_DGRAM:
        s.listen(64)
    return s
all = {s: n for n, s in {
    "docker": make(h + "/docker.sock"), "bus": make(h + "/bus"),
    "X0": make(h + "/x11/X0"), "agent": make(h + "/user/agent.1"),
    "private": make(h + "/private.sock", mode=0o600),
    "seq": make(h + "/seq", socket.SOCK_SEQPACKET),
    "log": make(h + "/log", socket.SOCK_DGRAM), "abstract": make("\0host-service")}.items()}
import select
open(sys.argv[2], "w").close()
got = open(sys.argv[2] + ".log", "w")
while True:
    for s in select.select(list(all) + [sys.stdin], [], [])[0]:
        if s is sys.stdin:
            sys.exit()
        if s.type == socket.SOCK_DGRAM:
            got.write(s.recv(99).decode() + "\n")
            got.flush()
            continue
        c, _ = s.accept()
        uid = struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        c.send(("%s for %d" % (all[s], uid)).encode())
        c.close()
PY
mkfifo "$T/hold"
python3 "$T/daemon.py" "$h" "$T/there" <"$T/hold" &
exec 9>"$T/hold"
wait_for 10 test -e "$T/there" || fail "the services did not start"
ln -s docker.sock "$h/link"
ln -s bus "$h/tobus"
policy none <<'P'
P
policy wide <<P
unix_socket_rules:
  - {name: all, paths: ["/**", "@**"], decision: allow}
P
policy some <<P
unix_socket_rules:
  - {name: own, paths: ["$API_SOCK", "$OPERATOR_SOCK"], decision: allow}
  - {name: no-agent, paths: ["$h/user/agent.1"], decision: deny}
  - {name: docker, paths: ["$h/docker.sock", "$h/link", "$h/seq", "$h/log", "$h/private.sock", "$h/tobus"], operations: [connect, sendto], decision: allow}
  - {name: x11, paths: ["$h/x11/X?", "@host-service", "/tmp/**", "/workspace/**"], decision: allow}
P
ws=$(new_workspace "$ME")
API_USER=$ME
for sid in none wide some; do
	new_session $sid "$ws" "\"policy\":\"$sid\""
done
try='
import socket
def ask(name, kind=S):
    c = sock(kind)
    c.settimeout(10)
    r = why(c.connect, name)
    return c.recv(99).decode() if r == "ok" else r
'
# by nothing but its own path
for sid in none wide; do
	out=$(py $sid <<P
$try
print([(n, k) for n in ('$h/docker.sock', '$h/bus', '$h/x11/X0', '$h/user/agent.1', '$h/link',
       '\0host-service', '$API_SOCK', '$OPERATOR_SOCK', '/run/docker.sock', '/run/dbus/system_bus_socket')
       for k in (S, Q, D) if why(sock(k).connect, n) == 'ok'],
      why(sock(D).sendto, b'from $sid', '$h/log') == 'ok')
P
)
	want "reached in $sid" "$out" "[] False"
done
out=$(py some <<P
$try
for n in '$h/docker.sock', '$h/bus', '$h/x11/X0', '$h/user/agent.1', '\0host-service', '$h/nothing':
    print(ask(n))
print(ask('$h/seq', Q))
print(why(sock(D).sendto, b'by sendto', '$h/log'), why(sock(D).sendmsg, [b'by ', b'sendmsg'], [], 0, '$h/log'))
d = sock(D); d.connect('$h/log'); d.send(b'by send')
P
)
want "by a rule" "$out" "docker for $ME_UID
ENOENT
ENOENT
EACCES
ECONNREFUSED
ENOENT
seq for $ME_UID
ok ok"
want "events" "$(socket_events '[.path, .operation, .fields.kind, .policy.rule, .policy.effective_decision] | join(" ")' | sort | uniq -c | tr -s ' ')" \
    " 1 $h/docker.sock connect host docker allow
 1 $h/log connect host docker allow
 2 $h/log sendto host docker allow
 1 $h/seq connect host docker allow
 1 $h/user/agent.1 connect path no-agent deny"
want "received" "$(cat "$T/there.log")" "by sendto
by sendmsg
by send"

# a link leads where the rules name the place, and nowhere else; the user may no
# more than outside; sockets of agentsh itself are none of the host's services
private=EACCES
[ "$ME" != self ] || private="private for $ME_UID"
out=$(py some <<P
$try
for n in '$h/link', '$h/tobus', '$h/private.sock', '$API_SOCK', '$OPERATOR_SOCK':
    print(ask(n))
P
)
want "links, modes, own" "$out" "docker for $ME_UID
EACCES
$private
EACCES
EACCES"

# what the session has itself is before what the host has: here a link of the
# session's, which does not make the host's socket another one
out=$(py some <<P
$try
os.symlink('$h/bus', '/tmp/l1'); os.symlink('$h/docker.sock', '/tmp/l2'); os.symlink('$h', '/tmp/l3')
os.symlink('$h/docker.sock', '/workspace/l4')
print([ask(n) for n in ('/tmp/l1', '/tmp/l2', '/tmp/l3/docker.sock', '/workspace/l4')])
v = server('/tmp/mine'); v.setblocking(True)
threading.Thread(target=lambda: v.accept()[0].send(b'own'), daemon=True).start()
print(ask('/tmp/mine'))
P
)
want "links of the session" "$out" "['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT']
own"
# a caller that does not wait, options that were set before, a descriptor that
# is not closed by exec
out=$(py some <<P
$try
c = sock(); c.setblocking(False); c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096 * 8)
os.set_inheritable(c.fileno(), True)
before = c.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), os.get_inheritable(c.fileno()), c.fileno()
print(why(c.connect, '$h/docker.sock'))
print(before == (c.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), os.get_inheritable(c.fileno()), c.fileno()), c.getblocking())
select.select([c], [], [], 10)
print(c.recv(99).decode())
print(c.getpeername() == '$h/docker.sock')
P
)
want "the same socket" "$out" "ok
True False
docker for $ME_UID
True"
exec 9>&-
