# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts here: a fake server in a directory of its own, and
# checks that print TAP. AGENTSH names the program under test.
#
# The expected text of out_is and err_is is a format of printf(1), for the
# bytes it can say.
# shellcheck shell=sh disable=SC2059

AGENTSH=${AGENTSH:-${TEST_BUILD:-.}/src/agentsh/agentsh}
here=$(cd "$(dirname "$0")" && pwd)
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 77; }
[ -x "$AGENTSH" ] || { echo "1..0 # SKIP $AGENTSH is not built"; exit 77; }
tmp=$(mktemp -d) || exit 1
nr=0 failed=0 fakepid=
trap 'stop_fake; rm -rf "$tmp"' EXIT
unset AGENTSH_SESSION_ID AGENTSH_OUTPUT AGENTSH_EVENTS AGENTSH_SESSION_ROOT \
    AGENTSH_IN_SESSION AGENTSH_NO_AUTO AGENTSH_HELPER_DIR AGENTSH_CLIENT_TIMEOUT
export AGENTSH_SERVER="unix://$tmp/api.sock"

stop_fake() {
	[ -z "$fakepid" ] || { kill "$fakepid"; wait "$fakepid"; } 2>/dev/null
	fakepid=
}

# wait_for FILE: until it is there and, when it is a plain one, not empty
wait_for() {
	i=0
	until [ -S "$1" ] || [ -s "$1" ] || [ $i -ge 1000 ]; do
		sleep 0.01
		i=$((i + 1))
	done
}

# The script for fake.py on standard input.
start_fake() {
	stop_fake
	rm -f "$tmp/api.sock" "$tmp/log"
	cat >"$tmp/script.py"
	python3 "$here/fake.py" "$tmp/api.sock" "$tmp/script.py" "$tmp/log" &
	fakepid=$!
	wait_for "$tmp/api.sock"
}

# The same script on a port, whose number is in $tmp/port then.
start_fake_tcp() {
	stop_fake
	python3 "$here/fake.py" "tcp:$tmp/port" "$tmp/script.py" "$tmp/log" &
	fakepid=$!
	wait_for "$tmp/port"
}

# run ARG ...: agentsh with its output in $tmp/out and $tmp/err, status in $rc
run() {
	rc=0
	"$AGENTSH" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
}

# check NAME COMMAND ...
check() {
	name=$1
	shift
	nr=$((nr + 1))
	if "$@"; then
		echo "ok $nr - $name"
	else
		failed=$((failed + 1))
		echo "not ok $nr - $name"
		sed 's/^/# out: /' "$tmp/out" | cat -v | head -5
		sed 's/^/# err: /' "$tmp/err" | cat -v | head -5
		sed 's/^/# log: /' "$tmp/log" 2>/dev/null | head -5
	fi
}

rc_is() { [ "$rc" -eq "$1" ] || { echo "# status $rc, not $1"; false; }; }
out_is() { printf "$1" | cmp -s - "$tmp/out"; }
err_is() { printf "$1" | cmp -s - "$tmp/err"; }
err_has() { grep -q -- "$1" "$tmp/err"; }
out_has() { grep -q -- "$1" "$tmp/out"; }
log_has() { grep -qF -- "$1" "$tmp/log"; }
log_lines() { [ "$(wc -l <"$tmp/log")" -eq "$1" ]; }
clean() { ! LC_ALL=C grep -q '[[:cntrl:]]' "$1"; }

finish() {
	echo "1..$nr"
	[ "$failed" -eq 0 ]
}
