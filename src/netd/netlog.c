/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of the network, into the session's ring. The session can read them,
 * so they tell it no address that it does not know: what a name leads to inside
 * of the host's networks is left out where that is refused.
 */
#include <netinet/in.h>

#include <stdio.h>

#include "event.h"
#include "ipport.h"
#include "netlog.h"
#include "template.h"

#define PLACE_MAX                                                              \
	(NET_NAME_MAX + 64) /* bytes of a name or address and a port */

static void
begin(struct buf *b, enum event_type type, const struct owner *o)
{
	buf_init(b, EVENT_MAX);
	ev_begin(b, type, o != NULL ? o->command : "", o != NULL ? o->pid : 0);
	if (o != NULL && o->exe[0] != '\0')
		ev_str(b, EVF_EXECUTABLE, o->exe);
}

static int
emit(struct nsess *n, struct buf *b)
{
	int r = b->bad ? -1 : ev_emit(&n->ring, b);

	buf_free(b);
	return r;
}

static void
put_str(struct buf *b, enum event_field f, const char *s)
{
	if (s != NULL && s[0] != '\0')
		ev_str(b, f, s);
}

/* values: of the message, but for the rule's name. */
static void
put_ruling(struct buf *b, const struct net_ruling *r, bool allowed,
    bool redirected, const char *values[TEMPLATE_MAX])
{
	char message[AGENTSH_TEXT_MAX + 1];
	enum decision done = allowed ? DECISION_ALLOW : DECISION_DENY;

	if (allowed && redirected)
		done = DECISION_REDIRECT;
	values[TEMPLATE_RULE] = r->v.rule_name;
	(void)template_expand(message, sizeof(message), r->v.message, values);
	ev_policy_done(b, r->said, done, r->v.rule_name, message);
	if (!allowed)
		ev_u64(b, EVF_BLOCKED, 1);
	put_str(b, EVF_REASON, r->reason);
}

int
netlog_query(struct nsess *n, const struct net_query_event *e)
{
	const char *values[TEMPLATE_MAX] = { [TEMPLATE_HOST] = e->name };
	struct buf b;
	size_t i;

	begin(&b, EV_DNS_QUERY, e->owner);
	ev_str(&b, EVF_DOMAIN, e->name);
	ev_str(&b, EVF_OPERATION, "dns_query");
	put_ruling(&b, e->ruling, e->allowed, e->redirected != NULL, values);
	put_str(&b, EVF_QUERY_TYPE, e->type);
	for (i = 0; i < e->nanswer && i < EVENT_STRV_MAX; i++)
		ev_str(&b, EVF_ANSWERS, e->answer[i]);
	put_str(&b, EVF_REDIRECT_TO, e->redirected);
	put_str(&b, EVF_ERROR, e->error);
	return emit(n, &b);
}

/* The address, or in its place what kind it is. */
static bool
tell_address(const struct net_connect_event *e, char text[INET6_ADDRSTRLEN])
{
	const char *class = addr_class(e->addr);

	if (!e->allowed && e->domain != NULL && class != NULL) {
		snprintf(text, INET6_ADDRSTRLEN, "%s address", class);
		return false;
	}
	ipport_addr_text(e->addr, text);
	return true;
}

static void
put_place(struct buf *b, const struct net_connect_event *e,
    char text[INET6_ADDRSTRLEN])
{
	char remote[PLACE_MAX];

	put_str(b, EVF_DOMAIN, e->domain);
	if (!tell_address(e, text))
		snprintf(remote, sizeof(remote), "%s:%u", e->domain, e->port);
	else
		ipport_text(e->addr, e->port, remote);
	ev_str(b, EVF_REMOTE, remote);
}

int
netlog_connect(struct nsess *n, const struct net_connect_event *e)
{
	char address[INET6_ADDRSTRLEN], port[8];
	const char *values[TEMPLATE_MAX] = {
		[TEMPLATE_ADDRESS] = address, [TEMPLATE_PORT] = port
	};
	struct buf b;

	begin(&b, EV_NET_CONNECT, e->owner);
	put_place(&b, e, address);
	snprintf(port, sizeof(port), "%u", e->port);
	values[TEMPLATE_HOST] = e->domain != NULL ? e->domain : address;
	ev_str(&b, EVF_OPERATION, "connect");
	put_ruling(&b, e->ruling, e->allowed,
	    e->redirected != NULL || e->redirected_unix != NULL, values);
	ev_u64(&b, EVF_PORT, e->port);
	put_str(&b, EVF_SNI, e->sni);
	put_str(&b, EVF_ALPN, e->alpn);
	put_str(&b, EVF_HTTP_HOST, e->host);
	put_str(&b, EVF_REDIRECT_TO, e->redirected);
	put_str(&b, EVF_REDIRECT_TO_UNIX, e->redirected_unix);
	put_str(&b, EVF_ERROR, e->error);
	return emit(n, &b);
}

int
netlog_close(struct nsess *n, const struct net_connect_event *e)
{
	char address[INET6_ADDRSTRLEN];
	struct buf b;

	begin(&b, EV_NET_CLOSE, e->owner);
	put_place(&b, e, address);
	ev_u64(&b, EVF_BYTES_SENT, e->bytes_sent);
	ev_u64(&b, EVF_BYTES_RECEIVED, e->bytes_received);
	ev_u64(&b, EVF_DURATION, e->duration_ms);
	put_str(&b, EVF_ERROR, e->error);
	return emit(n, &b);
}

static const char *
proto_name(uint8_t proto, char text[8])
{
	switch (proto) {
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(text, 8, "%u", proto);
		return text;
	}
}

int
netlog_refused(struct nsess *n, const struct net_refused_event *e)
{
	char remote[IPPORT_TEXT], text[8];
	struct buf b;

	begin(&b, EV_NET_REFUSED, e->owner);
	if (e->addr != NULL) {
		if (e->port != 0)
			ipport_text(e->addr, e->port, remote);
		else
			ipport_addr_text(e->addr, remote);
		ev_str(&b, EVF_REMOTE, remote);
	}
	ev_str(&b, EVF_OPERATION, "send");
	ev_policy_done(&b, DECISION_DENY, DECISION_DENY, "network-protocol",
	    "");
	ev_u64(&b, EVF_BLOCKED, 1);
	if (e->addr != NULL)
		ev_str(&b, EVF_PROTOCOL, proto_name(e->proto, text));
	if (e->addr != NULL && e->port != 0)
		ev_u64(&b, EVF_PORT, e->port);
	ev_u64(&b, EVF_COUNT, e->count);
	if (e->incomplete)
		ev_u64(&b, EVF_INCOMPLETE, 1);
	return emit(n, &b);
}

int
netlog_limit(struct nsess *n, const char *reason, bool refused)
{
	struct buf b;

	begin(&b, EV_NET_LIMIT, NULL);
	ev_str(&b, EVF_OPERATION, "connect");
	if (refused)
		ev_u64(&b, EVF_BLOCKED, 1);
	ev_str(&b, EVF_REASON, reason);
	return emit(n, &b);
}

static void
put_client(struct buf *b, const struct net_accept_event *e)
{
	char remote[IPPORT_TEXT];

	ipport_text(e->peer, e->peer_port, remote);
	ev_str(b, EVF_REMOTE, remote);
	ev_str(b, EVF_OPERATION, "accept");
}

int
netlog_accept(struct nsess *n, const struct net_accept_event *e)
{
	struct buf b;

	begin(&b, EV_NET_ACCEPT, NULL);
	put_client(&b, e);
	ev_u64(&b, EVF_PORT, e->port);
	ev_str(&b, EVF_PUBLISHED, e->published);
	put_str(&b, EVF_ERROR, e->error);
	return emit(n, &b);
}

int
netlog_accept_close(struct nsess *n, const struct net_accept_event *e)
{
	struct buf b;

	begin(&b, EV_NET_CLOSE, NULL);
	put_client(&b, e);
	ev_str(&b, EVF_PUBLISHED, e->published);
	ev_u64(&b, EVF_BYTES_SENT, e->bytes_sent);
	ev_u64(&b, EVF_BYTES_RECEIVED, e->bytes_received);
	ev_u64(&b, EVF_DURATION, e->duration_ms);
	put_str(&b, EVF_ERROR, e->error);
	return emit(n, &b);
}

int
netlog_publish(struct nsess *n, bool on, const char *published, uint16_t port,
    const char *error)
{
	struct buf b;

	begin(&b, EV_PORT_PUBLISH, NULL);
	ev_str(&b, EVF_OPERATION, on ? "publish" : "unpublish");
	ev_u64(&b, EVF_PORT, port);
	ev_str(&b, EVF_PUBLISHED, published);
	put_str(&b, EVF_ERROR, error);
	return emit(n, &b);
}
