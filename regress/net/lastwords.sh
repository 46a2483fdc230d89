#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A question that is at a name server when its session ends is in the session's log,
# and the end does not wait for an answer.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_tool python3 jq curl
need_modes
own_policies
cat >"$policies/named.yaml" <<'P'
version: 1
name: named
file_rules:
  - {name: files, paths: ["/**"], decision: allow}
command_rules:
  - {name: commands, decision: allow}
network_rules:
  - {name: names, domains: ["**.test"], decision: allow}
P
chmod 0644 "$policies/named.yaml"
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/dns.py" "$T/ws/"
# a name server that never says anything
cat >"$T/silent.py" <<'P'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5353))
open(sys.argv[1], "w").close()
s.recv(512)
open(sys.argv[1] + ".asked", "w").close()
time.sleep(3600)
P
python3 "$T/silent.py" "$T/there" &
silent=$!
wait_for 10 test -e "$T/there" || fail "no name server"
start_any "policies.default: named" "sandbox.network.dns.upstream: ['127.0.0.1:5353']" \
    "sandbox.network.dns.timeout: 60s"
new_session s "$T/ws" '"policy":"named"'
run_in s python3 -c 'import dns, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(dns.query("late.test"), ("192.0.2.53", 53))' || fail "the question"
wait_for 20 test -e "$T/there.asked" || fail "nothing was asked"
begin=$(date +%s)
api DELETE /api/v1/sessions/s >/dev/null
[ $(($(date +%s) - begin)) -lt 50 ] || fail "its end waits for an answer"
want "what was asked" "$(api GET '/api/v1/sessions/s/history?type=dns_query' | jq -r '.[] |
    "\(.domain) \(.policy.effective_decision) \(.fields.error) \(.fields.reason)"')" \
    "late.test allow SERVFAIL session-ended"
kill "$silent"
