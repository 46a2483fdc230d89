/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded buffers. Integers are in host order: both ends are on one machine.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_read_from(struct buf *b, const void *data, size_t len)
{
	memset(b, 0, sizeof(*b));
	/* never written through: cap is 0 and max equals len */
	b->data = (uint8_t *)(uintptr_t)data;
	b->len = len;
	b->max = len;
}

void
buf_free(struct buf *b)
{
	if (b->cap != 0)
		free(b->data);
	memset(b, 0, sizeof(*b));
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->pos = 0;
	b->bad = b->no_memory = false;
}

static bool
buf_reserve(struct buf *b, size_t n)
{
	uint8_t *p;
	size_t cap;

	if (b->bad || n > b->max - b->len) {
		b->bad = true;
		return false;
	}
	if (b->len + n <= b->cap)
		return true;
	cap = b->cap == 0 ? 256 : b->cap;
	while (cap < b->len + n)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	p = realloc(b->data, cap);
	if (p == NULL) {
		b->bad = b->no_memory = true;
		return false;
	}
	b->data = p;
	b->cap = cap;
	return true;
}

void
buf_put(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || !buf_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_str(struct buf *b, const char *s, size_t max)
{
	size_t len = strlen(s);

	if (len > max) {
		b->bad = true;
		return;
	}
	buf_put_u32(b, (uint32_t)len);
	buf_put(b, s, len);
}

static void
buf_get(struct buf *b, void *data, size_t len)
{
	if (b->bad || len > b->len - b->pos) {
		b->bad = true;
		memset(data, 0, len);
		return;
	}
	if (len == 0)
		return;
	memcpy(data, b->data + b->pos, len);
	b->pos += len;
}

uint8_t
buf_get_u8(struct buf *b)
{
	uint8_t v;

	buf_get(b, &v, sizeof(v));
	return v;
}

uint16_t
buf_get_u16(struct buf *b)
{
	uint16_t v;

	buf_get(b, &v, sizeof(v));
	return v;
}

uint32_t
buf_get_u32(struct buf *b)
{
	uint32_t v;

	buf_get(b, &v, sizeof(v));
	return v;
}

uint64_t
buf_get_u64(struct buf *b)
{
	uint64_t v;

	buf_get(b, &v, sizeof(v));
	return v;
}

void
buf_get_str(struct buf *b, char *dst, size_t max)
{
	uint32_t len = buf_get_u32(b);

	dst[0] = '\0';
	if (b->bad || len > max || len > b->len - b->pos ||
	    memchr(b->data + b->pos, '\0', len) != NULL) {
		b->bad = true;
		return;
	}
	buf_get(b, dst, len);
	dst[len] = '\0';
}

const uint8_t *
buf_get_rest(struct buf *b, size_t *len)
{
	const uint8_t *p = b->data + b->pos;

	*len = 0;
	if (b->bad)
		return NULL;
	*len = b->len - b->pos;
	b->pos = b->len;
	return p;
}

size_t
buf_left(const struct buf *b)
{
	return b->bad ? 0 : b->len - b->pos;
}

bool
buf_done(const struct buf *b)
{
	return !b->bad && b->pos == b->len;
}
