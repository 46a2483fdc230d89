/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded buffers: the only way bytes are put into, and taken out of, what
 * travels between processes. A put past the limit or a get past the end sets
 * `bad` and changes nothing; a caller checks once, at the end. A get that
 * fails yields zeroes.
 */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated; 0: it reads memory of others */
	size_t max; /* bytes allowed */
	size_t pos; /* next byte to get */
	bool bad;
	bool no_memory; /* why it is bad */
};

void buf_init(struct buf *, size_t max);
void buf_read_from(struct buf *, const void *data, size_t len);
void buf_free(struct buf *);
void buf_reset(struct buf *);

void buf_put(struct buf *, const void *data, size_t len);
void buf_put_u8(struct buf *, uint8_t);
void buf_put_u16(struct buf *, uint16_t);
void buf_put_u32(struct buf *, uint32_t);
void buf_put_u64(struct buf *, uint64_t);
/* A string as 32-bit length and bytes, without NUL; longer than max is bad. */
void buf_put_str(struct buf *, const char *, size_t max);

uint8_t buf_get_u8(struct buf *);
uint16_t buf_get_u16(struct buf *);
uint32_t buf_get_u32(struct buf *);
uint64_t buf_get_u64(struct buf *);
/* Into dst of max + 1 bytes, terminated; a NUL inside the bytes is bad. */
void buf_get_str(struct buf *, char *dst, size_t max);
/* The bytes not yet got, in place; their number in *len. */
const uint8_t *buf_get_rest(struct buf *, size_t *len);
size_t buf_left(const struct buf *);
/* Everything was got, nothing went wrong. */
bool buf_done(const struct buf *);

#endif
