#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Messages on sockets where a rule restricts sendto, so that each sendmsg is made
# in the place of its caller: bytes, descriptors, credentials, many at once, large
# ones, errors, threads; as without rules, and by the programs that use them.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
policy sock <<'P'
unix_socket_rules:
  - {name: asks, paths: ["/**/asks"], decision: approve}
  - {name: no, paths: ["/**/no"], operations: [sendto], decision: deny}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
policy open <<'P'
P
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws" '"policy":"sock"'
new_session open "$ws" '"policy":"open"'
for sid in open s; do
	want "messages in $sid" "$(py $sid <<'P'
R, C = socket.SCM_RIGHTS, 2
a, b = socket.socketpair()
# bytes, in pieces, and a descriptor, which is the same file
r, w = os.pipe()
assert a.sendmsg([b'one', b'', b'two'], [(socket.SOL_SOCKET, R, array.array('i', [w, r]))]) == 6
data, anc, flags, _ = b.recvmsg(99, socket.CMSG_SPACE(8))
assert data == b'onetwo'
fds = array.array('i'); fds.frombytes(anc[0][2])
os.write(fds[0], b'through'); assert os.read(r, 9) == b'through'
assert os.fstat(fds[1]) == os.fstat(r)
assert why(a.sendmsg, [b'x'], [(socket.SOL_SOCKET, R, array.array('i', [999]))]) == 'EBADF'
# what it says of itself
cred = array.array('i', [os.getpid(), os.getuid(), os.getgid()])
b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
assert a.sendmsg([b'me'], [(socket.SOL_SOCKET, C, cred)]) == 2
data, anc, flags, _ = b.recvmsg(99, socket.CMSG_SPACE(12))
assert data == b'me' and array.array('i', anc[0][2])[1:] == cred[1:]
# two, the second of which ends with the memory and not where a third could begin:
# what arrives is what the sender has by that number
one = struct.pack("QiiiI", 20, socket.SOL_SOCKET, R, r, 0)
two = struct.pack("Qiii", 20, socket.SOL_SOCKET, R, w)
control = ctypes.create_string_buffer(one + two, 44)
piece = ctypes.create_string_buffer(struct.pack("QQ", id(b'z') + bytes.__basicsize__ - 1, 1), 16)
head = ctypes.create_string_buffer(struct.pack("QQQQQQQ", 0, 0, ctypes.addressof(piece), 1, ctypes.addressof(control), 44, 0))
c, d = socket.socketpair()
assert ctypes.CDLL(None).sendmsg(c.fileno(), head, 0) == 1
data, anc, flags, _ = d.recvmsg(9, socket.CMSG_SPACE(8))
fds = array.array('i'); fds.frombytes(b''.join(x[2] for x in anc))
assert data == b'z' and [os.fstat(f) for f in fds] == [os.fstat(r), os.fstat(w)], (data, anc)
c.close(); d.close()
# more than there is room for, to one who reads late
a, b = socket.socketpair()
big = os.urandom(3 << 20)
got = []
def read():
    time.sleep(0.1)
    while True:
        d = b.recv(1 << 16)
        if not d:
            break
        got.append(d)
t = threading.Thread(target=read); t.start()
at = 0
while at < len(big):
    at += a.sendmsg([big[at:at + (1 << 20)]])
a.close(); t.join()
assert b''.join(got) == big
# one who has gone, one who does not wait
a, b = socket.socketpair(); b.close()
assert why(a.sendmsg, [b'x'], [], socket.MSG_NOSIGNAL) == 'EPIPE'
a, b = socket.socketpair()
n = 0
while why(a.sendmsg, [b'x' * 65536], [], socket.MSG_DONTWAIT) == 'ok':
    n += 1
assert n > 0
assert why(sock().sendmsg, [b'x']) == 'ENOTCONN'
# several by one call: libc's sendmmsg, the second to another
class iov(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('len', ctypes.c_size_t)]
class hdr(ctypes.Structure):
    _fields_ = [('name', ctypes.c_void_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(iov)),
                ('iovlen', ctypes.c_size_t), ('control', ctypes.c_void_p), ('controllen', ctypes.c_size_t),
                ('flags', ctypes.c_int), ('pad', ctypes.c_int), ('n', ctypes.c_uint), ('end', ctypes.c_int)]
libc = ctypes.CDLL(None, use_errno=True)
def many(s, *what):
    v = (hdr * len(what))()
    keep = []
    for h, (name, data) in zip(v, what):
        a = ctypes.create_string_buffer(b'\1\0' + name), ctypes.create_string_buffer(data)
        h.name = ctypes.addressof(a[0]); h.namelen = 3 + len(name)
        i = iov(ctypes.addressof(a[1]), len(data)); keep += [a, i]
        h.iov = ctypes.pointer(i); h.iovlen = 1; h.n = 77
    r = libc.sendmmsg(s.fileno(), v, len(what), 0)
    return r, [h.n for h in v]
p, q = server('/tmp/p', D), server('/tmp/q', D)
m = many(sock(D), (b'/tmp/p', b'first'), (b'/tmp/q', b'the 2nd'), (b'/tmp/none', b'x'))
assert m == (2, [5, 7, 77]), (m, ctypes.get_errno())
assert p.recv(9) == b'first' and q.recv(9) == b'the 2nd'
assert many(sock(D), (b'/tmp/none', b'x'), (b'/tmp/p', b'y')) == (-1, [77, 77])
# datagrams on a connection, of UDP, and to the kernel
c = sock(D); c.connect('/tmp/p'); c.sendmsg([b'con']); assert p.recv(9) == b'con'
u = socket.socket(socket.AF_INET, D); u.bind(('127.0.0.1', 0))
w = socket.socket(socket.AF_INET, D); w.sendmsg([b'udp'], [], 0, u.getsockname())
assert u.recv(9) == b'udp'
assert [i for _, i in socket.if_nameindex()] == ['lo']
n = socket.socket(socket.AF_NETLINK, D, 0); n.bind((0, 0))
req = bytes([20, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
n.sendmsg([req], [], 0, (0, 0)); assert len(n.recv(9999)) > 100
n = socket.socket(socket.AF_NETLINK, D, 0); n.sendto(req, (0, 0)); assert len(n.recv(9999)) > 100
# who is on the other side
v = server('/tmp/v'); c = sock(); c.connect('/tmp/v'); s, _ = v.accept()
assert array.array('i', s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:] == cred[1:]
import asyncio, multiprocessing.connection, subprocess
async def echo():
    async def serve(r, w):
        w.write(await r.read(5)); await w.drain(); w.close()
    srv = await asyncio.start_unix_server(serve, '/tmp/aio')
    r, w = await asyncio.open_unix_connection('/tmp/aio')
    w.write(b'async'); await w.drain()
    return await r.read(9)
assert asyncio.run(echo()) == b'async'
with multiprocessing.Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
l = multiprocessing.connection.Listener('/tmp/mp', 'AF_UNIX')
t = threading.Thread(target=lambda: l.accept().send({'a': 1})); t.start()
assert multiprocessing.connection.Client('/tmp/mp').recv() == {'a': 1}
t.join()
assert subprocess.run(['getent', 'hosts', 'localhost'], capture_output=True).stdout
for f in 'p', 'q', 'v', 'aio', 'mp':
    try: os.unlink('/tmp/' + f)
    except OSError: pass
print('done')
P
)" "done"
done
# the second of several is decided as well
want "denied" "$(py s <<'P'
n = server('/tmp/no', D)
print(why(sock(D).sendmsg, [b'x'], [], 0, '/tmp/no'), why(sock(D).sendto, b'x', '/tmp/no'), end=' ')
c = sock(D); c.connect('/tmp/no'); c.send(b'y'); print(n.recv(9).decode(), end=' ')
# approvals are off: what has to be approved is denied, and says so
print(why(sock().bind, '/tmp/asks'))
P
)" "EACCES EACCES y EACCES"
want "what is said" "$(socket_events '[.operation, .policy.rule, .policy.decision, .policy.effective_decision] | join(" ")' | sort | uniq -c | tr -s ' ')" \
    " 1 bind asks approve deny
 2 sendto no deny deny"
# a terminal comes to the server by a message of pid 1, which is not asked about
want "a terminal" "$(as "$ME" env PYTHONPATH="$TEST_SRC/regress/api" PYTHONDONTWRITEBYTECODE=1 python3 -c '
import sys
from ws import WS
w = WS(sys.argv[1], "/api/v1/sessions/s/pty")
w.start(["stty", "size"], rows=31, cols=91)
print(w.finish()[0].decode().strip())' "$API_SOCK")" "31 91"
