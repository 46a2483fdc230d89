#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Any script is as shellcheck wants it.
# timeout: 600
command -v shellcheck >/dev/null || {
	echo "SKIP: shellcheck is not installed"
	exit 77
}
cd "${TEST_SRC:?}" || exit 1
# SC1091, SC2034, SC2154: lib.sh is read by a path known at run time
{
	find regress -name '*.sh' -type f
	for f in bootstrap .ci/run bench/run regress/vm/run; do
		! head -n 1 "$f" 2>/dev/null | grep -q 'sh$' || echo "$f"
	done
} | LC_ALL=C sort | xargs -P "$(nproc)" -n 16 shellcheck -S warning -e SC1091,SC2034,SC2154
