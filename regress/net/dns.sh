#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Look-ups in a session: what the policy allows is looked up by netd and answered
# as far as it is allowed; nothing else of a session's reaches a name server, and
# all of it is written down (E08, E09, E13, E14, E39).

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_tool python3 jq curl
need_modes
own_policies

# rules FORBIDDEN HOST: the decisions about two names
rules()
{
	cat >"$policies/named.yaml" <<END
version: 1
name: named
file_rules:
  - {name: files, paths: ["/**"], decision: allow}
command_rules:
  - {name: commands, decision: allow}
network_rules:
  - {name: no, domains: [forbidden.test], decision: $1, message: "{{.Host}} is not for you"}
  - {name: host, domains: [host.test], cidrs: [$HOST4/32, $HOST6/128], decision: $2}
  - {name: names, domains: ["**.test", "*.113.0.203.in-addr.arpa"], decision: audit}
  - {name: rest, domains: ["**"], decision: deny}
dns_redirects:
  - {name: moved, match: '^moved\.test$', resolve_to: 203.0.113.99, visibility: warn}
  - {name: black, match: '^black\.test$', resolve_to: 127.0.0.1}
  - {name: quiet, match: '^quiet\.test$', resolve_to: 203.0.113.98, visibility: silent}
  - {name: closed, match: '^closed\.test$', resolve_to: 10.0.0.1}
  - {name: open, match: '^b\.test$', resolve_to: 10.0.0.1, on_failure: fail_open}
END
	chmod 0644 "$policies/named.yaml"
}

HOST4=203.0.113.10
HOST6=2001:db8::10
ip -6 route add 2001:db8:1::/48 dev lo || fail "route"
rules deny allow
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
cp "$TEST_SRC/regress/net/dns.py" "$TEST_SRC/regress/net/dns_session.py" "$T/ws/"
python3 "$TEST_SRC/regress/net/dns.py" 5353 "$T/asked" >"$T/upstream" &
upstream=$!
wait_for 10 grep -q ready "$T/upstream" || fail "no name server"

start_any "policies.default: named" \
    "sandbox.network.dns.upstream: ['127.0.0.1:5353']" \
    "sandbox.network.dns.timeout: 3s" \
    "sandbox.network.dns.names_per_minute: 8" \
    "sandbox.network.dns.queries_per_second: 30" \
    "sandbox.network.dns.max_name: 80"

# session PART [WORD]: in the session s; what it prints is what is wrong
session()
{
	run_in s python3 dns_session.py "$@" >"$T/out" || fail "$*: $(cat "$T/out")"
}

# events FILTER: of look-ups, of the command that ran last
events()
{
	jq -r "[.events.network_operations[] | select(.type == \"dns_query\" and ($1))] | length" \
	    "$T/exec.json"
}

# The file as it is now; until then, questions may be asked again.
reload()
{
	ctl reload >"$T/reload" 2>&1 || fail "reload: $(cat "$T/reload")"
	run_in s sleep 2 || fail "sleep"
}

new_session s "$T/ws" '"policy":"named"'
family=4
[ ! -e /proc/net/if_inet6 ] || family=6
session rules "$family"

# nothing reached the name server but names that a rule allows, and their types
want "denied names upstream" \
    "$(grep -cE '^(forbidden|moved|black|quiet|closed|wpad|localhost|www)' "$T/asked")" 0
want "types upstream" \
    "$(cut -d ' ' -f 2 "$T/asked" | LC_ALL=C sort -u | paste -sd ' ')" "A AAAA PTR TXT"
while read -r name type hex; do
	want "bytes of $name $type" $((${#hex} / 2)) $((12 + ${#name} + 2 + 4))
done <"$T/asked"

# and it is written down
jq -c '.events.network_operations[] | select(.type == "dns_query")' "$T/exec.json" >"$T/events"
[ "$(events '.domain == "host.test" and .fields.query_type == "A" and
    .fields.answers == ["203.0.113.10"] and .policy.rule == "host" and
    .policy.decision == "allow" and .pid > 0 and (.fields.executable | endswith("getent"))')" -ge 1 ] ||
    fail "no event of what was allowed: $(cat "$T/events")"
[ "$(events '.domain == "forbidden.test" and .fields.blocked and
    .policy.rule == "no" and .policy.effective_decision == "deny" and
    .fields.error == "NXDOMAIN" and .policy.message == "forbidden.test is not for you"')" -ge 1 ] ||
    fail "no event of what was denied: $(cat "$T/events")"
[ "$(events '.domain == "evil.test" and .fields.blocked and
    .policy.rule == "no" and .fields.reason == "alias-denied"')" = 1 ] ||
    fail "no event of the alias: $(cat "$T/events")"
[ "$(events '.domain == "metadata.test" and .fields.blocked and
    (.fields.reason | test("metadata"))')" -ge 1 ] ||
    fail "no event of a refused address: $(cat "$T/events")"
want "events of a redirect" "$(events '.domain == "moved.test" and
    .fields.redirect_to == "203.0.113.99" and .policy.rule == "moved"')" 1
want "events of a silent one" "$(events '.domain == "quiet.test"')" 0
want "events of localhost" "$(events '.domain == "localhost"')" 0

# how much may be said by it
lines=$(wc -l <"$T/asked")
session leak
want "new names upstream" $(($(wc -l <"$T/asked") - lines)) 8
want "events of what was too much" "$(events '.fields.reason == "too-many-names" and
    .fields.blocked')" 1
run_in s sleep 4 || fail "sleep"
session flood
[ "$(events '.fields.blocked')" -le 1 ] || fail "an event for each of too many"

# another policy, with the session and its bindings as they are
rules allow deny
reload
session changed

# nobody to ask
kill "$upstream"
wait "$upstream" 2>/dev/null
rules deny allow
reload
session dead
[ "$(events '.fields.error == "SERVFAIL" and .domain == "empty.test"')" -ge 1 ] ||
    fail "no event of a look-up that failed"
