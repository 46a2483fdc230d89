#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An agentshd built without programs for the kernel, or without liburing, or a
# kernel older than what needs them: that is refused where it is asked for by name,
# and why is said; the rest is what sessions get.
. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"

built()
{
	grep -q "^$1 = yes\$" "$TEST_BUILD/Makefile"
}

rings=/sys/module/fuse/parameters/enable_uring
built have_bpf && built have_liburing && is_kernel 6.12 && [ -e $rings ] &&
    skip "built with all of it, for a kernel that has it"
export TEST_NET_MODE=namespace
need_net
need_modes
need_tool jq curl
WS=$(new_workspace "$ME")

# not TEXT [where]: there is no session, and the log, and the answer, say why
not()
{
	api POST /api/v1/sessions "{\"id\":\"s\",\"workspace\":\"$WS\"}" >"$T/answer.json"
	want "a session" "$(status)" 500
	[ "${2:-}" = log ] || want_in "why" "$(cat "$T/answer.json")" "$1"
	grep -qF "$1" "$T/server.log" || fail "the log does not say so"
	stop_server
}

start_any
new_session s "$WS"
built have_bpf || case $(json .network <"$T/session.json") in
tproxy | redirect) ;;
*) fail "network: $(cat "$T/session.json")" ;;
esac
built have_liburing && [ -e $rings ] || want "files" "$(json .file_transport <"$T/session.json")" device
run_in s sh -c 'echo x >a && cat a' >/dev/null || fail "it does not work"
stop_server

if ! built have_bpf; then
	why="this agentshd was built without programs for the kernel (configure --with-bpf)"
	start_any "sandbox.network.steer: sk_lookup"
	not "sk_lookup: $why"
	TEST_NET_MODE=ebpf
	# an ordinary user's does not start (net/ebpf)
	if [ "$MODE" = service ]; then
		start_any
		not "sandbox.network.mode: ebpf: $why"
	fi
	TEST_NET_MODE=namespace
elif ! is_kernel 6.12 && [ "$MODE" = service ]; then
	TEST_NET_MODE=ebpf
	start_any
	not "sandbox.network.mode: ebpf: the kernel keeps no abstract sockets of the host away"
	TEST_NET_MODE=namespace
fi
if ! built have_liburing; then
	start_any "sandbox.fuse.transport: uring"
	# the session has an fsd of its own, which says it
	not "sandbox.fuse.transport: uring: fsd was built without liburing" log
elif [ ! -e $rings ]; then
	start_any "sandbox.fuse.transport: uring"
	not "sandbox.fuse.transport: uring: Linux 6.14" log
fi
