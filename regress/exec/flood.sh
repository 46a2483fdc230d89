#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command that executes programs as fast as it can, in many processes, leaves
# others their turn and dies when it is told to; so does one that waits for an
# answer, and a stopped execd holds nobody: the session ends.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
need_tool pgrep
supervise_start
w=/workspace
put storm <<'S'
#!/bin/sh
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	(while :; do /bin/true; done) &
done
for i in 1 2 3 4; do
	(while :; do ./execs threads ./tool pull >/dev/null; done) &
done
wait
S
body='{"command":"/workspace/storm","timeout":"150s"}'
api POST /api/v1/sessions/sup/exec "$body" >"$T/storm.json" &
storm=$!
wait_for 30 pgrep -f "^./execs threads" || fail "no storm"
i=0
while [ $i -lt 10 ]; do
	t=$(date +%s%N)
	want "another command" "$(run_in sup $w/tool pull)" "RAN tool pull"
	ms=$((($(date +%s%N) - t) / 1000000))
	[ $ms -lt $((10000 * ${TEST_SLOW:-1})) ] || fail "another command took $ms ms"
	i=$((i + 1))
done
say "the last took $ms ms"
id=$(api GET '/api/v1/sessions/sup/history?type=command_started&limit=1000' |
    jq -r '[(if type == "object" then .events else . end)[] | select(.fields.command == "/workspace/storm")][0].command_id')
case $id in cmd-*) ;; *) fail "no id of the storm: $id" ;; esac
t=$(date +%s)
api POST "/api/v1/sessions/sup/kill/$id" >/dev/null
wait $storm
[ $(($(date +%s) - t)) -lt $((10 * ${TEST_SLOW:-1})) ] || fail "the storm ended late"
want "after it" "$(run_in sup $w/tool pull)" "RAN tool pull"
n=$(run_in sup sh -c 'ls -d /proc/[0-9]* | wc -l')
[ "$n" -lt 8 ] || fail "$n processes are left of the storm"
# a thousand execs that fail leave nothing behind
put fails <<'S'
#!/bin/sh
i=0
while [ $i -lt 300 ]; do ./no-such-program; ./denied x; ./Makefile; i=$((i + 1)); done 2>/dev/null
true
S
: >"$ws/Makefile"
execd=$(pgrep -x execd | head -n 1)
before=$(find "/proc/$execd/fd" | wc -l)
run_in sup $w/fails || fail "execs that fail"
no_more()
{
	[ "$(find "/proc/$execd/fd" | wc -l)" -le "$before" ]
}
wait_for 10 no_more || fail "execd has more descriptors than before"

# nobody answers: the session can be ended all the same
api POST /api/v1/sessions '{"id":"stuck","workspace":"'"$ws"'","policy":"sup"}' >/dev/null
want "a session" "$(status)" 201
execd=$(pgrep -x execd -n)
api POST /api/v1/sessions/stuck/exec \
    '{"command":"sh","args":["-c","while :; do /bin/true; done"]}' >/dev/null 2>&1 &
sleep 0.5
kill -STOP "$execd"
sleep 0.3
api DELETE /api/v1/sessions/stuck >/dev/null
wait_for 10 test ! -d "/proc/$execd" || fail "a session with a stopped execd does not end"
