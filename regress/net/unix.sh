#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Connections that are redirected to a unix socket of the host: by the user's rights
# and no others, to the very path that the policy has.

. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_modes
need_tool curl jq python3
mkdir "$T/ws" "$T/sock" "$T/sock/closed"
chown -R "$ME_UID:$ME_UID" "$T/ws" "$T/sock"
cp "$TEST_SRC/regress/net/unix_client.py" "$T/ws/"
python3 "$TEST_SRC/regress/net/unix_servers.py" "$HOST4" "$T/sock" >"$T/servers" 2>&1 &
wait_for 10 grep -q ready "$T/servers" || fail "servers: $(cat "$T/servers")"
# whoever may not write to a socket does not connect to it
chmod 666 "$T/sock/http" "$T/sock/hands"
chown 0:0 "$T/sock/others" "$T/sock/closed"
chmod 600 "$T/sock/others"
ln -s http "$T/sock/link"
ln -s sock "$T/sock2"

own_policies
cat >"$policies/net.yaml" <<END
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: host, cidrs: [$HOST4/32], decision: allow}
connect_redirects:
  - {name: local, match: ':7001\$', redirect_to_unix: "$T/sock/http", message: "by the socket"}
  - {name: silent, match: ':7002\$', redirect_to_unix: "$T/sock/http", visibility: silent}
  - {name: others, match: ':7003\$', redirect_to_unix: "$T/sock/others"}
  - {name: link, match: ':7004\$', redirect_to_unix: "$T/sock/link"}
  - {name: dirlink, match: ':7005\$', redirect_to_unix: "$T/sock2/http"}
  - {name: own, match: ':7006\$', redirect_to_unix: "@API@"}
  - {name: none, match: ':7007\$', redirect_to_unix: "$T/sock/none"}
  - {name: file, match: ':7008\$', redirect_to_unix: "$T/servers"}
  - {name: back, match: ':80\$', redirect_to_unix: "$T/sock/none", on_failure: retry_original}
  - {name: hands, match: ':7009\$', redirect_to_unix: "$T/sock/hands"}
  - {name: made, match: ':7010\$', redirect_to_unix: "$T/ws/made"}
END
sed -i "s|@API@|/nowhere|" "$policies/net.yaml"
start_any
sed -i "s|/nowhere|$API_SOCK|" "$policies/net.yaml"

new_session s "$T/ws" '"policy":"net"'
proxy=192.0.2.1:3128
for how in "" "-x http://$proxy" "-p -x http://$proxy" "--socks5 $proxy" "--socks5-hostname $proxy"; do
	# shellcheck disable=SC2086
	want "by the socket $how" "$(run_in s curl -sS $how "http://$HOST4:7001/")" \
	    "unix server, for uid $ME_UID"
	want "its event" "$(jq -r '[.events.network_operations[] | select(.type == "net_connect") |
	    [.remote, .policy.effective_decision, .policy.rule, .policy.message,
	    .fields.redirect_to_unix, .fields.redirect_to]] | flatten | join(" ")' "$T/exec.json")" \
	    "$HOST4:7001 redirect local by the socket $T/sock/http "
done
run_in s curl -sS "http://$HOST4:7002/" >"$T/out"
want "silent" "$(jq -r '[.events.network_operations[] | select(.type == "net_connect") |
    [.policy.effective_decision, .policy.rule, .fields.redirect_to_unix]] | flatten | join(" ")' "$T/exec.json")" \
    "allow host "

# why nobody answers
refused()
{
	run_in s curl -sS "http://$HOST4:$1/" >"$T/out" 2>&1 && fail "port $1 is answered: $(cat "$T/out")"
	want "port $1" "$(jq -r '[.events.network_operations[], .events.blocked_operations[] |
	    select(.type == "net_connect") | .policy.rule, .fields.error] | unique | sort | join(" ")' "$T/exec.json")" \
	    "$2"
}

[ "$ME_UID" = 0 ] || refused 7003 "Permission denied others"
refused 7004 "Too many levels of symbolic links link"
refused 7005 "Too many levels of symbolic links dirlink"
refused 7006 "Permission denied own"
refused 7007 "No such file or directory none"
refused 7008 "Connection refused file"
want "on_failure" "$(run_in s curl -sS "http://$HOST4:80/")" "network server"

# a link in its place, between two connections
mv "$T/sock/http" "$T/sock/moved"
ln -s moved "$T/sock/http"
refused 7001 "Too many levels of symbolic links local"
rm "$T/sock/http"
mv "$T/sock/moved" "$T/sock/http"
want "and back" "$(run_in s curl -sS "http://$HOST4:7001/")" "unix server, for uid $ME_UID"

# long streams, half ends, many at once, a server that hands out descriptors, and
# one in the session itself
run_in s python3 unix_client.py "$HOST4" made >"$T/out" 2>&1 ||
    fail "client: $(cat "$T/out")"
want "afterwards" "$(run_in s curl -sS "http://$HOST4:7001/")" "unix server, for uid $ME_UID"
