#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An operation on a unix socket that a rule wants approved: the caller waits in
# its call, and one word of the operator's is for that socket as it was.
# timeout: 240
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals
mkdir "$T/host" && chmod 0755 "$T/host"
cat >"$policies/sock.yaml" <<P
version: 1
name: sock
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
unix_socket_rules:
  - {name: host, paths: ["$T/host/s", "$T/host/link", "$T/host/d"], operations: [connect, sendto], decision: approve, timeout: 60s}
  - {name: quick, paths: ["/**/quick"], operations: [connect], decision: approve, timeout: 1s}
  - {name: ask, paths: ["/**/ask*", "@ask*"], operations: [connect, sendto], decision: approve, timeout: 60s, message: "{{.Operation}} {{.Path}}?"}
  - {name: serve, paths: ["/**/serve*", "@serve*"], operations: [bind], decision: approve, timeout: 60s}
  - {name: offer, paths: ["/**/offer*", "@offer*"], operations: [listen], decision: approve, timeout: 60s}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
chmod 0644 "$policies/sock.yaml"
new_session k "$ws" '"policy":"sock"'
events_of=k

# py NAME: a python program on stdin, in the background
sess=k
py()
{
	bg "$1" "$sess" python3 -c "import errno, os, signal, socket, subprocess, sys, threading, time
S, D, Q = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET

def sock(kind=S):
    return socket.socket(socket.AF_UNIX, kind)

def why(call, *args):
    try:
        call(*args)
        return 'ok'
    except OSError as e:
        return errno.errorcode[e.errno]

def server(name, kind=S):
    s = sock(kind)
    s.bind(name)
    if kind != D:
        s.listen()
    return s

def await_file(name):
    while not os.path.exists(name):
        time.sleep(0.05)

$(cat)"
}

# each operation, by path in both places and abstract
py p <<'P'
for name in '/workspace/ask', '/tmp/ask', '\0ask\0\xff':
    v = server(name)
    c = sock()
    print(why(c.connect, name))
    if name != '\0ask\0\xff':
        v.accept()
    d = server(name + 'd', D)
    print(why(sock(D).sendto, b'x', name + 'd'))
    d.settimeout(0.2)
    try:
        print(d.recv(9))
    except OSError:
        print('nothing')
P
request 1
want "what" "$(asked '.kind + " " + .fields.operation + " " + .target + " " + .rule + " " + .message')" \
    "unix_socket connect /workspace/ask ask connect /workspace/ask?"
want "by whom" "$(asked .fields.executable | sed 's/[0-9.]*$//')" "$(readlink -f "$(command -v python3)" | sed 's/[0-9.]*$//')"
want_in "a list for people" "$(ctl approvals)" "unix_socket  connect  /workspace/ask"
want "others go on" "$(run_in k echo hello)" hello
ctl approve "$id" || fail approve
connected=$id
request 1
want "a message" "$(asked '.fields.operation + " " + .target')" "sendto /workspace/askd"
ctl approve "$id"
request 1
want "elsewhere" "$(asked '.fields.operation + " " + .target')" "connect /tmp/ask"
ctl approve "$id"
request 1
ctl deny --reason "no post" "$id"
request 1
want "abstract" "$(asked '.fields.operation + " " + .target' | cut -c1-13)" "connect @ask@"
ctl deny "$id"
request 1
ctl approve "$id"
await p
want "each" "$(out p)" "ok ok b'x' ok EACCES nothing EACCES ok b'x' "
told "its event" unix_socket_op '[.[] | select(.path == "/workspace/ask")][0] | .operation + " " + .policy.decision + " " + .policy.effective_decision + " " + .policy.approval.id' \
    "connect approve allow $connected"
told "why not" unix_socket_op '[.[] | select(.path == "/tmp/askd")][0] | .policy.effective_decision + " " + .fields.error' \
    "deny an operator refused it: no post"

# names that are taken, and offered
py p <<'P'
for name in '/workspace/serve', '/tmp/serve', '\0serve':
    s = sock()
    print(why(s.bind, name), why(s.listen), end=' ')
    c = sock()
    print(why(c.connect, name))
for name in '/workspace/offer', '\0offer':
    s = sock()
    print(why(s.bind, name), why(s.listen))
print(why(sock().bind, '/workspace/serve2'), os.path.exists('/workspace/serve2'))
# no bind, and no operator
print(why(os.mknod, '/workspace/serve3', 0o140644))
P
for what in "bind /workspace/serve" "bind /tmp/serve" "bind @serve" "listen /workspace/offer" "listen @offer"; do
	request 1
	want "what" "$(asked '.fields.operation + " " + .target')" "$what"
	ctl approve "$id"
done
request 1
want "what" "$(asked '.fields.operation + " " + .target')" "bind /workspace/serve2"
ctl deny "$id"
await p
want "taken and offered" "$(out p)" \
    "ok ok ok ok ok ok ok ok ok ok ok ok ok EACCES False EACCES "

# nobody answers
py p <<'P'
v = server('/tmp/quick')
print(why(sock().connect, '/tmp/quick'))
P
await p
want "out of time" "$(out p)" "EACCES "

# what is not there is not asked for
py p <<'P'
print(why(sock().connect, '/tmp/ask-nothing'))
P
await p
want "nothing there" "$(out p)" "ENOENT "

# another socket by that name, when the answer comes, in both places; and another
# directory that is bound in
py p <<'P'
for i, name in enumerate(('/workspace/ask1', '/tmp/ask1')):
    v = server(name)
    def swap():
        await_file('/workspace/swap%d' % i)
        os.unlink(name)
        global w
        w = server(name)
        open('/workspace/swapped%d' % i, 'w').close()
    t = threading.Thread(target=swap); t.start()
    print(why(sock().connect, name))
    t.join()
os.mkdir('/workspace/dir'); os.mkdir('/workspace/dir2')
def swap():
    await_file('/workspace/swap2')
    os.rename('/workspace/dir', '/workspace/dir3')
    os.rename('/workspace/dir2', '/workspace/dir')
    open('/workspace/swapped2', 'w').close()
t = threading.Thread(target=swap); t.start()
print(why(sock().bind, '/workspace/dir/serve'), os.listdir('/workspace/dir'))
t.join()
P
for i in 0 1 2; do
	request 1
	as "$ME" touch "$ws/swap$i"
	wait_for 20 test -e "$ws/swapped$i" || fail "not replaced"
	ctl approve "$id"
	gone()
	{
		pending >/dev/null
		! grep -q "$id" "$T/pending.json"
	}
	wait_for 20 gone || fail "still there"
done
await p
want "replaced" "$(out p)" "EACCES EACCES EACCES [] "
told_in "why" unix_socket_op '[.[] | select(.path == "/tmp/ask1")][0].fields.error' "not the one that was approved"

# who waits can be killed
py p <<'P'
v = server('/tmp/ask2')
k = os.fork()
if k == 0:
    sock().connect('/tmp/ask2')
await_file('/workspace/kill2')
os.kill(k, 9)
print(os.waitpid(k, 0)[1])
P
request 1
as "$ME" touch "$ws/kill2"
await p
want "killed" "$(out p)" "9 "
wait_for 10 is_pending 0 || fail "a request of nobody"

# the address and the descriptor are changed while the operator thinks: what is
# decided then is what there is then
py p <<'P'
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
a = server('/tmp/ask3'); b = server('/tmp/ask4')
buf = ctypes.create_string_buffer(struct.pack('H', 1) + b'/tmp/ask3\0')
def change():
    await_file('/workspace/change')
    ctypes.memmove(ctypes.addressof(buf), struct.pack('H', 1) + b'/tmp/ask4\0', 12)
    open('/workspace/changed', 'w').close()
t = threading.Thread(target=change); t.start()
c = sock()
r = libc.connect(c.fileno(), buf, 12)
print(r, errno.errorcode.get(ctypes.get_errno()))
t.join()
P
request 1
as "$ME" touch "$ws/change"
wait_for 20 test -e "$ws/changed" || fail "not changed"
ctl approve "$id"
await p
want "another address" "$(out p)" "-1 EACCES "

# the same shares an answer, also for the rest of the session
py p <<'P'
v = server('/tmp/ask5')
kids = []
for i in range(3):
    k = os.fork()
    if k == 0:
        os._exit(why(sock().connect, '/tmp/ask5') != 'ok')
    kids.append(k)
print([os.waitpid(k, 0)[1] for k in kids])
print(why(sock().connect, '/tmp/ask5'))
v.close()
os.unlink('/tmp/ask5')
v = server('/tmp/ask5')
print(why(sock().connect, '/tmp/ask5'))
P
three()
{
	pending >/dev/null
	[ "$(asked .fields.waiting)" = 3 ]
}
request 1
wait_for 20 three || fail "they do not share"
ctl approve --session "$id"
request 1
ctl deny "$id"
await p
want "for the session, and that socket" "$(out p)" "[0, 0, 0] ok EACCES "

# several messages of one call: each by itself, none twice
py p <<'P'
import ctypes
class iovec(ctypes.Structure):
    _fields_ = [('b', ctypes.c_void_p), ('n', ctypes.c_size_t)]
class hdr(ctypes.Structure):
    _fields_ = [('name', ctypes.c_void_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(iovec)),
                ('iovlen', ctypes.c_size_t), ('c', ctypes.c_void_p), ('cl', ctypes.c_size_t), ('f', ctypes.c_int), ('pad', ctypes.c_int), ('len', ctypes.c_uint), ('pad2', ctypes.c_int)]
libc = ctypes.CDLL(None, use_errno=True)
names = ['/tmp/free', '/tmp/ask6', '/tmp/free', '/tmp/ask7']
ds = {n: server(n, D) for n in set(names)}
v = (hdr * 4)()
keep = []
for i, n in enumerate(names):
    a = ctypes.create_string_buffer(b'\1\0' + n.encode() + b'\0')
    t = ctypes.create_string_buffer(b'm%d' % i)
    io = iovec(ctypes.addressof(t), 2)
    keep += [a, t, io]
    v[i].name = ctypes.addressof(a); v[i].namelen = len(n) + 3
    v[i].iov = ctypes.pointer(io); v[i].iovlen = 1
s = sock(D)
r = libc.sendmmsg(s.fileno(), v, 4, 0)
print(r, [v[i].len for i in range(4)])
for n in sorted(ds):
    ds[n].setblocking(False)
    got = []
    try:
        while True: got.append(ds[n].recv(9).decode())
    except BlockingIOError: pass
    print(n, ''.join(got))
P
request 1
want "the second" "$(asked .target)" /tmp/ask6
ctl approve "$id"
request 1
want "the fourth" "$(asked .target)" /tmp/ask7
ctl deny "$id"
await p
want "several" "$(out p)" "3 [2, 2, 2, 0] /tmp/ask6 m1 /tmp/ask7  /tmp/free m0m2 "

# what was sent counts, whatever becomes of the descriptor while the next one waits
py p <<'P'
import array, ctypes
class iovec(ctypes.Structure):
    _fields_ = [('b', ctypes.c_void_p), ('n', ctypes.c_size_t)]
class hdr(ctypes.Structure):
    _fields_ = [('name', ctypes.c_void_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(iovec)),
                ('iovlen', ctypes.c_size_t), ('c', ctypes.c_void_p), ('cl', ctypes.c_size_t), ('f', ctypes.c_int), ('pad', ctypes.c_int), ('len', ctypes.c_uint), ('pad2', ctypes.c_int)]
libc = ctypes.CDLL(None, use_errno=True)
names = ['/tmp/free8', '/tmp/ask8']
ds = [server(n, D) for n in names]
v = (hdr * 2)()
keep = []
for i, n in enumerate(names):
    a = ctypes.create_string_buffer(b'\1\0' + n.encode() + b'\0')
    t = ctypes.create_string_buffer(b'm%d' % i)
    io = iovec(ctypes.addressof(t), 2)
    keep += [a, t, io]
    v[i].name = ctypes.addressof(a); v[i].namelen = len(n) + 3
    v[i].iov = ctypes.pointer(io); v[i].iovlen = 1
s = sock(D)
fd = s.fileno()
def leave():
    await_file('/workspace/close')
    os.close(fd)
    open('/workspace/closed', 'w').close()
t = threading.Thread(target=leave); t.start()
r = libc.sendmmsg(fd, v, 2, 0)
print(r, ds[0].recv(9))
t.join()
s.detach()
P
request 1
want "the second" "$(asked .target)" /tmp/ask8
as "$ME" touch "$ws/close"
wait_for 20 test -e "$ws/closed" || fail "not closed"
ctl approve "$id"
await p
want "what was sent counts" "$(out p)" "1 b'm0' "

# a socket of the host: what the operator sees is where the name leads to
if [ "$MODE" = service ]; then
	ln -s s "$T/host/link"
	cat >"$T/host.py" <<'P'
import os, socket, sys
os.chdir(sys.argv[1])
def make(name):
    s = socket.socket(socket.AF_UNIX)
    if os.path.exists(name):
        os.unlink(name)
    s.bind(name); s.listen(); os.chmod(name, 0o666)
    return s
s = make('s')
print('ready', flush=True)
for line in sys.stdin:
    if line == 'again\n':
        s = make('s')
        print('again', flush=True)
    else:
        c, _ = s.accept()
        c.send(b'host'); c.close()
P
	mkfifo "$T/tohost"
	python3 "$T/host.py" "$T/host" <"$T/tohost" >"$T/host.out" &
	exec 9>"$T/tohost"
	wait_for 20 grep -q ready "$T/host.out" || fail "no server of the host"
	for name in s link; do
		py p <<P
c = sock()
print(why(c.connect, '$T/host/$name'), c.getpeername() != '' and c.recv(9).decode())
P
		request 1
		want "of the host" "$(asked '.target + " " + (.fields.targets // [] | join(" "))' | sed 's/ $//')" \
		    "$T/host/$name$([ $name = s ] || echo " $T/host/s")"
		echo accept >&9
		ctl approve "$id"
		await p
		want "of the host" "$(out p)" "ok host "
	done
	py p <<P
print(why(sock().connect, '$T/host/s'))
P
	request 1
	echo again >&9
	wait_for 20 grep -q again "$T/host.out" || fail "not made again"
	ctl approve "$id"
	await p
	want "another one of the host" "$(out p)" "EACCES "
	exec 9>&-
else
	left_out "sockets of the host (as in exec/sockmsg)"
fi

# a flood: ten wait, others are refused, who needs nobody goes on; in a session of
# its own, as what was asked before counts
sess=flood
new_session flood "$ws" '"policy":"sock"'
events_of=flood
py flood <<'P'
vs = [server('/tmp/ask-f%d' % i) for i in range(40)]
n = []
def one(i):
    n.append(why(sock().connect, '/tmp/ask-f%d' % i))
    open('/workspace/refused', 'w').write(str(n.count('EACCES')))
ts = [threading.Thread(target=one, args=(i,)) for i in range(40)]
for t in ts: t.start()
for t in ts: t.join()
print(n.count('EACCES'), n.count('ok'))
P
request 10
thirty()
{
	[ "$(cat "$ws/refused" 2>/dev/null)" = 30 ]
}
wait_for 20 thirty || fail "the others were not refused: $(cat "$ws/refused")"
want "free sockets" "$(run_in "$sess" python3 -c 'import socket
v = socket.socket(socket.AF_UNIX); v.bind("/tmp/fr"); v.listen()
socket.socket(socket.AF_UNIX).connect("/tmp/fr"); print("on")')" on
for id in $(jq -r '.[].id' "$T/pending.json"); do
	ctl approve "$id" || fail approve
done
await flood
want "of forty" "$(out flood)" "30 10 "
