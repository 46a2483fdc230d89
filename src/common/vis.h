/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes bytes of unknown origin safe to print: control bytes, DEL, bytes that are
 * not UTF-8, and characters that hide or turn around what stands beside them
 * become \ooo, and a backslash is doubled.
 */
#ifndef VIS_H
#define VIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Always terminates dst; returns the bytes the whole would need, without NUL. */
size_t vis_bytes(char *dst, size_t size, const void *src, size_t len);
/* Would this character act on a terminal, or hide or turn around others? */
bool vis_is_confusing(uint32_t cp);
size_t vis_str(char *dst, size_t size, const char *src);

#endif
