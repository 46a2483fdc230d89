/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of published ports. Who may see a session may publish its ports; its
 * commands reach no API. Whether it can be done netd finds out.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "ipport.h"
#include "sessiond.h"

#define LOOPBACK "127.0.0.1"

/* A request that netd was asked for. */
#define PORT_ROWS_MAX 32 /* netd publishes no more of a session */

struct port_ask {
	struct request *rq; /* NULL: its client is gone */
	enum {
		ASK_PUBLISH,
		ASK_LIST,
		ASK_UNPUBLISH
	} what;
	yajl_gen g; /* the rows so far; NULL: no memory */
	unsigned nrows;
};

struct publish_body {
	uint64_t port;
	uint64_t host_port;
	char *address;
};

static const struct json_field publish_fields[] = {
	{ "port", JSON_UINT, offsetof(struct publish_body, port), 0,
	    JSON_REQUIRED },
	{ "host_port", JSON_UINT, offsetof(struct publish_body, host_port), 0,
	    0 },
	{ "address", JSON_STRING, offsetof(struct publish_body, address), 45,
	    0 },
};

#define NPUBLISH (sizeof(publish_fields) / sizeof(publish_fields[0]))

static void
ask_free(struct port_ask *k)
{
	if (k->g != NULL)
		yajl_gen_free(k->g);
	free(k);
}

static void
client_gone(struct request *rq, void *arg)
{
	struct port_ask *k = arg;

	(void)rq;
	k->rq = NULL;
}

/* The session of the request, if it is ready; else it answers. */
static struct session *
ready_session(struct request *rq)
{
	struct session *s = session_of(rq);

	if (s == NULL)
		return NULL;
	if (s->state == SESS_READY)
		return s;
	http_error(rq, 409, "the session is not ready");
	return NULL;
}

/* A question to netd, which is to be sent with *id; else it answers. */
static struct port_ask *
ask_new(struct request *rq, int what, uint32_t *id)
{
	struct port_ask *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		http_error(rq, 500, "out of memory");
		return NULL;
	}
	k->what = what;
	k->g = json_new();
	*id = chan_request(sessiond.proc.peer[ROLE_NETD], k);
	if (k->g == NULL || *id == 0) {
		if (*id != 0)
			chan_forget(sessiond.proc.peer[ROLE_NETD], k);
		ask_free(k);
		http_error(rq, 503, "too many requests are waiting");
		return NULL;
	}
	if (what == ASK_LIST)
		yajl_gen_array_open(k->g);
	k->rq = rq;
	http_wait(rq, client_gone, k);
	return k;
}

/* As people write it, and netd reads it: 0 or -1. */
static int
normal_address(const char *text, char address[INET6_ADDRSTRLEN])
{
	int af = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	struct in6_addr a;

	return inet_pton(af, text, &a) == 1 &&
		inet_ntop(af, &a, address, INET6_ADDRSTRLEN) != NULL ?
	    0 :
	    -1;
}

static void
publish(struct request *rq, const struct publish_body *body)
{
	struct msg_port_publish m = { 0 };
	char address[INET6_ADDRSTRLEN];
	struct session *s;
	uint32_t id;

	if (body->port == 0 || body->port > UINT16_MAX ||
	    body->host_port > UINT16_MAX) {
		http_error(rq, 400,
		    "fields \"port\" and \"host_port\" are ports");
		return;
	}
	if (normal_address(body->address == NULL ? LOOPBACK : body->address,
		address) == -1) {
		http_error(rq, 400, "field \"address\" is no address");
		return;
	}
	s = ready_session(rq);
	if (s == NULL || ask_new(rq, ASK_PUBLISH, &id) == NULL)
		return;
	m.session = s->number;
	m.port = (uint16_t)body->port;
	m.host_port = (uint16_t)body->host_port;
	snprintf(m.address, sizeof(m.address), "%.45s", address);
	msg_send_port_publish(sessiond.proc.peer[ROLE_NETD], id, &m, NULL);
}

void
api_port_publish(struct request *rq)
{
	struct publish_body body;
	char err[256];
	const char *text;
	size_t len;

	memset(&body, 0, sizeof(body));
	text = http_body(rq, &len);
	if (text == NULL)
		http_error(rq, 400, "invalid json: the body is empty");
	else if (json_decode(publish_fields, NPUBLISH, text, len, &body, err,
		     sizeof(err)) == -1)
		http_error(rq, 400, "%s", err);
	else
		publish(rq, &body);
	json_release(publish_fields, NPUBLISH, &body);
}

void
api_port_list(struct request *rq)
{
	struct msg_port_list m = { 0 };
	struct session *s = ready_session(rq);
	uint32_t id;

	if (s == NULL || ask_new(rq, ASK_LIST, &id) == NULL)
		return;
	m.session = s->number;
	msg_send_port_list(sessiond.proc.peer[ROLE_NETD], id, &m, NULL);
}

/* PORT or ADDRESS:PORT, of the host. 0 or -1. */
static int
parse_place(const char *text, struct msg_port_unpublish *m)
{
	char with[sizeof(LOOPBACK) + 64], address[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	uint16_t port = 0;

	snprintf(with, sizeof(with), "%s%s",
	    strchr(text, ':') == NULL ? LOOPBACK ":" : "", text);
	if (ipport_parse(with, addr, &port) == -1 || port == 0)
		return -1;
	ipport_addr_text(addr, address);
	snprintf(m->address, sizeof(m->address), "%.45s", address);
	m->host_port = port;
	return 0;
}

void
api_port_unpublish(struct request *rq)
{
	struct msg_port_unpublish m = { 0 };
	struct session *s = ready_session(rq);
	uint32_t id;

	if (s == NULL)
		return;
	if (parse_place(rq->place, &m) == -1) {
		http_error(rq, 400, "neither a port nor an address with one");
		return;
	}
	if (ask_new(rq, ASK_UNPUBLISH, &id) == NULL)
		return;
	m.session = s->number;
	msg_send_port_unpublish(sessiond.proc.peer[ROLE_NETD], id, &m, NULL);
}

int
sessiond_on_port_row(struct chan *ch, struct imsg *im)
{
	struct port_ask *k = im->arg;
	struct msg_port_row m;

	(void)ch;
	if (msg_get_port_row(im, &m) == -1 || k == NULL)
		return -1;
	/* netd may be taken over */
	if (k->nrows++ == (k->what == ASK_LIST ? PORT_ROWS_MAX : 1))
		return -1;
	yajl_gen_map_open(k->g);
	json_put_str(k->g, "address", m.address);
	json_put_u64(k->g, "host_port", m.host_port);
	json_put_u64(k->g, "port", m.port);
	json_put_u64(k->g, "connections", m.connections);
	yajl_gen_map_close(k->g);
	return 0;
}

/* Of a process that others may have taken over. */
static int
checked_status(uint32_t status)
{
	return status >= 400 && status <= 599 ? (int)status : 500;
}

int
sessiond_on_port_done(struct chan *ch, struct imsg *im)
{
	struct port_ask *k = im->arg;
	struct msg_port_done m;
	yajl_gen g;

	(void)ch;
	if (msg_get_port_done(im, &m) == -1 || k == NULL)
		return -1;
	if (k->rq == NULL) {
		/* nobody hears it; what was done stays */
	} else if (k->what == ASK_PUBLISH && m.http_status == 201 &&
	    k->nrows == 1) {
		g = k->g;
		k->g = NULL;
		http_reply(k->rq, 201, g);
	} else if (k->what == ASK_LIST && m.http_status == 200) {
		g = k->g;
		k->g = NULL;
		yajl_gen_array_close(g);
		http_reply(k->rq, 200, g);
	} else if (k->what == ASK_UNPUBLISH && m.http_status == 204) {
		http_reply_empty(k->rq, 204);
	} else {
		http_error(k->rq, checked_status(m.http_status), "%s",
		    m.message);
	}
	ask_free(k);
	return 0;
}
