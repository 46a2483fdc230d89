#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D05: Pasting on a console: D04 tries it together with the other requests that
# type into a terminal; here, what a console would do it with is not there.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
for f in console tty0 tty1 vcs vcsa vcsu ttyS0 vhost-net uinput input; do
	run_in s sh -c "[ -e /dev/$f ]" && fail "/dev/$f is there"
done
# nor can one session take the terminals of all
want_in "terminals of a session" "$(run_in s grep devpts /proc/mounts)" max=40
# the control: what commands use is
for f in null tty ptmx pts; do
	run_in s sh -c "[ -e /dev/$f ]" || fail "/dev/$f is not there"
done
