#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each test that regress/longest names is there.
cd "${TEST_SRC:?}" || exit 1
bad=0
for name in $(sed '/^#/d; s/^[0-9]* //' regress/longest); do
	[ -e "regress/$name.sh" ] || [ -e "regress/$name.c" ] || {
		echo "regress/longest: $name: there is no such test"
		bad=1
	}
done
exit $bad
