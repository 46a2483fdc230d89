#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trees through tar, cp and back: contents, modes, times, links, holes
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"

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
# a large tree, with all that a name can be
mkdir -p big && cd big
python3 - <<'P'
import os
for i in range(40):
    d = f"d{i}/" + "/".join("abcdefgh"[:i % 8])
    os.makedirs(d, exist_ok=True)
    for k in range(25):
        p = f"{d}/f{k}" + "x" * (k * 8)
        with open(p, "wb") as f:
            f.write(bytes([i]) * (k * k * 40))
        os.chmod(p, (0o600, 0o644, 0o755, 0o400)[k % 4])
        os.utime(p, ns=(10**18 + k, 10**18 + i * 10**9 + k))
    os.symlink(f"f{i}", f"{d}/l")
    os.link(f"{d}/f0", f"{d}/h")
    with open(f"{d}/sparse", "wb") as f:
        f.truncate(10**6)
        f.seek(500000)
        f.write(b"middle")
    os.utime(f"{d}/sparse", ns=(10**18, 10**18))
    os.chmod(d, 0o751)
    os.utime(d, ns=(10**18, 10**18 + i))
P
cd ..
tar --format=posix -cSf big.tar big && mkdir again && tar -C again -xSpf big.tar
list() { (cd "$1" && find . -printf '%p %y %m %n %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2); }
list big >one && list again/big >two && cmp one two && wc -l <one && grep -v ' [dl] ' one | sha256sum
cp -a big third && list third >one && cmp one two
rm -rf third again && mkdir again && tar --format=posix -cSf - -C big . | tar -C again -xSpf - &&
    list again >one && list big >two && cmp one two
rm -rf big again one two big.tar
E
