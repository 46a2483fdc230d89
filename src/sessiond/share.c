/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of sessiond's memory and of the spool each user takes. There is one
 * bound of memory for all; a user may take half of what the others leave of
 * it. So one user who floods gets half, two get a third each, and a part is
 * always left for whoever comes next.
 */
#include <sys/queue.h>

#include <stdlib.h>

#include "http.h"
#include "log.h"
#include "sessiond.h"

/* What a user may take whatever the others do: a small request and its answer. */
#define SHARE_LEAST (256U << 10)
/* Largest bodies that one user can have under way at one time, at least. */
#define SHARE_BODIES 4

struct share {
	TAILQ_ENTRY(share) entry;
	uint32_t uid;
	uint64_t held;	  /* bytes of memory */
	uint64_t spooled; /* bytes on disk */
};

static TAILQ_HEAD(, share) shares = TAILQ_HEAD_INITIALIZER(shares);
static uint64_t share_held; /* by all */

static struct share *
share_find(uint32_t uid)
{
	struct share *sh;

	TAILQ_FOREACH(sh, &shares, entry) {
		if (sh->uid == uid)
			return sh;
	}
	return NULL;
}

static struct share *
share_get(uint32_t uid)
{
	struct share *sh = share_find(uid);

	if (sh != NULL)
		return sh;
	if ((sh = calloc(1, sizeof(*sh))) == NULL)
		fatalx("out of memory");
	sh->uid = uid;
	TAILQ_INSERT_TAIL(&shares, sh, entry);
	return sh;
}

static void
share_put(struct share *sh)
{
	if (sh->held > 0 || sh->spooled > 0)
		return;
	TAILQ_REMOVE(&shares, sh, entry);
	free(sh);
}

static uint64_t
share_room(uint64_t held)
{
	const struct conf *conf = &sessiond.proc.conf;
	uint64_t max = conf->http_max_memory, others = share_held - held;

	/* a body is charged with its copies, see conns_request() */
	if (max < 2 * SHARE_BODIES * BODY_COPIES * conf->http_max_body)
		max = 2 * SHARE_BODIES * BODY_COPIES * conf->http_max_body;
	max = max > others ? (max - others) / 2 : 0;
	return max < SHARE_LEAST ? SHARE_LEAST : max;
}

bool
share_is_over(uint32_t uid)
{
	const struct share *sh = share_find(uid);

	return sh != NULL && sh->held > share_room(sh->held);
}

void
share_add(uint32_t uid, uint64_t n)
{
	if (n == 0)
		return;
	share_get(uid)->held += n;
	share_held += n;
}

bool
share_take(uint32_t uid, uint64_t n)
{
	const struct share *sh = share_find(uid);
	uint64_t held = sh == NULL ? 0 : sh->held;

	if (held + n > share_room(held))
		return false;
	share_add(uid, n);
	return true;
}

void
share_give(uint32_t uid, uint64_t n)
{
	struct share *sh = share_find(uid);

	if (n == 0)
		return;
	if (sh == NULL || sh->held < n)
		fatalx("more memory is given back than was taken");
	sh->held -= n;
	share_held -= n;
	share_put(sh);
}

uint64_t
share_spool_room(uint32_t uid)
{
	const struct share *sh = share_find(uid);
	uint64_t max = sessiond.proc.conf.max_user_output;

	if (sh == NULL)
		return max;
	return max > sh->spooled ? max - sh->spooled : 0;
}

void
share_spool_add(uint32_t uid, uint64_t n)
{
	if (n > 0)
		share_get(uid)->spooled += n;
}

void
share_spool_give(uint32_t uid, uint64_t n)
{
	struct share *sh = share_find(uid);

	if (n == 0)
		return;
	if (sh == NULL || sh->spooled < n)
		fatalx("more of the spool is given back than was taken");
	sh->spooled -= n;
	share_put(sh);
}
