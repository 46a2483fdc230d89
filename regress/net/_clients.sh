# SPDX-License-Identifier: Apache-2.0
# Common part of the tests with the programs that users have: what they reach by a
# policy that allows named servers and nothing else, and that they are told at once
# of what it does not. A script reads it with
#
#	. "${TEST_SRC:?run it by regress/run}/regress/net/_clients.sh"
#
# shellcheck shell=sh disable=SC2154
. "${TEST_SRC:?}/regress/lib.sh"

need_net
need_modes
need_tool openssl jq curl python3 ip
LITERAL4=203.0.113.11 # an address that a rule names
FAR4=203.0.113.12     # and one that another denies
for a in "$LITERAL4" "$FAR4"; do
	ip addr add "$a/32" dev lo || fail "address $a"
done
chmod 0755 "$T"
ws=$T/ws
mkdir -p "$ws/home" "$T/www"

# an authority, which the clients are told of, and a certificate by it
names="web.test git.test pypi.test npm.test db.test"
ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
# shellcheck disable=SC2086
openssl req -x509 $ec -subj "/CN=authority of the test" -keyout "$T/ca.key" -out "$ws/ca.pem" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" 2>"$T/openssl" &&
    openssl req -x509 $ec -CA "$ws/ca.pem" -CAkey "$T/ca.key" -subj /CN=web.test \
    -addext "subjectAltName=$(printf 'DNS:%s,' $names)IP:$LITERAL4" \
    -addext "basicConstraints=critical,CA:FALSE" -keyout "$T/key" -out "$T/cert" 2>"$T/openssl" ||
    fail "certificates: $(cat "$T/openssl")"
cat "$T/cert" "$T/key" >"$T/www/server.pem"
chmod 0644 "$ws/ca.pem"

own_policies
cat >"$policies/clients.yaml" <<END
version: 1
name: clients
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: closed, domains: [denied.test], decision: deny, message: "ask for a mirror"}
  - {name: far, cidrs: [$FAR4/32], decision: deny, message: "not that one"}
  - {name: shut, domains: ["*.test"], ports: [9443], decision: deny}
  - {name: named, domains: [web.test, git.test, pypi.test, npm.test, ssh.test, db.test],
     cidrs: [203.0.113.0/24, "2001:db8::/64"], ports: [22, 80, 443, 2222, 5432, 8443],
     decision: allow}
  - {name: literal, cidrs: [$LITERAL4/32], ports: [22, 443], decision: allow}
END
chmod 0644 "$policies/clients.yaml"

# what each client is started by: no variable tells it of a proxy
cat >"$ws/do.sh" <<'END'
cd "$(dirname "$0")" || exit 1
limit=$1
shift
for name in $(env | sed -n 's/^\([A-Za-z_]*[Pp][Rr][Oo][Xx][Yy]\)=.*/\1/p'); do
	unset "$name"
done
export HOME="$PWD/home" NODE_EXTRA_CA_CERTS="$PWD/ca.pem" GIT_SSL_CAINFO="$PWD/ca.pem"
export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 NO_COLOR=1
exec timeout "$limit" "$@" 2>&1
END

start_clients()
{
	chown -R "$ME_UID:$ME_UID" "$ws"
	python3 "$TEST_SRC/regress/net/clients_servers.py" "$T/www" "$HOST4" "$HOST6" \
	    "$LITERAL4" "$FAR4" >"$T/servers" 2>&1 &
	wait_for 20 grep -q ready "$T/servers" || fail "servers: $(cat "$T/servers")"
	start_any "sandbox.network.dns.upstream: [127.0.0.1:5353]" \
	    "sandbox.network.dns.queries_per_second: 0"
	new_session s "$ws" '"policy":"clients"'
}

# client command...: in the session; what it says is in $T/out
client()
{
	run_in s sh do.sh $((60 * ${TEST_SLOW:-1})) "$@" >"$T/out"
}

# allowed NAME LINE command...: it works, and LINE is the last that it says
allowed()
{
	name_=$1
	want_=$2
	shift 2
	client "$@" || fail "$name_: $(cat "$T/out"): $(jq -c '.events.blocked_operations' "$T/exec.json")"
	want "$name_" "$(tail -n 1 "$T/out")" "$want_"
	say "$name_"
}

# denied NAME RULE command...: it fails, not by waiting, and an event says by which
# rule
denied()
{
	name_=$1
	rule_=$2
	shift 2
	start_=$(date +%s)
	run_in s sh do.sh $((20 * ${TEST_SLOW:-1})) "$@" >"$T/out"
	case $? in
	0) fail "$name_: not denied: $(cat "$T/out")" ;;
	124) fail "$name_: it waits: $(cat "$T/out")" ;;
	esac
	jq -e --arg rule "$rule_" '[.events.network_operations[], .events.blocked_operations[] |
	    select(.policy.rule == $rule and .policy.effective_decision == "deny")] | length > 0' \
	    "$T/exec.json" >"$T/null" ||
	    fail "$name_: no event of $rule_: $(jq -c .events "$T/exec.json"); $(cat "$T/out")"
	say "denied: $name_ ($(($(date +%s) - start_)) s)"
}
