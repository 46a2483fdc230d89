/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe printing: every byte, cut output, UTF-8 well and ill formed, and that
 * nothing a terminal acts upon comes out.
 */
#include <stdint.h>
#include <stdlib.h>

#include "t.h"
#include "vis.h"

static void
one(const char *in, size_t len, const char *want)
{
	char out[256];

	CHECK_INT(vis_bytes(out, sizeof(out), in, len), strlen(want));
	CHECK_STR(out, want);
}

static void
words(void)
{
	one("", 0, "");
	one("plain text", 10, "plain text");
	one("a\\b", 3, "a\\\\b");
	one("a\nb\t\r", 5, "a\\012b\\011\\015");
	one("\033[31m", 5, "\\033[31m");
	one("nul\0in", 6, "nul\\000in");
	one("\177", 1, "\\177");
	one("caf\303\251", 5, "caf\303\251");
	one("\360\237\230\200", 4, "\360\237\230\200");
}

static void
ill_formed(void)
{
	one("\200", 1, "\\200");
	one("\377", 1, "\\377");
	one("\300\200", 2, "\\300\\200"); /* overlong NUL */
	one("\340\200\200", 3, "\\340\\200\\200");
	one("\360\200\200\200", 4, "\\360\\200\\200\\200");
	one("\355\240\200", 3, "\\355\\240\\200");	    /* surrogate */
	one("\364\220\200\200", 4, "\\364\\220\\200\\200"); /* above 10ffff */
	one("\303", 1, "\\303");			    /* cut */
	one("\342\202", 2, "\\342\\202");
	one("\303(", 2, "\\303(");
}

static void
confusing(void)
{
	one("\302\233", 2, "\\302\\233"); /* C1 CSI */
	one("\342\200\256x", 4,
	    "\\342\\200\\256x");		   /* right-to-left override */
	one("\342\201\246", 3, "\\342\\201\\246"); /* isolate */
	one("\342\200\250", 3, "\\342\\200\\250"); /* line separator */
	one("\357\273\277", 3, "\\357\\273\\277"); /* byte order mark */
	one("\342\200\213", 3, "\\342\\200\\213"); /* zero width space */
}

/* All pairs of bytes: printable result, no control byte, right length. */
static void
pairs(void)
{
	char out[64], in[2];
	size_t n, i;
	int a, b;

	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			in[0] = (char)a;
			in[1] = (char)b;
			n = vis_bytes(out, sizeof(out), in, 2);
			CHECK_INT(strlen(out), n);
			for (i = 0; i < n; i++)
				CHECK((uint8_t)out[i] >= 0x20 &&
				    out[i] != 0x7f);
		}
	}
}

/* Every size of room: terminated, a prefix, never half an escape. */
static void
cut(void)
{
	static const char in[] = "ab\nc\303\251\\d";
	char whole[64], *out;
	size_t need, size, n;

	need = vis_bytes(whole, sizeof(whole), in, sizeof(in) - 1);
	for (size = 1; size < 40; size++) {
		out = malloc(size); /* exact, for ASan */
		CHECK_INT(vis_bytes(out, size, in, sizeof(in) - 1), need);
		n = strlen(out);
		CHECK(n < size);
		CHECK(memcmp(out, whole, n) == 0);
		CHECK(n == need || n == 0 || out[n - 1] != '\\' ||
		    (n > 1 && out[n - 2] == '\\'));
		free(out);
	}
	CHECK_INT(vis_bytes(NULL, 0, in, sizeof(in) - 1), need);
}

int
main(void)
{
	T_RUN(words);
	T_RUN(ill_formed);
	T_RUN(confusing);
	T_RUN(pairs);
	T_RUN(cut);
	return done_testing();
}
