#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git: clone, rebase, merge, stash, worktree, gc
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"
need_tool git

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
git cherry-pick --no-commit HEAD~1 2>/dev/null || git reset -q --hard
git reset -q --hard && git format-patch -q -2 --stdout | git mailinfo /dev/null /dev/null | grep -c .
git checkout -q --detach HEAD~2 && git bisect start HEAD HEAD~1 >/dev/null && git bisect reset >/dev/null 2>&1
git checkout -q main && git $who tag -a -m t v1 && git describe
git archive HEAD | tar -tf - | sort
E
