#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# agentsh policy test, explain, diff: answers, their forms and the statuses.
# shellcheck disable=SC2016
. "$(dirname "$0")/_lib.sh"
command -v jq >/dev/null || { echo "1..0 # SKIP no jq"; exit 77; }
unset XDG_CONFIG_HOME
export HOME="$tmp/home" USER=me
mkdir "$HOME"
cat >"$tmp/p.yaml" <<'E'
version: 1
name: p
allow_unenforced: true
file_rules:
  - name: keys
    paths: ["**/*.pem"]
    operations: [open]
    decision: deny
    message: "No {{.Operation}} of {{.Path}}, {{.User}} ({{.Rule}})."
  - name: trash
    paths: ["${PROJECT_ROOT}/**"]
    operations: [delete]
    decision: soft_delete
  - name: away
    paths: ["${HOME}/x"]
    decision: redirect
    redirect_to: /workspace/away
  - name: work
    paths: ["${PROJECT_ROOT}/**"]
    decision: allow
command_rules:
  - name: no-wipe
    commands: [rm]
    args_patterns: ["-r"]
    decision: deny
    message: "Not {{.Command}} {{.Args}}."
  - name: instead
    commands: [old]
    decision: redirect
    redirect_to: {command: new, args_append: [-n]}
  - name: deep
    commands: [deep]
    context: [nested]
    decision: deny
  - name: tools
    commands: [rm, sh, old, deep, timeout]
    decision: allow
  - name: with-env
    commands: [environed]
    decision: redirect
    redirect_to: {command: new, environment: {A: b}}
network_rules:
  - name: net
    domains: ["*.x.test"]
    decision: allow
    message: "{{.Host}} {{.Port}} {{.Address}}"
signal_rules:
  - name: term
    signals: [TERM]
    target: {type: children}
    decision: audit
dns_redirects:
  - name: dns
    match: '^r\.'
    resolve_to: 10.0.0.9
env_policy:
  allow: [PATH]
E
P=$tmp/p.yaml

run policy test "$P" open a.pem
check "a denial" out_is 'decision: deny\nrule: keys\nwhy: rule 1 of file_rules, line 5\nmessage: No open of /workspace/a.pem, me (keys).\n'
check "status of an answer" rc_is 0
run policy test "$P" write a.pem --exit-code
check "allowed" out_is 'decision: allow\nrule: work\nwhy: rule 4 of file_rules, line 18\n'
check "status of what is allowed" rc_is 0
run policy test --exit-code "$P" open a.pem
check "status of what is denied" rc_is 1
run policy test --exit-code "$P" delete a
check "a soft delete" out_is 'decision: soft_delete\nrule: trash\nwhy: rule 2 of file_rules, line 10\n'
check "status of that" rc_is 0
cat >"$tmp/ask.yaml" <<'E'
version: 1
name: ask
file_rules:
  - {name: ask, paths: ["${PROJECT_ROOT}/**"], operations: [write], decision: approve, timeout: 90s}
  - {name: long, paths: ["${PROJECT_ROOT}/**"], operations: [delete], decision: approve}
command_rules:
  - {name: push, commands: [git], args_patterns: [^push], decision: approve, timeout: 1500ms}
E
run policy test --exit-code "$tmp/ask.yaml" write a
check "what waits" rc_is 0
check "how long" out_has '^note: waits for an operator.s approval, at most 90 s; denied without'
run policy test "$tmp/ask.yaml" delete a
check "as long as the server has it" out_has '^note: .* at most approvals.timeout of the server;'
run policy explain "$tmp/ask.yaml" exec git push
check "a command that waits" out_has '^note: .* at most 1.500 s;'
cat >"$tmp/sock.yaml" <<'E'
version: 1
name: sock
unix_socket_rules:
  - {name: docker, paths: [/run/docker.sock, "/run/x*"], operations: [connect], decision: allow}
  - {name: ask, paths: [/run/ask], decision: approve}
E
run policy test "$tmp/sock.yaml" unix-connect /run/docker.sock
check "a socket of the host" out_has '^note: reaches the host.s socket where the session has none'
run policy test "$tmp/sock.yaml" unix-connect /run/xy
check "one that is not named" out_is 'decision: allow\nrule: docker\nwhy: rule 1 of unix_socket_rules, line 4\n'
run policy test "$tmp/sock.yaml" unix-connect /run/ask
check "a socket that has to be approved" out_has '^note: waits for an operator'
run policy test "$tmp/ask.yaml" unix-connect /run/ask
check "no rules for sockets" out_has '^note: without unix_socket_rules sockets within a session are not decided'
run policy test "$P" write /srv/x
check "a default" out_is 'decision: deny\nrule: default-deny-files\nwhy: no rule of file_rules matches, and the default is to deny\n'
run policy test "$P" read /usr/x
check "what is built in" out_has '^why: built in'
run policy test "$P" read /home/u/x --home /home/u
check "another home, and where it leads" out_has '^instead: /workspace/away/x$'
run policy test "$P" open a.pem --user you
check "another user" out_has ', you (keys)'
run policy test "$P" write /srv/w/a --real-paths --workspace /srv/w
check "real paths" out_has '^rule: work$'
run policy test "$P" write a --real-paths --workspace /srv/w
check "a relative path with them" out_has '^rule: work$'
run policy test "$P" write /workspace/a --real-paths --workspace /srv/w
check "and not at /workspace" out_has '^rule: default-deny-files$'

run policy test "$P" exec rm -r --json
check "the command's own options" out_is 'decision: deny\nrule: no-wipe\nwhy: rule 1 of command_rules, line 22\nmessage: Not rm -r --json.\n'
run policy test "$P" exec sh -c 'timeout 3 rm -r a'
check "a command inside" out_has '^command: rm -r a$'
run policy test "$P" --opaque deny exec sh -c 'for i in a; do $i; done'
check "a script that cannot be read" out_has '^rule: shellc-opaque-script$'
check "why" out_has '^shell: opaque, '
run policy test "$P" exec sh -c 'for i in a; do $i; done'
check "where they are allowed" out_has '^rule: tools$'
run policy test "$P" exec old a b
check "a redirect" out_has '^instead: new a b -n$'
run policy test "$P" exec timeout 3 old a b
check "of a command inside" out_has '^instead: new a b -n$'
run policy test "$P" exec environed
check "one with an environment" [ "$(grep -c '^effective:' "$tmp/out")" = 0 ]
check "where it leads" out_has '^instead: new$'
run policy test "$P" exec --depth 1 environed
check "beneath, it is denied" out_has '^effective: deny$'
check "and says why" out_has '^note: .*environment'
run policy test "$P" exec deep
check "at the top" out_has '^rule: tools$'
run policy test "$P" exec --depth 1 deep
check "beneath" out_has '^rule: deep$'
run policy test "$P" connect a.x.test:80 --address 10.1.2.3
check "a connection" out_has '^message: a.x.test 80 10.1.2.3$'
check "is made" out_has '^decision: allow$'
run policy test "$P" connect b.test
check "none" out_has '^rule: default-deny-network$'

# what netd makes of it: addresses that a rule opens by its cidrs and not else
cat >"$tmp/net.yaml" <<E
version: 1
name: net
network_rules:
  - {name: names, domains: [a.test, "*.b.test"], decision: allow}
  - {name: lab, cidrs: [10.1.0.0/16, "fd12::/16"], decision: audit}
  - {name: ask, domains: [ask.test], decision: approve}
  - {name: ports, ports: [9000], decision: allow}
E
N=$tmp/net.yaml
refused()
{
	run policy test "$N" connect "$@" --exit-code
	check "$1 $3: it ends with 1" rc_is 1
	check "$1 $3: the rule lets it" out_has "^decision: ${said:-allow}\$"
	check "$1 $3: it is not done" out_has '^effective: deny$'
	check "$1 $3: why" out_has "^note: netd refuses it: $why"
}
why="private address, which no rule names by cidrs"
refused a.test:443 --address 10.2.3.4
refused a.test:443 --address ::ffff:10.2.3.4
refused a.test:443 --address 64:ff9b::a02:304
why="metadata address"
refused x.b.test:80 --address 169.254.169.254
why="loopback address"
refused a.test:22 --address 127.0.0.1
refused a.test:22 --address ::1
said=approve why="private address"
refused ask.test:443 --address 192.168.1.1
unset said
run policy test "$N" connect 203.0.113.200:9000 --exit-code
check "an address of no name, by a rule without cidrs" out_has '^note: netd refuses it: address that no name'
run policy test "$N" connect 127.1:9000 --exit-code
check "an address that is written as a name" out_has '^note: netd refuses it: an address'
for ok in "10.1.2.3:443" "[fd12::1]:443" "a.test:443 --address 203.0.113.200"; do
	# shellcheck disable=SC2086
	run policy test "$N" connect $ok --exit-code
	check "$ok: it is made" rc_is 0
	check "$ok: nothing in the way" [ "$(grep -c '^effective:\|refuses' "$tmp/out")" = 0 ]
done
run policy test "$N" connect a.test
check "a name alone" out_has '^note: each address that the name leads to is decided as well'
run policy explain "$N" connect a.test --address 10.2.3.4
check "explain says so" out_has '^note: netd refuses it: private'
run policy test "$P" signal TERM --target self,children
check "a signal" out_has '^rule: term$'
run policy test "$P" signal TERM --target system --exit-code
check "none to agentsh's processes" rc_is 1
cat >"$tmp/asked.yaml" <<E
version: 1
name: asked
allow_unenforced: true
signal_rules:
  - {name: asked, signals: [HUP], target: {type: session}, decision: approve, fallback: audit}
  - {name: ours, signals: [HUP], target: {type: system}, decision: allow}
E
run policy test "$tmp/asked.yaml" signal HUP --target children --exit-code
check "a signal that has to be approved" out_has "^note: waits for an operator's approval, .* fallback holds: audit$"
check "which is no denial" rc_is 0
run policy test "$tmp/asked.yaml" signal HUP --target system --exit-code
check "whatever a rule says" out_has '^effective: deny$'
check "whatever a rule says" rc_is 1
run policy test "$P" dns r.test
check "a name" out_has '^instead: 10.0.0.9$'
run policy test "$P" env PATH
check "a variable" out_has '^rule: allow$'
run policy test "$P" env X sh
check "another" out_has '^rule: default-deny$'

run policy test --json "$P" exec sh -c 'rm -r a'
check "JSON" [ "$(jq -r '[.decision, .effective, .rule, .command, .shell, .message] | join("|")' "$tmp/out")" = \
    'deny|deny|no-wipe|rm -r a|derived|Not rm -r a.' ]

run policy explain "$P" write a
check "explain" out_is 'write /workspace/a\n   1 keys (line 5, deny): not its operation\n   2 trash (line 10, soft_delete): not its operation\n   3 away (line 14, redirect): not its path\n   4 work (line 18, allow): matches\n\ndecision: allow\nrule: work\nwhy: rule 4 of file_rules, line 18\n'
run policy explain "$P" exec sh -c 'rm a; rm -r b'
check "explain: each command" [ "$(grep -c '^exec ' "$tmp/out")" = 3 ]
check "explain: arguments" out_has '1 no-wipe (line 22, deny): not its arguments'
run policy explain --json "$P" exec rm a
check "explain as JSON" [ "$(jq -c '[.considered[].rules[] | [.number, .matches, .differs]]' "$tmp/out")" = \
    '[[1,false,"arguments"],[2,false,"command"],[3,false,"command"],[4,true,null]]' ]
run policy explain --exit-code "$P" write /x
check "explain: status" rc_is 1

cat >"$tmp/t.tbl" <<'E'
# comment
open a.pem        -> deny keys
write 'a b'       -> allow    # comment
--depth 1 exec deep -> deny deep

exec sh -c "rm -r x" -> deny no-wipe
exec rm $'-r\n' -> deny no-wipe
E
run policy test --table "$tmp/t.tbl" "$P"
check "a table" out_is '5 passed, 0 failed\n'
check "its status" rc_is 0
cat >"$tmp/t.tbl" <<'E'
open a.pem -> allow
open a.pem -> deny trash
open a.pem deny
open a.pem -> denied
nonsense x -> deny
write 'a -> deny
--depth x exec a -> deny
write a -> allow work more
E
run policy test --table "$tmp/t.tbl" "$P"
sed "s|^$tmp/||" "$tmp/out" >"$tmp/out2"
mv "$tmp/out2" "$tmp/out"
check "a table that does not hold" out_is 't.tbl:1: deny by keys, not allow
t.tbl:2: deny by keys, not deny by trash
t.tbl:3: a row ends with -> DECISION [RULE]
t.tbl:4: no such decision
t.tbl:5: nonsense: not an operation
t.tbl:6: a quote that is not closed
t.tbl:7: x: not a number of this kind
t.tbl:8: a row ends with -> DECISION [RULE]
0 passed, 8 failed\n'
check "the status of that" rc_is 1
run policy test --table "$tmp/t.tbl" --json "$P"
check "as JSON" [ "$(jq -c '[.passed, .failed, .failures[0].line]' "$tmp/out")" = '[0,8,1]' ]
echo '# nothing' >"$tmp/t.tbl"
run policy test --table "$tmp/t.tbl" "$P"
check "an empty table is none" rc_is 2
run policy test --table "$tmp/none" "$P"
check "no table" rc_is 2

cat >"$tmp/m.yaml" <<'E'
version: 1
name: m
file_rules:
  - name: work
    paths: ["${PROJECT_ROOT}/**"]
    decision: allow
  - name: one
    paths: [/usr/share/one]
    decision: deny
  - name: default-deny-files
    paths: ["/**"]
    decision: deny
E
run policy mounts "$tmp/m.yaml"
mount_is() {
	grep -qxF "$(printf '%s\t%s\t%s' "$1" "$2" "$3")" "$tmp/out"
}
check "status of mounts" rc_is 0
check "a native mount" mount_is /lib native 'all reads are allowed, by default-allow-loader (built in); all changes are denied'
check "a hidden one" mount_is /srv hidden 'all is denied by default-deny-files (line 10)'
check "one that a rule is in the way of" mount_is /usr decided 'not the same for all: open /usr/share/one: deny by one (line 7)'
check "the workspace" mount_is /workspace decided 'the workspace'
check "a private one" mount_is /run private 'private, empty'
run policy mounts --json "$tmp/m.yaml"
check "mounts as JSON" test "$(jq -r '.mounts[] | select(.path == "/usr") | .mount + .operation + .decision + .example' "$tmp/out")" = decidedopendeny/usr/share/one
run policy mounts --real-paths --workspace /srv/x "$tmp/m.yaml"
check "nothing is mounted above the workspace" mount_is /srv decided 'it holds the workspace, or is in it'
sed 's|/usr/share/one|/usr/*/*a*/*b*/*c|' "$tmp/m.yaml" >"$tmp/m2.yaml"
run policy mounts "$tmp/m2.yaml"
check "an example of a glob" grep -q '^/usr.decided.not the same for all: open /usr//.*: deny by one' "$tmp/out"

sed 's|paths: \[/usr/share/one\]|&\n    log: full|; /name: one/,/name: def/s|decision: deny|operations: [read]\n    decision: allow|' "$tmp/m.yaml" >"$tmp/m3.yaml"
run policy mounts "$tmp/m3.yaml"
check "one where each open is told" mount_is /usr decided 'one (line 7) wants each open told: log: full'
run policy explain "$tmp/m3.yaml" read /usr/share/one
check "log is explained" out_has '^log: full$'
run policy explain "$tmp/m3.yaml" read /usr/share/two
check "and only where it is" sh -c "! grep -q ^log: '$tmp/out'"
run policy explain --json "$tmp/m3.yaml" read /usr/share/one
check "log as JSON" test "$(jq -r '.log' "$tmp/out")" = full

run policy diff "$P" "$P"
check "no difference" out_has '^0 of [1-9][0-9]* decisions differ$'
check "status of none" rc_is 0
# differs OLD NEW LINE: a policy in which OLD is NEW gives that line
differs() {
	sed "s/$1/$2/" "$P" >"$tmp/q.yaml"
	run policy diff "$P" "$tmp/q.yaml"
	[ "$rc" -eq 1 ] && out_has "$3"
}
check "a glob" differs '\*\.pem' '*.pex' '^	open /.*\.pem$'
check "operations" differs '\[open\]' '[write]' '^	write /.*\.pem$'
check "a decision" differs 'decision: soft_delete' 'decision: allow' '^soft_delete by trash -> allow by trash: '
check "where a redirect leads" differs 'workspace\/away' 'workspace\/other' '^redirect by away -> redirect by away: '
check "arguments" differs '"-r"' '"-f"' '^	exec r[mM] .*-r'
check "depth" differs '\[nested\]' '[direct]' '^	exec --depth 1 deep$'
check "a command" differs ', timeout\]' ']' '^	exec timeout$'
check "a domain" differs '\*\.x' '*.y' '^	connect w\.x\.test:443$'
check "a signal" differs '\[TERM\]' '[INT]' '^	signal SIGINT --target children$'
check "a name" differs "'^r" "'^s" '^	dns s\.'
check "a variable" differs '\[PATH\]' '[PATHS]' '^	env PATH$'
for net in 10.1.0.0 10.2.0.0; do
	cat >"$tmp/$net.yaml" <<E
version: 1
name: n
network_rules:
  - {name: lab, cidrs: [$net/16], decision: allow}
E
done
run policy diff "$tmp/10.1.0.0.yaml" "$tmp/10.2.0.0.yaml"
check "addresses are of IPv4" out_has '^	connect 10\.1\.0\.0:443$'
check "and none is a mapped one" sh -c "! grep -q '::ffff' '$tmp/out'"
run policy diff --json "$P" "$tmp/q.yaml"
check "difference as JSON" [ "$(jq -c '.differ == ([.changes[].operations | length] | add)' "$tmp/out")" = true ]

for a in "test" "test $P" "test $P open" "test $P fly x" "test $P open a b" \
    "test $P open a --depth x" "test $P open a --workspace /x" "test $P open a --opaque x" \
    "test $P signal x" "test $P signal TERM --target x" "test $P connect x:0" \
    "test $P connect x:65536" "test $P env A=B" "test $P open a --home x" \
    "test $P --table x open" "test --table x $P --exit-code" "explain $P" \
    "explain $P open" "diff $P" "diff $P $P $P" "test $P open a --table x" \
    "explain --table x $P open a" "diff $P $P --depth 1" "test $P open a --server unix:///x"; do
	# shellcheck disable=SC2086 # the words of a command
	run policy $a
	check "wrong use: $a" rc_is 2
	check "nothing printed: $a" out_is ''
done
run policy test nosuchname open a
check "no such policy" err_is 'agentsh: policy nosuchname: there is no policy of this name\n'
check "status of that" rc_is 2
echo 'version: 1' >"$tmp/bad.yaml"
for c in "test $tmp/bad.yaml open a" "explain $tmp/bad.yaml open a" "diff $P $tmp/bad.yaml" \
    "diff $tmp/bad.yaml $P"; do
	# shellcheck disable=SC2086 # the words of a command
	run policy $c
	check "no policy: $c" rc_is 2
	check "says what: $c" err_has 'bad.yaml:1:1: name: missing'
done
run completion bash
cp "$tmp/out" "$tmp/completion"
# complete WORD ...: what is offered for the last of the words
complete_words() {
	bash -c '. "$1"; shift; COMP_WORDS=(agentsh "$@"); COMP_CWORD=$#; _agentsh; echo "${COMPREPLY[*]}"' \
	    - "$tmp/completion" "$@" >"$tmp/out"
}
complete_words policy t
check "completion of a command" out_is 'test\n'
complete_words policy explain default unix-c
check "completion of an operation" out_is 'unix-connect\n'
complete_words policy test default ex
check "and of another kind" out_is 'exec\n'
complete_words policy test --se
check "the option for a session" [ "$(cat "$tmp/out")" = --session ]
complete_words policy test --session i
check "not its id" out_is '\n'
complete_words policy explain --session id ex
check "behind it" out_is 'exec\n'
complete_words policy test default a ex
check "not behind an operation" out_is '\n'
complete_words policy diff default ex
check "not where there is none" out_is '\n'
printf 'version: 1\nname: h\ncommand_rules:\n  - {name: r, message: "{{.Command}}", decision: deny}\n' >"$tmp/h.yaml"
esc=$(printf 'x\033[2J')
run policy explain "$tmp/h.yaml" exec "$esc"
check "hostile names are printed" out_has '033\[2J'
tr -d '\n' <"$tmp/out" >"$tmp/line"
check "safe to print" clean "$tmp/line"
finish
