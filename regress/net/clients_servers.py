# SPDX-License-Identifier: Apache-2.0
"""
What the clients of clients*.sh reach: a name server, and on ports 80 and 443 of
each address web servers, by the name in Host: repositories of git (http-backend),
an index of Python packages and a registry of npm's, which are made here.

    clients_servers.py DIRECTORY ADDRESS...

Prints "ready". DIRECTORY has server.pem, and git with the repositories.
"""
import base64
import hashlib
import http.server
import io
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile

where, addrs = sys.argv[1], sys.argv[2:]
V4 = [a for a in addrs if ":" not in a]
V6 = [a for a in addrs if ":" in a and os.path.exists("/proc/net/if_inet6")]
NAMES = {n + ".test": V4[:1] + V6[:1] for n in
         ("web", "git", "pypi", "npm", "ssh", "db", "denied")}
WHEEL = "quint-1.0-py3-none-any.whl"
BACKEND = "/usr/lib/git-core/git-http-backend"


def wheel():
    files = {"quint.py": b"def times(n):\n    return 5 * n\n",
             "quint-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: quint\nVersion: 1.0\n",
             "quint-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\n"
                                          b"Root-Is-Purelib: true\nTag: py3-none-any\n"}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        record = ""
        for name, data in files.items():
            z.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(data)}\n"
        z.writestr("quint-1.0.dist-info/RECORD", record + "quint-1.0.dist-info/RECORD,,\n")
    return out.getvalue()


def tarball():
    files = {"package/package.json": b'{"name":"triple","version":"1.0.0","main":"i.js"}',
             "package/i.js": b"module.exports = n => 3 * n;\n"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            t.addfile(member, io.BytesIO(data))
    return out.getvalue()


PACKAGE, TARBALL = wheel(), tarball()


def pypi(path):
    if path == "/simple/quint/":
        digest = hashlib.sha256(PACKAGE).hexdigest()
        return "text/html", f'<a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>'.encode()
    return ("application/zip", PACKAGE) if path == "/files/" + WHEEL else None


def npm(path):
    if path == "/triple":
        digest = base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
        one = {"name": "triple", "version": "1.0.0", "main": "i.js", "dist": {
            "tarball": "https://npm.test/triple/-/triple-1.0.0.tgz", "integrity": "sha512-" + digest}}
        return "application/json", json.dumps({
            "name": "triple", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": one}}).encode()
    return ("application/gzip", TARBALL) if path == "/triple/-/triple-1.0.0.tgz" else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, found, status=200, location=None):
        kind, body = found or ("text/plain", b"nothing here\n")
        self.send_response(status if found else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def git(self, body):
        path, _, query = self.path.partition("?")
        env = dict(os.environ, GIT_PROJECT_ROOT=where + "/git", GIT_HTTP_EXPORT_ALL="1",
                   PATH_INFO=path, QUERY_STRING=query, REQUEST_METHOD=self.command,
                   CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   CONTENT_LENGTH=str(len(body)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""), REMOTE_ADDR="192.0.2.2")
        out = subprocess.run([BACKEND], env=env, input=body, stdout=subprocess.PIPE,
                             check=True).stdout
        head, _, rest = out.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = dict(lines).get("Status", "200 OK").split()[0]
        self.send_response(int(status))
        for key, value in lines:
            if key not in ("Status", "Content-Length"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    def reply(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = self.headers.get("Host", "").split(":")[0]
        if name == "git.test":
            self.git(body)
        elif name == "pypi.test":
            self.answer(pypi(self.path))
        elif name == "npm.test":
            self.answer(npm(self.path))
        elif self.path == "/away":
            self.answer(("text/plain", b"go on\n"), 302, "https://denied.test/")
        elif self.path == "/near":
            self.answer(("text/plain", b"go on\n"), 302, "https://web.test/")
        elif self.path == "/big":
            self.answer(("application/octet-stream", bytes(1 << 24)))
        else:
            self.answer(("text/plain", f"{self.command} {name} {len(body)}\n".encode()))

    do_GET = do_HEAD = do_POST = do_PUT = reply


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    tls = None

    def finish_request(self, request, client_address):
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        except OSError:
            pass


class Server6(Server):
    address_family = socket.AF_INET6


def dns():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 5353))
    while True:
        q, peer = s.recvfrom(4096)
        labels, at = [], 12
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]].decode("latin-1").lower())
            at += q[at] + 1
        kind, = struct.unpack(">H", q[at + 1:at + 3])
        found = NAMES.get(".".join(labels))
        answers = [socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a)
                   for a in found or [] if kind == (28 if ":" in a else 1)]
        s.sendto(q[:2] + struct.pack(">HHHHH", 0x8180 if found else 0x8183, 1, len(answers), 0, 0) +
                 q[12:at + 5] + b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(a)) + a
                                         for a in answers), peer)


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(where + "/server.pem")
for addr in V4 + V6:
    for port in (80, 443, 9443):
        server = (Server6 if ":" in addr else Server)((addr, port), Handler)
        server.tls = tls if port != 80 else None
        threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Thread(target=dns, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
