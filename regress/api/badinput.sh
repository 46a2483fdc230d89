#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever a client sends, it gets an answer of the right kind or its connection
# closed, and everybody else is served.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any "server.http.read_timeout: 3s" "server.http.max_connections: 1500"
ws=$(new_workspace "$ME")
API_USER=$ME
new_session good "$ws"

# refused TEXT STATUS METHOD PATH [BODY]
refused()
{
	text_=$1
	want_=$2
	shift 2
	out=$(api "$@")
	want "$text_" "$(status)" "$want_"
	[ "$want_" = 404 ] || [ "$want_" = 405 ] ||
	    want "$text_: a text" "$(say "$out" | jq -r '.error | type')" string
}

s=/api/v1/sessions
refused "no body" 400 POST $s
refused "no JSON" 400 POST $s '{'
refused "no object" 400 POST $s '[]'
refused "more than one value" 400 POST $s '{} {}'
refused "trailing comma" 400 POST $s '{"id":"x",}'
refused "unknown field" 400 POST $s "{\"workspace\":\"$ws\",\"wrokspace\":\"x\"}"
refused "twice the same field" 400 POST $s "{\"workspace\":\"$ws\",\"workspace\":\"/\"}"
refused "wrong type" 400 POST $s '{"workspace":1}'
refused "no workspace" 400 POST $s '{"id":"x"}'
refused "workspace that is not there" 400 POST $s '{"workspace":"/nonexistent"}'
refused "workspace that is a file" 400 POST $s '{"workspace":"/etc/passwd"}'
refused "relative workspace" 400 POST $s '{"workspace":"."}'
other=$T/home/bob
[ -d "$other" ] || other=/root
refused "workspace of another" 400 POST $s "{\"workspace\":\"$other\"}"
refused "unknown policy" 400 POST $s "{\"workspace\":\"$ws\",\"policy\":\"none-such\"}"
refused "policy by path" 400 POST $s "{\"workspace\":\"$ws\",\"policy\":\"../default\"}"
for id in ../x a/b . .. "a b" 'x;id' "$(printf '%0129d' 0)" 'a\u0000b' '\u202eevil'; do
	refused "id $id" 400 POST $s "{\"id\":\"$id\",\"workspace\":\"$ws\"}"
done
refused "id in use" 409 POST $s "{\"id\":\"good\",\"workspace\":\"$ws\"}"
refused "deep JSON" 400 POST $s "$(python3 -c 'print("[" * 100000)')"
refused "unknown session" 404 GET $s/none
refused "unknown path" 404 GET /api/v2
refused "unknown method" 405 PUT $s '{}'
e=$s/good/exec
refused "no command" 400 POST $e '{}'
refused "empty command" 400 POST $e '{"command":""}'
refused "NUL in command" 400 POST $e '{"command":"a\u0000b"}'
refused "args no list" 400 POST $e '{"command":"true","args":"x"}'
refused "arg no string" 400 POST $e '{"command":"true","args":[1]}'
refused "bad environment" 400 POST $e '{"command":"true","env":{"A=B":"x"}}'

# a body over the limit is refused before it is read, 20 MB here
head -c 20000000 /dev/zero | tr '\0' ' ' >"$T/big"
chmod 0644 "$T/big"
code=$(as "$ME" curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$API_SOCK" \
    -X POST --data-binary "@$T/big" "http://localhost$s" 2>/dev/null)
want "20 MB" "$code" 413

cat >"$T/raw.py" <<'PY'
import select
import socket
import sys
import time

path, slow = sys.argv[1], int(sys.argv[2])


def conn():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)  # waits while the server's backlog is full
    s.settimeout(30)
    return s


def talk(data):
    s = conn()
    try:
        s.sendall(data)
        out = b""
        while True:
            got = s.recv(65536)
            if not got:
                return out
            out += got
    except (BrokenPipeError, ConnectionResetError):
        return b""


bad = 0


def closed(what, data, *codes):
    global bad
    out = talk(data)
    code = out.split(b" ")[1] if out.startswith(b"HTTP/") else b""
    if code not in codes + (b"",):
        print(what, "got", out[:100])
        bad = 1


# requests that no server should guess about
closed("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400")
closed("two lengths", b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
       b"Content-Length: 3\r\nConnection: close\r\n\r\n{}x", b"400")
closed("length and chunks", b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
       b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", b"400", b"411", b"501")
closed("negative length", b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n"
       b"Connection: close\r\n\r\n", b"400")
closed("huge length", b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\n"
       b"Content-Length: 99999999999999999999\r\nConnection: close\r\n\r\n", b"400", b"413")
closed("endless header", b"GET /health HTTP/1.1\r\nX: " + b"a" * 1000000 + b"\r\n\r\n",
       b"400", b"413", b"414", b"431")
closed("endless line", b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n",
       b"400", b"404", b"413", b"414", b"431")
closed("NUL in path", b"GET /api/v1/sessions/\x00 HTTP/1.1\r\nConnection: close\r\n\r\n",
       b"400", b"404")
closed("bad version", b"GET /health HTTP/9.9\r\nConnection: close\r\n\r\n", b"400", b"505")

# a client that sends a byte now and then is closed by the time limit of 3 s
s = conn()
start = time.monotonic()
try:
    for c in b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: yes\r\n" * 10:
        s.sendall(bytes([c]))
        time.sleep(0.2)
        s.settimeout(0.01)
        try:
            if s.recv(1) == b"":
                break
        except TimeoutError:
            pass
    else:
        print("a slow client was never closed")
        bad = 1
except (BrokenPipeError, ConnectionResetError):
    pass
if time.monotonic() - start > 30 * slow:
    print("a slow client was served for too long")
    bad = 1

# many that say nothing: the others are served
def served_beside():
    """Whether the answer came before the last of them was given up."""
    global bad
    idle = [conn() for _ in range(1000)]
    out = talk(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    if b"200" not in out[:20]:
        print("not served besides 1000 idle clients:", out[:100])
        bad = 1
    late = select.select(idle[-1:], [], [], 0)[0]
    for s in idle:
        s.close()
    return not late


if not any(served_beside() for _ in range(3)):
    print("served late besides 1000 idle clients")
    bad = 1
sys.exit(bad)
PY
chmod 0644 "$T/raw.py"
as "$ME" python3 "$T/raw.py" "$API_SOCK" "${TEST_SLOW:-1}" || fail "raw requests"

# after all that: the session is there and the server is the same
want "still at work" "$(run_in good echo fine)" fine
kill -0 "$SERVER_PID" || fail "the server ended"
