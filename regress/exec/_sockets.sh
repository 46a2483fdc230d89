# SPDX-License-Identifier: Apache-2.0
# Common part of the tests of sockets: policies with socket rules, and a program
# that tries one call after the other.
#
# shellcheck shell=sh disable=SC2154

. "$TEST_SRC/regress/exec/_policy.sh"
need_tool curl jq python3

# policy NAME, the socket rules on stdin
policy()
{
	{
		say "command_rules:"
		say "  - {name: all, commands: [\"*\"], decision: allow}"
		cat
	} | policy_file "$1"
}

# py SESSION: a python program on stdin, run in the session; what it prints.
py()
{
	run_in "$1" python3 -c "import array, ctypes, errno, os, select, socket, struct, sys, threading, time
S, D, Q = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET
U = socket.AF_UNIX

def sock(kind=S):
    return socket.socket(U, kind)

def why(call, *args):
    try:
        call(*args)
        return 'ok'
    except OSError as e:
        return errno.errorcode[e.errno]

def server(name, kind=S):
    s = sock(kind)
    s.bind(name)
    if kind != D:
        s.listen()
    return s

$(cat)" || fail "$1: $(jq -r '.result.stdout + .result.stderr' "$T/exec.json")"
}

# The events of sockets of the command that ran last: FILTER of each.
socket_events()
{
	jq -r ".events.network_operations[]? | select(.type == \"unix_socket_op\") | $1" "$T/exec.json"
}
