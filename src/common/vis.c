/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe printing. UTF-8 by RFC 3629; the refused code points are C1 controls,
 * line and paragraph separators, and the bidirectional controls of UAX #9.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vis.h"

/* Length of the well-formed sequence at p, its code point in *cp; 0 if none. */
static size_t
utf8_at(const uint8_t *p, size_t left, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > left)
		return 0;
	*cp = p[0] & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = (*cp << 6) | (p[i] & 0x3fU);
	}
	if (*cp < least[n] || *cp > 0x10ffff ||
	    (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return n;
}

static bool
is_confusing(uint32_t cp)
{
	return cp < 0xa0 || cp == 0x061c || cp == 0xfeff ||
	    (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	    (cp >= 0x2060 && cp <= 0x206f) || (cp >= 0xfff9 && cp <= 0xfffb) ||
	    (cp >= 0xe0000 && cp <= 0xe007f);
}

size_t
vis_bytes(char *dst, size_t size, const void *src, size_t len)
{
	const uint8_t *p = src;
	char piece[17];
	uint32_t cp;
	size_t i, k, n, need = 0;
	bool full = size == 0;

	for (i = 0; i < len; i += n) {
		n = 1;
		if (p[i] >= 0x80) {
			n = utf8_at(p + i, len - i, &cp);
			if (n != 0 && !is_confusing(cp)) {
				memcpy(piece, p + i, n);
				piece[n] = '\0';
			} else {
				n = n == 0 ? 1 : n;
				for (k = 0; k < n; k++)
					snprintf(piece + 4 * k, 5, "\\%03o",
					    p[i + k]);
			}
		} else if (p[i] == '\\')
			memcpy(piece, "\\\\", 3);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			snprintf(piece, sizeof(piece), "\\%03o", p[i]);
		else {
			piece[0] = (char)p[i];
			piece[1] = '\0';
		}
		k = strlen(piece);
		if (!full && need + k < size)
			memcpy(dst + need, piece, k + 1);
		else if (!full) {
			dst[need] = '\0';
			full = true;
		}
		need += k;
	}
	if (need == 0 && size > 0)
		dst[0] = '\0';
	return need;
}

size_t
vis_str(char *dst, size_t size, const char *src)
{
	return vis_bytes(dst, size, src, strlen(src));
}

bool
utf8_is_valid(const void *src, size_t len)
{
	const uint8_t *p = src;
	uint32_t cp;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = p[i] < 0x80 ? 1 : utf8_at(p + i, len - i, &cp);
		if (n == 0)
			return false;
	}
	return true;
}
