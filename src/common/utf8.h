/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at src, of which len > 0 bytes are there, and its code
 * point in *cp; 0 when these are no character. *partial: they are the begin of
 * one that the end cut off. */
size_t utf8_char(const void *src, size_t len, uint32_t *cp, bool *partial);
bool utf8_is_valid(const void *src, size_t len);
/* The largest n <= len that does not end within a character. */
size_t utf8_cut(const void *src, size_t len);

#endif
