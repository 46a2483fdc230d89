/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What chan_event.c is for programs with a loop of their own on poll(2): the
 * owner calls chan_step and chan_flush itself.
 */
#include "chan.h"

int
chan_watch(struct chan *ch, struct event_base *base)
{
	(void)ch;
	(void)base;
	return -1;
}

void
chan_watch_writable(struct chan *ch)
{
	(void)ch;
}

void
chan_unwatch(struct chan *ch)
{
	(void)ch;
}
