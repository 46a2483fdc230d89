/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a ClientHello. However it is cut into pieces, it says the same;
 * a name is one, and a result stays.
 */
#include <stdlib.h>
#include <string.h>

#include "hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(struct hello *h, enum hello_state st)
{
	char name[NET_NAME_MAX + 1];
	size_t len = strlen(h->sni);

	if (st != h->state || (st == HELLO_BAD) != (h->why != NULL))
		abort();
	if (len > 0 &&
	    (hello_name(h->sni, len, name) == -1 || strcmp(name, h->sni) != 0))
		abort();
	if (st != HELLO_MORE && hello_feed(h, "\x16\x03", 2) != st)
		abort();
	hello_stop(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct hello whole, pieces;
	enum hello_state st = HELLO_MORE;
	size_t i, n;

	if (!started && hello_init() == -1)
		abort();
	started = true;
	if (hello_start(&whole) == -1 || hello_start(&pieces) == -1)
		abort();
	check(&whole, hello_feed(&whole, data, size));
	for (i = 0; i < size && st == HELLO_MORE; i += n) {
		n = 1 + data[i] % 50;
		if (n > size - i)
			n = size - i;
		st = hello_feed(&pieces, data + i, n);
	}
	check(&pieces, st);
	if (size <= HELLO_MAX &&
	    (whole.state != pieces.state || whole.ech != pieces.ech ||
		strcmp(whole.sni, pieces.sni) != 0 ||
		strcmp(whole.alpn, pieces.alpn) != 0))
		abort();
	return 0;
}
