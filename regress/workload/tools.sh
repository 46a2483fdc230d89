#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tools that developers work with: terminals and job control, tmux, and the
# tool chains of Java, Go, Rust, node, python, perl, cmake
# timeout: 600
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"

# A shell on a terminal: what it prints for the same keys, in and out.
cat >"$T/jobs.py" <<'P'
import os
import re
import signal
import sys
from term import Term

# ignored in what a script has started with &
signal.signal(signal.SIGINT, signal.SIG_DFL)
argv, home = sys.argv[2:], sys.argv[1]
os.chdir(home)
t = Term(argv + ["bash", "--norc", "--noprofile", "-i"], env={"PS1": "@ ", "TERM": "dumb"})
out = b""


def keys(text, until):
    global out
    t.type(text)
    out += t.expect(until)


def stop():
    """The shell says so before it gives the terminal away: ^Z can be early."""
    global out
    for i in range(20):
        t.type(b"\x1a")
        try:
            out += t.expect(b"@ ", 3)
            return
        except AssertionError:
            pass
    raise AssertionError("does not stop")


t.type(b"PS1='@ ' PS2= HISTFILE=; stty -echo; bind 'set enable-bracketed-paste off'; echo r''eady\n")
t.expect(b"ready\r\n")
t.expect(b"@ ")
keys(b"sleep 1000 & sleep 2000 &\n", b"@ ")
keys(b"jobs\n", b"@ ")
keys(b"fg %1\n", b"sleep 1000\r\n")
stop()
keys(b"jobs\n", b"@ ")
keys(b"bg %1\n", b"@ ")
keys(b"kill %2; wait %2; echo $?\n", b"@ ")
keys(b"kill %1; wait %1; echo $?\n", b"@ ")
t.type(b"cat | cat\n")
t.type(b"through\n")
out += t.expect(b"through\r\n")
stop()
keys(b"jobs -l | wc -l; fg\n", b"cat | cat\r\n")
keys(b"\x04", b"@ ")
keys(b"(trap 'echo interrupted; exit 7' INT; echo now; while :; do sleep 0.1; done)\n", b"now\r\n")
keys(b"\x03", b"@ ")
keys(b"echo $?\n", b"@ ")
keys(b"set +m; sleep 0.1 & wait $!; echo $?; set -m\n", b"@ ")
t.type(b"cat /dev/tty\n")
t.type(b"from the terminal\n")
out += t.expect(b"from the terminal\r\n")
keys(b"\x04", b"@ ")
keys(b"ls -l /dev/tty | cut -c1; test -t 0 -a -t 1 && tty | sed 's/[0-9]*$//'\n", b"@ ")
t.type(b"exit 5\n")
print(re.sub(rb"\[(\d)\]([-+ ]+)\d+", rb"[\1]\2N", re.sub(rb"\[(\d)\] \d+", rb"[\1] N", out)).decode())
print(t.wait())
P
# terminal DIRECTORY [command...]: what the keys give there
terminal()
{
	as "$ME" env PYTHONPATH="$TEST_SRC/regress/cli" PYTHONDONTWRITEBYTECODE=1 \
	    AGENTSH_SERVER="unix://$API_SOCK" python3 "$T/jobs.py" "$@"
}
if have bash; then
	terminal "$out" env >"$T/jobs.out" 2>&1 || fail "job control outside: $(cat "$T/jobs.out")"
	terminal "$in" agentsh exec --pty s -- >"$T/jobs.in" 2>&1 ||
	    fail "job control in a session: $(cat "$T/jobs.in")"
	cmp -s "$T/jobs.out" "$T/jobs.in" || {
		diff "$T/jobs.out" "$T/jobs.in"
		fail "job control differs in the session"
	}
	want_in "job control" "$(cat "$T/jobs.in")" "Stopped"
	say "job control: $(wc -l <"$T/jobs.in") lines, the same"
fi

have tmux && work tmux <<'E'
export TERM=xterm LC_ALL=C.UTF-8
t="tmux -L t$$ -f /dev/null"
$t new-session -d -x 80 -y 24 -s one sh
until_seen()
{
	for i in $(seq 300); do
		! $t capture-pane -p -t "$1" | grep -q "$2" || return 0
		sleep 0.1
	done
	$t capture-pane -p -t "$1"
	return 1
}
$t send-keys -t one 'PS1="@ "; clear; echo he""llo; stty size' Enter
until_seen one '^24 80' && $t capture-pane -p -t one | grep -c '^hello'
$t split-window -h -t one 'sh -c "echo ri\"\"ght; exec sleep 1000"' && until_seen one.1 '^right'
$t list-panes -t one -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_current_command}'
$t send-keys -t one.1 C-c
for i in $(seq 100); do [ "$($t list-panes -t one | wc -l)" != 1 ] || break; sleep 0.1; done
$t list-panes -t one | wc -l
$t new-window -d -n two 'tmux wait-for never' && $t list-windows -F '#{window_name}' | tail -n 1
$t set-buffer text && $t show-buffer && echo
$t run-shell 'echo from run-shell'
ls "/tmp/tmux-$(id -u)" | grep -c "^t$$\$"
$t kill-server
for i in $(seq 100); do $t ls 2>/dev/null || break; sleep 0.1; done
$t ls 2>/dev/null || echo gone
E

[ "$MODE$ME" != useralice ] && have java javac && work java <<'E'
cat >P.java <<'J'
import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
public class P {
	public static void main(String[] a) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(8);
		List<Future<Integer>> f = new ArrayList<>();
		for (int i = 0; i < 50; i++) {
			int n = i;
			f.add(pool.submit(() -> { Thread.sleep(1); return n * n; }));
		}
		int sum = 0;
		for (Future<Integer> x : f)
			sum += x.get();
		pool.shutdown();
		System.out.println(sum);
		Process p = new ProcessBuilder("sh", "-c", "read x; echo \"$x!\"; pwd >&2; exit 4").redirectErrorStream(true).directory(new File("sub")).start();
		try (Writer w = p.outputWriter()) { w.write("word\n"); }
		String text = new String(p.getInputStream().readAllBytes());
		System.out.println(text.split("\n")[0] + " " + text.trim().endsWith("/sub") + " " + p.waitFor());
		Process s = new ProcessBuilder("sleep", "1000").start();
		System.out.println(s.isAlive() + " " + s.toHandle().destroyForcibly() + " " + s.waitFor());
		Files.writeString(Path.of("o.txt"), "x".repeat(100000));
		try (var c = java.nio.channels.FileChannel.open(Path.of("o.txt"), StandardOpenOption.READ)) {
			var m = c.map(java.nio.channels.FileChannel.MapMode.READ_ONLY, 0, c.size());
			System.out.println(m.get(99999) + " " + c.size());
		}
		Files.move(Path.of("o.txt"), Path.of("p.txt"), StandardCopyOption.ATOMIC_MOVE);
		try (var w = FileSystems.getDefault().newWatchService()) {
			Path.of("sub").register(w, StandardWatchEventKinds.ENTRY_CREATE);
			Files.createFile(Path.of("sub/new"));
			System.out.println(w.poll(20, TimeUnit.SECONDS).pollEvents().get(0).context());
		}
		System.out.println(ProcessHandle.current().children().count());
		System.exit(3);
	}
}
J
mkdir sub
javac -d c P.java && ls c
printf 'Main-Class: P\n' >m && jar -c -f p.jar -m m -C c . && jar -t -f p.jar | sort
java -Xmx64m -XX:-UsePerfData -cp c P || echo $?
java -Xmx64m -jar p.jar | tail -n 1
java -Xmx64m -Xint --source "$(javac -version 2>&1 | sed 's/[^0-9]*\([0-9]*\).*/\1/')" P.java | head -n 1
rm -rf c p.jar
E

# Not where everybody's programs are, but where its own archive is unpacked.
[ ! -x /usr/local/go/bin/go ] || ln -sf /usr/local/go/bin/go "$T/go"
if [ "$MODE$ME" = useralice ]; then
	: # once: it takes long, and so do the next ones
elif [ -e "$T/go" ] || have go; then
	work go <<'E'
PATH=/usr/local/go/bin:$PATH
export PATH GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOTELEMETRY=off GOCACHE=$PWD/cache GOPATH=$PWD/gopath CGO_ENABLED=0
mkdir -p m/sub && cd m
go mod init example.org/m 2>/dev/null
cat >main.go <<'G'
package main

import (
	"example.org/m/sub"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

func main() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for i := 0; i < 100; i++ {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			runtime.LockOSThread()
			mu.Lock()
			sum += sub.Twice(n)
			mu.Unlock()
		}(i)
	}
	wg.Wait()
	fmt.Println(sum)
	c := exec.Command("sh", "-c", "echo $A; exit 3")
	c.Env = append(os.Environ(), "A=b")
	o, err := c.Output()
	fmt.Printf("%q %v\n", o, err)
	k := exec.Command("sleep", "1000")
	fmt.Println(k.Start(), k.Process.Kill(), k.Wait())
	s := make(chan os.Signal, 1)
	signal.Notify(s, syscall.SIGUSR1)
	fmt.Println(syscall.Kill(os.Getpid(), syscall.SIGUSR1), <-s)
}
G
printf 'package sub\n\n// Twice doubles.\nfunc Twice(n int) int { return 2 * n }\n' >sub/s.go
printf 'package sub\n\nimport "testing"\n\nfunc TestTwice(t *testing.T) {\n\tif Twice(4) != 8 {\n\t\tt.Fatal()\n\t}\n}\n' >sub/s_test.go
go build -p 2 -o prog . && ./prog && go test -p 2 ./... | sed 's/\t[0-9.]*s$//; s/(cached)//'
gofmt -l . && go list ./...
cp prog ../static && cd .. && ./static | head -n 1
chmod -R u+w . && rm -rf cache gopath static m/prog
E
fi

# rustup keeps it with its owner: shown to everybody for this test.
# shellcheck disable=SC2012
rust=$(ls -d /root/.rustup/toolchains/stable-* 2>/dev/null | head -n 1)
if [ -n "$rust" ] && [ -x "$rust/bin/cargo" ] && [ -n "${TEST_T:-}" ] && [ "$MODE" = service ] && [ -z "$(ls /usr/local/src)" ]; then
	mount --bind "$rust" /usr/local/src
	new_session rust "$in"
fi
if [ "$MODE$ME" = useralice ]; then
	:
elif [ -x /usr/local/src/bin/cargo ] || have cargo rustc; then
	SESSION=rust
	[ -e /usr/local/src/bin/cargo ] || SESSION=s
	work rust <<'E'
PATH=/usr/local/src/bin:$PATH
export PATH CARGO_HOME=$PWD/home CARGO_NET_OFFLINE=true CARGO_BUILD_JOBS=2 CARGO_TERM_COLOR=never
cat >one.rs <<'R'
use std::{process::Command, sync::mpsc, thread};
fn main() {
    let (t, r) = mpsc::channel();
    for i in 0..20u32 { let t = t.clone(); thread::spawn(move || t.send(i * i).unwrap()); }
    drop(t);
    println!("{}", r.iter().sum::<u32>());
    let o = Command::new("sh").args(["-c", "echo sub; exit 6"]).output().unwrap();
    println!("{:?} {:?}", String::from_utf8_lossy(&o.stdout), o.status.code());
}
R
rustc -O one.rs && ./one
cargo init -q --vcs none --name p p && cd p
printf 'pub fn f(n: u32) -> u32 { n + 1 }\n#[test]\nfn t() { assert_eq!(f(1), 2); }\n' >src/lib.rs
printf 'fn main() { println!("{}", p::f(41)); }\n' >src/main.rs
printf 'use std::{env, fs, path::Path};\nfn main() { fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("x"), "x").unwrap(); println!("cargo:rerun-if-changed=build.rs"); }\n' >build.rs
cargo build -q --offline && target/debug/p && cargo run -q --offline && cargo test -q --offline 2>/dev/null | grep -c 'test result: ok'
touch src/main.rs && cargo build -q --offline --release && target/release/p
cd .. && rm -rf p/target one home
E
	SESSION=s
fi

have node npm && work nodes <<'E'
cat >w.js <<'J'
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const cp = require("child_process"), fs = require("fs"), net = require("net"), os = require("os");
if (!isMainThread) {
	Atomics.add(new Int32Array(workerData), 0, 5);
	parentPort.postMessage("done");
} else if (process.argv[2] === "fork") {
	process.on("message", m => { process.send(m * 2); process.disconnect(); });
} else (async () => {
	const shared = new SharedArrayBuffer(4);
	await Promise.all([...Array(4)].map(() => new Promise((ok, no) => {
		const w = new Worker(__filename, { workerData: shared });
		w.on("message", ok); w.on("error", no);
	})));
	console.log(new Int32Array(shared)[0]);
	console.log(await new Promise(ok => { const f = cp.fork(__filename, ["fork"]); f.on("message", ok); f.send(21); }));
	const r = cp.spawnSync("sh", ["-c", "cat; echo err >&2; exit 9"], { input: "in" });
	console.log(r.stdout.toString(), r.stderr.toString(), r.status);
	const k = cp.spawn("sleep", ["1000"]);
	console.log(await new Promise(ok => { k.on("exit", (c, s) => ok([c, s])); k.kill("SIGTERM"); }));
	const s = net.createServer(c => c.end("sock")).listen("/tmp/w." + process.pid);
	await new Promise(ok => s.on("listening", ok));
	console.log(await new Promise(ok => net.connect("/tmp/w." + process.pid).on("data", d => ok(d.toString()))));
	s.close();
	const seen = new Promise(ok => { const w = fs.watch("sub", (e, f) => { w.close(); ok(f); }); });
	fs.writeFileSync("sub/f.txt", "x");
	console.log(await seen, (await fs.promises.readdir("sub")).join());
	try { cp.execFileSync("./nosuch"); } catch (e) { console.log(e.code); }
})();
J
mkdir sub && node w.js
echo '{"name":"a","version":"1.0.0","scripts":{"pret":"echo before","t":"node -p 6*7 && echo $npm_lifecycle_event","all":"npm run --silent --no-update-notifier t"}}' >package.json
npm run --silent --no-update-notifier all && npm run --silent --no-update-notifier t -- x
echo 'import test from "node:test"; import a from "node:assert"; test("t", () => a.equal(1, 1));' >t.test.mjs
node --test t.test.mjs | grep -c '^# pass 1\|pass 1'
E

work pythons <<'E'
cat >p.py <<'P'
import asyncio, concurrent.futures, multiprocessing, os, pty, select, shutil, signal, subprocess, sys, threading, time
from multiprocessing import shared_memory
def square(n):
    return n * n
if __name__ == "__main__":
    for m in "fork", "spawn", "forkserver":
        with multiprocessing.get_context(m).Pool(2) as p:
            print(m, p.map(square, range(5)))
    with concurrent.futures.ProcessPoolExecutor(2) as p:
        print(sum(p.map(square, range(50))))
    m = shared_memory.SharedMemory(create=True, size=100)
    m.buf[0] = 7
    other = shared_memory.SharedMemory(m.name)
    print(other.buf[0])
    other.close(), m.close(), m.unlink()
    with multiprocessing.Manager() as g:
        d = g.dict()
        q = multiprocessing.Process(target=d.update, args=({"a": 1},))
        q.start(), q.join()
        print(dict(d))
    async def main():
        q = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
        print(await q.communicate(b"async"))
    asyncio.run(main())
    try:
        subprocess.run(["sleep", "1000"], timeout=0.2)
    except subprocess.TimeoutExpired:
        print("late")
    q = subprocess.Popen("sleep 1000 | sleep 1000", shell=True, start_new_session=True)
    os.killpg(q.pid, signal.SIGKILL)
    print(q.wait(), subprocess.getstatusoutput("exit 3"))
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("sh", ["sh", "-c", "tty >/dev/null && echo terminal"])
    print(os.read(fd, 100), os.waitpid(pid, 0)[1])
    signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(0.3)
    print(os.sched_getaffinity(0) == os.sched_getaffinity(os.getpid()), os.nice(1) > 0)
    f = os.memfd_create("x")
    os.write(f, b"mem")
    print(os.pread(f, 3, 0), os.readlink(f"/proc/self/fd/{f}").split()[0])
P
python3 p.py
python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'
. v/bin/activate && python -c 'import os; print(os.path.basename(os.environ["VIRTUAL_ENV"]))' && deactivate
rm -rf v
cat >t.py <<'P'
import unittest
class T(unittest.TestCase):
    def test(self):
        self.assertEqual(1, 1)
P
python3 -m unittest -q t 2>&1 | grep -c OK
E

have perl && work perl <<'E'
cat >p.pl <<'P'
use strict; use warnings; use IPC::Open3; use File::Temp qw(tempfile); use POSIX ":sys_wait_h"; use Socket; use Fcntl ":flock";
my $pid = open3(my $in, my $out, undef, "sh", "-c", "read x; echo \$x; exit 2");
print $in "line\n"; close $in; print <$out>; waitpid($pid, 0); print $? >> 8, "\n";
print `echo back`, system("exit 5") >> 8, "\n";
pipe(my $r, my $w); if (!fork) { close $r; print $w "child\n"; close $w; exit 4 } close $w; print <$r>; wait; print WEXITSTATUS($?), "\n";
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0); syswrite $a, "pair"; sysread $b, my $x, 4; print "$x\n";
open(my $f, ">", "f.txt"); flock($f, LOCK_EX) and print $f "x" x 5000; close $f; print -s "f.txt", "\n";
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; sleep 20 }; print $@;
opendir(my $d, "."); print join(",", sort grep { !/^\./ } readdir $d), "\n";
P
perl p.pl
perl -pi -e 's/x/y/g' f.txt && perl -ne 'print length, "\n"' f.txt
E

have cmake ninja && work ninja <<'E'
printf 'cmake_minimum_required(VERSION 3.10)\nproject(p C)\nadd_custom_command(OUTPUT g.h COMMAND ${CMAKE_COMMAND} -E echo "#define G 0" > g.h)\nadd_executable(p p.c q.c ${CMAKE_BINARY_DIR}/g.h)\ntarget_include_directories(p PRIVATE ${CMAKE_BINARY_DIR})\nenable_testing()\nadd_test(NAME t COMMAND p)\ninstall(TARGETS p DESTINATION bin)\n' >CMakeLists.txt
printf '#include "g.h"\nint q(void);\nint main(void) { return q() + G; }\n' >p.c
echo 'int q(void) { return 0; }' >q.c
cmake -G Ninja -B cmake/b -DCMAKE_INSTALL_PREFIX="$PWD/root" >/dev/null && ninja -C cmake/b -j 2 | tail -n 1
touch q.c && ninja -C cmake/b -n | grep -c '^\[' && ninja -C cmake/b | tail -n 1 && ninja -C cmake/b | tail -n 1
(cd cmake/b && ctest 2>/dev/null | grep 'tests passed') && cmake --install cmake/b >/dev/null && root/bin/p && ninja -C cmake/b -t clean >/dev/null
rm -rf cmake
E
done_all
