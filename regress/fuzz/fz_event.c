/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: an event record as a hostile producer writes it.
 */
#include <stdlib.h>

#include "event.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_head head;
	enum event_field field;
	struct buf b;
	const char *str;
	uint64_t num;
	size_t len, i;
	volatile char sink;

	buf_read_from(&b, data, size);
	if (ev_get_head(&b, &head) == -1)
		return 0;
	while (ev_get_field(&b, &field, &num, &str, &len) == 1) {
		if (len > EVENT_STR_MAX || field >= EVF_MAX)
			abort();
		for (i = 0; i < len; i++)
			sink = str[i];
	}
	(void)sink;
	return 0;
}
