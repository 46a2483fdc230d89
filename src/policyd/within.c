/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a glob lies beneath one directory, as globs: the glob goes along the
 * path of the directory, and what can follow at each of the places that it may
 * be at then is put behind that path.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"

/* Places in a row of elements, each before one of them or behind the last. */
struct places {
	const struct globs *globs;
	const struct pattern *p;
	bool *at; /* n + 1 */
	bool *next;
	bool any;
};

static bool
set_has(const struct byteset *set, uint8_t byte)
{
	return (set->w[byte / 64] >> (byte % 64) & 1) != 0;
}

/* Past what need not be there. */
static void
skip_loops(struct places *s)
{
	const uint16_t *code = s->globs->code + s->p->first;
	uint32_t i;

	for (i = 0; i < s->p->n; i++) {
		if (s->at[i] && (code[i] & ELEM_LOOP) != 0)
			s->at[i + 1] = true;
	}
}

/* Over one byte; only places that it leads to. */
static void
step(struct places *s, uint8_t byte)
{
	const uint16_t *code = s->globs->code + s->p->first;
	bool *other = s->at;
	uint32_t i;

	skip_loops(s);
	memset(s->next, 0, s->p->n + 1);
	s->any = false;
	for (i = 0; i < s->p->n; i++) {
		if (!s->at[i] || !set_has(&s->globs->set[code[i] / 2], byte))
			continue;
		s->next[(code[i] & ELEM_LOOP) != 0 ? i : i + 1] = true;
		s->any = true;
	}
	s->at = s->next;
	s->next = other;
}

static int
add_text(struct globs *g, size_t base, const char *text, const char **what)
{
	struct byteset set;

	for (; *text != '\0'; text++) {
		memset(&set, 0, sizeof(set));
		set.w[(uint8_t)*text / 64] = UINT64_C(1)
		    << ((uint8_t)*text % 64);
		if (globs_elem(g, base, false, &set, what) == -1)
			return -1;
	}
	return 0;
}

/* The directory, a slash, and the elements from one place on. */
static int
add_rest(struct globs *g, const struct places *s, uint32_t from,
    const char *dir, const struct glob_owner *owner, const char **what)
{
	const uint16_t *code = s->globs->code + s->p->first;
	size_t base = g->ncodes;
	uint32_t i;

	if (add_text(g, base, dir, what) == -1 ||
	    add_text(g, base, "/", what) == -1)
		return -1;
	for (i = from; i < s->p->n; i++) {
		if (globs_elem(g, base, (code[i] & ELEM_LOOP) != 0,
			&s->globs->set[code[i] / 2], what) == -1)
			return -1;
	}
	return globs_pattern(g, base, owner, what);
}

static int
add_pattern(struct globs *g, struct places *s, const char *dir,
    const struct glob_owner *owner, const char **what)
{
	const char *c;
	size_t base = g->ncodes;
	uint32_t i;

	memset(s->at, 0, s->p->n + 1);
	s->at[0] = s->any = true;
	for (c = dir; *c != '\0' && s->any; c++)
		step(s, (uint8_t)*c);
	if (!s->any)
		return 0;
	skip_loops(s);
	if (s->at[s->p->n] &&
	    (add_text(g, base, dir, what) == -1 ||
		globs_pattern(g, base, owner, what) == -1))
		return -1;
	step(s, '/');
	for (i = 0; i <= s->p->n; i++) {
		if (s->at[i] && add_rest(g, s, i, dir, owner, what) == -1)
			return -1;
	}
	return 0;
}

int
glob_add_within(struct globs *g, const char *text, const char *dir,
    const struct glob_owner *owner, const char **what)
{
	struct globs whole;
	struct places s = { .globs = &whole };
	void *mem;
	size_t i;
	int ret;

	globs_init(&whole, g->nops, g->lists);
	ret = glob_add(&whole, text, GLOB_PATH, owner, what);
	for (i = 0; ret == 0 && i < whole.npatterns; i++) {
		s.p = &whole.pattern[i];
		mem = calloc(2, s.p->n + 1);
		if (mem == NULL) {
			*what = "out of memory";
			ret = -1;
			break;
		}
		s.at = mem;
		s.next = s.at + s.p->n + 1;
		ret = add_pattern(g, &s, dir, owner, what);
		free(mem);
	}
	globs_free(&whole);
	return ret;
}
