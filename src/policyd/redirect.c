/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dns_redirects and connect_redirects share: an expression, who is told,
 * and what happens when the other place cannot be had.
 */
#include <stdlib.h>
#include <string.h>

#include "parse.h"

int
redirect_parse(struct parser *p, const struct ynode *match,
    const struct ynode *tell, const struct ynode *fail, struct rule *r)
{
	struct redirect_part *d = &r->redirect;

	r->decision = DECISION_REDIRECT;
	d->tell = (enum redirect_tell)schema_choice(tell, SET_TELL,
	    REDIRECT_AUDIT_ONLY);
	d->fail = (enum redirect_fail)schema_choice(fail, SET_FAIL,
	    REDIRECT_FAIL_CLOSED);
	if (match->text[0] == '\0')
		return parse_error(p, match, "match: is empty");
	if (value_regex(p, match, "match") == -1)
		return -1;
	return value_dup(p, match, &d->match);
}

bool
redirect_covers(const struct rule *a, const struct rule *b, uint32_t *budget)
{
	return cover_spend(budget, 1) &&
	    strcmp(a->redirect.match, b->redirect.match) == 0;
}

void
redirect_free(struct rule *r)
{
	free(r->redirect.match);
	free(r->redirect.to);
	free(r->redirect.to_unix);
	free(r->redirect.sni);
}
