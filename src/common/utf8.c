/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one reader of UTF-8: what it takes for a character is printed, put into
 * JSON and cut by the same rules.
 */
#include "utf8.h"

size_t
utf8_char(const void *src, size_t len, uint32_t *cp, bool *partial)
{
	const uint8_t *s = src;
	uint8_t lo = 0x80, hi = 0xbf;
	size_t i, n;

	*partial = false;
	*cp = s[0];
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	/* the second byte excludes overlong forms, surrogates, > U+10FFFF */
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	*cp = s[0] & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if (i == len) {
			*partial = true;
			return 0;
		}
		if (s[i] < lo || s[i] > hi)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3fU);
		lo = 0x80;
		hi = 0xbf;
	}
	return n;
}

bool
utf8_is_valid(const void *src, size_t len)
{
	const uint8_t *s = src;
	uint32_t cp;
	size_t i, n;
	bool partial;

	for (i = 0; i < len; i += n) {
		n = s[i] < 0x80 ? 1 : utf8_char(s + i, len - i, &cp, &partial);
		if (n == 0)
			return false;
	}
	return true;
}

size_t
utf8_cut(const void *src, size_t len)
{
	const uint8_t *s = src;
	uint32_t cp;
	size_t back;
	bool partial;

	for (back = 1; back <= 3 && back <= len; back++) {
		if ((s[len - back] & 0xc0) == 0x80)
			continue;
		if (utf8_char(s + len - back, back, &cp, &partial) == 0 &&
		    partial)
			return len - back;
		break;
	}
	return len;
}
