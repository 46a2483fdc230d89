# SPDX-License-Identifier: Apache-2.0
# Common part of the test scripts; a script reads it with
#
#	. "${TEST_SRC:?run it by regress/run}/regress/lib.sh"
#
# A test gets a directory of its own, $T. With need_root it runs in private
# mount and pid namespaces: its own /run, users and groups, a /dev/fuse that
# everybody may open, and nothing it starts outlives it. Nothing on the host
# changes.
#
# shellcheck shell=sh disable=SC2015,SC2034,SC2086

set -u
umask 022

ALICE_UID=61001
BOB_UID=61002
STAGE=${TEST_BUILD:?}/stage
SERVER_PID=
API_SOCK=
API_TCP=
RUN_IN=
CG=

say()
{
	printf '%s\n' "$*"
}

# Ends the test, also from within $(...), where a caller that expects a failure
# must not take it for the one it expects.
fail()
{
	say "FAILED: $*" >&2
	[ -z "${T:-}" ] || [ ! -s "$T/server.log" ] ||
	    { say "--- last lines of the server's log" >&2; tail -n 30 "$T/server.log" >&2; }
	say "FAILED: $*" >&2
	read -r me_ _ </proc/self/stat
	[ "$me_" = $$ ] || kill -TERM $$
	exit 1
}

skip()
{
	say "SKIP: $*"
	[ -z "${TEST_REASON:-}" ] || say "$*" >"$TEST_REASON"
	exit 77
}

# left_out REASON: a part is not tried here. A test of need_modes that passes so
# is counted as skipped, with the reason.
left_out()
{
	say "left out: $*"
	say "the rest passed; $*" >>"${TEST_REASON:?}"
}

need_tool()
{
	for tool_ in "$@"; do
		command -v "$tool_" >/dev/null 2>&1 || skip "$tool_ is not installed"
	done
}

need_stage()
{
	for file_ in agentsh agentshd; do
		[ -x "$STAGE/$file_" ] || skip "$STAGE/$file_ is missing: run make stage"
	done
}

# steered WAY MODES test...: these tests, of sessions that reach netd this way.
steered()
{
	[ "${TEST_ROOT:-0}" = 1 ] || skip "needs root: run make check-root, or regress/run -r"
	export TEST_STEER="$1" TEST_MODES="$2"
	shift 2
	for test_ in "$@"; do
		say "== $test_"
		sh "$TEST_SRC/regress/$test_.sh"
		rc_=$?
		[ $rc_ != 77 ] || skip "$test_ is left out; see its reason"
		[ $rc_ = 0 ] || fail "$test_: status $rc_"
	done
}

# To be called first: the host of this test, whose network netd has, is a network
# namespace of its own, in which there are a loopback and, on it, $HOST4, $HOST6.
# As root alone: with need_root, or need_modes, which then has no mode "self".
HOST4=203.0.113.10
HOST6=2001:db8::10
need_net()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	need_tool ip
	TEST_NET=--net
}

# The test runs only as root, and from here on in namespaces of its own.
need_root()
{
	[ "${TEST_ROOT:-0}" = 1 ] || skip "needs root: run make check-root, or regress/run -r"
	[ "$(id -u)" = 0 ] || skip "needs root"
	if [ -z "${TEST_T:-}" ]; then
		TEST_T=$(mktemp -d "${TMPDIR:-/tmp}/agentsh-test.XXXXXX") || fail mktemp
		export TEST_T
		unshare ${TEST_NET:-} --mount --propagation private --pid --fork \
		    --mount-proc --kill-child=KILL -- sh "$0"
		rc_=$?
		rm -rf --one-file-system "$TEST_T"
		exit $rc_
	fi
	T=$TEST_T
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	private_root
	[ -z "${TEST_NET:-}" ] || private_net
	[ "${TEST_NET_MODE:-}" != ebpf ] || private_cgroup
}

# The test runs once for each way to start agentshd: root's service and alice's
# own when root runs it, and else as whoever runs it ("self"). $ME is who the
# sessions belong to, $MODE service or user; start_any starts. TEST_MODES: only
# these of service and user.
need_modes()
{
	case ${TEST_MODE:-} in
	service | user)
		MODE=$TEST_MODE
		ME=alice
		ME_UID=$ALICE_UID
		API_USER=alice
		need_root
		return
		;;
	self)
		MODE=user
		ME=self
		ME_UID=$(id -u)
		need_dir
		need_user_mode
		mkdir -p "$T/stage" "$T/home/self" "$T/state/policies"
		mkdir -m 0700 "$T/run-self"
		return
		;;
	esac
	if [ "$(id -u)" != 0 ]; then
		modes_=self
	elif [ "${TEST_ROOT:-0}" = 1 ]; then
		modes_=${TEST_MODES:-service user}
		# which an ordinary user cannot have
		[ "${TEST_NET_MODE:-}" != ebpf ] || modes_=service
	else
		skip "as root this needs private namespaces: run make check-root, or regress/run -r"
	fi
	why_=$(mktemp "${TMPDIR:-/tmp}/agentsh-why.XXXXXX")
	for mode_ in $modes_; do
		say "== agentshd of $mode_"
		TEST_REASON=$why_ TEST_MODE=$mode_ sh "$0"
		rc_=$?
		[ $rc_ = 0 ] || [ $rc_ = 77 ] || {
			say "status $rc_"
			break
		}
	done
	reason_=$(sort -u "$why_" | paste -sd ' ')
	rm -f "$why_"
	# what one mode left out is not passed
	[ $rc_ != 0 ] && [ $rc_ != 77 ] || [ -z "$reason_" ] || skip "$reason_"
	exit $rc_
}

# Where a policy goes that a test of need_modes brings, in $policies.
own_policies()
{
	policies=$T/var/policies
	[ "$MODE" = service ] || policies=$T/state/policies
	mkdir -p "$policies"
}

# start_any [config line...]
start_any()
{
	if [ "$MODE" = service ]; then
		start_service "$@"
	else
		start_user_server "$ME" "$@"
	fi
}

# What an ordinary user's own agentshd needs of the host.
need_user_mode()
{
	need_fuse
	[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse may not be opened by this user"
	unshare -U true 2>/dev/null || skip "user namespaces are not allowed to this user"
}

# A directory of its own for a test without root.
need_dir()
{
	T=$(mktemp -d "${TMPDIR:-/tmp}/agentsh-test.XXXXXX") || fail mktemp
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Has a sanitizer found something? Nobody may have waited for how that process ended.
finding()
{
	[ -n "${T:-}" ] && [ -e "$T/server.log" ] &&
	    grep -aqE 'Sanitizer|: runtime error: ' "$T/server.log"
}

cleanup()
{
	rc_=$?
	trap - EXIT
	stop_server
	if finding; then
		grep -aE -A 40 'Sanitizer|: runtime error: ' "$T/server.log" | head -n 60
		rc_=1
	fi
	if [ -n "${CG:-}" ]; then
		echo $$ >"$CG_UP/cgroup.procs"
		echo 1 >"$CG/cgroup.kill"
		wait_for 5 sh -c '! grep -q "populated 1" "$1/cgroup.events"' sh "$CG"
		find "$CG" -depth -type d -exec rmdir {} +
	fi
	if [ -n "${TEST_T:-}" ]; then
		cd /
		umount -l "$T" 2>/dev/null
	else
		rm -rf --one-file-system "$T"
	fi
	exit $rc_
}

# Mounts that make the private view; see the top.
private_root()
{
	mount -t tmpfs -o mode=0755,nosuid test "$T" || fail "tmpfs on $T"
	mount -t tmpfs -o mode=0755,nosuid,nodev test /run || fail "tmpfs on /run"
	mkdir -m 0755 "$T/etc" "$T/dev" "$T/home" "$T/var" "$T/stage"
	mkdir -m 1777 "$T/tmp"
	for user_ in alice:$ALICE_UID bob:$BOB_UID; do
		mkdir -m 0750 "$T/home/${user_%:*}"
		chown "${user_#*:}:${user_#*:}" "$T/home/${user_%:*}"
		install -d -m 0700 -o "${user_#*:}" -g "${user_#*:}" "$T/run-${user_%:*}"
	done
	{
		# nor anybody else's with these numbers
		grep -Ev '^(_agentsh[pen]?|alice|bob):|^[^:]*:[^:]*:610[012][0-9]:' /etc/passwd
		say "_agentsh:x:61010:61010::/nonexistent:/usr/sbin/nologin"
		say "_agentshp:x:61011:61011::/nonexistent:/usr/sbin/nologin"
		say "_agentshe:x:61012:61012::/nonexistent:/usr/sbin/nologin"
		say "_agentshn:x:61013:61013::/nonexistent:/usr/sbin/nologin"
		say "alice:x:$ALICE_UID:$ALICE_UID:Alice:$T/home/alice:/bin/sh"
		say "bob:x:$BOB_UID:$BOB_UID:Bob:$T/home/bob:/bin/sh"
	} >"$T/etc/passwd"
	{
		grep -Ev '^(_agentsh[pen]?|agentsh-op|alice|bob|crew):|^[^:]*:[^:]*:610[012][0-9]:' /etc/group
		say "_agentsh:x:61010:"
		say "_agentshp:x:61011:"
		say "_agentshe:x:61012:"
		say "_agentshn:x:61013:"
		say "agentsh-op:x:61014:"
		say "crew:x:61020:alice"
		say "alice:x:$ALICE_UID:"
		say "bob:x:$BOB_UID:"
	} >"$T/etc/group"
	for file_ in passwd group; do
		mount --bind "$T/etc/$file_" "/etc/$file_" || fail "bind /etc/$file_"
	done
	for file_ in subuid subgid; do
		[ -e "/etc/$file_" ] || continue
		{
			cat "/etc/$file_"
			say "alice:1700000000:65536"
		} >"$T/etc/$file_"
		mount --bind "$T/etc/$file_" "/etc/$file_" || fail "bind /etc/$file_"
	done
	if [ -c /dev/fuse ]; then
		mknod "$T/dev/fuse" c 10 229 && chmod 0666 "$T/dev/fuse" &&
		    mount --bind "$T/dev/fuse" /dev/fuse || fail "bind /dev/fuse"
	fi
}

private_net()
{
	ip link set lo up && ip addr add "$HOST4/32" dev lo &&
	    ip -6 addr add "$HOST6/128" dev lo nodad || fail "the loopback of the test"
}

# For sessions without a network namespace, TEST_NET_MODE=ebpf: a control group of
# the test, $CG, in which agentshd makes its own.
private_cgroup()
{
	grep -q '^have_bpf = yes' "$TEST_BUILD/Makefile" || skip "built without programs for the kernel"
	is_kernel 6.12 || skip "this kernel is older than 6.12"
	cg_=$(findmnt -rn -t cgroup2 -o TARGET | head -n 1)
	[ -n "$cg_" ] || skip "no cgroup2 is mounted"
	own_=$(sed -n 's/^0:://p' /proc/self/cgroup)
	CG_UP=$cg_${own_%/}
	CG=$CG_UP/test-$(basename "$T")
	mkdir "$CG" 2>/dev/null || skip "no control group can be made in $CG_UP"
	echo $$ >"$CG/cgroup.procs" || fail "enter $CG"
}

# is_kernel VERSION: this one, or a later one?
is_kernel()
{
	[ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]
}

# Is it a build with AddressSanitizer, which keeps what was freed?
is_sanitized()
{
	grep -q -- -DAGENTSH_SANITIZED "$TEST_BUILD/Makefile"
}

need_fuse()
{
	[ -c /dev/fuse ] || skip "the kernel has no FUSE (/dev/fuse)"
}

# as USER command...: with that user's ids, groups and XDG directories.
as()
{
	user_=$1
	shift
	if [ "$user_" = self ]; then
		set -- env "$@"
	else
		set -- setpriv --reuid "$user_" --regid "$user_" --init-groups env "$@"
	fi
	env -i PATH="$T/stage:/usr/local/bin:/usr/bin:/bin" LC_ALL=C.UTF-8 \
	    HOME="$T/home/$user_" USER="$user_" LOGNAME="$user_" \
	    XDG_RUNTIME_DIR="$T/run-$user_" AGENTSH_HELPER_DIR="$T/stage" \
	    ${AGENTSH_SERVER:+AGENTSH_SERVER="$AGENTSH_SERVER"} \
	    ${AGENTSH_NO_AUTO:+AGENTSH_NO_AUTO="$AGENTSH_NO_AUTO"} "$@"
}

free_port()
{
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# wait_for SECONDS command...: until the command succeeds; on a slow machine
# the seconds are so many times more.
wait_for()
{
	limit_=$(($(date +%s) + $1 * ${TEST_SLOW:-1}))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit_" ] || return 1
		sleep 0.05
	done
}

copy_stage()
{
	need_stage
	! finding || fail "a sanitizer's finding"
	cp -a "$STAGE/." "$T/stage/" || fail "copy of $STAGE"
	# not beneath a build tree, where the user may not look
	RUN_IN=$T/run_in
	[ ! -x "$TEST_BUILD/regress/run_in" ] || cp "$TEST_BUILD/regress/run_in" "$RUN_IN"
	[ "$(id -u)" != 0 ] || chown -R 0:0 "$T/stage"
	chmod -R go-w "$T/stage"
}

# write_config FILE DIR [line...]: a configuration that keeps everything under
# DIR, and lets shell scripts of any form run, which is how the tests say what a
# command does; the lines are "dotted.key: value" and win.
# TEST_STEER: the way that sessions reach netd by.
write_config()
{
	config_=$1
	dir_=$2
	shift 2
	python3 - "$config_" "server.http.addr: 127.0.0.1:$(free_port)" \
	    "sessions.base_dir: $dir_/lib" "audit.dir: $dir_/log" \
	    "policies.dir: $dir_/policies" "sandbox.fuse.audit.trash_path: $dir_/trash" \
	    "sandbox.seccomp.shellc.opaque: allow" \
	    ${TEST_STEER:+"sandbox.network.steer: $TEST_STEER"} \
	    ${TEST_NET_MODE:+"sandbox.network.mode: $TEST_NET_MODE"} "$@" <<'PY'
import sys
tree = {}
for line in sys.argv[2:]:
    key, value = line.split(": ", 1)
    at = tree
    parts = key.split(".")
    for part in parts[:-1]:
        at = at.setdefault(part, {})
    at[parts[-1]] = value

def show(at, depth, out):
    for key, value in at.items():
        if isinstance(value, dict):
            out.write("  " * depth + key + ":\n")
            show(value, depth + 1, out)
        else:
            out.write("  " * depth + key + ": " + value + "\n")

with open(sys.argv[1], "w") as f:
    show(tree, 0, f)
PY
	API_TCP=$(sed -n 's/^ *addr: //p' "$config_")
}

# start_service [config line...]: agentshd of root, as the service manager would.
start_service()
{
	need_fuse
	copy_stage
	mkdir -p "$T/var/policies"
	install -d -m 0700 -o 61010 -g 61010 "$T/var/lib"
	install -d -m 0700 -o 61012 -g 61012 "$T/var/log"
	write_config "$T/etc/config.yaml" "$T/var" "$@"
	chmod 0644 "$T/etc/config.yaml"
	API_SOCK=/run/agentsh/api.sock
	OPERATOR_SOCK=/run/agentsh/operator.sock
	SERVER_USER=root
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
	    AGENTSH_HELPER_DIR="$T/stage" AGENTSH_CONFIG="$T/etc/config.yaml" \
	    ${SERVER_WRAP:-} "$T/stage/agentshd" -d ${SERVER_FLAGS:-} >"$T/server.log" 2>&1 &
	SERVER_PID=$!
	await_server
}

# start_user_server USER [config line...]: agentshd of an ordinary user. Without
# need_root the user is the one who runs the test, and USER is "self".
start_user_server()
{
	SERVER_USER=$1
	shift
	need_fuse
	if [ "$SERVER_USER" = self ]; then
		need_user_mode
		mkdir -p "$T/stage" "$T/home/self" "$T/state/policies"
		[ -d "$T/run-self" ] || mkdir -m 0700 "$T/run-self"
		copy_stage
	else
		copy_stage
		install -d -m 0700 -o "$SERVER_USER" -g "$SERVER_USER" "$T/state" \
		    "$T/state/lib" "$T/state/log" "$T/state/policies"
	fi
	write_config "$T/user.yaml" "$T/state" "$@"
	chmod 0644 "$T/user.yaml"
	API_SOCK=$T/run-$SERVER_USER/agentsh/api.sock
	OPERATOR_SOCK=$T/run-$SERVER_USER/agentsh/operator.sock
	if [ "$SERVER_USER" = self ]; then
		HOME="$T/home/self" XDG_RUNTIME_DIR="$T/run-self" XDG_STATE_HOME="$T/state" \
		    AGENTSH_HELPER_DIR="$T/stage" AGENTSH_CONFIG="$T/user.yaml" \
		    "$T/stage/agentshd" -d ${SERVER_FLAGS:-} >"$T/server.log" 2>&1 &
	else
		# a plain command, so that $! is the server itself after two execs
		# (SERVER_WRAP: what becomes the user in setpriv's place)
		${SERVER_WRAP:-setpriv --reuid $SERVER_USER --regid $SERVER_USER --init-groups} \
		    env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME="$T/home/$SERVER_USER" \
		    USER="$SERVER_USER" XDG_RUNTIME_DIR="$T/run-$SERVER_USER" \
		    XDG_STATE_HOME="$T/state" AGENTSH_HELPER_DIR="$T/stage" \
		    AGENTSH_CONFIG="$T/user.yaml" \
		    "$T/stage/agentshd" -d ${SERVER_FLAGS:-} >"$T/server.log" 2>&1 &
	fi
	SERVER_PID=$!
	await_server
}

server_answers()
{
	kill -0 "$SERVER_PID" 2>/dev/null || return 0 # stop waiting
	case $SERVER_USER in
	root | self) curl -sf --max-time $((5 * ${TEST_SLOW:-1})) --unix-socket "$API_SOCK" http://localhost/health ;;
	*) as "$SERVER_USER" curl -sf --max-time $((5 * ${TEST_SLOW:-1})) --unix-socket "$API_SOCK" http://localhost/health ;;
	esac
}

await_server()
{
	wait_for 30 server_answers || fail "the server does not answer on $API_SOCK"
	kill -0 "$SERVER_PID" 2>/dev/null || fail "the server ended at once"
}

stop_server()
{
	[ -n "$SERVER_PID" ] || return 0
	kill -TERM "$SERVER_PID" 2>/dev/null
	wait_for 10 server_is_gone || kill -KILL "$SERVER_PID" 2>/dev/null
	wait "$SERVER_PID" 2>/dev/null
	SERVER_PID=
}

server_is_gone()
{
	! kill -0 "$SERVER_PID" 2>/dev/null ||
	    grep -q '^State:[[:space:]]*Z' "/proc/$SERVER_PID/status" 2>/dev/null
}

# ctl ARG...: agentshctl of an operator
ctl()
{
	if [ "$MODE" = service ]; then
		"$T/stage/agentshctl" -s "$OPERATOR_SOCK" "$@"
	else
		as "$ME" "$T/stage/agentshctl" -s "$OPERATOR_SOCK" "$@"
	fi
}

# api METHOD PATH [JSON [curl option...]]: the answer's body; its status is in
# $T/status. Runs as $API_USER (default: whoever runs the test).
api()
{
	method_=$1
	path_=$2
	json_=${3:-}
	[ $# -lt 3 ] && shift $# || shift 3
	if [ -n "$json_" ]; then
		set -- -H 'Content-Type: application/json' --data-binary "$json_" "$@"
	fi
	if [ -n "${API_USER:-}" ]; then
		as "$API_USER" curl -sS --max-time $((120 * ${TEST_SLOW:-1})) -o - -w '\n%{http_code}' \
		    --unix-socket "$API_SOCK" -X "$method_" "$@" "http://localhost$path_" >"$T/answer"
	else
		curl -sS --max-time $((120 * ${TEST_SLOW:-1})) -o - -w '\n%{http_code}' \
		    --unix-socket "$API_SOCK" -X "$method_" "$@" "http://localhost$path_" >"$T/answer"
	fi || { say 000 >"$T/status"; return 1; }
	tail -n 1 "$T/answer" >"$T/status"
	sed '$d' "$T/answer"
}

status()
{
	cat "$T/status"
}

# json FILTER: of the JSON on stdin, raw.
json()
{
	jq -r "$1"
}

# want TEXT HAVE WANT
want()
{
	[ "$2" = "$3" ] || fail "$1: have \"$2\", want \"$3\""
}

# want_in TEXT HAYSTACK NEEDLE
want_in()
{
	case $2 in
	*"$3"*) ;;
	*) fail "$1: \"$3\" is not in: $2" ;;
	esac
}

# comes TEXT WANT command...: the command prints WANT within 20 s, as what it looks at
# may be written down a moment after what it is about was seen. It is run again and
# again, and so is to change nothing.
comes()
{
	come_to prints want "$@"
}

prints()
{
	prints_want_=$1
	shift
	[ "$("$@")" = "$prints_want_" ]
}

# comes_in TEXT NEEDLE command...: the same of a part of it
comes_in()
{
	come_to prints_in want_in "$@"
}

# come_to HOLDS ELSE TEXT WANT command...: by what of the two it is seen, and told
come_to()
{
	come_holds_=$1
	come_else_=$2
	come_text_=$3
	come_want_=$4
	shift 4
	wait_for 20 "$come_holds_" "$come_want_" "$@" ||
	    "$come_else_" "$come_text_" "$("$@")" "$come_want_"
}

prints_in()
{
	prints_want_=$1
	shift
	case $("$@") in
	*"$prints_want_"*) ;;
	*) return 1 ;;
	esac
}

# new_workspace USER: an empty directory of that user; its path.
new_workspace()
{
	nws_=$(mktemp -d "$T/ws.XXXXXX") || fail mktemp
	if [ "$1" != self ]; then
		chown "$1:$1" "$nws_"
	fi
	chmod 0755 "$nws_"
	say "$nws_"
}

# new_session ID WORKSPACE [more JSON members]: status 201 or the test fails.
new_session()
{
	api POST /api/v1/sessions \
	    "{\"id\":\"$1\",\"workspace\":\"$2\"${3:+,$3}}" >"$T/session.json" ||
	    fail "no answer to the creation of session $1"
	[ "$(status)" = 201 ] || fail "session $1: status $(status): $(cat "$T/session.json")"
}

# run_in ID command [arg...]: the exec answer in $T/exec.json, stdout of the
# command on stdout, its exit code as status.
run_in()
{
	[ -x "$RUN_IN" ] || fail "regress/run_in is not built: run make check-programs"
	if [ -n "${API_USER:-}" ]; then
		as "$API_USER" "$RUN_IN" "$API_SOCK" $((120 * ${TEST_SLOW:-1})) "$@"
	else
		"$RUN_IN" "$API_SOCK" $((120 * ${TEST_SLOW:-1})) "$@"
	fi 3>&1 >"$T/exec.json" 4>"$T/status"
	set -- $?
	read -r code_ <"$T/status"
	case $code_ in
	200 | 403) ;;
	000) fail "no answer to exec" ;;
	*) fail "exec: status $code_: $(cat "$T/exec.json")" ;;
	esac
	return $1
}
