/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers, times and durations as text.
 */
#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "sessiond.h"

void
uuid4(char dst[37])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		fatal("getrandom");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(dst, 37,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
	    b[11], b[12], b[13], b[14], b[15]);
}

/* RFC 3339 in UTC */
void
time_text(char *dst, size_t size, uint64_t ns)
{
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;
	char day[32];

	if (gmtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(dst, size, "%s.%06uZ", day,
	    (unsigned)(ns % 1000000000 / 1000));
}

uint64_t
least_limit(uint64_t a, uint64_t b)
{
	if (a == 0)
		return b;
	if (b == 0)
		return a;
	return a < b ? a : b;
}

void
set_timer(struct event *ev, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	/* what would never come to its end then is not let begin */
	if (event_add(ev, &tv) == -1)
		fatalx("a timer cannot be set");
}
