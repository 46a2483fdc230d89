/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON strings onto standard output.
 */
#include <stdint.h>
#include <stdio.h>

#include "jsonput.h"
#include "utf8.h"

void
jsonput_str(const void *data, size_t len)
{
	const unsigned char *s = data;
	uint32_t cp;
	size_t i, n;
	bool partial;

	putchar('"');
	for (i = 0; i < len; i += n) {
		n = utf8_char(s + i, len - i, &cp, &partial);
		if (n == 0) {
			fputs("\xef\xbf\xbd", stdout);
			n = 1;
		} else if (s[i] == '"' || s[i] == '\\') {
			printf("\\%c", s[i]);
		} else if (s[i] == '\n') {
			fputs("\\n", stdout);
		} else if (s[i] < 0x20) {
			printf("\\u%04x", s[i]);
		} else {
			fwrite(s + i, 1, n, stdout);
		}
	}
	putchar('"');
}

void
jsonput_base64(const void *data, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = data;
	uint32_t v;
	size_t i, left;

	putchar('"');
	for (i = 0; i < len; i += 3) {
		left = len - i;
		v = (uint32_t)s[i] << 16;
		if (left > 1)
			v |= (uint32_t)s[i + 1] << 8;
		if (left > 2)
			v |= s[i + 2];
		putchar(digits[v >> 18]);
		putchar(digits[v >> 12 & 63]);
		putchar(left > 1 ? digits[v >> 6 & 63] : '=');
		putchar(left > 2 ? digits[v & 63] : '=');
	}
	putchar('"');
}
