# SPDX-License-Identifier: Apache-2.0
# Common part of the workloads: what an agent's tools do all day, done in a
# session and once more outside of it, with the same results: what they print,
# and the trees that they leave. A script reads it with
#
#	. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"
#
# shellcheck shell=sh disable=SC2154
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3
need_modes
[ "$(id -u)" != 0 ] || chmod 0755 "$T"
# the default policy, and the rule that worktrees of git need
own_policies
sed -e 's/^name: default$/name: work/' -e '/- name: workspace$/i\
  - name: worktrees\
    paths: ["${PROJECT_ROOT}/**/.git", "${PROJECT_ROOT}/**/.git/worktrees/*/commondir", "${PROJECT_ROOT}/**/.git/worktrees/*/gitdir"]\
    decision: allow' "$TEST_SRC/etc/policies/default.yaml" >"$policies/work.yaml"
chmod -R a+rX "$policies"
start_any "policies.default: work" ${WORK_CONFIG:+"$WORK_CONFIG"}
in=$(new_workspace "$ME")
out=$(new_workspace "$ME")
API_USER=$ME
new_session s "$in"

# have TOOL...: else it is left out, and the test skipped in the end by done_all,
# which names each that is missing
left=
have()
{
	had_=$left
	for tool_ in "$@"; do
		PATH=/usr/local/bin:/usr/bin:/bin command -v "$tool_" >/dev/null 2>&1 ||
		    left="$left $tool_"
	done
	[ "$left" = "$had_" ]
}

# have_modules MODULE...: the same of the python3 that a session has
have_modules()
{
	had_=$left
	for module_ in "$@"; do
		as "$ME" python3 -c "import $module_" 2>/dev/null || left="$left python3-$module_"
	done
	[ "$left" = "$had_" ]
}

# the last line of each script
done_all()
{
	[ -z "$left" ] || skip "the rest passed; not installed:$left"
}

# work NAME: the script on stdin is run in both; each begins in a directory of
# its own, and prints what is to be compared
work()
{
	mkdir "$in/$1" "$out/$1"
	{
		# shellcheck disable=SC2016
		say 'set -eu; umask 022; export LC_ALL=C.UTF-8 TZ=UTC0 GIT_CONFIG_NOSYSTEM=1
		unset XDG_RUNTIME_DIR AGENTSH_HELPER_DIR || :
		who="-c user.name=A -c user.email=a@example.org"
		export GIT_AUTHOR_DATE="1700000000 +0000" GIT_COMMITTER_DATE="1700000000 +0000"
		cd "$1"'
		cat
	} >"$in/$1.sh"
	cp "$in/$1.sh" "$out/$1.sh"
	[ "$ME" = self ] || chown -R "$ME:$ME" "$in/$1" "$out/$1"
	(cd "$out" && as "$ME" sh "./$1.sh" "$1") >"$T/$1.out" 2>"$T/$1.out.err" || {
		cat "$T/$1.out" "$T/$1.out.err"
		fail "$1 fails outside of a session"
	}
	run_in "${SESSION:-s}" sh "./$1.sh" "$1" >"$T/$1.in" || {
		jq -r '.result.stdout, .result.stderr' "$T/exec.json"
		jq -c '.events.blocked_operations[]' "$T/exec.json"
		fail "$1 fails in the session"
	}
	cmp -s "$T/$1.out" "$T/$1.in" || {
		diff "$T/$1.out" "$T/$1.in"
		fail "$1 prints something else in the session"
	}
	want "$1: refused" "$(jq -r '[.events.blocked_operations[].path] | unique | join(" ")' "$T/exec.json")" ""
	want "$1: guidance" "$(jq -r .guidance.status "$T/exec.json")" ok
	tree "$out/$1" >"$T/$1.tree.out"
	tree "$in/$1" >"$T/$1.tree.in"
	cmp -s "$T/$1.tree.out" "$T/$1.tree.in" || {
		diff "$T/$1.tree.out" "$T/$1.tree.in"
		fail "$1 leaves something else in the session"
	}
	say "$1: $(wc -l <"$T/$1.tree.in") files, the same"
}

# name, type, mode, links and contents of everything, but for files that hold
# times or the path of their directory
tree()
{
	(
		cd "$1" &&
		    find . \( -path '*/.git/index' -o -path '*/.git/logs' -o -name '*.db*' \
		    -o -name __pycache__ -o -name '*.pack' -o -name '*.idx' -o -name '*.rev' \
		    -o -path './cmake/b' -o -path '*/.git/worktrees' -o -path '*.dist-info' \) \
		    -prune -o -printf '%p %y %m %n %l\n' | grep -v ' d ' | sort &&
		    find . -type f \( -name '*.[cho]' -o -name '*.txt' -o -name '*.js' -o -path '*/refs/*' \) \
		    ! -path '*/.git/logs/*' -exec sha256sum {} + | sort -k 2
	)
}
