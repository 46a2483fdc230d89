/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields in the messages of rules: {{.Path}}. The text is the policy's, the
 * values are what a command did and come out safe to print.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "agentsh.h"

/* clang-format off */
enum template_field {
#define TEMPLATE(id, name, families) TEMPLATE_##id,
#include "template.def"
#undef TEMPLATE
	TEMPLATE_MAX
};
/* clang-format on */

struct template_error {
	char field[33];	  /* what is between the braces, its beginning */
	const char *what; /* static */
	const char *near; /* a field that may have been meant, or NULL */
};

/* 0, or -1 with *te filled: a field that no rule, or not this kind, has, or
 * braces that are not closed. */
int template_check(const char *text, enum family, struct template_error *te);
/*
 * text with its fields replaced, into dst, always terminated and cut at a
 * whole character where it does not fit; returns the bytes the whole would
 * need, without NUL. A field whose value is NULL stays, and so does what is none.
 */
size_t template_expand(char *dst, size_t size, const char *text,
    const char *const values[TEMPLATE_MAX]);

#endif
