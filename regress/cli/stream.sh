#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh exec --stream: output appears as it comes, byte for byte, to where the
# command wrote it; the command waits for who reads, and ends with us.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
. "$TEST_SRC/regress/exec/_policy.sh"
start_any
ws=$(new_workspace "$ME")
policy_file some <<'P'
command_rules:
  - {name: no-touch, commands: [touch], decision: deny, message: "no\u202E \u009B2J touch"}
  - {name: all, commands: ["*"], decision: allow}
P
export AGENTSH_SERVER="unix://$API_SOCK"
cd "$ws" || exit 1

# stream COMMAND ...: status in $rc, both outputs in $T
stream()
{
	as "$ME" agentsh exec --root "$ws" --policy some --stream "$@" </dev/null >"$T/out" 2>"$T/err"
	rc=$?
}

# a session is made for it; status, and both outputs
stream -- sh -c 'echo out; echo err >&2; exit 9'
want "status" $rc 9
want "output" "$(cat "$T/out")" out
want "errors" "$(cat "$T/err")" err
stream -- python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)'
python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)' | cmp - "$T/out" ||
    fail "bytes"
printf 'h\303\251' | as "$ME" agentsh exec --root "$ws" --stream --stdin -- cat >"$T/out"
want "standard input" "$(cat "$T/out")" "$(printf 'h\303\251')"
stream --env A=b --working-dir /usr --argv0 me -- sh -c 'echo $0 $A; pwd'
want "the other options" "$(cat "$T/out")" "me b
/usr"
stream -- pwd
want "a builtin" "$(cat "$T/out")" /workspace

# as it comes
mkfifo "$ws/go" || fail mkfifo
[ "$ME" = self ] || chown "$ME" "$ws/go" || fail chown
as "$ME" agentsh exec --root "$ws" --stream -- sh -c 'echo one; read x <go; echo two' </dev/null \
    >"$T/out" 2>"$T/err" &
pid=$!
wait_for 20 grep -q one "$T/out" || fail "nothing comes before the end"
grep -q two "$T/out" && fail "it has not waited"
stream -- sh -c 'echo x >go'
wait $pid
want "status" $? 0

# what does not run, in the words and with the status of exec, safe to print
stream -- touch x
want "status of a denial" $rc 126
want_in "its rule" "$(cat "$T/err")" "rule=no-touch"
LC_ALL=C grep -q "$(printf '\342\200\256\|\302\233')" "$T/err" && fail "what a terminal obeys"
stream -- nosuch
want "status of what is not there" $rc 127
stream --timeout 4s -- sh -c 'echo x; sleep 60'
want "status of a time out" $rc 124
want "its output" "$(cat "$T/out")" x
want_in "its words" "$(cat "$T/err")" "timed out"
stream --json '{"command":"sh","args":["-c","echo $0","x"],"stream_output":true}'
want "a request" "$rc $(cat "$T/out")" "0 x"
as "$ME" agentsh exec --root "$ws" --json '{"command":"sh","args":["-c","echo a; sleep 0.1; exit 3"],"stream_output":true}' \
    >"$T/out"
want "a request says it" "$? $(cat "$T/out")" "3 a"

# what has no answer has none
for o in "--output json" "--events all" "--pty"; do
	# shellcheck disable=SC2086
	stream $o -- sh -c 'echo x >ran'
	want "status with $o" $rc 2
done
as "$ME" env AGENTSH_OUTPUT=json agentsh exec --stream -- true 2>"$T/err"
want "status with AGENTSH_OUTPUT" $? 2
as "$ME" env AGENTSH_OUTPUT=json agentsh exec --json '{"command":"true","stream_output":true}' 2>"$T/err"
want "status of such a request with it" $? 2
as "$ME" env AGENTSH_EVENTS=all agentsh exec --root "$ws" --stream -- true 2>"$T/err"
want "status with AGENTSH_EVENTS" $? 0
[ ! -e "$ws/ran" ] || fail "a command was run"

# 200 MB through a reader that takes its time, with little memory on the way
want "bytes" "$(as "$ME" agentsh exec --root "$ws" --stream -- head -c 200000000 /dev/zero | {
	sleep 1
	cat
} | wc -c)" 200000000
as "$ME" agentsh exec --root "$ws" --stream -- sh -c 'yes 4712; echo end >ended' </dev/null 2>"$T/err" |
    { sleep 2; }
want "errors of who reads no more" "$(cat "$T/err")" ""
wait_for 20 sh -c '! pgrep -fx "yes 4712"' || fail "the command is left"

# the end of agentsh is the command's
as "$ME" agentsh exec --root "$ws" --stream -- sh -c 'echo up; exec sleep 4711' </dev/null >"$T/out" 2>&1 &
wait_for 20 grep -q up "$T/out" || fail "it does not start"
kill -TERM "$(pgrep -P $!)"
wait_for 20 sh -c '! pgrep -fx "sleep 4711"' || fail "the command is left"
# and the end of the session is said
sid=$(as "$ME" agentsh session list | awk 'NR == 1 {print $1}')
as "$ME" agentsh exec "$sid" --stream -- sh -c 'echo up; sleep 600' </dev/null >"$T/out" 2>"$T/err" &
pid=$!
wait_for 20 grep -q up "$T/out" || fail "it does not start"
as "$ME" agentsh session destroy "$sid" || fail destroy
wait $pid
want "status" $? 127
want_in "words" "$(cat "$T/err")" "session"
