#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the host lacks stops the start of agentshd with status 1, before there is
# a helper, and with words that say what to change.
. "${TEST_SRC:?}/regress/lib.sh"
refuse=$TEST_BUILD/regress/privsep/refuse
[ -x "$refuse" ] || skip "regress/privsep/refuse is not built: run make check-programs"
need_tool python3 unshare
need_modes
need_fuse
copy_stage
cp "$refuse" "$T/refuse"
if [ "$MODE" = service ]; then
	mkdir -p "$T/var/policies"
	install -d -m 0700 -o 61010 -g 61010 "$T/var/lib"
	install -d -m 0700 -o 61012 -g 61012 "$T/var/log"
	write_config "$T/etc/config.yaml" "$T/var"
	chmod 0644 "$T/etc/config.yaml"
fi

# refused TEXT command...
refused()
{
	text_=$1
	shift
	if [ "$MODE" = service ]; then
		out=$(env -i AGENTSH_HELPER_DIR="$T/stage" AGENTSH_CONFIG="$T/etc/config.yaml" PATH=/usr/bin:/bin "$@" 2>&1 </dev/null)
	else
		out=$(as "$ME" "$@" 2>&1 </dev/null)
	fi
	want "$text_: status" $? 1
	want_in "$*" "$out" "$text_"
	case $out in
	*ready*) fail "$*: helpers were started: $out" ;;
	esac
}

d=$T/stage/agentshd
refused 'with "landlock" in the lsm= boot parameter' \
    "$T/refuse" landlock_create_ruleset ENOSYS "$d" # Linux before 5.13
refused 'with "landlock" in the lsm= boot parameter' \
    "$T/refuse" landlock_create_ruleset EOPNOTSUPP "$d" # built in and switched off
refused "no seccomp filters" "$T/refuse" seccomp ENOSYS "$d"
if [ "$MODE" = user ]; then
	refused "a container or security module forbids it" "$T/refuse" unshare EPERM "$d"
	uid=$ME_UID
	# in a namespace without root, root's files are a stranger's
	[ "$ME" = self ] || chown -R "$ME" "$T/stage"
	# shellcheck disable=SC2016
	refused "set user.max_user_namespaces to 10000 (it is 0)" \
	    unshare -U --map-user="$uid" --keep-caps sh -c \
	    'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0"' "$d"
fi
if [ "$MODE" = service ]; then
	# a container that was given too little
	for cap in sys_admin net_admin setuid kill; do
		refused "CAP_$(say $cap | tr a-z A-Z) is missing" \
		    setpriv --bounding-set "-$cap" --inh-caps "-$cap" "$d"
	done
elif [ "$ME" != self ]; then
	chmod 0600 /dev/fuse
	refused "chmod 0666 /dev/fuse" "$d"
else
	left_out "a device that may not be opened needs root"
fi
