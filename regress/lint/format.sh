#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format 14 has nothing to change.
command -v clang-format-14 >/dev/null || {
	echo "SKIP: clang-format-14 is not installed"
	exit 77
}
cd "${TEST_SRC:?}" || exit 1
find src regress -name '*.[ch]' ! -name '*_bpf.h' -type f | LC_ALL=C sort |
    xargs clang-format-14 --dry-run -Werror 2>&1 | grep -E 'error:|warning:' >"${TMPDIR:-/tmp}/fmt.$$"
sed 's/: error: .*//; s/: warning: .*//' "${TMPDIR:-/tmp}/fmt.$$" |
    cut -d: -f1 | sort | uniq -c | sed 's/$/: lines that clang-format-14 would change/'
if [ -s "${TMPDIR:-/tmp}/fmt.$$" ]; then
	rm -f "${TMPDIR:-/tmp}/fmt.$$"
	exit 1
fi
rm -f "${TMPDIR:-/tmp}/fmt.$$"
