#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How each program ended: recorded before its command's end is told, for those
# that are reaped by their own parents, killed, or outlive their command.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
is_kernel 6.15 || skip "the kernel does not tell how processes end (Linux 6.15)"
start_any
ws=$(new_workspace "$ME")
new_session s "$ws"

# exits FILTER: of the last command, as its answer has them
exits()
{
	jq -r "[.events.other[] | select(.type == \"process_exit\")] | $1" "$T/exec.json"
}

run_in s sh -c '/bin/sh -c "exit 7"; /usr/bin/true; /bin/sh -c "kill -9 \$\$"; exit 3' >/dev/null
want "codes, the command's own last" "$(exits 'map(.fields.exit_code | tostring) | join(" ")')" "7 0 137 3"
want "signals" "$(exits 'map(.fields.signal // 0 | tostring) | join(" ")')" "0 0 9 0"
want "depths" "$(exits 'map(.depth | tostring) | join(" ")')" "1 1 1 0"
want "programs" "$(exits '.[1].filename | split("/") | last')" true
want "the same processes" "$(jq -c '[.events.other[] | select(.type == "execve") | .pid] | sort' "$T/exec.json")" \
    "$(jq -c '[.events.other[] | select(.type == "process_exit") | .pid] | sort' "$T/exec.json")"
want "they come before the end" "$(jq -r '.events.other | map(.type) | last' "$T/exec.json")" command_finished

# one process, two programs
run_in s sh -c 'exec /bin/sh -c "exit 4"' >/dev/null
want "one end" "$(exits 'map("\(.fields.exit_code) \(.depth)") | join(",")')" "4 1"

# 300 at once and one after the other: none is missed
run_in s sh -c 'for i in $(seq 150); do /usr/bin/true & done; wait; for i in $(seq 150); do /usr/bin/true; done' >/dev/null
want "many" "$(exits 'map(select(.fields.exit_code == 0 and .depth == 1)) | length')" 302

# a number that is used again is another process
# shellcheck disable=SC2016
run_in s sh -c 'for i in $(seq 40); do /bin/sh -c "exit $i"; done' >/dev/null
want "in order" "$(exits '[.[] | select(.depth == 1) | .fields.exit_code] | .[1:] == [range(1; 41)]')" true

# one that outlives its command, and the session's next
run_in s sh -c 'mkfifo /tmp/gate; cat /tmp/gate >/dev/null 2>&1 & exit 0' >/dev/null
want "not yet" "$(exits 'map(.filename | split("/") | last) | index("cat")')" null
id=$(jq -r .command_id "$T/exec.json")
run_in s sh -c ': >/tmp/gate' >/dev/null
# of_command FILTER: of the exits of that command, true
of_command()
{
	api GET "/api/v1/sessions/s/history?type=process_exit&command_id=$id" | jq -e "$1"
}
wait_for 20 of_command 'map(select(.filename | endswith("/cat"))) | .[0].fields.exit_code == 0' ||
    fail "its end: $(of_command .)"

# and one that is killed with its command
body='{"command":"sh","args":["-c","/bin/sleep 60"],"timeout":"3s"}'
api POST /api/v1/sessions/s/exec "$body" >"$T/exec.json"
id=$(jq -r .command_id "$T/exec.json")
wait_for 20 of_command 'map(.fields.exit_code > 128) | all and length >= 2' ||
    fail "killed: $(of_command .)"
