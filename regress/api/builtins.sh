#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands that need no program: that they do what they say, are decided and
# recorded as others are, and open nothing that the policy keeps shut.
#
# shellcheck disable=SC2016

. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
own_policies
cat >"$policies/all.yaml" <<'P'
version: 1
name: all
file_rules:
  - {name: shut, paths: ["/workspace/shut", "/workspace/shut/**"], decision: deny}
  - {name: all, paths: ["/**"], decision: allow}
command_rules:
  - {name: no-target, commands: [denied], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
P
chmod -R a+rX "$policies"
# of the server's own environment, which is nobody's
SERVER_SECRET=of-the-server start_any "policies.default: all"
ws=$(new_workspace "$ME")
mkdir -p "$ws/sub/deep" "$ws/shut" "$ws/listed"
printf 'hello\n' >"$ws/listed/a.txt"

printf 'kept\n' >"$ws/shut/secret"
cp /bin/echo "$ws/denied"
[ "$ME" = self ] || chown -R "$ME" "$ws"
new_session s "$ws"

answer()
{
	jq -r "$1" "$T/exec.json"
}

# cd and pwd
want "pwd at first" "$(run_in s pwd)" /workspace
want "cd says nothing" "$(run_in s cd sub)" ""
want "pwd after cd" "$(run_in s pwd)" /workspace/sub
want "a program after cd" "$(run_in s sh -c 'pwd')" /workspace/sub
want "cd beneath it" "$(run_in s cd deep; run_in s pwd)" /workspace/sub/deep
want "cd -" "$(run_in s cd -; run_in s pwd)" /workspace/sub
want "what the session says of it" "$(api GET /api/v1/sessions/s | jq -r .cwd)" /workspace/sub
want "cd alone" "$(run_in s cd; run_in s pwd)" /workspace
want "cd by ..: as the session sees it" "$(run_in s cd ../../../..; run_in s pwd)" /
run_in s cd /workspace
run_in s cd nowhere >/dev/null
want "no such directory" "$(answer '.result | "\(.exit_code) \(.stderr)"')" "1 cd: nowhere: No such file or directory"
run_in s cd listed/a.txt >/dev/null
want "no directory" "$(answer .result.exit_code)" 1
run_in s cd shut >/dev/null
want "one that the policy keeps shut" "$(answer '.result | "\(.exit_code) \(.stderr)"')" "1 cd: shut: Permission denied"
want "and that it did" "$(answer '.events.blocked_operations[0].policy.rule')" shut
want "where that leaves it" "$(run_in s pwd)" /workspace
run_in s cd a b >/dev/null
want "too many arguments" "$(answer .result.exit_code)" 2
want "cd has events as a command" "$(run_in s cd sub; answer '[.events.other[].type] | join(" ")')" \
    "command_policy command_started command_finished"
rm -r "$ws/sub"
# what the host changes, a session sees within a second
has_gone()
{
	run_in s echo
	[ "$(answer .result.error.code)" = E_COMMAND_FAILED ]
}
wait_for 20 has_gone || fail "its directory has gone: $(answer .result)"
want "cd away from there" "$(run_in s cd /workspace; run_in s pwd)" /workspace
want "cd of a shell is the shell's" "$(run_in s sh -c 'cd /; pwd'; run_in s pwd)" "/
/workspace"

# names are taken precisely
want "env alone is ours" "$(run_in s env | grep -c '^AGENTSH_IN_SESSION=1$')" 1
want "env alone executes nothing" "$(answer '[.events.other[].type] | contains(["execve"])')" false
want "env with a command is the program" "$(run_in s env FOO=1 sh -c 'echo $FOO')" 1
want "and is executed" "$(answer '[.events.other[] | select(.type == "execve") | .filename | split("/") | last] | .[0]')" env
want "a path is a program" "$(run_in s /usr/bin/env; answer '[.events.other[].type] | contains(["execve"])')" \
    "$(run_in s env)
true"
want "pwd with an option is the program" "$(run_in s pwd -P; answer '[.events.other[].type] | contains(["execve"])')" "/workspace
true"

# the environment
run_in s export A=1 "B=two words" C= >/dev/null
want "export is silent" "$(answer '.result | "\(.exit_code)\(.stdout // "")"')" 0
want "values are in no event" "$(answer '.events | tostring | contains("two words")')" false
want "names are" "$(answer '.events.other[0].fields.args | join(" ")')" "A B C"
want "exported" "$(run_in s sh -c 'echo "$A,$B,${C-unset}"')" "1,two words,"
want "a request's own counts more" \
    "$(api POST /api/v1/sessions/s/exec '{"command":"printenv","args":["A"],"env":{"A":"9"}}' | jq -r .result.stdout)" 9
want "unset" "$(run_in s unset A HOME; run_in s sh -c 'echo "${A-no} ${HOME-no} $B"')" "no no two words"
want "aenv" "$(run_in s aenv | jq -r '.B + " " + .AGENTSH_IN_SESSION')" "two words 1"
want "nothing is expanded" "$(run_in s export 'D=$PATH ${SERVER_SECRET} `id`'; run_in s printenv D)" '$PATH ${SERVER_SECRET} `id`'
for name_ in env aenv printenv; do
	case $(run_in s $name_) in
	*of-the-server* | *AGENTSH_HELPER_DIR*) fail "$name_ shows the server's environment" ;;
	esac
done
for word_ in AGENTSH_IN_SESSION=0 1X=1 =x nothing 'A B=c'; do
	run_in s export "$word_" >/dev/null
	want "export $word_" "$(answer .result.exit_code)" 2
done
run_in s unset AGENTSH_IN_SESSION >/dev/null
want "the mark of a session stays" "$(answer .result.exit_code) $(run_in s printenv AGENTSH_IN_SESSION)" "2 1"
api POST /api/v1/sessions/s/exec '{"command":"export","args":["N=a\u0000b"]}' >/dev/null
want "a NUL" "$(status)" 400

# aliases
run_in s alias 'say=echo "a  b" c' l=als 'd=denied x' 'up=cd ..' >/dev/null
want "alias" "$(answer .result.exit_code)" 0
want "it stands for its words" "$(run_in s say d 'e  f')" "a  b c d e  f"
want "and the answer says what ran" "$(answer '.request.command + " " + (.request.args | join(","))')" "echo a  b,c,d,e  f"
want "a builtin behind one" "$(run_in s cd listed; run_in s up; run_in s pwd)" /workspace
run_in s d >/dev/null
want "what it stands for is decided" "$(status) $(answer .guidance.policy_rule)" "403 no-target"
run_in s alias 'denied=echo' >/dev/null
want "only the first word" "$(run_in s sh -c 'echo say')" say
run_in s ./say >/dev/null
want "and no path" "$(answer .result.error.code)" E_COMMAND_FAILED
want "list" "$(run_in s alias l; run_in s alias | sort | head -n 2)" "alias l='als'
alias d='denied x'
alias denied='echo'"
for word_ in 'x=a; b' 'x=$(id)' 'x=`id`' 'x=a|b' "x='a" 'x=' 'a/b=c' 'cd=ls' 'x=*'; do
	run_in s alias "$word_" >/dev/null
	want "alias $word_" "$(answer .result.exit_code)" 2
done
run_in s unalias say >/dev/null
run_in s say >/dev/null
want "unalias" "$(answer .result.error.code)" E_COMMAND_FAILED
run_in s unalias say >/dev/null
want "no such alias" "$(answer .result.exit_code)" 2

# history
want "history" "$(run_in s history | tail -n 3 | sed 's/^ *[0-9]*  //')" "say
unalias say
history"
want "words as a shell reads them" "$(run_in s history | grep -c "export A=1 'B=two words' C=")" 1
want "numbers" "$(run_in s history | head -n 1)" "    1  pwd"
