#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rules that redirect files: the name means another file for all that is done
# with it, and gives no more than the policy gives there.
# timeout: 120
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
mkdir -p "$T/var/policies" "$T/state/policies"
host=$(mktemp -d /var/tmp/agentsh-redirect.XXXXXX) || skip "no /var/tmp"
chmod 0755 "$host"
trap 'keep_=$?; rm -rf "$host"; (exit $keep_); cleanup' EXIT
mkdir -p "$host/sub" && echo HOST >"$host/conf" && echo HOST >"$host/sub/deep" && echo HOST >"$host/other" || fail "$host"
chmod -R a+rX "$host"
for d in "$T/var/policies" "$T/state/policies"; do
	cat >"$d/elsewhere.yaml" <<P
version: 1
name: elsewhere
file_rules:
  - {name: no-secrets, paths: ["\${PROJECT_ROOT}/there/secret*"], decision: deny}
  - {name: read-only, paths: ["\${PROJECT_ROOT}/there/ro*"], operations: [write, create, delete], decision: deny}
  - {name: chain, paths: ["\${PROJECT_ROOT}/there/chain"], decision: redirect, redirect_to: "\${PROJECT_ROOT}/plain"}
  - {name: all, paths: ["\${PROJECT_ROOT}/here/**"], decision: redirect, redirect_to: "\${PROJECT_ROOT}/there", message: "look there"}
  - {name: writes, paths: ["$host/**"], operations: [write, create], decision: redirect, redirect_to: "\${PROJECT_ROOT}/scratch", preserve_tree: true}
  - {name: new, paths: ["\${PROJECT_ROOT}/new/**"], operations: [create], decision: redirect, redirect_to: "\${PROJECT_ROOT}/made"}
  - {name: out, paths: ["\${PROJECT_ROOT}/out/**"], decision: redirect, redirect_to: /etc}
  - {name: looks, paths: ["\${PROJECT_ROOT}/looks"], operations: [stat], decision: redirect, redirect_to: "\${PROJECT_ROOT}/there"}
  - {name: rest, paths: ["/**"], decision: allow}
command_rules:
  - {name: any, commands: ["*"], decision: allow}
P
	chmod 0644 "$d/elsewhere.yaml"
done
if [ "$MODE" = user ] && [ "$ME" != self ]; then
	chown -R "$ME:$ME" "$T/state"
fi
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
as "$ME" sh -c "cd '$ws' && mkdir -p here/d there plain out && echo ORIG >here/f && echo ORIG >here/d/g &&
    echo TARGET >there/f && echo TARGET >there/secret && echo TARGET >there/ro && echo TARGET >there/chain &&
    ln -s /etc/passwd there/link && mkdir there/dir && echo ORIG >here/h" || fail workspace
new_session s "$ws" '"policy":"elsewhere"'
ok()
{
	name_=$1
	want_=$2
	shift 2
	have_=$(run_in s "$@") || fail "$name_: $(jq -c .result "$T/exec.json")"
	want "$name_" "$have_" "$want_"
}
no()
{
	name_=$1
	shift
	have_=$(run_in s "$@") && fail "$name_: succeeded: $have_"
	case $have_ in
	*ORIG* | *TARGET* | *root:*) fail "$name_: $have_" ;;
	esac
}

# everything is redirected
ok read TARGET cat here/f
want event "$(jq -r '[.events.file_operations[]|select(.type=="file_redirect")|[.path,.policy.decision,.policy.effective_decision,.policy.rule,.policy.message,.fields.redirect_to]|join(" ")]|unique|join(";")' "$T/exec.json")" \
    "/workspace/here/f redirect redirect all look there /workspace/there/f"
want "its open" "$(jq -r '[.events.file_operations[]|select(.type=="file_open")|.path]|join(" ")' "$T/exec.json")" /workspace/there/f
want "not blocked" "$(jq -r .events.blocked_operations_count "$T/exec.json")" 0
ok "stat and open are of one file" same python3 -c '
import os
a = os.stat("here/f"); f = open("here/f"); b = os.fstat(f.fileno()); c = os.stat("there/f")
print("same" if a.st_ino == b.st_ino == c.st_ino and a.st_size == len(f.read()) else "differ")'
ok write "" sh -c 'echo more >>here/f'
want "written there" "$(cat "$ws/there/f" "$ws/here/f" | tr '\n' ' ')" "TARGET more ORIG "
ok create "" sh -c 'echo new >here/n; chmod 600 here/n; truncate -s 2 here/n'
want "created there" "$(cat "$ws/there/n") $(stat -c %a "$ws/there/n") $(ls "$ws/here" | tr '\n' ' ')" "ne 600 d f h "
ok "basename of a deeper one" TARGET sh -c 'echo TARGET >there/g; cat here/d/g'
no "what is not there" cat here/h
want "what is not there" "$(jq -r .result.stderr "$T/exec.json" | grep -c 'No such file')" 1
ok "a list shows the names" "d f h " sh -c 'ls here | tr "\n" " "'
no "a list of a directory beneath" ls here/d
ok rename "" sh -c 'mv here/n here/m'
want renamed "$(ls "$ws/there" | tr '\n' ' ')$(ls "$ws/here" | tr '\n' ' ')" "chain dir f g link m ro secret d f h "
ok "rename out" ne sh -c 'mv here/m plain/m; cat plain/m'
ok "rename in" ne sh -c 'mv plain/m here/m; cat there/m'
ok unlink "" rm here/m
[ ! -e "$ws/there/m" ] || fail "not deleted there"
ok "with its permissions" "" sh -c '[ ! -e here/m ] && [ -d here/d ]'

# no more than there
no "denied there" cat here/secret
want "rule of there" "$(jq -r .guidance.policy_rule "$T/exec.json")" no-secrets
no "denied there, new" sh -c 'echo x >here/secret2'
ok "readable there" TARGET cat here/ro
no "not writable there" sh -c 'echo x >>here/ro'
no "not created there" sh -c 'echo x >here/ro2'
no "not deleted there" rm -f here/ro
no chain cat here/chain
no "link there" cat here/link
want "its event" "$(jq -r '[.events.blocked_operations[]|.policy.rule+":"+.path]|join(" ")' "$T/exec.json")" redirect-no-file:/workspace/there/link
no "directory there" sh -c 'cat here/dir/x || ls here/dir'
no "new directory" mkdir here/new
no "new link" ln -s /etc/passwd here/new
no "second name of the original" ln here/d plain/d
no "original by a rename of its directory" sh -c 'mv here plain/here2 && cat plain/here2/f'
no "original by its descriptor" sh -c 'exec 3<here; cat /proc/self/fd/3/h'
want "originals" "$(cat "$ws/here/f" "$ws/here/h" "$ws/here/d/g" | tr '\n' ' ')" "ORIG ORIG ORIG "
ok "out to the host, to read" "$(head -c 20 /etc/passwd)" head -c 20 out/passwd
no "out to the host, to write" sh -c 'echo x >>out/passwd'
no "out to the host, new" sh -c 'echo x >out/agentsh-test'
# a way through a link that somebody puts there
run_in s sh -c 'mv there there2 && ln -s /etc there' && {
	no "link on the way" cat here/passwd
	run_in s sh -c 'rm there && mv there2 there' || fail back
}

# a rule that redirects nothing that is opened denies
echo ORIG >"$ws/looks"
no "only looks" sh -c 'stat looks; cat looks'

# writes only, with the tree kept: what is read stays until the first write
ok "before" HOST cat "$host/conf"
ok "append copies" "HOST more " sh -c "echo more >>$host/conf; cat $host/conf | tr '\n' ' '"
want "the copy" "$(tr '\n' ' ' <"$ws/scratch$host/conf")" "HOST more "
ok "truncate does not copy" "only" sh -c "echo only >$host/sub/deep; cat $host/sub/deep"
want "the copy" "$(cat "$ws/scratch$host/sub/deep")" only
ok "new" fresh sh -c "echo fresh >$host/sub/fresh; cat $host/sub/fresh"
want "new" "$(cat "$ws/scratch$host/sub/fresh")" fresh
ok "truncate(2)" "HO" sh -c "truncate -s 2 $host/other; cat $host/other"
want "the host's" "$(cat "$host/conf" "$host/sub/deep" "$host/other" | tr '\n' ' ')$(ls "$host/sub")" "HOST HOST HOST deep"
no "a directory of the host" mkdir "$host/newdir"
no "delete on the host" rm -f "$host/sub/deep" "$host/sub/deep"
want "the host's" "$(cat "$host/sub/deep")" HOST

# what is there may be written to, and only what is new goes elsewhere
as "$ME" sh -c "mkdir '$ws/new' && echo ORIG >'$ws/new/f'" || fail new
ok "written where it is" "" sh -c 'python3 -c "import os; os.truncate(\"new/f\", 3)"; printf G >>new/f'
want "written where it is" "$(cat "$ws/new/f")" ORIG
[ ! -e "$ws/made" ] || fail "a copy of what is written where it is"
ok "made elsewhere" "" sh -c 'echo TARGET >new/n'
want "made elsewhere" "$(cat "$ws/made/n") $(ls "$ws/new")" "TARGET f"

# policy test says it
[ "$MODE" = service ] || exit 0
out=$("$T/stage/agentsh" policy test "$T/var/policies/elsewhere.yaml" read /workspace/here/f)
want_in "policy test" "$out" "decision: redirect"
want_in "policy test" "$out" "instead: /workspace/there"
