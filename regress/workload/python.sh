#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Python: modules, processes, archives, and sqlite with a write-ahead log
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"

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

work wal <<'E'
cat >w.py <<'P'
import multiprocessing, os, sqlite3
def work(k):
    db = sqlite3.connect("m.db", timeout=60)
    for i in range(25):
        with db:
            db.execute("insert into t(who, n) values(?, ?)", (k, i))
        if i % 5 == k % 5:
            assert db.execute("select count(*) from t where who = ?", (k,)).fetchone()[0] == i + 1
    db.close()
db = sqlite3.connect("m.db")
print(db.execute("pragma journal_mode=wal").fetchone())
db.execute("pragma synchronous=normal")
db.execute("create table t(who integer, n integer)")
db.commit()
with multiprocessing.Pool(4) as pool:
    pool.map(work, range(4))
print(sorted(x for x in os.listdir(".") if x.startswith("m.db")))
print(db.execute("select who, count(*), sum(n) from t group by who order by who").fetchall())
print(db.execute("pragma integrity_check").fetchone(), db.execute("pragma wal_checkpoint(truncate)").fetchone())
db.execute("pragma journal_mode=delete")
db.close()
print(sorted(x for x in os.listdir(".") if x.startswith("m.db")))
P
python3 w.py
E

have sqlite3 && work sqlite <<'E'
sqlite3 a.db 'pragma journal_mode=wal; create table t(a); with recursive n(x) as (select 1 union all select x+1 from n where x<5000) insert into t select x from n; select sum(a) from t; pragma wal_checkpoint(truncate);'
sqlite3 a.db .dump | sha256sum
E
done_all
