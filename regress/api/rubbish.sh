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
for c in held:
    c.close()
P
as "$ME" python3 "$T/drive.py" "$API_SOCK" || fail "the client"
wait_for 10 server_answers || fail "the server does not answer"
[ "$(pgrep -x sessiond | head -n 1)" = "$server" ] || [ "$ME" = self ] || fail "another sessiond"
want "the session" "$(run_in s echo there)" there
