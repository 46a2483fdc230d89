/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports as sessiond hears of them from netd, which can have been taken
 * over: no more than a session has.
 */
#include "chan.h"
#include "http.h"
#include "sessiond.h"
#include "t.h"

struct sessiond sessiond;

static struct session session = { .number = 7, .state = SESS_READY };
static struct request rq;
static struct chan *netd;
static int status, closed;

struct session *
session_of(struct request *r)
{
	(void)r;
	return &session;
}

const char *
http_body(struct request *r, size_t *len)
{
	static const char body[] = "{\"port\":8000}";

	(void)r;
	*len = sizeof(body) - 1;
	return body;
}

void
http_error(struct request *r, int code, const char *fmt, ...)
{
	(void)r, (void)fmt;
	status = code;
}

void
http_reply(struct request *r, int code, yajl_gen g)
{
	(void)r;
	status = code;
	yajl_gen_free(g);
}

void
http_reply_empty(struct request *r, int code)
{
	(void)r;
	status = code;
}

void
http_wait(struct request *r, void (*gone)(struct request *, void *), void *arg)
{
	(void)r, (void)gone, (void)arg;
}

static int
on_question(struct chan *ch, struct imsg *im)
{
	(void)ch, (void)im;
	return 0;
}

static void
on_close(struct chan *ch, const char *why)
{
	(void)ch, (void)why;
	closed++;
}

static const struct handler of_sessiond[] = {
	{ MSG_PORT_ROW, sessiond_on_port_row },
	{ MSG_PORT_DONE, sessiond_on_port_done },
	{ MSG_NONE, NULL },
};

static const struct handler of_netd[] = {
	{ MSG_PORT_LIST, on_question },
	{ MSG_PORT_PUBLISH, on_question },
	{ MSG_NONE, NULL },
};

/* sessiond ends then, and the question with it; not so the test. */
static void
let_go(struct chan *ch)
{
	static const struct msg_port_done done = { .http_status = 500 };
	struct imsg im = { .arg = ch->pending[0].arg };
	struct buf b;
	int was = status;

	buf_init(&b, AGENTSH_MSG_MAX);
	msg_put_port_done(&b, &done);
	buf_read_from(&im.body, b.data, b.len);
	CHECK_INT(sessiond_on_port_done(ch, &im), 0);
	buf_free(&b);
	status = was;
}

/* So many rows, and the end; how many of the messages were taken. */
static int
answer(void (*ask)(struct request *), int nrows, uint32_t code)
{
	static const struct msg_port_row row = { .address = "127.0.0.1" };
	struct msg_port_done done = { .http_status = code };
	struct chan *ch;
	int fds[2], i, taken = 0;

	status = closed = 0;
	if (chan_pair(fds) == -1)
		abort();
	ch = chan_new(fds[0], ROLE_SESSIOND, ROLE_NETD, of_sessiond, NULL);
	netd = chan_new(fds[1], ROLE_NETD, ROLE_SESSIOND, of_netd, NULL);
	ch->on_close = on_close;
	sessiond.proc.peer[ROLE_NETD] = ch;
	ask(&rq);
	CHECK_INT(chan_step(netd, 1000), 1);
	for (i = 0; i < nrows; i++)
		CHECK_INT(msg_send_port_row(netd, 1, &row, NULL), 0);
	CHECK_INT(msg_send_port_done(netd, 1, &done, NULL), 0);
	for (i = 0; i <= nrows && chan_step(ch, 1000) == 1; i++)
		taken++;
	CHECK_INT(closed, taken <= nrows);
	if (closed != 0)
		let_go(ch);
	chan_free(ch);
	chan_free(netd);
	return taken;
}

static void
lists(void)
{
	CHECK_INT(answer(api_port_list, 0, 200), 1);
	CHECK_INT(status, 200);
	CHECK_INT(answer(api_port_list, 32, 200), 33);
	CHECK_INT(status, 200);
	CHECK_INT(answer(api_port_list, 33, 200), 32);
	CHECK_INT(status, 0);
}

static void
published(void)
{
	CHECK_INT(answer(api_port_publish, 1, 201), 2);
	CHECK_INT(status, 201);
	CHECK_INT(answer(api_port_publish, 2, 201), 1);
	CHECK_INT(status, 0);
	CHECK_INT(answer(api_port_publish, 0, 201), 1);
	CHECK_INT(status, 500);
	CHECK_INT(answer(api_port_publish, 0, 409), 1);
	CHECK_INT(status, 409);
}

int
main(void)
{
	T_RUN(lists);
	T_RUN(published);
	return done_testing();
}
