/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON onto standard output, for builtins: the text is the session's, and may
 * be any bytes.
 */
#ifndef JSONPUT_H
#define JSONPUT_H

#include <stddef.h>

/* A string in quotes; every byte that is no UTF-8 becomes U+FFFD. */
void jsonput_str(const void *, size_t len);
/* The same in base64, for what is no text. */
void jsonput_base64(const void *, size_t len);

#endif
