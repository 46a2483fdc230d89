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
# a helper is killed for a command of fcntl(2) that has no row
for command in $(grep -rhE '\bfcntl\(' src --include='*.c' --exclude-dir=init --exclude-dir=privd \
    --exclude-dir=agentsh --exclude-dir=agentshctl | grep -oE '\bF_(DUP|GET|SET|ADD|OFD)[A-Z_]*' | sort -u); do
	grep -qE "^CALL_IF\(.*, fcntl, .*\b$command," src/common/sandbox.def && continue
	echo "fcntl: $command has no row in sandbox.def"
	bad=1
done
exit $bad
