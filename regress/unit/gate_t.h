/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate must say, written from msg.def a second time, by other means
 * than the gate's.
 */
#ifndef GATE_T_H
#define GATE_T_H

#include <string.h>

#include "msg.h"

struct want {
	uint32_t from;
	uint32_t to;
	uint32_t state;
	size_t min;
	size_t max;
	int nfds;
};

/* clang-format off */
#define U8(f) (n += 1, x += 1);
#define U16(f) (n += 2, x += 2);
#define U32(f) (n += 4, x += 4);
#define U64(f) (n += 8, x += 8);
#define STR(f, m) (n += 4, x += 4 + (m));
#define TAIL(f, m) (x += (m));
static inline void
want_table(struct want *w)
{
	size_t n, x;

#define MSG(N, name, f, t, d, st, fl, fields) \
	n = x = 0; \
	fields \
	w[MSG_##N] = (struct want){ f, t, st, n, x, (int)strlen(d) };
#include "msg.def"
#undef MSG
}
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef TAIL
/* clang-format on */

static inline bool
expect(const struct want *w, int me, int peer, int state, uint32_t type,
    size_t len, int nfds)
{
	if (type == 0 || type >= MSG_MAX)
		return false;
	w += type;
	return (w->to >> me & 1) == 1 && (w->from >> peer & 1) == 1 &&
	    (w->state & (uint32_t)state) != 0 && len >= w->min &&
	    len <= w->max && nfds == w->nfds;
}

#endif
