#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each program that runs in a session is decided by the command rules, whoever
# executes it and how: the rules mean the same to the API, to shells and
# scripts, make, python, threads, descriptors, wrappers and interpreters.
# Everything that is refused is shown to run in a session without those rules.
# A05 (vfork), A22 (long arguments).
# timeout: 400
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
. "$TEST_SRC/regress/exec/_supervise.sh"
need_tool make
supervise_start
w=/workspace

# by the program itself, in every way there is
for way in execve fd opath dirfd procfd devfd threadfd root cwd symlink thread threads \
    vfork spawn clonevm doublefork; do
	refused "denied x" $w/execs $way $w/denied x
	refused "tool push" $w/execs $way $w/tool push
	runs sup "tool pull" $w/execs $way $w/tool pull
done
# what has no name in the file system has no rule
for way in memfd memfd-name deleted; do
	refused "" $w/execs $way $w/tool pull
done
refused "denied" $w/execs nullargv $w/denied
runs sup "tool" $w/execs nullargv $w/tool
runs sup "tool" $w/execs some $w/tool x
for way in long many; do
	refused "tool x" $w/execs $way $w/tool x
	want "rule of $way" "$(exec_events 'select(.effective_action == "blocked").policy.rule')" \
	    exec-arguments-too-long
done
for way in protnone badpath; do
	run_in sup $w/execs $way $w/tool pull >/dev/null && fail "$way succeeds"
	want "rule of $way" "$(exec_events 'select(.effective_action == "blocked").policy.rule')" \
	    exec-unreadable
done

# by shells: as a script of sh -c that cannot be read beforehand, and as a file
for words in "denied x" "tool push"; do
	# shellcheck disable=SC2016
	refused "$words" sh -c 'a=$(echo /workspace); eval "$a/$0"' "$words"
	put script <<S
#!/bin/sh
$w/$words
true
S
	refused "$words" $w/script
	put script <<S
#!/bin/sh
exec $w/$words
S
	refused "$words" $w/script
	put script <<S
$w/$words
S
	refused "$words" $w/script # the shell's: the kernel does not know it
	put Makefile <<S
all:
	@$w/$words
	@sh -c '$w/$words'
S
	refused "$words" make -s
	# shellcheck disable=SC2086
	set -- $words
	refused "$words" python3 -c "import subprocess, sys
sys.exit(subprocess.run(['$w/$1', '$2']).returncode)"
	refused "$words" python3 -c "import subprocess, sys
sys.exit(subprocess.run('$w/$words', shell=True).returncode)"
	refused "$words" python3 -c "import os
p = os.posix_spawn('$w/$1', ['$1', '$2'], {})
os.waitpid(p, 0)"
	refused "$words" python3 -c "import os
os.execv('$w/$1', ['another', '$2'])"
	refused "$words" $w/execs deep 5 "$w/$1" "$2"
	# behind programs that run others
	for by in "env A=1" "nice -n 5" "timeout 9" "nohup" "stdbuf -o0" "setsid -w"; do
		put script <<S
#!/bin/sh
$by $w/$words 2>&1
true
S
		refused "$words" $w/script
	done
	put script <<S
#!/bin/sh
echo $2 | xargs $w/$1
find /workspace -name Makefile -exec $w/$words \;
S
	refused "$words" $w/script
done
put Makefile <<S
all:
	@$w/tool pull
S
runs sup "tool pull" make -s

# a script is decided with its interpreter, over several links
put first <<S
#!$w/denied one
S
refused "denied one $w/first arg" $w/first arg
refused "denied one $w/first arg" $w/execs execve $w/first arg
for link in second:first third:second fourth:third; do
	put ${link%:*} <<S
#!$w/${link#*:}
S
done
refused "denied one" $w/fourth
put fifth <<S
#!$w/fourth
S
run_in open $w/execs execve $w/fifth >/dev/null && fail "an interpreter too deep is followed"
put good <<S
#!$w/tool pull
S
runs sup "tool pull $w/good" $w/good
put good <<S
#!$w/tool push
S
refused "tool push" $w/good

# without a newline at its end, or with blanks there, the words are the kernel's
for end in '' ' ' '\t ' ' \n' '\n'; do
	# shellcheck disable=SC2016 # the session's own
	run_in open sh -c 'printf "#!/workspace/tool pull$1" >/workspace/ended' sh "$end" ||
	    fail "write ended"
	run_in open chmod 0755 $w/ended || fail chmod
	words=$(run_in open $w/ended a)
	case $words in
	"RAN tool pull"*" $w/ended a") ;;
	*) fail "a line that ends with \"$end\": $words" ;;
	esac
	want "a line that ends with \"$end\"" "$(run_in sup $w/ended a)" "$words"
done

# the loader of dynamic programs, told what to load
loader=$(ldd /bin/true | sed -n 's/^[[:space:]]*\(\/[^ ]*ld[^ ]*\).*/\1/p')
if [ -n "$loader" ]; then
	cp /bin/echo "$ws/dyn" && cp /bin/echo "$ws/denied-dyn" || fail cp
	policy dyn <<P
  - {name: no-dyn, commands: [denied-dyn], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
P
	new_session dyn "$ws" '"policy":"dyn"'
	want "the loader" "$(run_in open $w/execs execve "$loader" $w/denied-dyn ran)" ran
	want "the loader" "$(run_in dyn $w/execs execve "$loader" $w/dyn ran)" ran
	case $(run_in dyn $w/execs execve "$loader" $w/denied-dyn ran) in
	*ran*) fail "the loader loads what is denied" ;;
	esac
fi

# depth: of the command itself 0, of what it executes 1 and more; forks between
# change nothing, and every event is the command's
refused "direct x" $w/execs execve $w/direct x
refused "direct x" $w/execs doublefork $w/direct x
refused "direct x" $w/execs vfork $w/direct x
runs sup "direct x" $w/direct x
run_in sup $w/execs deep 5 $w/tool pull >/dev/null
want "depths" "$(exec_events .depth | tr '\n' ' ')" "0 1 2 3 4 5 6 "
run_in sup $w/execs doublefork $w/tool pull >/dev/null
want "depth of a double fork" "$(exec_events .depth | tr '\n' ' ')" "0 1 "

# what an event says
run_in sup $w/execs symlink $w/denied x >/dev/null
want "event" "$(exec_events 'select(.depth == 1) | [.filename, .raw_filename, .effective_action,
    .policy.decision, .policy.rule, .policy.message, (.argv | join(" "))] | join("|")')" \
    "$w/denied|./harmless|blocked|deny|no-denied|$w/harmless is not for you|$w/denied x"
put script <<S
#!/bin/sh
a=1 env B=2 $w/denied x
S
run_in sup $w/script >/dev/null
want "unwrapped" "$(exec_events 'select(.effective_action == "blocked") |
    [.unwrapped_from, .payload_command] | join(" ")' | head -n 1)" "/usr/bin/env $w/denied"

# what may be executed and not read could not be looked at afterwards
[ "$ME" != self ] || left_out "a program that may not be read needs root, who owns it"
if [ "$ME" != self ]; then
	cp "$execs" "$ws/sealed" && chown 0:0 "$ws/sealed" && chmod 0711 "$ws/sealed" || fail cp
	run_in sup $w/execs execve $w/sealed x && fail "a file that cannot be read is executed"
	want "its rule" "$(exec_events 'select(.effective_action == "blocked").policy.rule')" \
	    exec-unreadable
fi
