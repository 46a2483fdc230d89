# SPDX-License-Identifier: Apache-2.0
"""
A client of exec/stream for the tests, on purpose one that can break the rules.

    s = Stream(("/run/agentsh/api.sock" or "127.0.0.1:18080"), "session", ["sh", "-c", "..."])
    name, data = s.event()      the next event; None at the end of the answer
    out, err, done = s.finish() all bytes of both, and the last event's data

Stream.status is the answer's; where it is no stream, Stream.body is its JSON.
"""
import base64
import json
import socket


class Stream:
    def __init__(self, address, session, argv, early=b"", version="1.1", wait=120, rcvbuf=None,
                 **kw):
        if address.startswith("/"):
            self.s = socket.socket(socket.AF_UNIX)
            where = address
        else:
            self.s = socket.socket(socket.AF_INET)
            host, port = address.rsplit(":", 1)
            where = (host, int(port))
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.settimeout(wait)
        self.s.connect(where)
        body = json.dumps({"command": argv[0], "args": argv[1:], **kw}).encode()
        self.s.sendall(f"POST /api/v1/sessions/{session}/exec/stream HTTP/{version}\r\n"
                       "Host: localhost\r\nContent-Type: application/json\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body + early)
        self.data = b""
        self.head = None
        self.over = False
        self.text = b""

    def more(self):
        got = self.s.recv(262144)
        self.data += got
        return got

    def begin(self):
        if self.head is not None:
            return
        while b"\r\n\r\n" not in self.data:
            assert self.more(), "no answer: %r" % self.data
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.head = {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}
        self.body = None
        if self.head["content-type"] != "text/event-stream":
            n = int(self.head["content-length"])
            while len(self.data) < n:
                assert self.more(), "the answer is cut"
            self.body = json.loads(self.data[:n])
            self.data = self.data[n:]
            self.over = True

    def fill(self):
        """One chunk more; False at the end."""
        if "transfer-encoding" not in self.head:
            got = self.data or self.more()
            self.text, self.data = self.text + self.data, b""
            self.over = not got
            return bool(got)
        while b"\r\n" not in self.data:
            assert self.more(), "the answer is cut"
        size, self.data = self.data.split(b"\r\n", 1)
        n = int(size, 16)
        parts, have = [self.data], len(self.data)
        while have < n + 2:
            got = self.s.recv(262144)
            assert got, "the answer is cut"
            parts.append(got)
            have += len(got)
        self.data = b"".join(parts)
        self.text += self.data[:n]
        assert self.data[n:n + 2] == b"\r\n"
        self.data = self.data[n + 2:]
        self.over = n == 0
        return n > 0

    def event(self, beats=False):
        self.begin()
        while True:
            while b"\n\n" not in self.text:
                if self.over or not self.fill():
                    assert self.text == b"", self.text[-100:]
                    return None
            raw, self.text = self.text.split(b"\n\n", 1)
            if raw == b":":
                if beats:
                    return ":", None
                continue
            name, data = raw.split(b"\n")
            assert name.startswith(b"event: ") and data.startswith(b"data: "), raw
            return name[7:].decode(), json.loads(data[6:])

    def finish(self):
        out = {"stdout": [], "stderr": []}
        done = None
        while (e := self.event()) is not None:
            name, data = e
            assert done is None, "an event after the last"
            if name == "done":
                done = data
                continue
            assert data["stream"] == name
            out[name].append(base64.b64decode(data["data_base64"]) if "data_base64" in data
                             else data["data"].encode())
        return b"".join(out["stdout"]), b"".join(out["stderr"]), done
