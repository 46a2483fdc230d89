# SPDX-License-Identifier: Apache-2.0
# Files that are open in several ways at one time; see passthrough.sh.
import mmap
import os
import stat
import threading


def read(path):
    with open(path, "rb") as f:
        return f.read()


# what is written is there at once, for whoever opened it before or after
with open("new", "wb") as w:
    w.write(b"a" * 500000)
    w.flush()
    assert os.stat("new").st_size == 500000
    with open("new", "rb") as r:
        assert r.read() == b"a" * 500000
        w.write(b"b" * 500000)
        w.flush()
        assert r.read() == b"b" * 500000
        assert os.fstat(r.fileno()).st_size == 1000000
assert len(read("new")) == 1000000

# one that is read by fsd, and then opened to be written: they agree
with open("small", "rb") as r:
    assert r.read() == b"small\n"
    with open("small", "r+b") as w:
        w.write(b"SMALL")
        w.flush()
        r.seek(0)
        assert r.read() == b"SMALL\n"
        w.seek(0)
        w.write(b"small")
assert read("small") == b"small\n"

# mappings of both kinds, of a file that is also read and written
with open("map", "w+b") as f:
    f.write(b"\0" * 2000000)
    f.flush()
    with mmap.mmap(f.fileno(), 0) as m, open("map", "rb") as r:
        m[1000000:1000003] = b"abc"
        r.seek(1000000)
        assert r.read(3) == b"abc"
        os.pwrite(f.fileno(), b"xyz", 1999000)
        assert m[1999000:1999003] == b"xyz"
        with mmap.mmap(r.fileno(), 0, prot=mmap.PROT_READ) as m2:
            assert m2[1000000:1000003] == b"abc"
assert read("map")[1000000:1000003] == b"abc"

# truncation by name, by handle, by opening
with open("map", "r+b") as f:
    os.truncate("map", 10)
    assert len(f.read()) == 10 and os.fstat(f.fileno()).st_size == 10
    os.ftruncate(f.fileno(), 20)
    assert os.stat("map").st_size == 20
    with open("map", "wb"):
        assert os.fstat(f.fileno()).st_size == 0
    os.posix_fallocate(f.fileno(), 0, 4096)
    assert os.stat("map").st_size == 4096

# two who append
a, b = (os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for _ in "ab")
for i in range(100):
    os.write(a, b"a")
    os.write(b, b"b")
os.close(a)
os.close(b)
assert read("log") == b"ab" * 100
os.unlink("log")

# the name goes, the file stays
f = open("gone", "w+b")
f.write(b"x" * 100)
f.flush()
os.rename("gone", "d/gone")
os.unlink("d/gone")
f.seek(0)
assert f.read() == b"x" * 100
f.write(b"y")
f.flush()
assert os.fstat(f.fileno()).st_size == 101
f.close()

# copies by the kernel, in both directions
with open("large", "rb") as src, open("copy", "wb") as dst:
    assert os.copy_file_range(src.fileno(), dst.fileno(), 3000000) > 0
with open("large", "rb") as src, open("copy", "r+b") as dst:
    dst.truncate(0)
    while os.sendfile(dst.fileno(), src.fileno(), None, 1 << 20):
        pass
assert read("copy") == read("large")
os.unlink("copy")


# many at one time, who open and close the same files in all ways
def work(n):
    try:
        for i in range(150):
            path = f"d/{(n + i) % 5}"
            with open(path, "ab" if i % 3 == 0 else "w+b" if i % 7 == 0 else "a+b") as g:
                g.write(b"z" * 10)
            try:
                read(path)
            except FileNotFoundError:
                pass
            if i % 11 == 0:
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    pass
    except OSError as e:
        bad.append(e)


bad = []
threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not bad, bad

# one who has made small files only is not given to the kernel with the next one:
# what it writes is seen at once, by those who read and have it mapped, and what
# others write too
def small():
    for i in range(12):
        with open(f"d/small{i}", "wb") as g:
            g.write(b"s")
        os.unlink(f"d/small{i}")


small()
with open("direct", "wb") as w, open("direct", "r+b") as r:
    os.write(w.fileno(), b"a" * 5000)
    assert os.stat("direct").st_size == 5000
    with mmap.mmap(r.fileno(), 0) as m:
        assert m[:] == b"a" * 5000
        os.pwrite(w.fileno(), b"b" * 10, 4090)
        assert m[4090:4100] == b"b" * 10 and m[4089:4090] == b"a"
        assert r.read() == b"a" * 4090 + b"b" * 10 + b"a" * 900
        m[0:1] = b"c"
        m.flush()
        os.pwrite(w.fileno(), b"d", 1)
        assert m[0:3] == b"cda"
    r.seek(0)
    r.write(b"e")
    r.flush()
    os.write(w.fileno(), b"f" * 100)
    os.ftruncate(w.fileno(), 5050)
assert read("direct") == b"eda" + b"a" * 4087 + b"b" * 10 + b"a" * 900 + b"f" * 50
small()
with open("direct", "wb") as w:
    w.write(b"g" * 3000000)
assert read("direct") == b"g" * 3000000
small()
with open("large", "rb") as src, open("direct", "wb") as dst:
    assert os.copy_file_range(src.fileno(), dst.fileno(), 1000) == 1000
    while os.sendfile(dst.fileno(), src.fileno(), None, 1 << 20):
        pass
assert read("direct") == read("large")
os.unlink("direct")

# who writes has no right to keep the bit
with open("setid", "ab") as g:
    g.write(b"y")
assert stat.S_IMODE(os.stat("setid").st_mode) == 0o755
print("all as it should be")
