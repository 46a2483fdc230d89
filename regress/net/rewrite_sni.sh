#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Why connect_redirects have no rewrite_sni: a relay that writes another name into a
# ClientHello breaks the handshake, in TLS 1.2 and 1.3, whoever trusts whom. The day
# this fails is the day to build it.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_dir
need_tool openssl curl python3
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test" \
    -keyout "$T/key" -out "$T/cert" -addext "subjectAltName=DNS:a.test,DNS:b.test" 2>/dev/null ||
    fail "certificate"
cat "$T/cert" "$T/key" >"$T/pem"
python3 "$TEST_SRC/regress/net/rewrite_sni.py" "$T/pem" >"$T/out" 2>&1 || fail "$(cat "$T/out")"
want "what opens" "$(cat "$T/out")" "client, TLSv1_2, server hears a.test: opens
curl, TLSv1_2, server hears a.test: opens
client, TLSv1_3, server hears a.test: opens
curl, TLSv1_3, server hears a.test: opens
client, TLSv1_2, server hears b.test: does not open
curl, TLSv1_2, server hears b.test: does not open
client, TLSv1_3, server hears b.test: does not open
curl, TLSv1_3, server hears b.test: does not open"
