# SPDX-License-Identifier: Apache-2.0
"""
A client of WebSockets for the tests, on purpose one that can break the rules.

    w = WS(("/run/agentsh/api.sock" or "127.0.0.1:18080"), path, headers)
    w.start(["sh", "-c", "tty"], rows=30)
    w.send_binary(b"x"); w.send_json({"type": "resize", ...})
    out, last = w.finish()      all output, and the exit or error frame

WS.status is that of the handshake; without 101 WS.body is the answer's.
"""
import base64
import hashlib
import json
import os
import socket
import struct
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Closed(Exception):
    pass


class WS:
    def __init__(self, address, path, headers=None, key=None, timeout=30, early=b""):
        if address.startswith("/"):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.connect(address)
        else:
            host, port = address.rsplit(":", 1)
            self.s = socket.create_connection((host, int(port)))
        self.s.settimeout(timeout)
        self.key = base64.b64encode(os.urandom(16)) if key is None else key
        lines = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
                 "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": self.key.decode()}
        lines.update(headers or {})
        request = f"GET {path} HTTP/1.1\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in lines.items() if v is not None) + "\r\n"
        self.s.sendall(request.encode() + early)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            c = self.s.recv(1)
            if not c:
                raise Closed("no answer: %r" % head)
            head += c
        self.head = head.decode()
        self.status = int(self.head.split()[1])
        self.body = b""
        self.code = None
        if self.status != 101:
            n = [int(line.split(":")[1]) for line in self.head.split("\r\n")
                 if line.lower().startswith("content-length")]
            while n and len(self.body) < n[0]:
                self.body += self.s.recv(65536) or b"?" * n[0]
            return
        accept = base64.b64encode(hashlib.sha1(self.key + GUID).digest()).decode()
        assert f"Sec-WebSocket-Accept: {accept}\r\n" in self.head, self.head

    def frame(self, opcode, data, fin=True, masked=True, mask=None, length=None, rsv=0):
        n = len(data) if length is None else length
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if masked else 0
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", n)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", n)
        if not masked:
            return head + data
        mask = mask or os.urandom(4)
        whole = mask * (len(data) // 4 + 1)
        body = (int.from_bytes(data, "big") ^
                int.from_bytes(whole[:len(data)], "big")).to_bytes(len(data), "big")
        return head + mask + body

    def send(self, opcode, data, **kw):
        self.s.sendall(self.frame(opcode, data, **kw))

    def send_json(self, obj):
        self.send(1, json.dumps(obj).encode())

    def send_binary(self, data):
        self.send(2, data)

    def start(self, argv, **kw):
        self.send_json({"type": "start", "command": argv[0], "args": argv[1:], **kw})

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise Closed()
            data += more
        return data

    def recv(self, pong=True):
        """One message: its opcode and bytes. Server's frames are whole."""
        while True:
            a, b = self.exactly(2)
            assert a & 0xf0 == 0x80 and not b & 0x80, (a, b)
            n = b
            if n == 126:
                n = struct.unpack(">H", self.exactly(2))[0]
            elif n == 127:
                n = struct.unpack(">Q", self.exactly(8))[0]
            data = self.exactly(n)
            if a & 15 == 9 and pong:
                self.send(10, data)
                continue
            if a & 15 == 8:
                self.code = struct.unpack(">H", data[:2])[0] if n >= 2 else 1005
            return a & 15, data

    def finish(self):
        out, last = b"", None
        try:
            while True:
                op, data = self.recv()
                if op == 2:
                    assert last is None, "output after the end"
                    out += data
                elif op == 1:
                    assert last is None, "two ends"
                    last = json.loads(data)
                elif op == 8:
                    self.send(8, data[:2])
                    break
        except (Closed, ConnectionError):
            pass
        self.s.close()
        return out, last

    def expect(self, text, out=b"", seconds=60):
        """Reads until the output has this; all output so far."""
        end = time.time() + seconds
        while text not in out:
            assert time.time() < end, (text, out)
            op, data = self.recv()
            assert op == 2, (text, out, op, data)
            out += data
        return out
