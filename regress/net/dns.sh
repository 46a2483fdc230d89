#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Look-ups in a session: what the policy allows is looked up once by netd and
# answered as far as it is allowed; nothing else of a session's reaches a name
# server.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_tool python3 jq curl
need_modes
own_policies
cat >"$policies/named.yaml" <<'END'
version: 1
name: named
file_rules:
  - {name: files, paths: ["/**"], decision: allow}
command_rules:
  - {name: commands, decision: allow}
network_rules:
  - {name: no, domains: [forbidden.test], decision: deny, message: "ask for it"}
  - {name: names, domains: ["**.test", "*.113.0.203.in-addr.arpa"], decision: allow}
  - {name: rest, domains: ["**"], decision: deny}
dns_redirects:
  - {name: moved, match: "^moved\\.test$", resolve_to: 203.0.113.99}
  - {name: black, match: "^black\\.test$", resolve_to: 127.0.0.1}
END
chmod 0644 "$policies/named.yaml"
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/dns.py" "$TEST_SRC/regress/net/dns_session.py" "$T/ws/"
python3 "$TEST_SRC/regress/net/dns.py" 5353 "$T/asked" >"$T/upstream" &
upstream=$!
wait_for 10 grep -q ready "$T/upstream" || fail "no name server"

inside()
{
	as "$ME" "$T/stage/agentsh" exec --root "$T/ws" --policy named "$@"
}

start_any "policies.default: named" \
    "sandbox.network.dns.upstream: ['127.0.0.1:5353']" \
    "sandbox.network.dns.timeout: 3s" \
    "sandbox.network.dns.names_per_minute: 8" \
    "sandbox.network.dns.queries_per_second: 20" \
    "sandbox.network.dns.max_name: 80"
family=4
[ ! -e /proc/net/if_inet6 ] || family=6
inside s -- python3 dns_session.py rules "$family" || fail "look-ups"

# nothing reached the name server but names that a rule allows, and their types
want "denied names upstream" "$(grep -cE '^(forbidden|moved|black|wpad|localhost|www)' "$T/asked")" 0
want "types upstream" "$(cut -d ' ' -f 2 "$T/asked" | sort -u | paste -sd ' ')" "A AAAA PTR TXT" ||
    true
grep -q 'deadbeef\|736563726574' "$T/asked" && fail "an option of a query went upstream"
while read -r name type hex; do
	n=$((12 + ${#name} + 2 + 4))
	want "bytes of $name $type" $((${#hex} / 2)) "$n"
done <"$T/asked"
