/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that keep more calls waiting than they leave to others: what they
 * wait for does not come, and who cannot be served is told so.
 */
#include <errno.h>

#include "clock.h"
#include "notify.h"
#include "supervise.h"

#define CROWD_US 1000000 /* they wait for something, and are not just many */

bool
crowd_keeps(size_t own, size_t all, size_t max, uint64_t since_us)
{
	return own + all >= max && clock_us() - since_us > CROWD_US;
}

bool
crowd_is(const struct exec *x)
{
	const struct exec *y;
	uint64_t since_us = x->since_us;
	size_t own = 0, all = 0;

	TAILQ_FOREACH(y, supervise_execs(), entry) {
		if (y->state == EXEC_DONE)
			continue;
		all++;
		if (y->l.command != x->l.command)
			continue;
		own++;
		if (y->since_us < since_us)
			since_us = y->since_us;
	}
	return crowd_keeps(own, all, EXECS_MAX, since_us);
}

void
crowd_refuse(struct exec *x)
{
	record_exec_crowd(x);
	notify_answer(x->req.id, EAGAIN);
	x->state = EXEC_DONE;
}

void
crowd_shed(void)
{
	struct exec *x;

	TAILQ_FOREACH_REVERSE(x, supervise_execs(), execs, entry)
	{
		if (x->state != EXEC_LOOKING || !crowd_is(x))
			continue;
		crowd_refuse(x);
	}
}
