#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a program writes to a file by memory that it has mapped, and no descriptor
# any more, others read, whatever the kernel has kept of the file: no time of it
# tells of such a write.
. "${TEST_SRC:?}/regress/lib.sh"
need_modes
need_tool curl jq python3
start_any
API_USER=$ME
ws=$(new_workspace "$ME")
new_session s "$ws"
cat >"$ws/mapped.py" <<'P'
import ctypes
import os
import time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
with open("f", "w") as f:
    f.write("0" * 100)
time.sleep(0.1)
def read():
    fd = os.open("f", os.O_RDONLY)
    text = os.read(fd, 200)
    os.close(fd)
    return text[:1].decode()
fd = os.open("f", os.O_RDWR)
where = libc.mmap(None, ctypes.c_size_t(100), 3, 1, fd, ctypes.c_long(0))
ctypes.memmove(where, b"1", 1)
os.close(fd)
time.sleep(0.2)
told = []
for i in range(2, 8):
    read(), read(), read()
    ctypes.memmove(where, b"%d" % i, 1)
    told.append(read())
print("".join(told))
P
want "what others read" "$(run_in s python3 mapped.py)" 234567
