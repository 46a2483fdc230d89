# SPDX-License-Identifier: Apache-2.0
# Common part of the tests of signal rules.
#
# shellcheck shell=sh disable=SC2154,SC2034

need_tool curl jq
signals=$TEST_BUILD/regress/exec/signals
[ -x "$signals" ] || skip "$signals is missing: run make check-programs"
w=/workspace

# rules NAME: a policy with the signal rules on stdin
rules()
{
	{
		policy_head "$1"
		echo signal_rules:
		cat
	} >"$pdir/$1.yaml"
	chmod 0644 "$pdir/$1.yaml"
}

policy_head()
{
	cat <<P
version: 1
name: $1
allow_unenforced: true
file_rules:
  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
P
}

# A server, and a workspace with the program in it.
signals_start()
{
	start_any
	case $MODE in
	service) pdir=$T/var/policies ;;
	*) pdir=$T/state/policies ;;
	esac
	mkdir -p "$pdir"
	policy_head open >"$pdir/open.yaml"
	chmod 0644 "$pdir/open.yaml"
	ws=$(new_workspace "$ME")
	cp "$signals" "$ws/signals" || fail "copy"
	[ "$ME" = self ] || chown "$ME" "$ws"/*
	API_USER=$ME
	# what this kernel has
	pidfds=pidfd
	pidfd_thread=
	if [ "$("$signals" pidfd-thread thread 12)" = "ok USR2" ]; then
		pidfds="pidfd pidfd-thread"
		pidfd_thread=pidfd-thread
	else
		left_out "no pidfd of a thread (Linux 6.9)"
	fi
}

# later SESSION JSON: an exec that others do not wait for; its number in $later
later()
{
	mkdir -p "$T/later"
	# api() has files of its own there
	(
		T=$T/later
		api POST "/api/v1/sessions/$1/exec" "$2" >"$T/exec.json" 2>&1
	) &
	later=$!
}

# sends SESSION FORM TARGET SIGNAL RESULT
sends()
{
	want "$1: $2 of $4 to $3" "$(run_in "$1" $w/signals "$2" "$3" "$4")" "$5"
}

# each SESSION FORMS TARGET SIGNAL RESULT: by all of these calls
each()
{
	nforms=0
	each_=
	for f_ in $2; do
		each_="$each_$f_ $5
"
		nforms=$((nforms + 1))
	done
	# shellcheck disable=SC2016
	want "$1: $4 to $3" "$(run_in "$1" sh -c 'for f in $1; do
		printf "%s " "$f"
		/workspace/signals "$f" "$2" "$3"
	done' sh "$2" "$3" "$4")" "${each_%?}"
}

# each_blocked RULE RELATION SIGNAL: as many events of the last each()
each_blocked()
{
	want "events of $1" "$(jq "[.events.other[] | select(.type == \"signal_blocked\" and .policy.rule == \"$1\" and .fields.kind == \"$2\" and .fields.signal == $3 and .fields.blocked and .fields.target_pid > 0)] | length" "$T/exec.json")" "$nforms"
}

# One of the events of the last command about signals, the first.
event()
{
	jq -r "[.events.other[] | select(.type | startswith(\"signal_\"))][0] | $1" "$T/exec.json"
}

# blocked RULE RELATION SIGNAL [PROGRAM]: it says so
blocked()
{
	want "event" "$(event '"\(.type) \(.policy.rule) \(.fields.kind) \(.fields.signal) \(.fields.blocked)"')" \
	    "signal_blocked $1 $2 $3 true"
	[ -z "${4:-}" ] || want "program" "$(event '.fields.target')" "$4"
	[ "$(event '.fields.target_pid')" -gt 0 ] || fail "no target_pid"
}
