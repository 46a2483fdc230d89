#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A server that has to be started: when it is, when not, and once for two calls.
# As root in a /run of the test's own: first for root, whose server is the
# system's, then for an ordinary user.
if [ "$(id -u)" = 0 ] && [ -z "${AUTOSTART:-}" ]; then
	. "${TEST_SRC:?}/regress/lib.sh"
	need_tool python3 setpriv
	need_root
	copy_stage
	mkdir "$T/src" && cp -R "$TEST_SRC/regress/cli" "$T/src/" || fail "copy"
	export AUTOSTART=1 AGENTSH="$T/stage/agentsh" TMPDIR="$T/tmp"
	sh "$T/src/cli/autostart.sh" || fail "as root"
	rm -r /run/agentsh
	setpriv --reuid alice --regid alice --init-groups sh "$T/src/cli/autostart.sh" || fail "as a user"
	exit 0
fi
. "$(dirname "$0")/_lib.sh"

unset AGENTSH_SERVER
export XDG_RUNTIME_DIR="$tmp/run" XDG_STATE_HOME="$tmp/state" AGENTSH_HELPER_DIR="$tmp/bin"
mkdir "$tmp/bin" "$tmp/run"
# root's helpers must be nobody else's to write
chmod 755 "$tmp/bin"
printf '#!/bin/sh\necho "config:3: bad\033[2J key" >&2\nexit 1\n' >"$tmp/bin/agentshd"
chmod 755 "$tmp/bin/agentshd"
AGENTSH_NO_AUTO=1 run session list
check "no start when forbidden" err_has 'AGENTSH_NO_AUTO=1'
AGENTSH_IN_SESSION=1 run session list
check "no start in a session" err_is 'agentsh: agentsh cannot be used inside a session\n'
run session list
# shellcheck disable=SC2016
check "a server that dies" err_is 'agentsh:   config:3: bad\\033[2J key\nagentsh: agentshd did not start: it ended with status 1; try `agentsh server -d`\n'
run exec -- ls
check "status of that" rc_is 1
log=$tmp/state/agentsh/agentshd.log
check "a log" [ -s "$log" ]
head -c 1100000 /dev/zero | tr '\0' x >"$log"
run session list
check "a long log begins anew" [ "$(wc -c <"$log")" -lt 1000 ]
check "what it says then" err_has 'config:3: bad'
check "the old one is kept" [ "$(wc -c <"$log.old")" -eq 1100000 ]
own=$tmp/run/agentsh
[ "$(id -u)" != 0 ] || own=/run/agentsh
cat >"$tmp/script.py" <<'END'
def reply(n, method, path, body):
    return 200, "[]"
END
cat >"$tmp/bin/agentshd" <<END
#!/bin/sh
echo start >>"$tmp/starts"
mkdir -m 700 -p "$own"
echo \$\$ >"$tmp/pid"
exec python3 "$here/fake.py" "$own/api.sock" "$tmp/script.py" "$tmp/log"
END
"$AGENTSH" session list --json >"$tmp/out2" 2>"$tmp/err2" &
run session list --json
wait $!
check "started" out_is '[]\n'
check "for both" grep -q '\[\]' "$tmp/out2"
check "only once" [ "$(wc -l <"$tmp/starts")" -eq 1 ]
kill "$(cat "$tmp/pid")"
rm "$own/api.sock"
mode=755 # which root may have
[ "$(id -u)" != 0 ] || mode=757
chmod $mode "$own"
run session list
check "a directory that others can use" err_has 'not a directory of yours'
finish
