#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A01, A02, A27, E31 on sockets: an address that another thread, or another
# process that shares the memory, changes while it is looked at; a descriptor
# that is made another one meanwhile; an address in the second message of
# sendmmsg; a datagram without any connection. Nothing arrives where a rule
# denies it, and what is allowed arrives.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
race=$TEST_BUILD/regress/escape/sockrace
[ -x "$race" ] || skip "$race is missing: run make check-programs"
start_any
policy sock <<'P'
unix_socket_rules:
  - {name: bind-all, paths: ["/**", "@**"], operations: [bind, listen], decision: allow}
  - {name: good, paths: ["/**/good", "@good"], decision: allow}
P
policy binds <<'P'
unix_socket_rules:
  - {name: no-bad, paths: ["/**/evil", "@evil*"], operations: [bind], decision: deny}
  - {name: rest, paths: ["/**", "@**"], decision: allow}
P
policy open <<'P'
P
ws=$(new_workspace "$ME")
cp "$race" "$ws/race" || fail "copy"
[ "$ME" = self ] || chown "$ME" "$ws/race"
API_USER=$ME
for sid in sock binds open; do
	new_session $sid "$ws" "\"policy\":\"$sid\""
done

# each way is shown to get through where there are no rules
for way in connect connect-abstract connect-shared connect-fd sendto sendmsg sendmsg-fd sendmmsg sendmmsg2; do
	out=$(run_in open /workspace/race $way won) || fail "open: $way: $(jq -r '.result.stderr' "$T/exec.json")"
	case $out in
	*" bad 0"*) fail "open: $way: the race is never won: $out" ;;
	esac
	out=$(run_in sock /workspace/race $way) || fail "sock: $way: $out $(jq -r '.result.stderr' "$T/exec.json")"
	case $out in
	*-fd*" bad 0") ;;
	*"good 0"*) fail "$way: nothing that is allowed arrives: $out" ;;
	*" bad 0") ;;
	*) fail "$way: $out" ;;
	esac
done
# a name that was not decided: it is not listened at, and its process dies
for way in bind bind-abstract; do
	out=$(run_in open /workspace/race $way won) || fail "open: $way: $(jq -r '.result.stderr' "$T/exec.json")"
	case $out in
	*" bad 0"*) fail "open: $way: the race is never won: $out" ;;
	esac
	# on a machine that is busy the race may be lost for as long as one lasts
	for try_ in 1 2 3 4 5; do
		out=$(run_in binds /workspace/race $way)
		case $out in
		*" bad 0" | "") ;;
		*) fail "$way: $out" ;;
		esac
		[ -z "$(socket_events .policy.rule)" ] || break
	done
	want_in "$way: how" "$(socket_events .policy.rule) $out" "unix-socket-changed"
done
# another socket gets the name than the one that was asked about: nobody can
# connect to it
way=bind-abstract-fd
out=$(run_in open /workspace/race $way won) || fail "open: $way: $(jq -r '.result.stderr' "$T/exec.json")"
case $out in
*" bad 0"*) fail "open: $way: the race is never won: $out" ;;
esac
# what is noticed kills it, so that one try says little
for try_ in 1 2 3 4 5 6; do
	out=$(run_in binds /workspace/race $way)
	case $out in
	*" bad 0" | "") ;;
	*) fail "$way: try $try_: $out" ;;
	esac
done
