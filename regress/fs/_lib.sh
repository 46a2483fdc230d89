# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts here that run fsd without the rest of agentsh.
# shellcheck shell=sh

. "${TEST_SRC:?}/regress/lib.sh"

# need_fsd [PROGRAM ...]: root, fsd where a user may execute it, and the
# programs of this directory that the test wants
need_fsd()
{
	need_root
	need_fuse
	need_stage
	for program_ in fsd_drive "$@"; do
		[ -x "$TEST_BUILD/regress/fs/$program_" ] ||
			skip "$program_ is not built: run make check-programs"
	done
	drive=$TEST_BUILD/regress/fs/fsd_drive
	cp "$STAGE/fsd" "$T/fsd" && chmod 755 "$T" "$T/fsd"
}

# For tests that are not about decisions.
allow_all()
{
	cat >"$T/policy.yaml" <<'P'
version: 1
name: test
file_rules:
  - {name: all, paths: ["/**"], decision: allow}
P
}

# drive DIRECTORY COMMAND ...: each is a command of one session of alice with
# this workspace, by the policy in $T/policy.yaml; events in $EVENTS, or
# $T/events
drive()
{
	ASAN_OPTIONS=detect_leaks=0 "$drive" "$T/fsd" "$T/policy.yaml" \
	    $ALICE_UID $ALICE_UID "$@" 9>"${EVENTS:-$T/events}"
}

# hangs_at DIRECTORY: hangfs is mounted there; its process is $server
hangs_at()
{
	"$TEST_BUILD/regress/fs/hangfs" "$1" &
	server=$!
	wait_for 20 grep -q " $1 fuse" /proc/self/mounts || fail "no FUSE file system"
}
