#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A connection that has to be approved waits for an operator, by the name that its
# client means.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
need_tool curl jq python3
mkdir "$T/ws" && chown "$ME_UID:$ME_UID" "$T/ws"
python3 -m http.server -b "$HOST4" -d "$T/ws" 80 >"$T/server" 2>&1 &
echo approved >"$T/ws/f"
chmod 644 "$T/ws/f"
own_policies
cat >"$policies/net.yaml" <<END
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: ask, cidrs: [$HOST4/32], ports: [80], decision: approve, timeout: 60s, message: "to {{.Host}}?"}
  - {name: quick, cidrs: [$HOST4/32], ports: [81], decision: approve, timeout: 1s}
END
start_any "approvals.enabled: true"
new_session s "$T/ws" '"policy":"net"'
wait_for 10 curl -sS -o /dev/null "http://$HOST4/f"

bg one s curl -sS "http://$HOST4/f"
request 1
want "what is asked" "$(jq -r '.[-1] | [.kind, .rule] | join(" ")' "$T/pending.json")" "network ask"
want_in "for whom" "$(cat "$T/pending.json")" "$HOST4:80"
ctl approve "$id" || fail approve
await one
want "approved" "$(out one)" "approved "
want "its event" "$(of one '[.events.network_operations[]|select(.type=="net_connect")|.policy.decision+" "+.policy.effective_decision+" "+.policy.rule]|join(";")')" \
    "approve allow ask"

bg two s curl -sS "http://$HOST4/f"
request 1
ctl deny "$id" || fail deny
await two
want_in "what the client hears" "$(out two)" "an operator said no"

bg three s curl -sS "http://$HOST4:81/f"
await three
want "nobody answers" "$(of three '[.events.blocked_operations[]|.type+" "+.policy.rule]|join(";")')" \
    "net_connect quick"

# who does not wait any more is not asked about
bg four s curl -sS --max-time 1 "http://$HOST4/f"
request 1
await four
wait_for 10 is_pending 0 || fail "a request of nobody"
