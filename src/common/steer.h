/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to netd, steer.def.
 */
#ifndef STEER_H
#define STEER_H

/* clang-format off */
enum steer {
	STEER_AUTO, /* the first that works; of a session: hooks (netcg.c) */
#define STEER(id, name, at, dst, needs) STEER_##id,
#include "steer.def"
#undef STEER
	STEER_MAX
};
/* clang-format on */

/* As the configuration has it. */
const char *steer_name(enum steer);

#endif
