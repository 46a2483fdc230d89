/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message decoder on arbitrary bytes. Input: type u32, body. What
 * decodes must encode to the same bytes again, within the row's bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* clang-format off */
#define MSG(N, n, from, to, fds, st, fl, fields) \
static void \
try_##n(const uint8_t *data, size_t len) \
{ \
	static struct msg_##n m; \
	struct imsg im = { 0 }; \
	struct buf b; \
	buf_read_from(&im.body, data, len); \
	if (msg_get_##n(&im, &m) == -1) \
		return; \
	if (len < msg_rows[MSG_##N].min || len > msg_rows[MSG_##N].max) \
		abort(); \
	buf_init(&b, AGENTSH_MSG_MAX); \
	msg_put_##n(&b, &m); \
	if (b.bad || b.len != len || (len > 0 && memcmp(b.data, data, len) != 0)) \
		abort(); \
	buf_free(&b); \
}
#include "msg.def"
#undef MSG
/* clang-format on */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t type;

	if (len < sizeof(type))
		return 0;
	memcpy(&type, data, sizeof(type));
	data += sizeof(type);
	len -= sizeof(type);
	/* clang-format off */
	switch (type % MSG_MAX) {
#define MSG(N, n, from, to, fds, st, fl, fields) \
	case MSG_##N: \
		try_##n(data, len); \
		break;
#include "msg.def"
#undef MSG
	}
	/* clang-format on */
	(void)msg_gate(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, type, len, 0);
	return 0;
}
