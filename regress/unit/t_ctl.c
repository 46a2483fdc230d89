/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operator's lists, through the files of agentshd and policyd that make
 * them, in one process: more rows than any queue holds come whole and in
 * order, and while the operator does not read, nothing piles up.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <inttypes.h>
#include <unistd.h>

#include <event2/event.h>

#include "ctl.h"
#include "log.h"
#include "policyd/policyd.h"
#include "privd/privd.h"
#include "t.h"

#define ROWS (3 * CHAN_MAX_QUEUE)

struct privd privd;

static struct {
	struct event_base *base;
	struct proc policyd;
	struct chan *privd;  /* agentshd's end to policyd */
	struct chan *client; /* the operator's end */
	bool processes;	     /* is what was asked for */
	bool reload;	     /* is */
	size_t rows;
	size_t wrong; /* not the row that was due */
	bool ended;
	uint32_t status;
	size_t most; /* messages that agentshd had queued */
	size_t asked;
} d;

static struct child children[ROWS];
static struct sess sessions[ROWS / 8];

/* A reload: every session has one of all results. */
void
reload_ask(uint32_t request)
{
	static const struct msg_ctl_done done;
	struct msg_ctl_reloaded m = { .uid = 7 };

	for (m.result = 0; m.result < RELOAD_RESULT_MAX; m.result++) {
		snprintf(m.id, sizeof(m.id), "s%u", m.result);
		msg_send_ctl_reloaded(d.privd, request, &m, NULL);
	}
	msg_send_ctl_done(d.privd, request, &done, NULL);
}

static int
privd_on_ask(struct chan *ch, struct imsg *im)
{
	int r = ctl_on_ask(ch, im);

	d.asked++;
	if (ch->nqueue > d.most)
		d.most = ch->nqueue;
	return r;
}

static int
client_on_row(struct chan *ch, struct imsg *im)
{
	static const char *const states[] = { " creating ", " ready ",
		" stopping ", " stuck " };
	struct msg_ctl_row m;
	char due[64];

	(void)ch;
	if (msg_get_ctl_row(im, &m) == -1)
		return -1;
	/* agentshd itself is the first of the processes */
	snprintf(due, sizeof(due), d.processes ? " %8zu " : "s%zu ", d.rows);
	if (d.processes ? d.rows > 0 && strstr(m.text, due) == NULL :
			  strncmp(m.text, due, strlen(due)) != 0)
		d.wrong++;
	if (d.reload) {
		d.rows++;
		return 0;
	}
	if (!d.processes && strstr(m.text, states[d.rows % 4]) == NULL)
		d.wrong++;
	d.rows++;
	return 0;
}

static int
client_on_end(struct chan *ch, struct imsg *im)
{
	struct msg_ctl_end m;

	(void)ch;
	if (msg_get_ctl_end(im, &m) == -1)
		return -1;
	d.ended = true;
	d.status = m.status;
	return 0;
}

static const struct handler privd_side[] = {
	{ MSG_CTL_ASK, privd_on_ask },
	{ MSG_NONE, NULL },
};
static const struct handler policyd_side[] = {
	{ MSG_CTL_PROCESS, ctl_on_process },
	{ MSG_CTL_SESSION, ctl_on_session },
	{ MSG_CTL_RELOADED, ctl_on_reloaded },
	{ MSG_CTL_DONE, ctl_on_done },
	{ MSG_NONE, NULL },
};
static const struct handler client_side[] = {
	{ MSG_CTL_ROW, client_on_row },
	{ MSG_CTL_END, client_on_end },
	{ MSG_NONE, NULL },
};

/* Until nothing more happens. */
static void
loop(void)
{
	struct timeval wait = { .tv_usec = 50000 };

	do {
		event_base_loopexit(d.base, &wait);
		d.asked = 0;
		event_base_dispatch(d.base);
	} while (d.asked > 0);
}

static void
connect_client(void)
{
	struct msg_ctl_hello hello = { .table_hash = msg_table_hash() };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int fd;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	CHECK(getsockname(d.policyd.listen_fd, (struct sockaddr *)&sun, &len) ==
	    0);
	CHECK(connect(fd, (struct sockaddr *)&sun, len) == 0);
	d.client = chan_new(fd, ROLE_CTL, ROLE_POLICYD, client_side, NULL);
	CHECK_INT(msg_send_ctl_hello(d.client, 0, &hello, NULL), 0);
	d.rows = d.wrong = d.most = 0;
	d.ended = false;
	d.status = 99;
}

static void
request(uint32_t verb)
{
	struct msg_ctl_request m = { .verb = verb };

	msg_send_ctl_request(d.client, chan_request(d.client, NULL), &m, NULL);
	/* nobody reads */
	loop();
	CHECK(!d.ended);
	CHECK(!d.privd->closed && !d.policyd.privd->closed);
	CHECK(d.most <= 2 * CTL_PAGE_ROWS);
}

static void
read_all(size_t rows, uint32_t status)
{
	CHECK(chan_watch(d.client, d.base) == 0);
	loop();
	CHECK(d.ended);
	CHECK_INT(d.status, status);
	CHECK_INT(d.rows, rows);
	CHECK_INT(d.wrong, 0);
	CHECK(d.most <= 2 * CTL_PAGE_ROWS);
	chan_free(d.client);
	d.client = NULL;
	loop();
}

static void
processes(void)
{
	d.processes = true;
	connect_client();
	request(CTL_SHOW_PROCESSES);
	read_all(ROWS + 1, 0);
}

static void
all_sessions(void)
{
	d.processes = false;
	connect_client();
	request(CTL_SHOW_SESSIONS);
	read_all(ROWS / 8, 0);
}

/* Some keep what they had: the operator's status says so. */
static void
reloads(void)
{
	d.processes = false;
	d.reload = true;
	connect_client();
	request(CTL_RELOAD);
	read_all(RELOAD_RESULT_MAX, 1);
	d.reload = false;
	all_sessions();
}

/* What ends while a list is half read is left out, and nothing else. */
static void
changes(void)
{
	struct sess *last = &sessions[ROWS / 8 - 1];

	d.processes = false;
	connect_client();
	request(CTL_SHOW_SESSIONS);
	TAILQ_REMOVE(&privd.sessions, &sessions[0], entry);
	TAILQ_REMOVE(&privd.sessions, last, entry);
	read_all(ROWS / 8 - 1, 0);
	TAILQ_INSERT_HEAD(&privd.sessions, &sessions[0], entry);
	TAILQ_INSERT_TAIL(&privd.sessions, last, entry);
}

/* An operator who asks and goes, at each state of the list. */
static void
leaves(void)
{
	d.processes = false;
	connect_client();
	request(CTL_SHOW_SESSIONS);
	chan_free(d.client);
	d.client = NULL;
	loop();
	CHECK(!d.privd->closed && !d.policyd.privd->closed);
	CHECK_INT(d.policyd.privd->npending, 0);
	all_sessions();
}

static void
fill(void)
{
	size_t i;

	TAILQ_INIT(&privd.children);
	TAILQ_INIT(&privd.sessions);
	for (i = 0; i < ROWS; i++) {
		children[i].number = i + 1;
		children[i].role = ROLE_FSD;
		children[i].pid = (pid_t)(i + 1);
		TAILQ_INSERT_TAIL(&privd.children, &children[i], entry);
	}
	for (i = 0; i < ROWS / 8; i++) {
		sessions[i].number = i + 1;
		sessions[i].state = (enum sess_state)(i % SESS_STATE_MAX);
		snprintf(sessions[i].id, sizeof(sessions[i].id), "s%zu", i);
		memset(sessions[i].workspace, 'w',
		    sizeof(sessions[i].workspace) - 1);
		TAILQ_INSERT_TAIL(&privd.sessions, &sessions[i], entry);
	}
}

int
main(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fds[2];

	log_init("t_ctl");
	fill();
	d.base = event_base_new();
	if (d.base == NULL || chan_pair(fds) == -1)
		return 1;
	d.privd = chan_new(fds[0], ROLE_PRIVD, ROLE_POLICYD, privd_side, NULL);
	d.policyd.mode = MODE_USER;
	d.policyd.privd = chan_new(fds[1], ROLE_POLICYD, ROLE_PRIVD,
	    policyd_side, NULL);
	/* an address that the kernel chooses */
	d.policyd.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK,
	    0);
	if (bind(d.policyd.listen_fd, (struct sockaddr *)&sun,
		sizeof(sun.sun_family)) == -1 ||
	    listen(d.policyd.listen_fd, 4) == -1 ||
	    chan_watch(d.privd, d.base) == -1 ||
	    chan_watch(d.policyd.privd, d.base) == -1)
		return 1;
	ctl_listen(&d.policyd, d.base);
	T_RUN(processes);
	T_RUN(all_sessions);
	T_RUN(reloads);
	T_RUN(changes);
	T_RUN(leaves);
	chan_free(d.privd);
	chan_free(d.policyd.privd);
	return done_testing();
}
