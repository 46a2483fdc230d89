/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd: the network of the sessions, in the host's network namespace as a user
 * of its own. Hears agentshd, the sessions' programs and the servers that they
 * reach, and has no right but to connect: who owns it can do what every user
 * of the host's network can, and read what sessions send and receive in clear.
 */
#include <event2/event.h>

#include "log.h"
#include "netd.h"
#include "sandbox.h"
#include "sess.h"

struct netd netd;

static const struct handler netd_handlers[] = {
	{ MSG_NET_OPEN, sess_on_net_open },
	{ MSG_NET_LISTEN, sess_on_net_listen },
	{ MSG_NET_RING, sess_on_net_ring },
	{ MSG_NET_START, sess_on_net_start },
	{ MSG_NET_CLOSE, sess_on_net_close },
	{ MSG_POLICY_PREPARE, sess_on_policy_prepare },
	{ MSG_POLICY_COMMIT, sess_on_policy_commit },
	{ MSG_POLICY_ABANDON, sess_on_policy_abandon },
	{ MSG_NONE, NULL },
};

int
main(int argc, char **argv)
{
	struct event_base *base;

	proc_start(&netd.p, ROLE_NETD, netd_handlers, argc, argv);
	base = sess_init();
	hostaddr_start(base);
	sandbox_enter(ROLE_NETD, NULL, 0);
	sess_start_workers();
	proc_watch(&netd.p, base);
	proc_ready(&netd.p, "network");
	event_base_dispatch(base);
	fatalx("the event loop ended");
}
