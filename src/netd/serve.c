/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a session in its worker: names, connections, published ports and
 * what was refused, with channels to execd and policyd. They begin and end
 * together.
 */
#include <unistd.h>

#include "approve.h"
#include "chan.h"
#include "dialunix.h"
#include "fdio.h"
#include "held.h"
#include "log.h"
#include "names.h"
#include "publish.h"
#include "serve.h"
#include "share.h"
#include "tally.h"

#define NAMES_MAX 4096 /* bound at one time, of a session */

static const struct handler peer_handlers[] = {
	{ MSG_NET_OWNER, whose_on_net_owner },
	{ MSG_NET_SYNC, whose_on_net_sync },
	{ MSG_NET_UNIX_CONNECTED, dialunix_on_net_unix_connected },
	{ MSG_NET_UNIX_FAILED, dialunix_on_net_unix_failed },
	{ MSG_NET_FORGET, whose_on_net_forget },
	{ MSG_APPROVAL_PENDING, approve_on_pending },
	{ MSG_APPROVAL_ANSWER, approve_on_answer },
	{ MSG_NONE, NULL },
};

static void
peer_closed(struct chan *ch, const char *why)
{
	/* agentshd ends the session, or the service */
	if (ch->peer == ROLE_EXECD)
		whose_lost(ch->arg);
	log_debug("channel to %s is over: %s", role_name(ch->peer), why);
}

/* Takes *fd. NULL without memory. */
static struct chan *
join(struct nsess *n, enum role peer, int *fd)
{
	struct chan *ch = chan_new(*fd, ROLE_NETD, peer, peer_handlers, n);

	if (ch == NULL)
		return NULL;
	*fd = -1;
	ch->on_close = peer_closed;
	if (chan_watch(ch, n->base) == 0)
		return ch;
	chan_free(ch);
	return NULL;
}

int
serve_start(struct nsess *n, int *execd_fd, int *policyd_fd)
{
	n->names = names_new(NAMES_MAX);
	n->held = held_new();
	n->share = share_new(n->base);
	n->execd = join(n, ROLE_EXECD, execd_fd);
	n->policyd = join(n, ROLE_POLICYD, policyd_fd);
	if (n->names == NULL || n->held == NULL || n->share == NULL ||
	    n->execd == NULL || n->policyd == NULL)
		return -1;
	share_limit(n->share, image_net_mbps(&n->image));
	if (whose_start(n) == 0 && dns_start(n) == 0 && tcp_start(n) == 0 &&
	    tcp_proxy(n, n->proxy_fd) == 0 && refused_start(n) == 0)
		return 0;
	serve_stop(n);
	return -1;
}

void
serve_stop(struct nsess *n)
{
	size_t i;

	refused_stop(n);
	publish_stop(n);
	tcp_stop(n);
	dns_stop(n);
	whose_stop(n);
	for (i = 0; i < NET_LISTENERS; i++)
		fd_close(&n->listener[i]);
	fd_close(&n->proxy_fd);
	fd_close(&n->refused_fd);
}

void
serve_free(struct nsess *n)
{
	chan_free(n->execd);
	chan_free(n->policyd);
	names_free(n->names);
	held_free(n->held);
	share_free(n->share);
	tally_stop(n);
	n->execd = n->policyd = NULL;
	n->names = NULL;
	n->held = NULL;
	n->share = NULL;
}
