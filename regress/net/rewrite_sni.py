# SPDX-License-Identifier: Apache-2.0
"""
A relay that writes another name into the ClientHello: does TLS open?

    rewrite_sni.py CERTIFICATE    prints a line for each version and name
"""
import socket
import ssl
import subprocess
import sys
import threading

PEM = sys.argv[1]
ASKED, OTHER = b"a.test", b"b.test"
VERSIONS = ("TLSv1_2", "TLSv1_3")
heard = []


def copy(a, b, change):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            if change and ASKED in data:
                data = data.replace(ASKED, OTHER, 1)
                change = False
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def listen():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(8)
    return s


def server(s):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(PEM)
    ctx.sni_callback = lambda c, name, x: heard.append(name)
    while True:
        c = s.accept()[0]
        try:
            with ctx.wrap_socket(c, server_side=True) as t:
                t.recv(1)
        except OSError:
            pass


def relay(s, to, change):
    while True:
        c = s.accept()[0]
        d = socket.create_connection(to.getsockname())
        threading.Thread(target=copy, args=(c, d, change), daemon=True).start()
        threading.Thread(target=copy, args=(d, c, False), daemon=True).start()


def client(port, version):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    ctx.minimum_version = ctx.maximum_version = ssl.TLSVersion[version]
    try:
        s = socket.create_connection(("127.0.0.1", port), 20)
        with ctx.wrap_socket(s, server_hostname=ASKED.decode()) as t:
            t.sendall(b"x")
            return "opens"
    except OSError:
        return "does not open"


def curl(port, version):
    args = ["curl", "-sk", "-m", "20", "-o", "/dev/null", "--connect-to",
            "a.test:443:127.0.0.1:%d" % port, "https://a.test/"]
    args += ["--tlsv1.2", "--tls-max", "1.2"] if version == "TLSv1_2" else \
        ["--tlsv1.3"]
    # 52: nothing came, on what was opened; 56: or it was reset
    return "opens" if subprocess.call(args) in (0, 52, 56) else \
        "does not open"


web = listen()
threading.Thread(target=server, args=(web,), daemon=True).start()
for change in False, True:
    r = listen()
    threading.Thread(target=relay, args=(r, web, change), daemon=True).start()
    for version in VERSIONS:
        for who in client, curl:
            heard.clear()
            how = who(r.getsockname()[1], version)
            print("%s, %s, server hears %s: %s" %
                  (who.__name__, version, heard[0] if heard else None, how))
