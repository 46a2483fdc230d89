#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every file says what it is and who may use it; none has notes of work left.
cd "${TEST_SRC:?}" || exit 1
bad=0
marks='TO''DO|FIX''ME|XX''X|HA''CK'
hits=$(grep -rnE "(^|[^A-Za-z0-9_])($marks)([^A-Za-z0-9_.]|\$)" src regress man etc bench \
    README ARCHITECTURE SECURITY NEWS bootstrap Makefile.am configure.ac \
    --include='*' --exclude-dir=corpus 2>/dev/null)
if [ -n "$hits" ]; then
	echo "$hits"
	bad=1
fi
for f in $(find src regress -name '*.[ch]' -type f | LC_ALL=C sort); do
	if ! head -n 1 "$f" | grep -qx '/\* SPDX-License-Identifier: Apache-2.0 \*/'; then
		echo "$f: the first line is not the SPDX line"
		bad=1
	fi
	if ! sed -n '2,4p' "$f" | grep -q '^/\*'; then
		echo "$f: no comment says what the file is for"
		bad=1
	fi
done
for f in $(find src -name '*.def' -type f | LC_ALL=C sort); do
	if ! head -n 2 "$f" | grep -q '^/\*'; then
		echo "$f: no comment says what the table is for"
		bad=1
	fi
done
for f in $(find regress man bench etc -type f \( -name '*.sh' -o -name '*.py' \
    -o -name run -o -name '*.in' -o -name '*.[1-8]' \) ! -path '*/policy/*' ! -path '*/config/*' |
    LC_ALL=C sort); do
	if ! head -n 3 "$f" | grep -q 'SPDX-License-Identifier'; then
		echo "$f: no SPDX line"
		bad=1
	fi
done
exit $bad
