# SPDX-License-Identifier: Apache-2.0
# Settings of git that can still be written to when they are moved into place.
# Run in a repository, whose .git/config is to stay without the word "evil".
import ctypes, mmap, os, socket, time

libc = ctypes.CDLL(None, use_errno=True)
GOOD = open(".git/config", "rb").read()
EVIL = b"[core]\n\tfsmonitor = evil\n"
bad = False


def new(name):
    with open(name, "wb") as f:
        f.write(GOOD)


# gives it a name, or says False
def named(fd, name):
    path = b"/proc/self/fd/%d" % fd
    return libc.linkat(-100, path, -100, name.encode(), 0x400) == 0


def mapped(fd):
    return mmap.mmap(fd, 0)


def store(m):
    m[0:len(EVIL)] = EVIL
    m.flush()


def said(text):
    global bad
    print(text)
    bad = True


# what could still store there has to keep the rename from happening
def case(name, move, later):
    try:
        move()
        moved = True
    except PermissionError:
        moved = False
    later()
    time.sleep(0.1)
    now = open(".git/config", "rb").read()
    if moved or now != GOOD:
        said("%s: moved %s, evil %s" % (name, moved, b"evil" in now))
    for f in ("x", "y", "z"):
        try:
            os.unlink(f)
        except OSError:
            pass


def rename():
    os.rename("x", ".git/config")


def after_close():
    new("x")
    fd = os.open("x", os.O_RDWR)
    m = mapped(fd)
    os.close(fd)
    case("a mapping", rename, lambda: store(m))
    m.close()


def of_a_child():
    new("x")
    a, b = os.pipe()
    c, d = os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = os.open("x", os.O_RDWR)
        m = mapped(fd)
        os.close(fd)
        os.write(b, b"1")
        os.read(c, 1)
        store(m)
        os._exit(0)
    os.read(a, 1)

    def later():
        os.write(d, b"1")
        os.waitpid(pid, 0)

    case("a child's", rename, later)


def of_another_name():
    new("y")
    fd = os.open("y", os.O_RDWR)
    m = mapped(fd)
    os.close(fd)
    os.link("y", "x")
    os.unlink("y")
    case("another name's", rename, lambda: store(m))
    m.close()


def passed_on():
    new("x")
    one, two = socket.socketpair(socket.AF_UNIX)
    fd = os.open("x", os.O_RDWR)
    socket.send_fds(one, [b"x"], [fd])
    os.close(fd)

    def later():
        got = socket.recv_fds(two, 1, 1)[1][0]
        os.pwrite(got, EVIL, 0)
        os.close(got)

    case("a descriptor on its way", rename, later)


def unnamed():
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o644)
    os.write(fd, GOOD)
    m = mapped(fd)
    if not named(fd, "x"):
        raise OSError("no name for it")
    os.close(fd)
    case("one that had no name", rename, lambda: store(m))
    m.close()


def copied_to():
    new("x")
    with open("z", "wb") as f:
        f.write(EVIL)
    src = os.open("z", os.O_RDONLY)
    fd = os.open("x", os.O_WRONLY)

    def later():
        os.copy_file_range(src, fd, len(EVIL), 0, 0)
        os.close(fd)
        os.close(src)

    case("copied to", rename, later)


def exchanged():
    new("x")

    def move():
        if libc.renameat2(-100, b"x", -100, b".git/config", 2) == -1:
            raise PermissionError

    case("exchanged", move, lambda: None)


def by_path():
    new("x")
    fd = os.open("x", os.O_PATH)
    rename()
    for flags in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC):
        try:
            os.close(os.open("/proc/self/fd/%d" % fd, flags))
            said("opened to be written, by a descriptor")
        except PermissionError:
            continue
    try:
        os.truncate("/proc/self/fd/%d" % fd, 0)
        said("shortened, by a descriptor")
    except PermissionError:
        pass
    if named(fd, "z"):
        said("got another name, by a descriptor")
    os.close(fd)


for f in (after_close, of_a_child, of_another_name, passed_on, unnamed, copied_to, exchanged, by_path):
    f()
# and what nobody has any more may go there
new("x")
fd = os.open("x", os.O_RDWR)
m = mapped(fd)
m.close()
os.close(fd)
rename()
print("some" if bad else "none")
