/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of a short text: names a session after its workspace, so that no two
 * directories can be made to share one.
 */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const void *, size_t, uint8_t digest[32]);

#endif
