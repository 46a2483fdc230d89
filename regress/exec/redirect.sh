#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A rule that redirects puts its command in the place of another, also where a
# command starts that one itself: from shells, vfork, threads, descriptors; the
# caller's memory stays as it was.
# timeout: 200
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
supervise_start
w=/workspace
policy re <<P
  - name: elsewhere
    commands: [denied]
    decision: redirect
    redirect_to: {command: $w/tool, args_append: [instead]}
  - name: other-words
    commands: [direct]
    decision: redirect
    redirect_to: {command: echo, args: [RAN, other words]}
  - name: to-script
    commands: [scripted]
    decision: redirect
    redirect_to: {command: $w/good}
  - name: to-nothing
    commands: [nothing]
    decision: redirect
    redirect_to: {command: /no/such/program}
  - name: with-env
    commands: [environed]
    decision: redirect
    redirect_to: {command: $w/tool, environment: {A: b}}
  - {name: no-forbidden, commands: [forbidden], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
P
for name in scripted nothing environed forbidden; do
	cp "$execs" "$ws/$name" && chmod 0755 "$ws/$name" || fail cp
done
put good <<S
#!$w/tool
S
new_session re "$ws" '"policy":"re"'
for way in execve fd opath dirfd procfd symlink thread vfork spawn clonevm doublefork; do
	runs re "tool x instead" $w/execs $way $w/denied x
	runs re "other words" $w/execs $way $w/direct x
	runs re "tool $w/good x" $w/execs $way $w/scripted x
	runs re "tool pull" $w/execs $way $w/tool pull
	run_in re $w/execs $way $w/nothing x | grep RAN && fail "$way: it runs"
	run_in re $w/execs $way $w/environed x | grep RAN && fail "$way: it runs"
done
out=$(run_in re $w/execs execve $w/nothing x)
want "a replacement that is not there" "$out" "execve: Permission denied"
put script <<S
#!/bin/sh
$w/denied a && $w/denied b && sh -c '$w/denied c' && echo end
S
want "from a script" "$(run_in re $w/script)" "RAN tool a instead
RAN tool b instead
RAN tool c instead
end"
want "event" "$(exec_events 'select(.policy.decision == "redirect") |
    [.filename, .policy.effective_decision, .policy.rule, .fields.to_command,
    (.fields.to_args | join(" "))] | join("|")' | head -n 1)" \
    "$w/denied|redirect|elsewhere|$w/tool|a instead"
# a replacement by name is the system's, or is asked for like any program
run_in re mkdir -p $w/own >/dev/null
put own/echo <<S
#!$w/forbidden
S
own='{"command":"direct","env":{"PATH":"/workspace/own"}}'
api POST /api/v1/sessions/re/exec "$own" >"$T/own.json"
jq -r .result.stdout "$T/own.json" | grep -q RAN && fail "a denied program runs in the place of a replacement"
want "rule for it" "$(jq -r .guidance.policy_rule "$T/own.json")" no-forbidden
want "the system's" "$(run_in re direct)" "RAN other words"
# python goes on with the memory that its child had as well
want "python" "$(run_in re python3 -c "import subprocess
for i in range(200):
    out = subprocess.run(['$w/denied', str(i)], capture_output=True, text=True).stdout
    assert out == f'RAN tool {i} instead\n', out
print('well')")" well
