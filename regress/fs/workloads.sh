#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What an agent's tools do all day, done in a session and once more outside of
# it, with the same results: what they print, and the trees that they leave.
# What is not installed is left out, in both places.
# timeout: 300
. "${TEST_SRC:?}/regress/lib.sh"
need_tool curl jq python3 git gcc make
need_root
chmod 0755 "$T"
start_service
in=$(new_workspace alice)
out=$(new_workspace alice)
API_USER=alice
# the default policy, and the rule that worktrees of git need
sed -e 's/^name: default$/name: work/' -e '/- name: workspace$/i\
  - name: worktrees\
    paths: ["${PROJECT_ROOT}/**/.git", "${PROJECT_ROOT}/**/.git/worktrees/*/commondir", "${PROJECT_ROOT}/**/.git/worktrees/*/gitdir"]\
    decision: allow' "$TEST_SRC/etc/policies/default.yaml" >"$T/var/policies/work.yaml"
chmod 644 "$T/var/policies/work.yaml"
new_session s "$in" '"policy":"work"'

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
		have() { command -v "$1" >/dev/null 2>&1; }
		cd "$1"'
		cat
	} >"$in/$1.sh"
	cp "$in/$1.sh" "$out/$1.sh"
	chown -R alice:alice "$in/$1" "$out/$1"
	(cd "$out" && as alice sh "./$1.sh" "$1") >"$T/$1.out" 2>"$T/$1.out.err" || {
		cat "$T/$1.out" "$T/$1.out.err"
		fail "$1 fails outside of a session"
	}
	run_in s sh "./$1.sh" "$1" >"$T/$1.in" || {
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

work git <<'E'
git init -q -b main r && cd r
mkdir -p src/deep/er doc
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	for j in 1 2 3 4 5; do echo "int f${i}_$j(void) { return $i * $j; }" >>"src/f$i.c"; done
	echo "text $i" >"doc/$i.txt"
done
ln -s ../doc/1.txt src/link; chmod 755 doc/2.txt; echo deep >src/deep/er/x.txt
git add . && git $who commit -qm one
git checkout -q -b side && echo side >>doc/3.txt && git $who commit -qam side
git checkout -q main && echo main >>doc/4.txt && git $who commit -qam main
git $who rebase -q main side && git log --format='%H %s'
git checkout -q main && git $who merge -q --no-ff -m merge side
echo dirty >>doc/5.txt && git $who stash -q && git status --short && git $who stash pop -q && git status --short
git diff --stat | cat
git worktree add -q ../wt side && (cd ../wt && ls && echo w >w.txt && git add w.txt && git $who commit -qm w)
git worktree remove ../wt && git worktree prune
git mv doc src/doc && git rm -qf src/f1.c && git $who commit -qm moved && git ls-files -s
git gc -q && git fsck --strict && git count-objects -v | grep -v size
cd .. && git clone -q r c && cd c && git log --format=%H --all | sort && git grep -c return | sort
git clean -qfdx && git status --short
E

work build <<'E'
cat >main.c <<'C'
#include <stdio.h>
#include "f.h"
int main(void) { printf("%d\n", f(6)); return 0; }
C
echo 'int f(int);' >f.h
echo '#include "f.h"
int f(int x) { return x * 7; }' >f.c
cat >configure <<'C'
#!/bin/sh
cc=${CC:-gcc}
echo 'int main(void){return 0;}' >conftest.c
$cc conftest.c -o conftest && ./conftest || { echo "no compiler" >&2; exit 1; }
rm -f conftest conftest.c
sed "s|@CC@|$cc|" Makefile.in >Makefile && chmod a-w Makefile
C
chmod 755 configure
cat >Makefile.in <<'C'
prog: main.o libf.a
	@CC@ -o $@ main.o -L. -lf
libf.a: f.o
	rm -f $@ && ar cDr $@ f.o && ranlib -D $@
%.o: %.c f.h
	@CC@ -O1 -c -MMD -o $@ $<
install: prog
	install -d root/bin && install -m 755 prog root/bin/
C
./configure && make -s -j4 && ./prog && make -s install && make -q prog && root/bin/prog
touch f.h && make -n | wc -l
E

work cmake <<'E'
have cmake || exit 0
printf 'cmake_minimum_required(VERSION 3.10)\nproject(p C)\nadd_library(l STATIC l.c)\nadd_executable(p p.c)\ntarget_link_libraries(p l)\nenable_testing()\nadd_test(t p)\n' >CMakeLists.txt
echo 'int l(void) { return 0; }' >l.c
echo 'int l(void); int main(void) { return l(); }' >p.c
mkdir b && cd b && cmake .. >/dev/null && make -s >/dev/null && ctest 2>/dev/null | grep 'tests passed'
cd .. && rm -rf b
E

work python <<'E'
mkdir -p pkg/sub
for i in 0 1 2 3 4 5 6 7 8 9; do echo "import json, os, re
from pkg import sub
N = $i" >pkg/m$i.py; done
echo "" >pkg/__init__.py; echo "" >pkg/sub/__init__.py
cat >run.py <<'P'
import asyncio, ctypes, fcntl, hashlib, http.client, importlib, json, logging, multiprocessing, os
import shutil, sqlite3, ssl, subprocess, tempfile, threading, unittest, xml.etree.ElementTree, zipfile
print(sum(importlib.import_module(f"pkg.m{i}").N for i in range(10)))
with tempfile.TemporaryDirectory(dir=".") as d:
    p = os.path.join(d, "x")
    with open(p, "w") as f:
        f.write("a" * 100000)
    os.replace(p, p + "y")
    print(os.stat(p + "y").st_size, sorted(os.listdir(d)))
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, [-1, -2, -3]))
with zipfile.ZipFile("z.zip", "w") as z:
    z.write("run.py")
print(zipfile.ZipFile("z.zip").testzip())
shutil.copytree("pkg", "copy", ignore=shutil.ignore_patterns("__pycache__"))
shutil.rmtree("copy")
print(subprocess.run(["sh", "-c", "exit 3"]).returncode)
db = sqlite3.connect("t.db")
print(db.execute("pragma journal_mode=wal").fetchone())
db.execute("create table t(a integer primary key, b text)")
for k in range(20):
    with db:
        db.executemany("insert into t(b) values(?)", [(str(i),) for i in range(50)])
print(db.execute("select count(*), sum(length(b)) from t").fetchone())
other = sqlite3.connect("t.db")
print(other.execute("select max(a) from t").fetchone())
db.execute("vacuum")
print(db.execute("pragma integrity_check").fetchone())
other.close()
db.close()
print(sorted(x for x in os.listdir(".") if x.startswith("t.db")))
os.mkfifo("fifo")
print(os.stat("fifo").st_mode)
os.unlink("fifo")
fd = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(fd, fcntl.LOCK_EX)
fcntl.flock(fd, fcntl.LOCK_EX)
os.posix_fallocate(fd, 0, 10000)
os.lseek(fd, 20000, os.SEEK_SET)
os.write(fd, b"end")
print(os.fstat(fd).st_size, os.pread(fd, 3, 20000))
with open("append", "ab") as a, open("append", "ab") as b:
    a.write(b"1"), a.flush(), b.write(b"2"), b.flush(), a.write(b"3")
print(open("append").read())
os.unlink("append")
try:
    os.setxattr("lock", "user.k", b"value")
    print(os.getxattr("lock", "user.k"), os.listxattr("lock"))
except OSError as e:
    print(e.errno)
P
python3 run.py
python3 -m compileall -q pkg
E

work sqlite <<'E'
have sqlite3 || exit 0
sqlite3 a.db 'pragma journal_mode=wal; create table t(a); with recursive n(x) as (select 1 union all select x+1 from n where x<5000) insert into t select x from n; select sum(a) from t; pragma wal_checkpoint(truncate);'
sqlite3 a.db .dump | sha256sum
E

work tar <<'E'
mkdir -p d/e
for i in $(seq 300); do echo "file $i" >d/e/$i.txt; done
ln -s e/1.txt d/l; ln d/e/2.txt d/h; chmod 600 d/e/3.txt; touch -d @1000000000 d/e/4.txt
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf a.tar d && sha256sum a.tar
mkdir x && tar -C x -xpf a.tar && diff -r d x/d && stat -c '%n %a %h %Y' x/d/e/3.txt x/d/h x/d/e/4.txt
gzip -k a.tar && gunzip -c a.tar.gz | tar -tf - | wc -l
rm -f a.tar.gz
cp -a d y && diff -r d y && rm -rf y && find d -type f | wc -l && du -a d | wc -l
grep -rl 'file 2' d | sort | sha256sum
mv d z && ls z/e | wc -l
E

work node <<'E'
have node && have npm || exit 0
mkdir -p lib app && cd lib
echo '{"name":"l","version":"1.0.0","main":"i.js","bin":{"l":"i.js"}}' >package.json
printf '#!/usr/bin/env node\nmodule.exports = n => n * 2;\nif (require.main === module) console.log("bin");\n' >i.js
npm pack --silent --offline && cd ../app
echo '{"name":"a","version":"1.0.0","scripts":{"t":"node t.js"}}' >package.json
cat >t.js <<'J'
const fs = require("fs"), cp = require("child_process");
console.log(require("l")(21), fs.readdirSync(".").sort().join());
fs.writeFileSync("o.txt", "x".repeat(1000)); fs.appendFileSync("o.txt", "y");
console.log(fs.statSync("o.txt").size, cp.execSync("echo sub").toString().trim());
fs.renameSync("o.txt", "p.txt"); fs.unlinkSync("p.txt");
J
npm install --silent --offline --no-audit --no-fund ../lib/l-1.0.0.tgz
npm run --silent t && node_modules/.bin/l && ls -A node_modules
E

work pip <<'E'
python3 -c 'import pip, setuptools, wheel' 2>/dev/null || exit 0
mkdir -p src/q
echo 'X = 5' >src/q/__init__.py
echo 'from setuptools import setup
setup(name="q", version="1.0", packages=["q"])' >src/setup.py
PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install -q --no-index --no-build-isolation --no-deps --no-compile --target t ./src
PYTHONPATH=t python3 -c 'import q; print(q.X)'
rm -rf src/build src/*.egg-info
E
