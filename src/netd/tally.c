/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections by command. Those that are open tell what they have had themselves,
 * the rest is added up when they end.
 */
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "tally.h"

static struct tally *
find(const struct nsess *n, uint64_t command)
{
	struct tally *t;

	LIST_FOREACH(t, &n->tallies, entry) {
		if (t->command == command)
			return t;
	}
	return NULL;
}

static void
drop(struct tally *t)
{
	LIST_REMOVE(t, entry);
	free(t);
}

struct tally *
tally_use(struct nsess *n, uint64_t command)
{
	struct tally *t = find(n, command);

	if (t == NULL) {
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			return NULL;
		t->command = command;
		LIST_INSERT_HEAD(&n->tallies, t, entry);
	}
	t->nusers++;
	return t;
}

void
tally_leave(struct tally *t)
{
	if (t == NULL)
		return;
	if (--t->nusers == 0 && t->over)
		drop(t);
}

void
tally_read(const struct nsess *n, uint64_t command, struct tally *sum)
{
	const struct tally *t = find(n, command);
	const struct conn *c;

	memset(sum, 0, sizeof(*sum));
	if (t == NULL)
		return;
	sum->connections = t->connections;
	sum->denied = t->denied;
	sum->sent = t->sent;
	sum->received = t->received;
	if (n->relays == NULL || t->nusers == 0)
		return;
	TAILQ_FOREACH(c, &n->relays->conns, entry) {
		if (c->tally != t || !c->opened)
			continue;
		sum->connections++;
		sum->sent += c->relay.flow[RELAY_CLIENT].bytes;
		sum->received += c->relay.flow[RELAY_SERVER].bytes;
	}
}

void
tally_forget(struct nsess *n, uint64_t command)
{
	struct tally *t = find(n, command);

	if (t == NULL)
		return;
	t->over = true;
	if (t->nusers == 0)
		drop(t);
}

void
tally_stop(struct nsess *n)
{
	struct tally *t;

	while ((t = LIST_FIRST(&n->tallies)) != NULL)
		drop(t);
}
