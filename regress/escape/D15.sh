#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D15: a command sets its own limits and nobody else's: init and its keeper are of
# the same user, and the kernel asks for no more than that.
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_root
start_service
ws=$(new_workspace alice)
API_USER=alice
new_session s "$ws"
run_in s python3 -c '
import os
import resource
import sys
bad = []
for pid in (1, os.getppid()):
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_NPROC):
        try:
            resource.prlimit(pid, what, (1, 1))
            bad.append((pid, what))
        except OSError:
            pass
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
resource.prlimit(0, resource.RLIMIT_FSIZE, (4096, 4096))
print(bad)
sys.exit(bool(bad))' || fail "limits: $(jq -r '.result.stdout, .result.stderr' "$T/exec.json")"
want "the session after that" "$(run_in s echo alive)" alive
want "the hard limit of the next command" "$(run_in s sh -c '[ $(ulimit -Hn) -gt 64 ] && echo own')" own
