#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debuggers, where they are allowed (sandbox.ptrace: children): gdb and strace do
# in a session what they do outside, and without the key they say why not.
# timeout: 600
WORK_CONFIG="sandbox.ptrace: children"
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"
need_tool gcc make

have gdb && work gdb <<'E'
cat >p.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int counter;
static int work(int n)
{
	n += 2;
	counter = n;
	return n;
}
int main(int argc, char **argv)
{
	int v = work(argc + 39);
	printf("%d %s\n", v, argv[1]);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		execl("/bin/echo", "echo", "child", (char *)0);
	waitpid(pid, NULL, 0);
	return system("echo system; exit 3") != 0x300;
}
C
gcc -g -O0 p.c -o p
# what differs from run to run, and what is said of the place
run()
{
	timeout 120 gdb -nx -batch -ex 'set style enabled off' -ex 'set debuginfod enabled off' "$@" --args ./p word 2>&1 |
	    sed -e '/^warning: /d; /^child$/d; /^system$/d; /libthread_db/d; /^$/d' -e 's/0x[0-9a-f]*/ADDR/g; s/process [0-9]*/process N/g; s/LWP [0-9]*/LWP N/g; s,[^ ]*/p\.c,p.c,g; s/pid=[0-9]*/pid=N/; s,[^ ]*/p *$,p,; s/  */ /g'
}
run -ex 'break main' -ex run -ex next -ex 'break work' -ex 'print argc' -ex bt -ex continue -ex continue
run -ex 'break work' -ex run -ex bt -ex 'print n' -ex 'set var n = 50' -ex step -ex finish -ex 'print counter' -ex 'watch counter' -ex kill
run -ex 'set follow-fork-mode child' -ex 'catch exec' -ex run -ex continue
run -ex 'set detach-on-fork off' -ex 'break waitpid' -ex run -ex 'info inferiors' -ex 'kill inferiors 1 2' | grep -v '^\(Function\|Reading\)'
run -ex 'catch syscall write' -ex run -ex 'print $_siginfo.si_signo' -ex 'call counter' -ex 'print (int)getpid() > 0' -ex detach
E

have strace && work strace <<'E'
# calls that are the same wherever, of the processes that a shell starts
seen()
{
	# a call is in two lines where another process came between
	awk '{ pid = $1; $1 = ""; sub(/^ */, "") }
	    sub(/ *<unfinished \.\.\.>$/, "") { part[pid] = $0; next }
	    sub(/^<\.\.\. [a-z0-9_]* resumed>/, "") { $0 = part[pid] $0 }
	    { print }' "$1" | sed -n 's/^ *\(execve(\|exit_group(\|kill(\)\([^,)]*\).*= \(-*[0-9?]*\).*/\1\2 \3/p' | grep -v ' -1$' | sort
}
strace -f -o o sh -c 'echo a; /bin/echo b; (exec ls); /bin/false; kill -TERM $$' >/dev/null || echo "status $?"
seen o | sed 's/kill([0-9]*/kill(N/'
printf 'all: x y\nx y:\n\techo $@ >$@\nz:\n\t@./nosuch\n' >Makefile
strace -f -qq -e trace=execve -e status=successful -o o make -s -j2 && grep -c execve o | grep -qv '^0' && cat x y
strace -f -o o make -s z 2>/dev/null || echo "status $?"
cat >s.py <<'P'
import os, subprocess, threading
print(subprocess.run(["cat"], input=b"through", stdout=-1).stdout, subprocess.call("exit 7", shell=True))
t = threading.Thread(target=lambda: print(subprocess.getoutput("echo thread")))
t.start(), t.join()
pid = os.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", "exit 5"])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
strace -f -o o python3 s.py && grep -c '+++ exited with [57] +++' o
strace -c -o o true && grep -c execve o
strace -e inject=getpid:retval=42 -e trace=getpid -o o python3 -c 'import os; print(os.getpid())'
printf '#!/bin/sh\necho script "$@"\n' >script && chmod 755 script && strace -f -o o ./script word
echo 'echo no interpreter' >text && chmod 755 text && strace -f -o o sh -c ./text
timeout 60 strace -f -o o sh -c 'sleep 1000 & kill $!; wait $!; echo $?'
rm -f o
E

# the same by agentsh(1)
if have gdb; then
	cp "$in/gdb/p" "$in/debugged" && chmod 755 "$in/debugged"
	out=$(as "$ME" env AGENTSH_SERVER="unix://$API_SOCK" agentsh exec s -- gdb -nx -batch \
	    -ex 'break work' -ex run -ex 'print n' ./debugged </dev/null 2>&1)
	# shellcheck disable=SC2016
	want_in "gdb by agentsh exec" "$out" '$1 = 40'
fi

# without the key
stop_server
WORK_CONFIG=
start_any "policies.default: work"
new_session off "$in"
if have gdb; then
	run_in off gdb -nx -batch -ex run ./debugged >/dev/null
	want_in "gdb says" "$(jq -r .result.stderr "$T/exec.json")" "not permitted"
	want_in "guidance" "$(jq -r '.guidance | tostring' "$T/exec.json")" "sandbox.ptrace"
fi
if have strace; then
	run_in off strace true >/dev/null && fail "strace works without sandbox.ptrace"
	want_in "guidance" "$(jq -r '.guidance | tostring' "$T/exec.json")" "sandbox.ptrace"
fi
done_all
