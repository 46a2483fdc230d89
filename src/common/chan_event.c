/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ties a channel to libevent's loop. A program without libevent links
 * chan_poll.c instead.
 */
#include <stdlib.h>

#include <event2/event.h>

#include "chan.h"

/* Messages handled before other events get their turn. */
#define CHAN_BATCH 64

static void
chan_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chan *ch = arg;
	int i;

	(void)fd;
	(void)what;
	/* no handler frees the channel it was called for: who has to does so
	 * out of the loop */
	for (i = 0; i < CHAN_BATCH; i++) {
		if (chan_step(ch, 0) != 1)
			return;
	}
}

static void
chan_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chan *ch = arg;

	(void)fd;
	(void)what;
	if (chan_flush(ch) == 0 && ch->ev_write != NULL)
		event_del(ch->ev_write);
}

int
chan_watch(struct chan *ch, struct event_base *base)
{
	ch->ev_read = event_new(base, ch->fd, EV_READ | EV_PERSIST,
	    chan_read_cb, ch);
	ch->ev_write = event_new(base, ch->fd, EV_WRITE | EV_PERSIST,
	    chan_write_cb, ch);
	if (ch->ev_read == NULL || ch->ev_write == NULL ||
	    event_add(ch->ev_read, NULL) == -1) {
		chan_unwatch(ch);
		return -1;
	}
	if (!STAILQ_EMPTY(&ch->queue))
		chan_watch_writable(ch);
	return 0;
}

void
chan_watch_writable(struct chan *ch)
{
	if (ch->ev_write != NULL)
		event_add(ch->ev_write, NULL);
}

void
chan_unwatch(struct chan *ch)
{
	if (ch->ev_read != NULL)
		event_free(ch->ev_read);
	if (ch->ev_write != NULL)
		event_free(ch->ev_write);
	ch->ev_read = NULL;
	ch->ev_write = NULL;
}
