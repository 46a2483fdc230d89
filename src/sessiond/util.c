/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks, identifiers and durations.
 */
#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

uint64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
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
	snprintf(dst, size, "%s.%06uZ", day, (unsigned)(ns % 1000000000 / 1000));
}

struct duration_unit {
	const char *name;
	double ms;
};

static const struct duration_unit duration_units[] = {
	{ "ns", 1e-6 },
	{ "us", 1e-3 },
	{ "\xc2\xb5s", 1e-3 }, /* micro sign */
	{ "\xce\xbcs", 1e-3 }, /* Greek mu */
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60000 },
	{ "h", 3600000 },
};

/* One number with its unit. Returns what follows, or NULL. */
static const char *
duration_part(const char *s, double *ms)
{
	double value = 0, scale = 1;
	size_t i, n, digits = 0;

	for (; *s >= '0' && *s <= '9'; s++, digits++)
		value = value * 10 + (*s - '0');
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9'; s++, digits++) {
			scale /= 10;
			value += (*s - '0') * scale;
		}
	}
	if (digits == 0 || digits > 18)
		return NULL;
	/* the unit ends where the next number begins */
	n = strcspn(s, "0123456789.");
	for (i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		if (strlen(duration_units[i].name) == n &&
		    memcmp(duration_units[i].name, s, n) == 0) {
			*ms += value * duration_units[i].ms;
			return s + n;
		}
	}
	return NULL;
}

int
duration_parse(const char *s, uint64_t *ms)
{
	double sum = 0;

	*ms = 0;
	if (strcmp(s, "0") == 0)
		return 0;
	if (*s == '\0')
		return -1;
	while (*s != '\0') {
		if ((s = duration_part(s, &sum)) == NULL)
			return -1;
	}
	/* longest that Go's type holds, about 292 years */
	if (sum > 9.2e12)
		return -1;
	*ms = (uint64_t)sum;
	if (*ms == 0 && sum > 0)
		*ms = 1;
	return 0;
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

int
set_timer(struct event *ev, uint64_t ms)
{
	struct timeval tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	return event_add(ev, &tv);
}
