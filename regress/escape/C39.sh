#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A workspace inside of a directory that sessions see as a mount of the host's:
# its credentials are not read by that way either.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_root
mkdir -p "$T/opt/app" "$T/opt/other"
mount --bind "$T/opt" /opt || fail "bind /opt"
chown alice:alice /opt/app
as alice sh -c 'echo TOPSECRET >/opt/app/.env && echo TOPSECRET >/opt/app/a.pem && echo fine >/opt/app/plain'
echo fine >/opt/other/file
start_service
API_USER=alice
new_session s /opt/app
want "a file of the workspace" "$(run_in s cat plain)" fine
want "a file beside it" "$(run_in s cat /opt/other/file)" fine
for f in .env /opt/app/.env /opt/app/a.pem /opt/other/../app/.env /opt/app/plain; do
	out=$(run_in s cat $f) && fail "cat $f succeeds"
	case $out in
	*TOPSECRET*) fail "the secret came out by $f" ;;
	esac
done
true
