#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that speaks canned replies over a unix socket or TCP.

usage: fake.py SOCKET SCRIPT LOG

SOCKET is a path, or tcp:FILE for a port on 127.0.0.1 whose number goes to FILE.

SCRIPT is a Python file that defines reply(n, method, path, body): what to send
to the n-th request, as bytes (sent as they are), (status, text), or None (the
connection is closed without a word). Requests are appended to LOG, one line
each: method, path, body.
"""
import socket
import sys


def read_request(conn):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = conn.recv(65536)
        if not piece:
            return None
        body += piece
    method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
    return method, path, body.decode()


def main():
    path, script, log = sys.argv[1:4]
    env = {}
    with open(script, encoding="utf-8") as f:
        exec(compile(f.read(), script, "exec"), env)
    if path.startswith("tcp:"):
        lst = socket.create_server(("127.0.0.1", 0))
        with open(path[4:], "w", encoding="utf-8") as f:
            f.write("%d\n" % lst.getsockname()[1])
    else:
        lst = socket.socket(socket.AF_UNIX)
        lst.bind(path)
        lst.listen(16)
    n = 0
    while True:
        conn, _ = lst.accept()
        with conn:
            try:
                req = read_request(conn)
                if req is None:
                    continue
                with open(log, "a", encoding="utf-8") as f:
                    f.write(" ".join(req) + "\n")
                ans = env["reply"](n, *req)
                n += 1
                if ans is None:
                    continue
                if isinstance(ans, tuple):
                    text = ans[1].encode()
                    ans = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (
                        ans[0], len(text)) + text
                conn.sendall(ans)
            except OSError:
                pass


main()
