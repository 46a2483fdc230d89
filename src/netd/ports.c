/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sessiond asks for the owners of sessions: which of their ports are
 * published. Heard by the main thread, done by the session's worker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "publish.h"
#include "sess.h"

struct job {
	enum {
		ADD,
		REMOVE,
		LIST
	} what;
	struct chan *ch;
	uint32_t id; /* of the request */
	uint8_t addr[16];
	uint16_t host_port, port;
	struct port_answer answer;
};

/* In the main thread. */
static void
answer(void *arg)
{
	struct job *j = arg;
	const struct port_answer *a = &j->answer;
	char text[INET6_ADDRSTRLEN];
	struct msg_port_row row;
	struct msg_port_done done;
	size_t i;

	for (i = 0; i < a->nrows; i++) {
		memset(&row, 0, sizeof(row));
		row.host_port = a->row[i].host_port;
		row.port = a->row[i].port;
		row.connections = a->row[i].nconns;
		ipport_addr_text(a->row[i].addr, text);
		snprintf(row.address, sizeof(row.address), "%.45s", text);
		msg_send_port_row(j->ch, j->id, &row, NULL);
	}
	memset(&done, 0, sizeof(done));
	done.http_status = a->status;
	snprintf(done.message, sizeof(done.message), "%s", a->message);
	msg_send_port_done(j->ch, j->id, &done, NULL);
	free(j);
}

/* In the session's worker; s is NULL where there is no such session. */
static void
work(struct nsess *s, void *arg)
{
	struct job *j = arg;

	if (s == NULL) {
		j->answer.status = 409;
		snprintf(j->answer.message, sizeof(j->answer.message),
		    "the session has no network");
	} else if (j->what == ADD) {
		publish_add(s, j->addr, j->host_port, j->port, &j->answer);
	} else if (j->what == REMOVE) {
		publish_remove(s, j->addr, j->host_port, &j->answer);
	} else {
		publish_list(s, &j->answer);
	}
	sess_answer(answer, j);
}

static struct job *
job_new(struct chan *ch, const struct imsg *im)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		fatal("port");
	j->ch = ch;
	j->id = im->id;
	return j;
}

/* An address alone, without a port. 0 or -1. */
static int
parse(const char *text, uint8_t addr[16])
{
	uint16_t port = 0;

	return ipport_parse(text, addr, &port) == -1 || port != 0 ? -1 : 0;
}

int
ports_on_port_publish(struct chan *ch, struct imsg *im)
{
	struct msg_port_publish m;
	struct job *j;

	if (msg_get_port_publish(im, &m) == -1)
		return -1;
	j = job_new(ch, im);
	if (parse(m.address, j->addr) == -1) {
		free(j);
		return -1;
	}
	j->what = ADD;
	j->host_port = m.host_port;
	j->port = m.port;
	sess_call(m.session, work, j);
	return 0;
}

int
ports_on_port_unpublish(struct chan *ch, struct imsg *im)
{
	struct msg_port_unpublish m;
	struct job *j;

	if (msg_get_port_unpublish(im, &m) == -1)
		return -1;
	j = job_new(ch, im);
	if (parse(m.address, j->addr) == -1) {
		free(j);
		return -1;
	}
	j->what = REMOVE;
	j->host_port = m.host_port;
	sess_call(m.session, work, j);
	return 0;
}

int
ports_on_port_list(struct chan *ch, struct imsg *im)
{
	struct msg_port_list m;
	struct job *j;

	if (msg_get_port_list(im, &m) == -1)
		return -1;
	j = job_new(ch, im);
	j->what = LIST;
	sess_call(m.session, work, j);
	return 0;
}
