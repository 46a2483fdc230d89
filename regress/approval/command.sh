#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that a rule wants approved waits as it is executed: the client's own,
# one inside of a script, one that is read in a script's words before. The
# operator sees the file and its words, and one word of his is for one program.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/approval/_lib.sh"
start_approvals

# the client's own command
bg p s printenv HOME
request 1
want "what" "$(asked '.kind + " " + .target + " " + (.fields.argv | join("|")) + " " + .fields.operation')" \
    "command $(readlink -f "$(command -v printenv)") printenv|HOME execve"
want "the rule's message" "$(asked .message)" "run $(command -v printenv) HOME?"
want_in "a list for people" "$(ctl approvals)" "argv: printenv HOME"
want "where" "$(asked .fields.cwd)" /workspace
want "its command" "$(asked .command_id | cut -c1-4)" cmd-
want "others go on" "$(run_in s echo hello)" hello
told "the decision so far" command_policy '[.[] | select(.policy.rule == "ask-env")][0].policy.effective_decision' approve
ctl approve "$id" || fail approve
await p
want "granted" "$(cat "$T/p.status") $(of p .result.stdout)" "200 /tmp/home"
want "nobody is asked again" "$(pending)" 0
told "its event" execve '[.[] | select(.policy.rule == "ask-env")][0] | .policy.decision + " " + .policy.effective_decision + " " + .policy.approval.id' \
    "approve allow $id"
told "requested" approval_requested '.[0] | .fields.approval_id + " " + .fields.target + " " + (.argv | join(" "))' \
    "$id $(readlink -f "$(command -v printenv)") printenv HOME"

# denied: what the client reads, and that it is asked once, whatever PATH says
bg p s printenv HOME
request 1
ctl deny --reason "ask me tomorrow" "$id" || fail deny
await p
want "denied" "$(cat "$T/p.status") $(of p '.result.exit_code, .result.error.code' | tr '\n' ' ')" "403 126 E_APPROVAL_DENIED "
want "why" "$(of p '.result.error.context.approval')" "an operator refused it: ask me tomorrow"
want "guidance" "$(of p '.guidance | .status + " " + (.retryable | tostring) + " " + .suggestions[0].action')" \
    "blocked true request_approval"
want "started" "$(of p '[.events.other[] | select(.type == "command_started")] | length')" 0
want "asked once" "$(pending)" 0

# nobody answers
bg p s printf x
await p
want "time-out" "$(cat "$T/p.status") $(of p '.result.error.code + ": " + .guidance.reason')" \
    "403 E_APPROVAL_TIMEOUT: approval timed out"
told "resolved" approval_resolved '.[0] | .fields.resolved_by + " " + (.fields.approved | tostring)' "timeout false"

# inside of a script: the shell waits, and goes on
bg p s sh -c 'echo before; i=printenv; $i HOME; echo after $?'
request 1
want "from inside" "$(asked '.fields.argv | join("|")')" "printenv|HOME"
ctl approve "$id"
await p
want "inside, granted" "$(out p)" "before /tmp/home after 0 "
bg p s sh -c 'i=printenv; $i HOME; echo after $?'
request 1
ctl deny "$id"
await p
want "inside, denied" "$(of p .result.stdout) $(pending)" "after 126 0"

# what the words of a script name is asked for with the whole, once
bg p s sh -c 'printenv HOME'
request 1
want "the whole" "$(asked '.fields.argv | join("|")')" "sh|-c|printenv HOME"
ctl approve "$id"
await p
want "and not again" "$(of p .result.stdout)" "/tmp/home"
# a program of the workspace that is changed while the operator looks at it
printf '#!/bin/sh\necho harmless\n' >"$ws/x.tool"
chmod 0755 "$ws/x.tool"
chown --reference="$ws" "$ws/x.tool"
bg p s ./x.tool
request 1
run_in s sh -c 'echo "echo harmful" >>x.tool' || fail "change of the program"
ctl approve "$id"
await p
want "changed" "$(cat "$T/p.status") $(of p '.result.error.code + " " + (.result.stdout // "")')" "403 E_APPROVAL_DENIED "
want_in "why" "$(of p .result.error.context.approval)" "not the one that was approved"
# for the session: the same program and words, until one of them is another
bg p s ./x.tool
request 1
ctl approve --session "$id"
await p
want "for the session" "$(out p)" "harmless harmful "
want "again" "$(run_in s ./x.tool | tr '\n' ' ')" "harmless harmful "
bg p s sh -c 'mkdir sub; ln -s ../x.tool sub/x.tool; cd sub; i=../x.tool; $i; i=./x.tool; $i'
request 1
want "another directory" "$(asked '.fields.cwd + " " + .fields.argv[0]')" "/workspace/sub ../x.tool"
ctl deny "$id"
request 1
want "with the same words" "$(asked '.fields.cwd + " " + .fields.argv[0] + " " + .target')" "/workspace/sub ./x.tool /workspace/x.tool"
ctl deny "$id"
await p
want "another directory" "$(out p)" ""
bg p s ./x.tool --other
request 1
ctl deny "$id"
await p
run_in s sh -c 'echo true >>x.tool'
bg p s ./x.tool
request 1
ctl deny "$id"
await p
want "another file" "$(cat "$T/p.status")" 403
