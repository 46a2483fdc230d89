#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rules for unix sockets and reloads: changed rules hold at once; a session whose
# filter does not ask takes no policy that would have to be asked about.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_sockets.sh"
start_any
all='  - {name: all, paths: ["/**", "@**"], decision: allow}'
rules()
{
	{
		say "unix_socket_rules:"
		say "$2"
	} | policy "$1"
}
policy none <<'P'
P
rules calls "$all"
rules sends '  - {name: no, paths: ["/tmp/no*"], decision: deny}
'"$all"
ws=$(new_workspace "$ME")
API_USER=$ME
for sid in none calls sends; do
	new_session $sid "$ws" "\"policy\":\"$sid\""
done

reload()
{
	if [ "$MODE" = service ]; then
		"$T/stage/agentshctl" -s "$OPERATOR_SOCK" reload >"$T/out"
	else
		as "$ME" agentshctl -s "$OPERATOR_SOCK" reload >"$T/out"
	fi
}

look()
{
	py "$1" <<'P'
print(why(sock().connect, '/tmp/no1'), why(sock().connect, '/tmp/other'), why(sock(D).sendmsg, [b'x'], [], 0, '/tmp/no1'))
P
}

want "without rules" "$(look none)" "ENOENT ENOENT ENOENT"
want "with rules for all" "$(look calls)" "ENOENT ENOENT ENOENT"
want "with rules" "$(look sends)" "EACCES ENOENT EACCES"
rules none "$all"
rules calls '  - {name: no, paths: ["/tmp/other"], operations: [connect], decision: deny}
'"$all"
rules sends '  - {name: no, paths: ["/tmp/other"], decision: deny}
'"$all"
reload && fail "a session without questions takes rules"
want_in "why not" "$(cat "$T/out")" "the session was made without any"
want "as before" "$(look none)" "ENOENT ENOENT ENOENT"
want "changed" "$(look calls)" "ENOENT EACCES ENOENT"
want "changed" "$(look sends)" "ENOENT EACCES ENOENT"
policy none <<'P'
P
rules calls '  - {name: no, paths: ["/tmp/no*"], operations: [sendto], decision: deny}
'"$all"
policy sends <<'P'
P
reload && fail "a session without questions of sendmsg takes rules for it"
want_in "why not" "$(cat "$T/out")" "none that restricts sendto"
want "as before" "$(look calls)" "ENOENT EACCES ENOENT"
want "without rules any more" "$(look sends)" "ENOENT ENOENT ENOENT"
