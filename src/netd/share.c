/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line, and the bucket of a limit. A turn begins in another round of the
 * worker's loop than the one in which the last was used up, so that whatever has
 * come for other sessions by then is served in between.
 */
#include <stdlib.h>

#include "clock.h"
#include "share.h"

#define MILLION 1000000U
#define SLICE_MIN 4096	/* of one in the line, where there is a limit */
#define TICK_MAX 65536	/* bytes that are waited for at most */
#define TICKS_A_BURST 4 /* and at most this part of what may go at once */

static _Thread_local size_t nshares; /* of this worker */

static size_t
turn_of(void)
{
	return nshares > 1 ? SHARE_TURN : SHARE_ALONE;
}

static uint64_t
burst(const struct share *s)
{
	return s->rate * SHARE_BURST_MS / 1000;
}

static void
fill(struct share *s)
{
	uint64_t now = clock_us();
	uint64_t passed = now > s->filled ? now - s->filled : 0;
	uint64_t full = burst(s) * MILLION;

	s->filled = now;
	if (passed > SHARE_BURST_MS * 1000)
		passed = SHARE_BURST_MS * 1000;
	s->tokens += passed * s->rate;
	if (s->tokens > full)
		s->tokens = full;
}

/* When there is enough to go on. */
static struct timeval
when(struct share *s)
{
	uint64_t want = burst(s) / TICKS_A_BURST, us = 0;

	if (want > TICK_MAX)
		want = TICK_MAX;
	fill(s);
	if (s->rate != 0 && s->tokens < want * MILLION)
		us = (want * MILLION - s->tokens) / s->rate + 1;
	return (struct timeval){ .tv_sec = (time_t)(us / MILLION),
		.tv_usec = (suseconds_t)(us % MILLION) };
}

static void
wake(struct share *s)
{
	struct timeval tv = when(s);

	/* without memory they wait until their connections are too long idle */
	(void)evtimer_add(s->timer, &tv);
}

static void
serve(struct share *s, struct share_place *p)
{
	uint64_t part = s->tokens / MILLION / (s->nline + 1);

	s->slice = s->rate == 0 || part < SLICE_MIN ? SLICE_MIN : part;
	if (s->rate == 0)
		s->slice = SHARE_TURN;
	share_leave(s, p);
	s->serving = true;
	p->go(p->arg);
	s->serving = false;
}

static void
turn_cb(evutil_socket_t fd, short what, void *arg)
{
	struct share *s = arg;
	size_t n = s->nline;

	(void)fd;
	(void)what;
	fill(s);
	s->turn = turn_of();
	for (; n > 0 && s->nline > 0; n--) {
		if (s->turn == 0 || (s->rate != 0 && s->tokens < MILLION))
			break;
		serve(s, TAILQ_FIRST(&s->line));
	}
	if (s->nline > 0)
		wake(s);
}

struct share *
share_new(struct event_base *base)
{
	struct share *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	TAILQ_INIT(&s->line);
	s->base = base;
	s->filled = clock_us();
	s->timer = evtimer_new(base, turn_cb, s);
	if (s->timer == NULL) {
		free(s);
		return NULL;
	}
	nshares++;
	s->turn = turn_of();
	return s;
}

void
share_free(struct share *s)
{
	if (s == NULL)
		return;
	event_free(s->timer);
	free(s);
	nshares--;
}

void
share_limit(struct share *s, uint64_t mbps)
{
	uint64_t rate = mbps * MILLION / 8;

	if (rate == s->rate)
		return;
	s->rate = rate;
	s->tokens = 0;
	s->filled = clock_us();
	if (s->nline > 0)
		wake(s);
}

bool
share_is_over(const struct share *s)
{
	return s->turn == 0;
}

size_t
share_may(struct share *s)
{
	uint64_t may = SIZE_MAX;

	if (s->turn == 0 || (s->nline > 0 && !s->serving))
		return 0;
	if (s->rate != 0) {
		fill(s);
		may = s->tokens / MILLION;
	}
	if (s->serving && may > s->slice)
		may = s->slice;
	return (size_t)may;
}

void
share_sent(struct share *s, size_t len)
{
	size_t work = len + SHARE_COST;

	s->turn -= s->turn < work ? s->turn : work;
}

void
share_took(struct share *s, size_t len)
{
	uint64_t n = (uint64_t)len * MILLION;

	share_sent(s, len);
	s->slice -= s->slice < len ? s->slice : len;
	if (s->rate != 0)
		s->tokens -= s->tokens < n ? s->tokens : n;
}

void
share_wait(struct share *s, struct share_place *p)
{
	if (p->waits)
		return;
	p->waits = true;
	TAILQ_INSERT_TAIL(&s->line, p, entry);
	if (s->nline++ == 0 && !s->serving)
		wake(s);
}

void
share_leave(struct share *s, struct share_place *p)
{
	if (!p->waits)
		return;
	p->waits = false;
	TAILQ_REMOVE(&s->line, p, entry);
	s->nline--;
}
