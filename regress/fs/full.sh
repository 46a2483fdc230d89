#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A full file system, and a limit of a file's size, tell a command in a session
# what they tell outside: how much was written, and which error.
. "${TEST_SRC:?}/regress/fs/_lib.sh"
need_fsd
need_tool python3
allow_all
cat >"$T/full.py" <<'P'
import errno, mmap, os, resource, signal, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def tell(what, fn):
    try:
        print(what, fn())
    except OSError as e:
        print(what, errno.errorcode[e.errno])
def fill(name, size):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    n = 0
    try:
        while True:
            n += os.write(fd, b"x" * size)
    except OSError as e:
        print(name, n, errno.errorcode[e.errno], os.fstat(fd).st_size)
    os.close(fd)
fill("a", 60000)
fill("a", 4096)
fill("b", 10)
tell("overwrite", lambda: os.pwrite(os.open("a", os.O_WRONLY), b"y" * 8192, 0))
tell("mkdir", lambda: os.mkdir("d"))
tell("rename", lambda: os.rename("a", "c"))
tell("extend", lambda: os.truncate("c", 1 << 30))
tell("shrink", lambda: os.truncate("c", 500000))
tell("allocate", lambda: os.posix_fallocate(os.open("c", os.O_RDWR), 0, 1 << 22))
fd = os.open("c", os.O_RDWR)
tell("room again", lambda: os.pwrite(fd, b"z" * 4096, 500000))
os.unlink("b")
fill("e", 65536)
m = mmap.mmap(fd, 500000)
m[0:4] = b"mmap"
tell("msync", m.flush)
os.unlink("e")
# a file system of a session gives the room back a moment later
for i in range(1000):
    if os.statvfs(".").f_bavail > 25:
        break
    time.sleep(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
fill("g", 30000)
tell("truncate past the limit", lambda: os.truncate("g", 200000))
tell("write past the limit", lambda: os.pwrite(os.open("g", os.O_WRONLY), b"q", 100001))
print(sorted((x, os.stat(x).st_size) for x in os.listdir(".") if x != "full.py"))
P
for d in in out; do
	mkdir "$T/$d" && mount -t tmpfs -o size=1m,mode=755 full "$T/$d" && cp "$T/full.py" "$T/$d/" || fail "a small file system"
	chown -R $ALICE_UID:$ALICE_UID "$T/$d"
done
(cd "$T/out" && setpriv --reuid $ALICE_UID --regid $ALICE_UID --clear-groups python3 full.py) >"$T/outside" 2>&1
drive "$T/in" "python3 full.py" >"$T/inside" 2>&1
[ "$(grep -c ENOSPC "$T/outside")" -ge 4 ] && grep -q EFBIG "$T/outside" || fail "it is not full: $(cat "$T/outside")"
cmp -s "$T/outside" "$T/inside" || {
	diff "$T/outside" "$T/inside"
	fail "something is not what it is outside of a session"
}
