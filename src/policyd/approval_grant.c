/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request is about, byte by byte: only the same operation on the same
 * object by the same rule shares an answer. Nothing is compared by a digest, so
 * nothing can be made to look alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approvals.h"

#define GRANTS_MAX 64 /* of one session */
#define RATE_BURST 60 /* requests at once, half of them of one command */
#define RATE_MS 2000  /* until there may be one more */

int
subject_copy(struct subject *s, const struct msg_approval_ask *m)
{
	memset(s, 0, sizeof(*s));
	s->kind = m->kind;
	s->operation = strdup(m->operation);
	s->object = strdup(m->object);
	s->cwd = strdup(m->cwd);
	s->identity = strdup(m->identity);
	s->rule = strdup(m->rule);
	s->words = malloc(m->words_len + 1);
	if (s->operation == NULL || s->object == NULL || s->cwd == NULL ||
	    s->identity == NULL || s->rule == NULL || s->words == NULL) {
		subject_free(s);
		return -1;
	}
	if (m->words_len > 0)
		memcpy(s->words, m->words, m->words_len);
	s->words_len = m->words_len;
	return 0;
}

void
subject_free(struct subject *s)
{
	free(s->operation);
	free(s->object);
	free(s->cwd);
	free(s->identity);
	free(s->rule);
	free(s->words);
	memset(s, 0, sizeof(*s));
}

bool
subject_is(const struct subject *s, const struct msg_approval_ask *m)
{
	return s->kind == m->kind && strcmp(s->operation, m->operation) == 0 &&
	    strcmp(s->object, m->object) == 0 && strcmp(s->cwd, m->cwd) == 0 &&
	    strcmp(s->identity, m->identity) == 0 &&
	    strcmp(s->rule, m->rule) == 0 && s->words_len == m->words_len &&
	    (m->words_len == 0 ||
		memcmp(s->words, m->words, m->words_len) == 0);
}

int
grant_add(struct asking_session *as, struct subject *what, const char *id,
    const char *who)
{
	struct grant *g;

	if (as->ngrants >= GRANTS_MAX)
		return -1;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return -1;
	g->what = *what;
	memset(what, 0, sizeof(*what));
	snprintf(g->id, sizeof(g->id), "%s", id);
	snprintf(g->who, sizeof(g->who), "%s", who);
	LIST_INSERT_HEAD(&as->grants, g, entry);
	as->ngrants++;
	return 0;
}

const struct grant *
grant_find(const struct asking_session *as, const struct msg_approval_ask *m)
{
	const struct grant *g;

	LIST_FOREACH(g, &as->grants, entry) {
		if (subject_is(&g->what, m))
			return g;
	}
	return NULL;
}

void
grant_free_all(struct asking_session *as)
{
	struct grant *g;

	while ((g = LIST_FIRST(&as->grants)) != NULL) {
		LIST_REMOVE(g, entry);
		subject_free(&g->what);
		free(g);
	}
	as->ngrants = 0;
}

/* That command's, or the one that is forgotten for it: who has used least. */
static struct spender *
spender_of(struct asking_session *as, const char *command_id, uint64_t now_ms)
{
	struct spender *s, *least = &as->spender[0];

	for (s = as->spender; s < as->spender + SPENDERS_MAX; s++) {
		s->used -= (double)(now_ms - s->used_ms) / RATE_MS;
		if (s->used < 0)
			s->used = 0;
		s->used_ms = now_ms;
		if (strcmp(s->command_id, command_id) == 0)
			return s;
		if (s->used < least->used)
			least = s;
	}
	snprintf(least->command_id, sizeof(least->command_id), "%s",
	    command_id);
	least->used = 0;
	return least;
}

bool
rate_take(struct asking_session *as, const char *command_id, uint64_t now_ms)
{
	struct spender *s = spender_of(as, command_id, now_ms);

	if (as->tokens_ms == 0)
		as->tokens = RATE_BURST;
	else
		as->tokens += (double)(now_ms - as->tokens_ms) / RATE_MS;
	if (as->tokens > RATE_BURST)
		as->tokens = RATE_BURST;
	as->tokens_ms = now_ms;
	/* it has no more than it leaves to others */
	if (as->tokens < s->used + 1)
		return false;
	as->tokens -= 1;
	s->used += 1;
	return true;
}
