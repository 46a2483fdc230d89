/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a key, as a signature, and as a time; what is
 * accepted must print to what is accepted as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "polsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_key(const uint8_t *data, size_t size)
{
	static struct polkey a, b;
	char err[512], *text;

	if (polkey_parse(data, size, &a, err, sizeof(err)) == -1)
		return;
	text = polkey_print(&a, a.has_seed);
	/* "" is no time of a key that has none */
	if (text != NULL && a.since[0] != '\0' &&
	    (polkey_parse(text, strlen(text), &b, err, sizeof(err)) == -1 ||
		memcmp(a.public, b.public, sizeof(a.public)) != 0 ||
		strcmp(a.label, b.label) != 0 || a.since_s != b.since_s))
		abort();
	free(text);
}

static void
try_signature(const uint8_t *data, size_t size)
{
	static struct polsig a, b;
	char err[512], *text;

	if (polsig_parse(data, size, &a, err, sizeof(err)) != POLSIG_OK)
		return;
	text = polsig_print(&a);
	if (text != NULL &&
	    (polsig_parse(text, strlen(text), &b, err, sizeof(err)) !=
		    POLSIG_OK ||
		memcmp(&a, &b, sizeof(a)) != 0))
		abort();
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[64], again[64];
	int64_t s, t;

	try_key(data, size);
	try_signature(data, size);
	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (polsig_time(text, &s) == 0 &&
	    polsig_time_print(s, again, sizeof(again)) == 0 &&
	    (polsig_time(again, &t) == -1 || s != t))
		abort();
	return 0;
}
