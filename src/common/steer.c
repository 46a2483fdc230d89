/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the ways to netd.
 */
#include <stddef.h>

#include "steer.h"

/* clang-format off */
static const char *const names[STEER_MAX] = {
	[STEER_AUTO] = "auto",
#define STEER(id, name, at, dst, needs) [STEER_##id] = #name,
#include "steer.def"
#undef STEER
};
/* clang-format on */

const char *
steer_name(enum steer how)
{
	return (size_t)how < STEER_MAX ? names[how] : "?";
}
