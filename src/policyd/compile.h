/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the compiler share: an image in the making.
 */
#ifndef COMPILE_H
#define COMPILE_H

#include "automaton.h"
#include "policy.h"

struct compiler {
	const struct policy *p;
	const struct vars *vars;
	struct buf *b;
	struct img_head head;
	uint32_t empty;	 /* the string of no bytes */
	uint32_t *regex; /* offsets of their strings */
	size_t nregex;
	size_t regex_cap;
	const char *what; /* static; why it failed */
};

/* compile.c */
uint32_t put_string(struct compiler *, const char *); /* NULL is "" */

/* compile_parts.c: what each family has besides; 0, or -1 with what set. */
int put_parts(struct compiler *);

/* compile_auto.c: the automata; a->globs is what they are made of. */
int patterns_files(struct compiler *, struct globs *);
int patterns_unix(struct compiler *, struct globs *);
int patterns_commands(struct compiler *, struct globs *, bool paths);
int patterns_domains(struct compiler *, struct globs *);
int patterns_cidrs(struct compiler *, struct globs *);
int patterns_processes(struct compiler *, struct globs *);
int patterns_env(struct compiler *, struct globs *);

/* The numbers of the built-in rules of files. */
static inline uint32_t
rule_loader(const struct policy *p)
{
	return (uint32_t)p->family[FAMILY_FILE].n;
}

static inline uint32_t
rule_reads(const struct policy *p)
{
	return (uint32_t)p->family[FAMILY_FILE].n + 1;
}

static inline uint32_t
rule_protected(const struct policy *p)
{
	return rule_reads(p) + (p->reads_allowed ? 1 : 0);
}

#endif
