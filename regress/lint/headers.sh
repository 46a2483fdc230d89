#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone; no role includes the header of another role;
# every source and table is in the Makefile.
cd "${TEST_SRC:?}" || exit 1
bad=0
cflags=$(pkg-config --cflags libevent fuse3 libseccomp yaml-0.1 yajl libcap 2>/dev/null)
for h in $(find src -name '*.h' ! -name '*_bpf.h' -type f | LC_ALL=C sort); do
	# shellcheck disable=SC2086
	if ! printf '#include "%s"\n' "$h" |
	    ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -iquote . -iquote src/common \
	    -iquote "$(dirname "$h")" $cflags -Wall -Wextra -Werror -Wno-unused-function \
	    -DAGENTSH_LIBEXECDIR='""' -DAGENTSH_SYSCONFDIR='""' -DAGENTSH_DATADIR='""' \
	    -DAGENTSH_BINDIR='""' -DAGENTSH_SBINDIR='""' -DAGENTSH_STATEDIR='""' \
	    -DAGENTSH_LOGDIR='""' -fsyntax-only -x c -; then
		echo "$h: does not compile alone"
		bad=1
	fi
done
for d in src/*/; do
	d=$(basename "$d")
	[ "$d" != common ] || continue
	for inc in $(grep -rhoE '^#include "[^"]+"' "src/$d" | sed 's/.*"\(.*\)"/\1/' | sort -u); do
		[ -e "src/$d/$inc" ] || [ -e "src/common/$inc" ] || {
			echo "src/$d: includes \"$inc\", which is neither its own nor common"
			bad=1
		}
	done
done
# common knows no role
for inc in $(grep -rhoE '^#include "[^"]+"' src/common | sed 's/.*"\(.*\)"/\1/' | sort -u); do
	[ -e "src/common/$inc" ] || {
		echo "src/common: includes \"$inc\""
		bad=1
	}
done
for f in $(find src regress/unit regress/fuzz -type f \( -name '*.[ch]' -o -name '*.def' \) |
    LC_ALL=C sort); do
	case $f in
	regress/unit/*.h | regress/fuzz/*.h) continue ;;
	regress/*/*.c)
		grep -qF "${f%.c}" Makefile.am && continue ;;
	esac
	grep -qF "$f" Makefile.am || {
		echo "$f: not in Makefile.am"
		bad=1
	}
done
exit $bad
