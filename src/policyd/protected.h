/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected set: protected.def as a table. It is looked at after a rule
 * that lets a change happen: unless that rule names what is protected, the
 * change is denied; image_protect.c does it.
 */
#ifndef PROTECTED_H
#define PROTECTED_H

#include "policy.h"

/* clang-format off */
enum protect_group_id {
#define GROUP(id, rule, message) PROTECT_##id,
#include "protected.def"
#undef GROUP
	PROTECT_GROUPS
};

enum { PROTECT_ROWS = 0
#define PROTECTED(group, where, kind, name) + 1
#include "protected.def"
#undef PROTECTED
};
/* clang-format on */

struct protect_group {
	const char *rule;
	const char *message;
};

struct protect {
	enum protect_group_id group;
	enum protected_where where;
	enum protected_kind kind;
	const char *name;
};

extern const struct protect protect_rows[PROTECT_ROWS];
extern const struct protect_group protect_groups[PROTECT_GROUPS];

/* Does a rule of files name what the row is about? */
bool protect_named(const struct rule *, size_t row);

#endif
