#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls that no source may make: no bound, no error, a shell, or a hidden state.
cd "${TEST_SRC:?}" || exit 1
bad=0
calls='strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system|popen|alloca|tmpnam|mktemp|longjmp|setjmp|strncpy|strncat'
hits=$(grep -rnE "(^|[^A-Za-z0-9_>.])($calls)[[:space:]]*\\(" src regress --include='*.[ch]' |
    grep -vE ':[[:space:]]*(\*|/\*|//)')
if [ -n "$hits" ]; then
	echo "$hits"
	bad=1
fi
# style: return takes no parentheses around the whole of its value
hits=$(grep -rnE '\breturn \([^()]*\);' src regress --include='*.[ch]')
if [ -n "$hits" ]; then
	echo "$hits"
	bad=1
fi
# who sets the clock must not change how long something waits
for file in $(grep -rl 'pthread_cond_timedwait' src --include='*.c'); do
	grep -q 'pthread_condattr_setclock(.*CLOCK_MONOTONIC' "$file" && ! grep -q CLOCK_REALTIME "$file" && continue
	echo "$file: waits by CLOCK_REALTIME"
	bad=1
done
exit $bad
