/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policyd's requests for approval, in one process: who asks plays execd or fsd of
 * some session. Only an operator grants, each question has one answer, what is
 * not the same byte for byte shares nothing, and what one session, one user and
 * all together can have waiting is bounded.
 */
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "policyd/approvals.h"
#include "proc.h"
#include "t.h"

#define ASKERS 160

static struct {
	struct event_base *base;
	struct proc p;
	struct chan *privd; /* our end of its channel */
	/* the last of each, of any channel */
	struct msg_approval_answer answer;
	struct msg_approval_pending pending;
	size_t nanswers;
	size_t npending;
	size_t closed;
	struct chan *asker[ASKERS];
	size_t n;
	char row_id[APPROVAL_ID_MAX + 1]; /* of the last row */
	uint32_t row_pid;
	char row_command[AGENTSH_CMDID_MAX + 1];
	size_t rows;
} d;

static int
on_pending(struct chan *ch, struct imsg *im)
{
	(void)ch;
	d.npending++;
	return msg_get_approval_pending(im, &d.pending);
}

static int
on_answer(struct chan *ch, struct imsg *im)
{
	(void)ch;
	d.nanswers++;
	return msg_get_approval_answer(im, &d.answer);
}

static const struct handler asker_side[] = {
	{ MSG_APPROVAL_PENDING, on_pending },
	{ MSG_APPROVAL_ANSWER, on_answer },
	{ MSG_NONE, NULL },
};

static const struct handler policyd_side[] = {
	{ MSG_APPROVAL_OPEN, approvals_on_open },
	{ MSG_NONE, NULL },
};

static void
on_close(struct chan *ch, const char *why)
{
	(void)ch;
	(void)why;
	d.closed++;
}

static void
loop(int ms)
{
	struct timeval wait = { .tv_usec = ms * 1000 };

	event_base_loopexit(d.base, &wait);
	event_base_dispatch(d.base);
}

/* A channel of one session's execd or fsd. */
static struct chan *
open_asker(uint64_t session, uint32_t uid, enum role role)
{
	struct msg_approval_open m = {
		.session = session, .role = role, .uid = uid, .session_id = "s"
	};
	struct chan *ch;
	int fds[2];

	if (chan_pair(fds) == -1 || d.n == ASKERS)
		exit(1);
	msg_send_approval_open(d.privd, 0, &m, &fds[0]);
	close(fds[0]);
	ch = chan_new(fds[1], role, ROLE_POLICYD, asker_side, NULL);
	ch->on_close = on_close;
	chan_watch(ch, d.base);
	d.asker[d.n++] = ch;
	loop(5);
	return ch;
}

static void
close_all(void)
{
	while (d.n > 0)
		chan_free(d.asker[--d.n]);
	loop(10);
	d.closed = 0;
}

static uint32_t
ask(struct chan *ch, const struct msg_approval_ask *m)
{
	uint32_t id = chan_request(ch, NULL);

	d.nanswers = d.npending = 0;
	memset(&d.answer, 0, sizeof(d.answer));
	msg_send_approval_ask(ch, id, m, NULL);
	loop(5);
	return id;
}

static void
withdraw(struct chan *ch, uint32_t id)
{
	struct msg_approval_withdraw m = { .request = id };

	d.nanswers = 0;
	msg_send_approval_withdraw(ch, 0, &m, NULL);
	loop(5);
}

static int
resolve(const char *id, bool grant, bool for_session)
{
	struct msg_ctl_resolve m = { .grant = grant,
		.for_session = for_session };
	char text[AGENTSH_TEXT_MAX];
	int r;

	snprintf(m.id, sizeof(m.id), "%s", id);
	d.nanswers = 0;
	r = approvals_resolve(&m, 7, text, sizeof(text));
	loop(5);
	return r;
}

static struct msg_approval_ask
file_of(const char *path)
{
	struct msg_approval_ask m = { .kind = APPROVAL_FILE,
		.operation = "write",
		.identity = "1:2",
		.rule = "ask" };

	snprintf(m.object, sizeof(m.object), "%s", path);
	return m;
}

static void
answers(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *ch = open_asker(1, 1000, ROLE_FSD);
	char id[APPROVAL_ID_MAX + 1];

	ask(ch, &m);
	CHECK_INT(d.npending, 1);
	CHECK_INT(d.nanswers, 0);
	memcpy(id, d.pending.id, sizeof(id));
	CHECK(strncmp(id, "approval-", 9) == 0);
	CHECK_INT(resolve("approval-1", true, false), -1);
	CHECK_INT(resolve("", true, false), -1);
	CHECK_INT(d.nanswers, 0);
	CHECK_INT(resolve(id, true, false), 0);
	CHECK_INT(d.nanswers, 1);
	CHECK_INT(d.answer.outcome, APPROVAL_GRANTED);
	CHECK_STR(d.answer.who, "operator uid 7");
	CHECK_STR(d.answer.id, id);
	CHECK_INT(resolve(id, true, false), -1);
	/* that was for once */
	ask(ch, &m);
	CHECK_INT(d.npending, 1);
	CHECK_INT(resolve(d.pending.id + 9, false, true), 0);
	CHECK_INT(d.answer.outcome, APPROVAL_DENIED);
	/* a denial is never for the session */
	ask(ch, &m);
	CHECK_INT(d.npending, 1);
	CHECK_INT(ch->npending, 1);
	close_all();
}

static void
time_out(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *ch = open_asker(1, 1000, ROLE_FSD);

	m.timeout_ms = 30;
	ask(ch, &m);
	CHECK_INT(d.npending, 1);
	CHECK(d.pending.timeout_ms > 0 && d.pending.timeout_ms <= 30);
	loop(60);
	CHECK_INT(d.nanswers, 1);
	CHECK_INT(d.answer.outcome, APPROVAL_TIMED_OUT);
	m.timeout_ms = 0;
	ask(ch, &m);
	CHECK(d.pending.timeout_ms > 290000 && d.pending.timeout_ms <= 300000);
	close_all();
}

/* The same but for one thing; *n of them. */
static const struct msg_approval_ask *
unlike(size_t *n)
{
	static struct msg_approval_ask m[8];
	size_t i;

	for (i = 0; i < 8; i++)
		m[i] = file_of("/a");
	snprintf(m[0].object, sizeof(m[0].object), "/b");
	snprintf(m[1].operation, sizeof(m[1].operation), "write,read");
	snprintf(m[2].identity, sizeof(m[2].identity), "1:3");
	snprintf(m[3].rule, sizeof(m[3].rule), "ask2");
	m[4].words = (const uint8_t *)"x";
	m[4].words_len = 2;
	m[5].words = (const uint8_t *)"y";
	m[5].words_len = 2;
	m[6].kind = APPROVAL_COMMAND;
	m[6].words = (const uint8_t *)"x";
	m[6].words_len = 2;
	snprintf(m[7].cwd, sizeof(m[7].cwd), "/");
	*n = 8;
	return m;
}

static void
sharing(void)
{
	struct msg_approval_ask m = file_of("/a");
	const struct msg_approval_ask *others;
	struct chan *a = open_asker(1, 1000, ROLE_FSD);
	struct chan *b = open_asker(1, 1000, ROLE_FSD);
	struct chan *c = open_asker(2, 1000, ROLE_FSD);
	struct chan *e = open_asker(1, 1000, ROLE_EXECD);
	char id[APPROVAL_ID_MAX + 1];
	size_t i, n;

	ask(a, &m);
	memcpy(id, d.pending.id, sizeof(id));
	/* what is not a part of it, and who asks, do not count */
	snprintf(m.message, sizeof(m.message), "another");
	m.pid = 9;
	ask(b, &m);
	CHECK_STR(d.pending.id, id);
	ask(c, &m);
	CHECK(strcmp(d.pending.id, id) != 0);
	others = unlike(&n);
	for (i = 0; i < n; i++) {
		ask(others[i].kind == APPROVAL_COMMAND ? e : a, &others[i]);
		CHECK_INT(d.npending, 1);
		CHECK(strcmp(d.pending.id, id) != 0);
	}
	d.nanswers = 0;
	CHECK_INT(resolve(id, true, true), 0);
	CHECK_INT(d.nanswers, 2);
	/* for the session, and that alone */
	ask(b, &m);
	CHECK_INT(d.npending, 0);
	CHECK_INT(d.answer.outcome, APPROVAL_GRANTED);
	CHECK_STR(d.answer.id, id);
	ask(c, &m);
	CHECK_INT(d.npending, 1);
	CHECK_INT(d.nanswers, 0);
	for (i = 0; i < n; i++) {
		ask(others[i].kind == APPROVAL_COMMAND ? e : a, &others[i]);
		CHECK_INT(d.nanswers, 0);
	}
	close_all();
	/* a session's number is never used again; were it, it would be new */
	a = open_asker(1, 1000, ROLE_FSD);
	ask(a, &m);
	CHECK_INT(d.npending, 1);
	close_all();
}

static void
leaving(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *a = open_asker(1, 1000, ROLE_FSD);
	struct chan *b = open_asker(1, 1000, ROLE_FSD);
	char id[APPROVAL_ID_MAX + 1];
	uint32_t first;

	first = ask(a, &m);
	memcpy(id, d.pending.id, sizeof(id));
	ask(b, &m);
	withdraw(a, first + 100);
	CHECK_INT(d.nanswers, 0);
	withdraw(a, first);
	CHECK_INT(d.nanswers, 1);
	CHECK_INT(d.answer.outcome, APPROVAL_WITHDRAWN);
	withdraw(a, first);
	CHECK_INT(d.nanswers, 0);
	CHECK_INT(resolve(id, true, false), 0);
	CHECK_INT(d.nanswers, 1);
	/* the last one takes it along, by its word or by its death */
	first = ask(a, &m);
	memcpy(id, d.pending.id, sizeof(id));
	withdraw(a, first);
	CHECK_INT(resolve(id, true, false), -1);
	ask(a, &m);
	memcpy(id, d.pending.id, sizeof(id));
	close_all();
	CHECK_INT(resolve(id, true, false), -1);
}

static int
on_row(struct chan *ch, struct imsg *im)
{
	static struct msg_ctl_approval m;

	(void)ch;
	if (msg_get_ctl_approval(im, &m) == -1)
		return -1;
	d.rows++;
	d.row_pid = m.pid;
	memcpy(d.row_id, m.id, sizeof(d.row_id));
	memcpy(d.row_command, m.command_id, sizeof(d.row_command));
	return 0;
}

/* All that wait, a page at a time; how many pages. */
static size_t
list(void)
{
	static const struct handler rows[] = {
		{ MSG_CTL_APPROVAL, on_row },
		{ MSG_NONE, NULL },
	};
	struct chan *client, *ch;
	uint64_t after = 0;
	size_t pages = 0;
	uint32_t id;
	int fds[2];

	if (chan_pair(fds) == -1)
		exit(1);
	client = chan_new(fds[0], ROLE_CTL, ROLE_POLICYD, rows, NULL);
	ch = chan_new(fds[1], ROLE_POLICYD, ROLE_CTL, NULL, NULL);
	id = chan_request(client, NULL);
	client->pending[client->npending - 1].type = MSG_CTL_REQUEST;
	d.rows = 0;
	do {
		after = approvals_list(ch, id, after);
		pages++;
	} while (after != 0 && pages < 10);
	while (chan_step(client, 0) == 1)
		continue;
	chan_free(client);
	chan_free(ch);
	return pages;
}

/* An operator sees one of those who share a request and wait still. */
static void
who_is_shown(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *a = open_asker(1, 1000, ROLE_FSD);
	struct chan *b = open_asker(1, 1000, ROLE_FSD);
	uint32_t first, third;

	m.pid = 7;
	snprintf(m.command_id, sizeof(m.command_id), "cmd-7");
	first = ask(a, &m);
	m.pid = 8;
	snprintf(m.command_id, sizeof(m.command_id), "cmd-8");
	ask(b, &m);
	m.pid = 9;
	third = ask(a, &m);
	list();
	CHECK_INT(d.row_pid, 7);
	CHECK_STR(d.row_command, "cmd-7");
	withdraw(a, first);
	list();
	CHECK_INT(d.rows, 1);
	CHECK_INT(d.row_pid, 8);
	CHECK_STR(d.row_command, "cmd-8");
	withdraw(a, third);
	m.pid = 10;
	ask(a, &m);
	chan_free(b);
	d.asker[1] = d.asker[--d.n];
	loop(10);
	list();
	CHECK_INT(d.row_pid, 10);
	close_all();
}

/* What is no question ends the channel, and grants nothing. */
static void
hostile(void)
{
	struct msg_approval_ask m[7];
	struct chan *ch;
	uint32_t id;
	size_t i;

	for (i = 0; i < 7; i++)
		m[i] = file_of("/a");
	m[0].kind = APPROVAL_KIND_MAX;
	m[1].object[0] = '\0';
	m[2].operation[0] = '\0';
	m[3].kind = APPROVAL_COMMAND; /* without words */
	m[4].kind = APPROVAL_COMMAND; /* with half a one */
	m[4].words = (const uint8_t *)"xy";
	m[4].words_len = 2;
	m[5].kind = APPROVAL_NETWORK; /* has none */
	m[5].words = (const uint8_t *)"x";
	m[5].words_len = 2;
	for (i = 0; i < 6; i++) {
		ch = open_asker(1, 1000,
		    i < 3     ? ROLE_FSD :
			i < 5 ? ROLE_EXECD :
				ROLE_NETD);
		ask(ch, &m[i]);
		CHECK_INT(d.npending + d.nanswers, 0);
		CHECK_INT(d.closed, 1);
		close_all();
	}
	/* one number for two questions */
	ch = open_asker(1, 1000, ROLE_FSD);
	id = ask(ch, &m[6]);
	msg_send_approval_ask(ch, id, &m[6], NULL);
	loop(5);
	CHECK_INT(d.closed, 1);
	CHECK_INT(resolve(d.pending.id, true, false), -1);
	close_all();
}

/* Each asks for what it decides on itself: an answer for the session is not got by
 * one for another. */
static void
kinds(void)
{
	static const enum role roles[] = { ROLE_FSD, ROLE_EXECD, ROLE_NETD };
	static const enum role of[APPROVAL_KIND_MAX] = {
		[APPROVAL_FILE] = ROLE_FSD,
		[APPROVAL_COMMAND] = ROLE_EXECD,
		[APPROVAL_NETWORK] = ROLE_NETD,
		[APPROVAL_SIGNAL] = ROLE_EXECD,
		[APPROVAL_SOCKET] = ROLE_EXECD,
	};
	struct msg_approval_ask m;
	struct chan *ch;
	uint32_t kind;
	size_t i;

	for (kind = 0; kind < APPROVAL_KIND_MAX; kind++) {
		m = file_of("/a");
		m.kind = kind;
		if (kind != APPROVAL_NETWORK) {
			m.words = (const uint8_t *)"x";
			m.words_len = 2;
		}
		for (i = 0; i < 3; i++) {
			ch = open_asker(1, 1000, roles[i]);
			ask(ch, &m);
			CHECK_INT(d.npending, roles[i] == of[kind]);
			CHECK_INT(d.closed, roles[i] != of[kind]);
			close_all();
		}
	}
}

/* Of what one session may have, a command leaves as much as it has itself. */
static void
commands(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *ch = open_asker(1, 1000, ROLE_FSD);
	size_t i, n, c;
	uint32_t id;

	for (c = 0; c < 2; c++) {
		snprintf(m.command_id, sizeof(m.command_id), "cmd-%zu", c);
		for (i = n = 0; i < 40; i++) {
			snprintf(m.object, sizeof(m.object), "/%zu/%zu", c, i);
			ask(ch, &m);
			n += d.npending;
		}
		CHECK_INT(n, c == 0 ? 10 : 5);
	}
	/* who only shares is not asked about, and counts as well */
	snprintf(m.object, sizeof(m.object), "/0/0");
	for (i = 0; i < 300; i++) {
		ask(ch, &m);
		if (d.npending == 0)
			break;
	}
	CHECK(i > 100 && i < 128);
	snprintf(m.command_id, sizeof(m.command_id), "cmd-9");
	ask(ch, &m);
	CHECK_INT(d.npending, 1);
	close_all();
	/* and of what it may ask for in a short time */
	ch = open_asker(1, 1000, ROLE_FSD);
	for (c = 0; c < 2; c++) {
		snprintf(m.command_id, sizeof(m.command_id), "cmd-%zu", c);
		for (i = 0; i < 60; i++) {
			snprintf(m.object, sizeof(m.object), "/%zu/%zu", c, i);
			id = ask(ch, &m);
			if (d.npending == 0)
				break;
			withdraw(ch, id);
		}
		CHECK(c == 0 ? i >= 30 && i < 50 : i >= 15 && i < 40);
		CHECK(strstr(d.answer.reason, "short time") != NULL);
	}
	close_all();
}

static void
bounds(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *ch = open_asker(1, 1000, ROLE_FSD);
	uint32_t id = 0;
	size_t i, s, waiting = 0;

	for (i = 0; i < 10; i++) {
		snprintf(m.object, sizeof(m.object), "/%zu", i);
		id = ask(ch, &m);
		CHECK_INT(d.npending, 1);
	}
	snprintf(m.object, sizeof(m.object), "/more");
	ask(ch, &m);
	CHECK_INT(d.npending, 0);
	CHECK_INT(d.answer.outcome, APPROVAL_REFUSED);
	/* each that goes makes room, until there were too many at once */
	for (i = 0; i < 30; i++) {
		withdraw(ch, id);
		id = ask(ch, &m);
		if (d.answer.outcome == APPROVAL_REFUSED)
			break;
	}
	CHECK_INT(i, 20);
	CHECK(strstr(d.answer.reason, "short time") != NULL);
	/* who shares is bounded as well */
	snprintf(m.object, sizeof(m.object), "/1");
	for (i = 9; i < 200; i++) {
		ask(ch, &m);
		if (d.answer.outcome == APPROVAL_REFUSED)
			break;
	}
	CHECK_INT(i, 128);
	close_all();
	/* one user's many sessions, and another user's */
	for (s = 0; s < 30; s++) {
		ch = open_asker(100 + s, 1000, ROLE_FSD);
		for (i = 0; i < 10; i++) {
			snprintf(m.object, sizeof(m.object), "/%zu", i);
			ask(ch, &m);
			waiting += d.npending;
		}
	}
	CHECK_INT(waiting, 256);
	ask(open_asker(200, 1001, ROLE_FSD), &m);
	CHECK_INT(d.npending, 1);
	close_all();
}

/* A page at a time, each once, in their order. */
static void
lists(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *ch = NULL;
	size_t i;

	for (i = 0; i < 40; i++) {
		if (i % 10 == 0)
			ch = open_asker(300 + i, 1000, ROLE_FSD);
		snprintf(m.object, sizeof(m.object), "/%zu", i);
		ask(ch, &m);
	}
	CHECK_INT(list(), 3);
	CHECK_INT(d.rows, 40);
	CHECK_STR(d.row_id, d.pending.id);
	close_all();
}

static void
off(void)
{
	struct msg_approval_ask m = file_of("/a");
	struct chan *ch = open_asker(1, 1000, ROLE_FSD);

	d.p.conf.approvals = 0;
	ask(ch, &m);
	CHECK_INT(d.npending, 0);
	CHECK_INT(d.answer.outcome, APPROVAL_OFF);
	d.p.conf.approvals = 1;
	close_all();
}

int
main(void)
{
	struct chan *policyd;
	int fds[2];

	log_init("t_approval");
	d.base = event_base_new();
	if (d.base == NULL || chan_pair(fds) == -1)
		return 1;
	conf_defaults(&d.p.conf);
	d.p.conf.approvals = 1;
	d.p.mode = MODE_SERVICE;
	approvals_start(&d.p, d.base);
	d.privd = chan_new(fds[0], ROLE_PRIVD, ROLE_POLICYD, NULL, NULL);
	policyd = chan_new(fds[1], ROLE_POLICYD, ROLE_PRIVD, policyd_side,
	    NULL);
	if (chan_watch(policyd, d.base) == -1)
		return 1;
	T_RUN(answers);
	T_RUN(time_out);
	T_RUN(sharing);
	T_RUN(leaving);
	T_RUN(who_is_shown);
	T_RUN(hostile);
	T_RUN(kinds);
	T_RUN(commands);
	T_RUN(bounds);
	T_RUN(lists);
	T_RUN(off);
	chan_free(d.privd);
	chan_free(policyd);
	event_base_free(d.base);
	return done_testing();
}
