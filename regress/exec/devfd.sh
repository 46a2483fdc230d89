#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A command may open what it writes to once more by its name in /dev.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
start_any
ws=$(new_workspace "$ME")
API_USER=$ME
new_session s "$ws"
want "stdout" "$(run_in s sh -c 'echo one >/dev/stdout; echo two >>/dev/fd/1; echo three >/proc/self/fd/1')" "one
two
three"
run_in s sh -c 'echo wrong >/dev/stderr' >/dev/null || fail "stderr: $(cat "$T/exec.json")"
want "stderr" "$(jq -r .result.stderr "$T/exec.json")" wrong
want "tee" "$(run_in s sh -c 'echo both | tee /dev/stderr')" both
want "tee's stderr" "$(jq -r .result.stderr "$T/exec.json")" both
want "pipe within" "$(run_in s sh -c 'echo in | cat /dev/stdin')" in
want "of python" "$(run_in s python3 -c 'open("/dev/stdout", "w").write("p")')" p
