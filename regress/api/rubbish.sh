#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a client sends behind a request that ends its connection is not kept, and
# does no harm where its user's share of memory is used up.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
# the least that there can be, so that a share is soon used up
start_any "server.http.max_request_size: 65536" "server.http.max_memory: 1048576"
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
server=$(pgrep -x sessiond | head -n 1)
[ "$ME" != self ] || server=$(pgrep -P "$SERVER_PID" -x sessiond)
sanitized=
if is_sanitized; then
	sanitized=sanitized
	left_out "memory of sessiond: AddressSanitizer keeps what was freed"
fi
cat >"$T/drive.py" <<'P'
import socket
import sys
import time

sock = sys.argv[1]


def connect():
    c = socket.socket(socket.AF_UNIX)
    c.connect(sock)
    return c


# answers that nobody reads are most of the share, until there is no more
held = []
body = b'{"command":"sh","args":["-c","yes | head -c 700000"],"include_events":"none"}'
for i in range(6):
    c = connect()
    c.sendall(b"POST /api/v1/sessions/s/exec HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Length: %d\r\n\r\n" % len(body) + body)
    held.append(c)
    time.sleep(0.3)
for i in range(60):
    c = connect()
    try:
        c.sendall(b"\0\r\n\r\n")
        for k in range(4):
            time.sleep(0.004)
            c.sendall(b"\0rubbish\r\n" * 100)
    except OSError:
        pass
    c.close()

# and streams that nobody reads get little of what they would show
def rss():
    if len(sys.argv) > 3:  # AddressSanitizer keeps what was freed
        return 0
    with open(f"/proc/{sys.argv[2]}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


body = (b'{"command":"python3","args":["-c","import os\\n'
        b'while True: os.write(1, bytes([1]) * 65536)"]}')
before = rss()
streams = []
for i in range(24):
    c = connect()
    c.sendall(b"POST /api/v1/sessions/s/exec/stream HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Length: %d\r\n\r\n" % len(body) + body)
    streams.append(c)
time.sleep(4)
took = rss() - before
print("streams took", took)
assert took < 24 * 100, f"sessiond took {took} KiB for 24 streams"
for c in streams + held:
    c.close()
P
as "$ME" python3 "$T/drive.py" "$API_SOCK" "$server" $sanitized >"$T/out" 2>&1 || fail "$(cat "$T/out")"
cat "$T/out"
wait_for 10 server_answers || fail "the server does not answer"
[ "$(pgrep -x sessiond | head -n 1)" = "$server" ] || [ "$ME" = self ] || fail "another sessiond"
# it hears of their end a moment later
has_room()
{
	api POST /api/v1/sessions/s/exec '{"command":"true"}' >/dev/null
	[ "$(status)" = 200 ]
}
wait_for 10 has_room || fail "the share stays used up: $(status)"
want "the session" "$(run_in s echo there)" there
