/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: an HTTP reply as a hostile server sends it. However the bytes
 * are cut into pieces, the outcome is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/agentsh/httpreply.h"

#define MAX_BODY 65536

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hr whole, pieces;
	size_t i, n;
	int a, b = 0;

	hr_init(&whole, MAX_BODY);
	hr_init(&pieces, MAX_BODY);
	a = hr_feed(&whole, data, size);
	for (i = 0; i < size; i += n) {
		n = 1 + data[i] % 7;
		n = n > size - i ? size - i : n;
		b = hr_feed(&pieces, data + i, n);
	}
	if (a != b || whole.state != pieces.state ||
	    whole.status != pieces.status ||
	    whole.body.len != pieces.body.len ||
	    (whole.body.len > 0 &&
		memcmp(whole.body.data, pieces.body.data, whole.body.len) != 0))
		abort();
	if (whole.body.len > MAX_BODY || (a == -1) != (whole.err != NULL) ||
	    (a == 1 && (whole.status < 200 || whole.status > 599)))
		abort();
	hr_free(&whole);
	hr_free(&pieces);
	return 0;
}
