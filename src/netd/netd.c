/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd: the network of the sessions, in the host's network namespace as a user
 * of its own. Sessions have no network yet, so it owns nothing, hears only
 * agentshd and is confined to that: a compromise yields nothing.
 */
#include <event2/event.h>

#include "log.h"
#include "proc.h"
#include "sandbox.h"

static struct {
	struct proc p;
	struct event_base *base;
} netd;

static const struct handler netd_handlers[] = {
	{ MSG_NONE, NULL },
};

int
main(int argc, char **argv)
{
	proc_start(&netd.p, ROLE_NETD, netd_handlers, argc, argv);
	netd.base = event_base_new();
	if (netd.base == NULL)
		fatalx("no event loop");
	sandbox_enter(ROLE_NETD, NULL, 0);
	proc_watch(&netd.p, netd.base);
	proc_ready(&netd.p, "idle");
	event_base_dispatch(netd.base);
	fatalx("the event loop ended");
}
