#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replies of a server that is broken or means ill: an error each, never a
# success, and never control bytes from it on the terminal.
. "$(dirname "$0")/_lib.sh"

start_fake <<'END'
OK = b"HTTP/1.1 200 OK\r\n"
CASES = {
    "silent": None,
    "garbage": b"\x1b]0;evil\x07\r\n\r\n",
    "cut-head": OK,
    "cut-body": OK + b'Content-Length: 100\r\n\r\n{"result":{"exit_code":0}}',
    "cut-chunk": OK + b'Transfer-Encoding: chunked\r\n\r\n1a\r\n{"result":{"exit_code":0}}\r\n',
    "no-length": OK + b'\r\n{"result":{"exit_code":0}}',
    "two-lengths": OK + b'Content-Length: 26\r\nTransfer-Encoding: chunked\r\n\r\n{"result":{"exit_code":0}}',
    "huge": OK + b"Content-Length: 999999999\r\n\r\n",
    "huge-head": OK + b"X: " + b"a" * 100000 + b"\r\n\r\n",
    "lf": b'HTTP/1.1 200 OK\nContent-Length: 26\n\n{"result":{"exit_code":0}}',
    "no-json": (200, "ok"),
    "cut-json": (200, '{"result":{"exit_code":0}'),
    "two-jsons": (200, '{"result":{"exit_code":0}}{}'),
    "deep": (200, "[" * 100000),
    "no-result": (200, "{}"),
    "no-code": (200, '{"result":{}}'),
    "code-text": (200, '{"result":{"exit_code":"0"}}'),
    "code-big": (200, '{"result":{"exit_code":256}}'),
    "code-neg": (200, '{"result":{"exit_code":-1}}'),
    "bad-base64": (200, '{"result":{"exit_code":0,"stdout_base64":"a"}}'),
    "empty": (200, ""),
    "error": (500, '{"error":"a\\u001b[2Jb\\u0085c"}'),
    "error-text": (502, "<html>\x1b[2J"),
    "error-type": (500, '{"error":{"a":1}}'),
    "redirect": b"HTTP/1.1 302 X\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
    "denied-lie": (403, '{"error":"forbidden"}'),
    "interim": b"HTTP/1.1 100 X\r\n\r\n" * 100,
}
def ev(*lines):
    text = "".join(line + "\n" for line in lines).encode()
    return (OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
        b"%x\r\n" % len(text) + text + b"\r\n0\r\n\r\n")
DONE = ("event: done", 'data: {"exit_code":0}', "")
CASES.update({
    "ev-nothing": ev(":", ""),
    "ev-no-end": ev("event: stdout", 'data: {"data":""}', ""),
    "ev-no-event": ev("", 'data: {"exit_code":0}', ""),
    "ev-no-data": ev("event: done", ""),
    "ev-two-ends": ev(*DONE, *DONE),
    "ev-after-end": ev(*DONE, "event: stderr", 'data: {"data":""}', ""),
    "ev-two-data": ev("event: done", 'data: {"exit_code":0}', 'data: {"exit_code":0}', ""),
    "ev-other": ev("event: \x1b[2J", "data: {}", "", *DONE),
    "ev-field": ev("id: 1", *DONE),
    "ev-no-json": ev("event: done", "data: {", ""),
    "ev-no-code": ev("event: done", "data: {}", ""),
    "ev-code-big": ev("event: done", 'data: {"exit_code":256}', ""),
    "ev-bad-base64": ev("event: stdout", 'data: {"data_base64":"a"}', "", *DONE),
    "ev-line": ev("event: stdout", 'data: {"data":"' + "a" * 5000000 + '"}', "", *DONE),
    "ev-error": ev(*DONE).replace(b"200", b"500"),
    "ev-cut": ev(*DONE)[:-5],
})
def reply(n, method, path, body):
    sid = path.split("/")[4]
    if sid == "interim-ok":
        return (b"HTTP/1.1 100 Continue\r\n\r\n" + OK +
            b'Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n{"res\r\n15\r\nult":{"exit_code":3}}\r\n0\r\nT: x\r\n\r\nmore')
    if sid == "denied-zero":
        return 403, '{"result":{"exit_code":0}}'
    return CASES[sid]
END
for c in silent garbage cut-head cut-body cut-chunk no-length two-lengths huge \
    huge-head lf no-json cut-json two-jsons deep no-result no-code code-text \
    code-big code-neg bad-base64 empty error error-text error-type redirect \
    denied-lie interim; do
	run exec "$c" -- true
	check "$c fails" rc_is 1
	check "$c says so" err_has '^agentsh: .'
	tr -d '\n' <"$tmp/err" >"$tmp/line"
	check "$c is safe to print" clean "$tmp/line"
	check "$c is no success" out_is ''
done
run exec interim-ok -- true
check "interim and chunked" rc_is 3
for c in silent garbage cut-head cut-body cut-chunk no-length huge no-json deep no-result \
    no-code code-big error error-text denied-lie ev-nothing ev-no-end ev-no-event ev-no-data \
    ev-two-ends ev-after-end ev-two-data ev-other ev-field ev-no-json ev-no-code ev-code-big \
    ev-bad-base64 ev-line ev-error ev-cut; do
	run exec "$c" --stream -- true
	check "$c fails in a stream" rc_is 1
	check "$c says so in a stream" err_has '^agentsh: .'
	tr -d '\n' <"$tmp/err" >"$tmp/line"
	check "$c is safe to print in a stream" clean "$tmp/line"
	check "$c is no success in a stream" out_is ''
done
# a server that has no streams, or does not give one
run exec ev-no-end -- true
check "events that nobody asked for" rc_is 1
run exec denied-zero -- true
check "a denial is never 0" rc_is 126
finish
