/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of text in the files of keys and signatures: times, base64, ids
 * and labels. Each has one way to be written, and everything else is refused.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "polsig.h"
#include "utf8.h"

bool
polsig_text_is_valid(const char *s)
{
	size_t i, len = strlen(s);

	if (len > POLSIG_TEXT_MAX || !utf8_is_valid(s, len))
		return false;
	for (i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	}
	return true;
}

bool
polsig_id_is_valid(const char *s)
{
	return strlen(s) == POLSIG_ID_LEN &&
	    strspn(s, "0123456789abcdef") == POLSIG_ID_LEN;
}

/* n digits of a number from s on, within lo and hi; -1 when not. */
static int
digits(const char *s, size_t n, int lo, int hi)
{
	int v = 0;

	while (n-- > 0) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s++ - '0');
	}
	return v < lo || v > hi ? -1 : v;
}

/* What follows the seconds: a fraction, which is dropped, and the zone. */
static int
zone(const char *s, int64_t *offset)
{
	int h, m;

	*offset = 0;
	if (*s == '.') {
		s++;
		if (*s < '0' || *s > '9')
			return -1;
		s += strspn(s, "0123456789");
	}
	if (strcmp(s, "Z") == 0)
		return 0;
	if ((*s != '+' && *s != '-') || strlen(s) != 6 || s[3] != ':')
		return -1;
	h = digits(s + 1, 2, 0, 23);
	m = digits(s + 4, 2, 0, 59);
	if (h == -1 || m == -1)
		return -1;
	*offset = (*s == '+' ? 1 : -1) * (h * 3600 + m * 60);
	return 0;
}

/* Days of a year in the Gregorian calendar from 1970 to the begin of year. */
static int64_t
days_before(int year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

/* By hand: timegm(3) would open the zone file, which policyd may not. */
int
polsig_time(const char *s, int64_t *seconds)
{
	static const int upto[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273,
		304, 334, 365 };
	int year, mon, day, hour, min, sec, len;
	int64_t offset;
	bool leap;

	if (strlen(s) < 20 || strlen(s) > POLSIG_TIME_MAX || s[4] != '-' ||
	    s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' ||
	    zone(s + 19, &offset) == -1)
		return -1;
	year = digits(s, 4, 1970, 9999);
	mon = digits(s + 5, 2, 1, 12);
	day = digits(s + 8, 2, 1, 31);
	hour = digits(s + 11, 2, 0, 23);
	min = digits(s + 14, 2, 0, 59);
	sec = digits(s + 17, 2, 0, 59);
	if (year == -1 || mon == -1 || day == -1 || hour == -1 || min == -1 ||
	    sec == -1)
		return -1;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	len = upto[mon] - upto[mon - 1] + (leap && mon == 2);
	if (day > len)
		return -1;
	*seconds = (days_before(year) + upto[mon - 1] + (leap && mon > 2) +
		       day - 1) *
		86400 +
	    hour * 3600 + min * 60 + sec - offset;
	return 0;
}

int
polsig_time_print(int64_t seconds, char *dst, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 70 ||
	    tm.tm_year > 9999 - 1900 ||
	    strftime(dst, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return -1;
	return 0;
}

/* The value of a digit of base64, or -1. */
static int
digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
polsig_bytes64(const char *s, uint8_t *dst, size_t len)
{
	size_t i, got = 0, ndigits = (len * 8 + 5) / 6;
	unsigned acc = 0, bits = 0;
	int d;

	if (strlen(s) != (len + 2) / 3 * 4)
		return -1;
	for (i = 0; i < ndigits; i++) {
		d = digit64(s[i]);
		if (d == -1)
			return -1;
		acc = acc << 6 | (unsigned)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			dst[got++] = (uint8_t)(acc >> bits);
			acc &= (1U << bits) - 1;
		}
	}
	/* what is left over, and the padding */
	return acc == 0 && strspn(s + i, "=") == strlen(s + i) ? 0 : -1;
}
