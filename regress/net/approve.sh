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
python3 "$TEST_SRC/regress/net/dns.py" 5353 "$T/asked" >"$T/upstream" &
wait_for 10 grep -q ready "$T/upstream" || fail "no name server"
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
start_any "approvals.enabled: true" "sandbox.network.dns.upstream: ['127.0.0.1:5353']"
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
bg four s sh -c "curl -sS http://$HOST4/f & until [ -e asked4 ]; do sleep 0.05; done; kill \$!; wait"
request 1
as "$ME" touch "$T/ws/asked4"
await four
wait_for 10 is_pending 0 || fail "a request of nobody"

# nobody but the operator hears of a name before
for how in "" "-x http://192.0.2.1:3128" "--socks5-hostname 192.0.2.1:3128"; do
	: >"$T/asked.before"
	cp "$T/asked" "$T/asked.before"
	# shellcheck disable=SC2086
	bg five s curl -sS $how "http://host.test/f"
	request 1
	want_in "which name $how" "$(cat "$T/pending.json")" "host.test:80"
	want "upstream before $how" "$(cat "$T/asked")" "$(cat "$T/asked.before")"
	ctl approve "$id" || fail approve
	await five
	want "by name $how" "$(out five)" "approved "
	want "its event $how" "$(of five '[.events.network_operations[]|select(.type=="net_connect")|.domain+" "+.remote+" "+.policy.rule]|join(";")')" \
	    "host.test $HOST4:80 ask"
	want_in "upstream $how" "$(tail -n +$(($(wc -l <"$T/asked.before") + 1)) "$T/asked")" "host.test A"
done
cp "$T/asked" "$T/asked.before"
bg six s curl -sS http://host.test/f
request 1
ctl deny "$id" || fail deny
await six
want_in "denied by name" "$(out six)" "an operator said no"
want "upstream" "$(cat "$T/asked")" "$(cat "$T/asked.before")"
bg seven s sh -c 'getent hosts secret.to.tell.test'
await seven
want_in "a look-up alone" "$(out seven)" "198.18.0."
want "upstream" "$(cat "$T/asked")" "$(cat "$T/asked.before")"

# who has sent all and waits for the answer is still there
bg eight s python3 -c "
import socket
s = socket.create_connection(('$HOST4', 80))
s.sendall(b'GET /f HTTP/1.0\r\n\r\n')
s.shutdown(socket.SHUT_WR)
got = b''
while True:
    more = s.recv(65536)
    if not more:
        break
    got += more
print(got.split(b'\r\n\r\n')[-1].decode())"
request 1
# longer than it is looked whether the client is there still
sleep 3
ctl approve "$id" || fail approve
await eight
want_in "half of it ended" "$(out eight)" "approved"
bg nine s python3 -c "
import os, socket, time
s = socket.create_connection(('$HOST4', 80))
s.sendall(b'GET /f HTTP/1.0\r\n\r\n')
s.shutdown(socket.SHUT_WR)
while not os.path.exists('asked9'):
    time.sleep(0.05)"
request 1
as "$ME" touch "$T/ws/asked9"
await nine
wait_for 10 is_pending 0 || fail "a request of one that closed later"
