/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations, sizes and integers from text of unknown origin. Every sum and
 * product is checked; no locale, no float.
 */
#include <stddef.h>
#include <string.h>

#include "units.h"

#define NS_MAX (UINT64_MAX / 4)

struct unit {
	const char *name;
	uint64_t factor;
};

/* longer names before their beginnings */
static const struct unit duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\302\265s", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60000000000 },
	{ "h", 3600000000000 },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "KB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "TB", 1000000000000 },
	{ "KiB", 1024 },
	{ "MiB", 1048576 },
	{ "GiB", 1073741824 },
	{ "TiB", 1099511627776 },
	{ "", 1 },
	{ NULL, 0 },
};

/* Digits from *p on; at least one. */
static int
units_digits(const char **p, unsigned base, uint64_t *value)
{
	const char *s = *p;
	uint64_t v = 0;

	while (*s >= '0' && *s < (char)('0' + base)) {
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -1;
		s++;
	}
	if (s == *p)
		return -1;
	*p = s;
	*value = v;
	return 0;
}

int
units_int(const char *text, int base, uint64_t *value)
{
	const char *p = text;

	if (base == 8 && p[0] == '0' && p[1] == 'o')
		p += 2;
	if (units_digits(&p, (unsigned)base, value) == -1 || *p != '\0')
		return -1;
	return 0;
}

/* One "1.5h": adds to *ns. */
static int
duration_part(const char **p, uint64_t *ns)
{
	const struct unit *u;
	const char *s = *p;
	uint64_t whole = 0, v, scale;
	const char *frac = NULL;

	if (*s != '.' && units_digits(&s, 10, &whole) == -1)
		return -1;
	if (*s == '.') {
		frac = ++s;
		while (*s >= '0' && *s <= '9')
			s++;
		if (s == frac)
			return -1;
	}
	for (u = duration_units; u->name != NULL; u++) {
		if (strncmp(s, u->name, strlen(u->name)) == 0)
			break;
	}
	if (u->name == NULL)
		return -1;
	if (__builtin_mul_overflow(whole, u->factor, &v) || v > NS_MAX)
		return -1;
	for (scale = u->factor / 10; frac != NULL && scale > 0; scale /= 10) {
		if (*frac < '0' || *frac > '9')
			break;
		v += (uint64_t)(*frac++ - '0') * scale;
	}
	/* less than a nanosecond is one: 0 would be no limit at all */
	for (; frac != NULL && *frac >= '0' && *frac <= '9'; frac++) {
		if (*frac != '0') {
			v++;
			break;
		}
	}
	if (*ns > NS_MAX)
		return -1;
	*ns += v;
	*p = s + strlen(u->name);
	return 0;
}

int
units_duration(const char *text, uint64_t *ms)
{
	const char *p = text;
	uint64_t ns = 0;

	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return 0;
	}
	if (*p == '\0')
		return -1;
	while (*p != '\0') {
		if (duration_part(&p, &ns) == -1)
			return -1;
	}
	*ms = (ns + 999999) / 1000000;
	return 0;
}

int
units_age(const char *text, uint64_t *ms)
{
	const char *p = text;

	if (units_digits(&p, 10, ms) == 0 && strcmp(p, "d") == 0)
		return __builtin_mul_overflow(*ms, (uint64_t)86400000, ms) ?
		    -1 :
		    0;
	return units_duration(text, ms);
}

int
units_size(const char *text, uint64_t *value)
{
	const struct unit *u;
	const char *p = text;
	uint64_t v;

	if (units_digits(&p, 10, &v) == -1)
		return -1;
	while (*p == ' ')
		p++;
	for (u = size_units; u->name != NULL; u++) {
		if (strcmp(p, u->name) == 0)
			return __builtin_mul_overflow(v, u->factor, value) ?
			    -1 :
			    0;
	}
	return -1;
}
