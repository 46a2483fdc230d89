# SPDX-License-Identifier: Apache-2.0
# Common part of the tests of approvals: a policy with rules that ask, commands
# that run in the background, and the operator's side.
#
# shellcheck shell=sh disable=SC2034

# start_approvals [config line...]
start_approvals()
{
	need_tool curl jq python3
	policies=$T/var/policies
	[ "$MODE" = service ] || policies=$T/state/policies
	mkdir -p "$policies"
	cat >"$policies/appr.yaml" <<'EOF'
version: 1
name: appr
file_rules:
  - {name: short, paths: ["${WORKSPACE}/*.short"], operations: [write, create, delete], decision: approve, timeout: 2s}
  - {name: ask, paths: ["${WORKSPACE}/**/*.ask", "${WORKSPACE}/*.ask"], operations: [write, create, delete, rename], decision: approve, timeout: 60s, message: "may it {{.Operation}} {{.Path}}?"}
  - {name: secret, paths: ["${WORKSPACE}/*.secret"], operations: [open, read], decision: approve, timeout: 60s}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: quick, commands: [printf], decision: approve, timeout: 2s}
  - {name: ask-env, commands: [printenv], decision: approve, timeout: 60s, message: "run {{.Command}} {{.Args}}?"}
  - {name: ask-tool, commands: ["*.tool"], decision: approve, timeout: 60s}
  - {name: rest, commands: ["*"], decision: allow}
EOF
	chmod -R a+rX "$policies"
	start_any "policies.default: appr" "approvals.enabled: true" "$@"
	ws=$(new_workspace "$ME")
	new_session s "$ws"
	seen=
}

# bg NAME SESSION COMMAND [ARG...]: in the background, its answer in $T/NAME.json
bg()
{
	name_=$1
	sid_=$2
	shift 2
	body_=$(jq -cn '{command: $ARGS.positional[0], args: $ARGS.positional[1:]} + ($ENV.BG_MORE // "{}" | fromjson)' --args -- "$@")
	rm -f "$T/$name_.json" "$T/$name_.status"
	(
		as "$API_USER_" curl -sS --max-time $((120 * ${TEST_SLOW:-1})) -o - -w '\n%{http_code}' \
		    --unix-socket "$API_SOCK" -H 'Content-Type: application/json' --data-binary "$body_" \
		    "http://localhost/api/v1/sessions/$sid_/exec" >"$T/$name_.answer" 2>/dev/null
		sed '$d' "$T/$name_.answer" >"$T/$name_.json"
		tail -n 1 "$T/$name_.answer" >"$T/$name_.new"
		mv "$T/$name_.new" "$T/$name_.status"
	) &
	eval "bg_$name_=\$!"
}

# For a shell of a session: victim COMMAND... is killed when the test says tell, and
# its status printed.
victim='victim()
{
	rm -f /tmp/told
	"$@" &
	victim=$!
	until [ -e /tmp/told ]; do sleep 0.05; done
	kill -KILL $victim
	wait $victim
	echo $?
}
'

# tell SESSION
tell()
{
	run_in "$1" sh -c ': >/tmp/told' || fail "tell: $(cat "$T/exec.json")"
}

# await NAME: the answer of bg has come
await()
{
	wait_for 60 test -e "$T/$1.status" || fail "$1: no answer"
}

# asked_or_answered NAME: a request waits, or the answer of bg has come, as whatever
# it was may be refused without one
asked_or_answered()
{
	is_pending 1 || [ -e "$T/$1.status" ]
}

# of NAME FILTER
of()
{
	jq -r "$2" "$T/$1.json"
}

# out NAME: what it wrote, in one line
out()
{
	jq -j '.result.stdout // ""' "$T/$1.json" | tr '\n' ' '
}

pending()
{
	ctl approvals --json >"$T/pending.json" || fail "agentshctl approvals"
	jq length "$T/pending.json"
}

is_pending()
{
	[ "$(pending)" = "$1" ]
}

# request N: waits until N wait, and puts the id of the last one into $id
request()
{
	wait_for 60 is_pending "$1" || fail "not $1 requests: $(cat "$T/pending.json")"
	id=$(jq -r '.[-1].id' "$T/pending.json")
}

# asked FILTER: of the last request
asked()
{
	jq -r ".[-1] | $1" "$T/pending.json"
}

# events TYPE FILTER: of the session's events of that type; $events_of: another than s
events()
{
	api GET "/api/v1/sessions/${events_of:-s}/history?type=$1" | jq -r "$2"
}

# told TEXT TYPE FILTER WANT: events comes to print WANT; told_in: a part of it
told()
{
	comes "$1" "$4" events "$2" "$3"
}

told_in()
{
	comes_in "$1" "$4" events "$2" "$3"
}

API_USER=$ME
API_USER_=$ME
