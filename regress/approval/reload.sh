#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The policy is reloaded while a signal, a call on a socket and a program wait for
# an operator: his answer is for the rule that asked, and what the new policy says
# holds.
# timeout: 180
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals

# policy NAME DECISION: of the rules, which ask, or another decision
policy()
{
	cat >"$policies/change.new" <<P
version: 1
name: change
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: run-$1, commands: [printenv], decision: $2}
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: send-$1, signals: [TERM], target: {type: session}, decision: $2}
  - {name: rest, signals: ['@all'], target: {type: session}, decision: allow}
unix_socket_rules:
  - {name: reach-$1, paths: ["/tmp/ask*"], operations: [connect], decision: $2}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
	chmod 0644 "$policies/change.new"
	mv "$policies/change.new" "$policies/change.yaml"
}

# want_all: three commands that wait
want_all()
{
	# by its path: by a name it would be looked for in the next directory, too
	bg command c "$(command -v printenv)" HOME
	request 1
	bg signal c sh -c 'sleep 900 & p=$!; until readlink /proc/$p/exe | grep -q "sleep\$"; do sleep 0.02; done; kill -TERM $p && echo did; kill -KILL $p'
	request 2
	bg unix_socket c python3 -c "import os, socket
v = socket.socket(socket.AF_UNIX); v.bind('/tmp/ask-$1'); v.listen()
socket.socket(socket.AF_UNIX).connect('/tmp/ask-$1'); print('did')"
	request 3
}

approve_all()
{
	for id in $(jq -r '.[].id' "$T/pending.json"); do
		ctl approve "$id" || fail approve
	done
	for i in command signal unix_socket; do
		await $i
	done
}

policy one approve
new_session c "$ws" '"policy":"change"'
events_of=c
want_all one
approve_all
want "without a reload" "$(out command | grep -c .) $(out signal)$(out unix_socket)" "1 did did "

# a rule that denies it
want_all two
policy two deny
ctl reload || fail reload
want "they wait" "$(pending)" 3
approve_all
want "denied since" "$(out command)$(out signal)$(out unix_socket)" ""
want "by which rule, a signal" "$(of signal '[.events.other[] | select(.type == "signal_blocked")][0].policy.rule')" send-two
want "by which rule, a program" "$(of command '[.events.blocked_operations[]][0].policy.rule')" run-two
told "by which rule, a socket" unix_socket_op '[.[] | select(.path == "/tmp/ask-two" and .policy.effective_decision == "deny")][0].policy.rule' reach-two

# another rule that asks
policy three approve
ctl reload || fail reload
want_all four
policy four approve
ctl reload || fail reload
approve_all
want "not for another rule" "$(out command)$(out signal)$(out unix_socket)" ""
want_in "why, a signal" "$(of signal '[.events.other[] | select(.type == "signal_blocked")][0].fields.error')" "not the one that was approved"
want_in "why, a program" "$(of command '[.events.blocked_operations[]][0].fields.error')" "not the one that was approved"
told_in "why, a socket" unix_socket_op '[.[] | select(.path == "/tmp/ask-four" and .policy.effective_decision == "deny")][0].fields.error' "not the one that was approved"
want "nobody waits" "$(pending)" 0
