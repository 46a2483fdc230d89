# SPDX-License-Identifier: Apache-2.0
# Common part of the tests of exec supervision: a workspace with programs, and
# two sessions in it, "sup" with rules and "open" without.
#
# shellcheck shell=sh disable=SC2154

. "$TEST_SRC/regress/exec/_policy.sh"
need_tool curl jq python3
execs=$TEST_BUILD/regress/exec/execs
[ -x "$execs" ] || skip "$execs is missing: run make check-programs"

# policy NAME, the command rules on stdin
policy()
{
	{
		say "command_rules:"
		cat
	} | policy_file "$1"
}

supervise_start()
{
	start_any "$@"
	policy sup <<P
  - {name: no-denied, commands: [denied], decision: deny, message: "{{.Command}} is not for you"}
  - {name: no-push, commands: [tool], args_patterns: ["^push"], decision: deny}
  - {name: not-below, commands: [direct], context: [nested], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
P
	policy open <<P
  - {name: all, commands: ["*"], decision: allow}
P
	ws=$(new_workspace "$ME")
	for name_ in execs tool denied direct; do
		cp "$execs" "$ws/$name_" || fail "copy"
	done
	[ "$ME" = self ] || chown "$ME" "$ws"/*
	API_USER=$ME
	new_session sup "$ws" '"policy":"sup"'
	new_session open "$ws" '"policy":"open"'
}

# put FILE: an executable file of the workspace, from stdin; written by the
# session, which then knows of it at once
put()
{
	# shellcheck disable=SC2016
	run_in open sh -c 'printf "%s\n" "$1" >"$2" && chmod 0755 "$2"' sh "$(cat)" "$1" ||
	    fail "write $1"
}

# runs SESSION WORDS command...: it prints that WORDS were run
runs()
{
	in_=$1
	words_=$2
	shift 2
	out_=$(run_in "$in_" "$@")
	case $out_ in
	*"RAN $words_"*) ;;
	*) fail "$in_: \"$words_\" does not run by $*: $out_ $(jq -c '.result, .events.blocked_operations' "$T/exec.json")" ;;
	esac
}

# refused WORDS command...: it runs without rules, and not with them
refused()
{
	words_=$1
	shift
	runs open "$words_" "$@"
	out_=$(run_in sup "$@")
	case $out_ in
	*"RAN $words_"*) fail "\"$words_\" runs by $*" ;;
	esac
}

# The exec events of the command that ran last: FILTER of each.
exec_events()
{
	jq -r ".events.other[] | select(.type == \"execve\") | $1" "$T/exec.json"
}
