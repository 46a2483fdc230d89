#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two sessions of one of netd's threads: whatever one does, the other has its turn.
# Compared is how much both get done in the same time, so that a slow machine is
# no matter: with nothing between them it would be some hundred times as much.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

need_net
need_root
need_tool python3 jq
policies=$T/var/policies
mkdir -p "$policies"
cat >"$policies/net.yaml" <<P
version: 1
name: net
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: [], decision: allow}
network_rules:
  - {name: near, cidrs: [$HOST4/32], decision: allow}
P
chmod 0644 "$policies/net.yaml"
# not one server for both, which would be what they are fair by
for i in 1 2; do
	python3 "$TEST_SRC/regress/net/limits_server.py" "$HOST4" $((i - 1)) \
	    >"$T/servers$i" 2>&1 &
	wait_for 20 grep -q ready "$T/servers$i" || fail "servers: $(cat "$T/servers$i")"
done
start_service "sandbox.network.dns.queries_per_second: 0" \
    "sandbox.network.dns.upstream: ['127.0.0.1:5353']"
API_USER=alice

# the next has the thread that has the fewest: with as many as there are, the
# first one's
n=$(getconf _NPROCESSORS_ONLN)
for i in $(seq 0 "$n"); do
	ws=$(new_workspace alice)
	cp "$TEST_SRC/regress/net/fair_client.py" "$ws/client.py"
	[ "$i" = 0 ] && first=$ws
	new_session "s$i" "$ws" '"policy":"net"'
done
last=$ws

# compete FLOOD ARGUMENT WORK MOST: of the flood at most so many times as much
compete()
{
	rm -f "$first/stop" "$first/count"
	(
		T=$T/flood
		mkdir -p "$T"
		run_in s0 python3 client.py "$1" "$2" >"$T/out" || fail "$1: $(cat "$T/exec.json")"
	) &
	job=$!
	wait_for 60 test -s "$first/count" || fail "$1: nothing comes"
	wait_for 60 grep -q '[1-9]' "$first/count" || fail "$1: nothing comes"
	# from when it begins to work, and not to run, which may take its time
	rm -f "$last/ready" "$last/go" "$last/end"
	(
		T=$T/work
		mkdir -p "$T"
		run_in "s$n" python3 client.py work "$3" >"$T/out" ||
		    fail "work beside $1: $(jq -c .result "$T/exec.json")"
	) &
	work=$!
	wait_for 60 test -e "$last/ready" || fail "no work beside $1"
	before=$(cat "$first/count")
	: >"$last/go"
	wait_for 120 test -e "$last/end" || fail "no end of the work beside $1"
	after=$(cat "$first/count")
	wait $work || fail "work beside $1"
	done_=$(cat "$T/work/out")
	: >"$first/stop"
	wait $job || fail "$1"
	say "beside $1: $((after - before)) to $done_"
	[ $((after - before)) -le $((done_ * $4)) ] ||
	    fail "beside $1: $((after - before)) to $done_"
}

compete bytes 1000 bytes 16
compete connections 0 requests 1000
compete silence 0 requests 200
compete questions 0 requests 1000
