#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rules for unix sockets, in the session: who may connect, bind, listen and send
# to which path and which abstract name, however it is called, and that what is
# allowed works as it does without rules.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
policy sock <<'P'
unix_socket_rules:
  - {name: no-denied, paths: ["/**/denied*", "@denied*"], decision: deny, message: "{{.Operation}} {{.Path}} is not for you"}
  - {name: no-serve, paths: ["/**/only*", "@only*"], operations: [bind, listen], decision: deny}
  - {name: noted, paths: ["/**/noted*"], operations: [connect], decision: audit}
  - {name: rest, paths: ["/workspace/**", "/tmp/**", "@ok*"], decision: allow}
P
policy open <<'P'
P
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws" '"policy":"sock"'
new_session open "$ws" '"policy":"open"'

# what is allowed, in both places and of each kind, as without rules
for sid in s open; do
	want "allowed in $sid" "$(py $sid <<'P'
for name in '/workspace/a', '/tmp/a', 'rel', '\0ok-a', '/tmp/' + 'x' * 102:
    for kind in S, Q, D:
        v = server(name, kind)
        assert v.getsockname() in (name, name.encode()), v.getsockname()
        c = sock(kind)
        c.connect(name)
        assert c.getpeername() in (name, name.encode())
        c.send(b'hello')
        if kind != D:
            a, _ = v.accept()
            assert a.recv(9) == b'hello'
            a.send(b'back')
            assert c.recv(9) == b'back'
        else:
            assert v.recv(9) == b'hello'
            o = sock(D)
            o.bind('/tmp/o')
            assert o.sendto(b'there', name) == 5
            assert o.sendmsg([b'more', b'over'], [], 0, name) == 8
            got, peer = v.recvfrom(9)
            assert (got, peer) == (b'there', '/tmp/o'), (got, peer)
            assert v.recv(9) == b'moreover'
            v.sendto(b'reply', peer)
            assert o.recv(9) == b'reply'
            os.unlink('/tmp/o')
        c.close(); v.close()
        if name[0] != '\0':
            os.unlink(name)
a, b = socket.socketpair()
a.send(b'x'); assert b.recv(1) == b'x'
os.mkdir('/tmp/d'); os.chdir('/tmp/d')
v = server('here'); os.symlink('d/here', '/tmp/link')
os.chdir('/')
assert why(sock().connect, '/tmp/link') == 'ok'
assert why(sock().connect, 'tmp/d/here') == 'ok'
assert why(sock().connect, '/tmp/d/nothing') == 'ENOENT'
v.close()
assert why(sock().connect, '/tmp/d/here') == 'ECONNREFUSED'
assert why(server, '/tmp/d/here') == 'EADDRINUSE'
os.umask(0o077)
v = server('/tmp/d/mode')
assert os.stat('/tmp/d/mode').st_mode & 0o777 == 0o700
s = sock(D)
s.bind('')
assert len(s.getsockname()) == 6
n = socket.socket(); n.bind(('127.0.0.1', 0)); n.listen()
m = socket.create_connection(n.getsockname(), 3)
n.accept()[0].send(b'tcp'); assert m.recv(3) == b'tcp'
u = socket.socket(socket.AF_INET, D); u.bind(('127.0.0.1', 0))
w = socket.socket(socket.AF_INET, D); w.sendto(b'udp', u.getsockname())
assert u.recv(3) == b'udp'
assert why(socket.socket().connect, ('127.0.0.1', 1)) == 'ECONNREFUSED'
import shutil; shutil.rmtree('/tmp/d'); os.unlink('/tmp/link')
print('done')
P
)" "done"
	want "no event" "$(socket_events .path)" ""
done

# what is denied, and what the events say of it
want "denied" "$(py s <<'P'
for name in '/tmp/denied', '/workspace/denied', '\0denied':
    for kind in S, Q, D:
        print(why(sock(kind).connect, name), why(sock(kind).bind, name), end=' ')
    print(why(sock(D).sendto, b'x', name), why(sock(D).sendmsg, [b'x'], [], 0, name))
P
)" "EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES
EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES
EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES"
want "events" "$(socket_events '[.path, .operation, .fields.kind, .policy.rule, .policy.decision, .policy.message, (.fields.blocked|tostring)] | join(" ")' | sort -u)" \
    "/tmp/denied bind path no-denied deny bind /tmp/denied is not for you true
/tmp/denied connect path no-denied deny connect /tmp/denied is not for you true
/tmp/denied sendto path no-denied deny sendto /tmp/denied is not for you true
/workspace/denied bind path no-denied deny bind /workspace/denied is not for you true
/workspace/denied connect path no-denied deny connect /workspace/denied is not for you true
/workspace/denied sendto path no-denied deny sendto /workspace/denied is not for you true
@denied bind abstract no-denied deny bind @denied is not for you true
@denied connect abstract no-denied deny connect @denied is not for you true
@denied sendto abstract no-denied deny sendto @denied is not for you true"
want "blocked operations" "$(jq -r '.events.blocked_operations[0] | .type + " " + .policy.rule' "$T/exec.json")" \
    "unix_socket_op no-denied"
want "guidance" "$(jq -r '.guidance | .status + " " + .blocked_operation + " " + .blocked_target' "$T/exec.json")" \
    "blocked connect /tmp/denied"

# what no rule allows
want "by default" "$(py s <<'P'
print(why(sock().bind, '\0other'), why(sock().connect, '\0other'), why(sock().bind, '/run/other'))
print(why(sock().connect, '/run/other'))
P
)" "EACCES EACCES EACCES
ENOENT"
want "rule by default" "$(socket_events .policy.rule | sort | uniq -c | tr -s ' ')" " 3 default-deny-unix"

# an audit is an event, and one of the call alone
want "audit" "$(py s <<'P'
v = server('/tmp/noted')
print(why(sock().connect, '/tmp/noted'))
P
)" ok
want "audit event" "$(socket_events '[.path, .operation, .policy.decision, .policy.effective_decision] | join(" ")')" \
    "/tmp/noted connect audit allow"

# the object counts, not the spelling: links, directories, descriptors
want "spellings" "$(py s <<'P'
# made under another name, and renamed by what no rule is about
v = server('/tmp/x1'); os.rename('/tmp/x1', '/tmp/denied-x')
os.symlink('/tmp/denied-x', '/tmp/good'); os.symlink('/tmp', '/workspace/t')
f = os.open('/tmp/denied-x', os.O_PATH)
os.chdir('/tmp')
for name in ('/tmp/denied-x', '/tmp/good', 'denied-x', './/denied-x', '../tmp/denied-x',
             '/workspace/t/denied-x', '/proc/self/root/tmp/denied-x', '/proc/self/fd/%d' % f,
             '/proc/thread-self/cwd/denied-x', '/dev/fd/%d' % f):
    print(why(sock().connect, name), end=' ')
os.unlink('/tmp/denied-x')
print(why(sock().connect, '/proc/self/fd/%d' % f), end=' ')
print(why(sock().bind, '/workspace/t/denied-y'), why(sock().bind, 'denied-y'), end=' ')
os.mkdir('/tmp/ok'); os.symlink('/workspace', '/tmp/ok/w')
print(why(sock(D).bind, '/tmp/ok/w/denied-z'), end=' ')
os.unlink('/tmp/good'); os.unlink('/workspace/t')
P
)" "EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES "

# fsd decides as well, on the object: here without a call that execd is asked
want "made by other calls" "$(py s <<'P'
import stat
print(why(os.mknod, '/workspace/denied-m', stat.S_IFSOCK | 0o600), why(os.mknod, '/workspace/fine-m', stat.S_IFSOCK | 0o600),
      why(os.mknod, '/workspace/denied-f', stat.S_IFIFO | 0o600))
os.unlink('/workspace/fine-m'); os.unlink('/workspace/denied-f')
P
)" "EACCES ok ok"
want "rule of that" "$(jq -r '.events.blocked_operations[] | .path + " " + .policy.rule + " " + .policy.message' "$T/exec.json")" \
    "/workspace/denied-m no-denied mknod /workspace/denied-m is not for you"

# bind and listen have rules of their own
want "serving" "$(py s <<'P'
print(why(sock().bind, '/tmp/only'), why(sock().bind, '\0only'), end=' ')
print(why(sock().connect, '\0only'))
P
)" "EACCES EACCES EACCES"
want "listen" "$(socket_events .operation | tr '\n' ' ')" "bind bind connect "

# what waits does not keep others, and is killed
want "waiting" "$(py s <<'P'
v = sock(); v.bind('/tmp/full'); v.listen(0)
n = sock(); n.setblocking(False)
held = []
while True:
    c = sock(); c.setblocking(False)
    r = why(c.connect, '/tmp/full')
    held.append(c)
    if r != 'ok':
        break
print(r, end=' ')
done = []
def late():
    c = sock(); c.connect('/tmp/full'); done.append(c)
t = threading.Thread(target=late); t.start()
time.sleep(0.3)
other = server('/tmp/other'); sock().connect('/tmp/other')
print(len(done), end=' ')
for c in held[:-1]:
    v.accept()
t.join(60)
print(len(done), end=' ')
c = sock(); c.settimeout(None)
c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, (0).to_bytes(8, 'little') + (300000).to_bytes(8, 'little'))
v2 = sock(); v2.bind('/tmp/full2'); v2.listen(0)
sock_held = [sock() for _ in range(2)]
sock_held[0].connect('/tmp/full2')
print(why(c.connect, '/tmp/full2'), end=' ')
pid = os.fork()
if pid == 0:
    sock().connect('/tmp/full2')
    os._exit(0)
time.sleep(0.2)
os.kill(pid, 9)
print(os.waitpid(pid, 0)[1], end=' ')
d = server('/tmp/queue', D)
o = sock(D); o.setblocking(False)
while True:
    try:
        o.sendto(b'x', '/tmp/queue')
    except OSError as e:
        print(errno.errorcode[e.errno], end=' ')
        break
o.setblocking(True)
def later():
    time.sleep(0.2)
    d.recv(1)
t = threading.Thread(target=later); t.start()
print(o.sendto(b'x', '/tmp/queue'))
t.join()
P
)" "EAGAIN 0 1 EAGAIN 9 EAGAIN 1"

# a connection within the session is there at once, and not at the next look
want "at once" "$(py s <<'P'
v = socket.socket(); v.bind(('127.0.0.1', 0)); v.listen(99)
took = []
for i in range(50):
    c = socket.socket()
    start = time.perf_counter()
    c.connect(v.getsockname())
    took.append(time.perf_counter() - start)
print(min(took) < 0.005)
P
)" True
