/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe printing. The refused code points are C1 controls, what has no width or
 * no look (zero-width characters, separators of lines, invisible operators, tags,
 * interlinear marks), and the bidirectional controls of UAX #9.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"
#include "vis.h"

bool
vis_is_confusing(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c ||
	    cp == 0xfeff || (cp >= 0x200b && cp <= 0x200f) ||
	    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
	    (cp >= 0xfff9 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe007f);
}

size_t
vis_bytes(char *dst, size_t size, const void *src, size_t len)
{
	const uint8_t *p = src;
	char piece[17];
	uint32_t cp;
	size_t i, k, n, need = 0;
	bool partial, full = size == 0;

	for (i = 0; i < len; i += n) {
		n = 1;
		if (p[i] >= 0x80) {
			n = utf8_char(p + i, len - i, &cp, &partial);
			if (n != 0 && !vis_is_confusing(cp)) {
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
