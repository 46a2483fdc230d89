/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as the configuration; what parses must survive its
 * encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "confparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf a, b;
	struct buf buf;
	struct aerr e;

	if (conf_parse("fuzz", data, size, &a, &e) == -1)
		return 0;
	buf_init(&buf, AGENTSH_CONF_MAX);
	conf_put(&buf, &a);
	if (conf_get(&buf, &b) == -1)
		abort();
	buf_free(&buf);
	return 0;
}
