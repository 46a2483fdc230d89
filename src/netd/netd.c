/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd: the network of the sessions, in the host's network namespace as a user
 * of its own. Hears agentshd, the sessions' programs and the servers that they
 * reach, and has no right but to connect, and to listen where ports are
 * published: who owns it can do what every user of the host's network can, and read
 * what sessions send and receive in clear.
 */
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <event2/event.h>

#include "dns.h"
#include "hello.h"
#include "log.h"
#include "netd.h"
#include "publish.h"
#include "sandbox.h"
#include "sess.h"

#define RESOLV_MAX 65536

struct netd netd;

static const struct handler netd_handlers[] = {
	{ MSG_NET_OPEN, sess_on_net_open },
	{ MSG_NET_DIALLED, sess_on_net_dialled },
	{ MSG_NET_LISTEN, sess_on_net_listen },
	{ MSG_NET_REFUSED, sess_on_net_refused },
	{ MSG_NET_INWARD, sess_on_net_inward },
	{ MSG_NET_RING, sess_on_net_ring },
	{ MSG_NET_START, sess_on_net_start },
	{ MSG_NET_CLOSE, sess_on_net_close },
	{ MSG_PORT_PUBLISH, ports_on_port_publish },
	{ MSG_PORT_UNPUBLISH, ports_on_port_unpublish },
	{ MSG_PORT_LIST, ports_on_port_list },
	{ MSG_POLICY_PREPARE, sess_on_policy_prepare },
	{ MSG_POLICY_COMMIT, sess_on_policy_commit },
	{ MSG_POLICY_ABANDON, sess_on_policy_abandon },
	{ MSG_NONE, NULL },
};

/* The host's name servers, for a configuration that names none. Their file is
 * out of reach from sandbox_enter() on: it is read once. */
static void
configure_dns(void)
{
	static struct dns_conf conf;
	char text[RESOLV_MAX + 1];
	size_t len = 0;
	ssize_t n;
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	while (fd != -1 && len < RESOLV_MAX) {
		n = read(fd, text + len, RESOLV_MAX - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	if (fd != -1)
		close(fd);
	if (dns_configure(&conf, &netd.p.conf, text) == -1)
		fatalx("sandbox.network.dns.upstream is malformed");
	if (conf.upstream.n == 0)
		log_warnx("the host has no name server: sessions look up "
			  "nothing");
	netd.dns_conf = &conf;
}

/* agentshd ends the service then; what sessions still do is written down before. */
static void
sessiond_closed(struct chan *ch, const char *why)
{
	(void)ch;
	log_debug("sessiond is gone: %s", why);
}

int
main(int argc, char **argv)
{
	struct event_base *base;

#ifndef AGENTSH_SANITIZED /* whose malloc knows none of it */
	/* before a thread's own heap gives memory back, malloc reads /proc */
	if (mallopt(M_ARENA_MAX, 1) != 1)
		fatalx("malloc");
#endif
	proc_start(&netd.p, ROLE_NETD, netd_handlers, argc, argv);
	configure_dns();
	tcp_configure(&netd.p.conf);
	if (hello_init() == -1)
		fatalx("OpenSSL");
	base = sess_init();
	hostaddr_start(base);
	if (netd.p.conf.publish != PUBLISH_OFF)
		sandbox_let_bind();
	sandbox_enter(ROLE_NETD, NULL, 0);
	sess_start_workers();
	if (netd.p.peer[ROLE_SESSIOND] != NULL)
		netd.p.peer[ROLE_SESSIOND]->on_close = sessiond_closed;
	proc_watch(&netd.p, base);
	proc_ready(&netd.p, "network");
	event_base_dispatch(base);
	fatalx("the event loop ended");
}
