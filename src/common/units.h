/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them in YAML: durations (90s, 5m, 1h30m), sizes
 * (10MB, 64KiB), integers. Pure text to number; nothing is accepted half.
 */
#ifndef UNITS_H
#define UNITS_H

#include <stdint.h>

/* Decimal or, with base 8, octal (0o644 and 0644). 0 or -1. */
int units_int(const char *, int base, uint64_t *);
/* Go's duration syntax into milliseconds; less than one rounds up. 0 or -1. */
int units_duration(const char *, uint64_t *ms);
/* The same, or a whole number of days: 7d. 0 or -1. */
int units_age(const char *, uint64_t *ms);
/* Bytes; KB MB GB TB are powers of 1000, KiB ... of 1024. 0 or -1. */
int units_size(const char *, uint64_t *);

#endif
