#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No source file over 700 lines, no function over 100.
cd "${TEST_SRC:?}" || exit 1
find src regress -name '*.[ch]' ! -name '*_bpf.h' -type f | LC_ALL=C sort | xargs awk '
FNR == 1 { start = 0 }
# the layout makes a body begin with { and end with } in the first column
/^\{/ { start = FNR }
/^\}/ {
	if (start > 0 && FNR - start - 1 > 100) {
		printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start - 1
		bad = 1
	}
	start = 0
}
FNR == 701 {
	printf "%s: more than 700 lines\n", FILENAME
	bad = 1
}
END { exit bad }'
