# SPDX-License-Identifier: Apache-2.0
# Looks at some files again and again, and says what is new; see hostchange.sh.
import os
import sys
import time

said = open("said", "w")


def say(text):
    said.write(text + "\n")
    said.flush()


def look(path):
    try:
        st = os.lstat(path)
    except FileNotFoundError:
        return ["gone"]
    except PermissionError:
        return ["closed"]
    kind = st.st_mode & 0o170000
    if kind == 0o040000:
        return [" ".join(sorted(os.listdir(path)))]
    if kind == 0o120000:
        return ["to " + os.readlink(path)]
    return [str(st.st_size), f"mode {st.st_mode & 0o777:o}"]


# what it does itself it sees at once
for i in range(200):
    assert not os.path.exists(f"own{i % 7}")
    with open(f"own{i % 7}", "w") as f:
        f.write("x" * i)
    assert os.stat(f"own{i % 7}").st_size == i
    os.rename(f"own{i % 7}", "own")
    assert not os.path.exists(f"own{i % 7}") and os.stat("own").st_size == i
    assert "own" in os.listdir(".")
    os.mkdir("dir")
    os.rename("own", "dir/own")
    assert os.listdir("dir") == ["own"] and not os.path.exists("own")
    os.rename("dir", "dir2")
    os.unlink("dir2/own")
    assert os.listdir("dir2") == [] and not os.path.exists("dir")
    os.rmdir("dir2")
print("own: ok")

known = {}
paths = ["d/absent", "d/f", "d/linked", "d/sub", "d/moved", "d/link", "d/way/in/f", "d/way/g", "top"] + sys.argv[1:]
first = True
end = time.time() + 120
while not os.path.exists("end") and time.time() < end:
    for path in paths:
        new = look(path)
        for text in new:
            if not first and text not in known.get(path, []):
                say(f"{path}: {text}")
        known[path] = new
    if first:
        say("ready")
    first = False
    time.sleep(0.005)
