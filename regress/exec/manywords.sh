#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A rule that allows by its args_patterns allows nothing whose arguments were not
# all looked at, also where no rule of the policy denies.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
supervise_start
policy listed <<'P'
  - {name: only-x, commands: [tool], args_patterns: ["^[x ]*$"], decision: allow}
  - {name: others, commands: [sh, "python3*"], decision: allow}
P
new_session listed "$ws" '"policy":"listed"'

# words SESSION N LAST: tool with N words x and then another
words()
{
	run_in "$1" python3 -c "import os
os.execv('/workspace/tool', ['tool'] + ['x'] * $2 + ['$3'])"
}

case $(words listed 100 x | head -c 20) in
"RAN tool x"*) ;;
*) fail "what the rule allows does not run" ;;
esac
case $(words listed 100 push) in
*RAN*) fail "what the rule does not allow runs" ;;
esac
case $(words open 70000 push | head -c 20) in
"RAN tool x"*) ;;
*) fail "70000 words do not run without such rules" ;;
esac
case $(words listed 70000 push | head -c 20) in
*RAN*) fail "the rule was asked about a part of the words" ;;
esac
want "the rule" "$(exec_events 'select(.effective_action == "blocked").policy.rule')" \
    exec-arguments-too-long
