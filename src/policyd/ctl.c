/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator socket. Who may connect at all is decided by the socket's mode
 * and once more by the peer's credentials; after that an operator can send
 * numbers of verbs, and a word about a request of approvals.c. Questions go on
 * to privd, its answers come back as lines.
 */
#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "approvals.h"
#include "clock.h"
#include "ctl.h"
#include "event.h"
#include "log.h"
#include "policyd.h"

#define CTL_MAX_CLIENTS 16

struct client {
	struct chan *ch; /* NULL: free */
	bool hello;
	uint32_t uid;	  /* as the kernel says */
	uint32_t request; /* the question that waits, or 0 */
	uint32_t verb;	  /* of it */
	uint64_t after;	  /* rows up to this one were asked for */
	bool paused;	  /* the next ones when these are written */
	size_t nfailed;	  /* sessions that a reload left as they were */
};

static struct {
	struct proc *p;
	struct event_base *base;
	struct event *ev;
	struct client client[CTL_MAX_CLIENTS];
} ctl;

static void client_on_drained(struct chan *);
static int ctl_on_hello(struct chan *, struct imsg *);
static int ctl_on_request(struct chan *, struct imsg *);
static int ctl_on_resolve(struct chan *, struct imsg *);

static const struct handler ctl_handlers[] = {
	{ MSG_CTL_HELLO, ctl_on_hello },
	{ MSG_CTL_REQUEST, ctl_on_request },
	{ MSG_CTL_RESOLVE, ctl_on_resolve },
	{ MSG_NONE, NULL },
};

/* Out of the loop, where nobody is inside of the channel. */
static void
client_free_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	chan_free(c->ch);
	memset(c, 0, sizeof(*c));
}

static void
client_on_close(struct chan *ch, const char *why)
{
	static const struct timeval now = { 0, 0 };
	struct client *c = ch->arg;

	log_debug("operator left: %s", why);
	chan_forget(ctl.p->privd, c);
	if (event_base_once(ctl.base, -1, EV_TIMEOUT, client_free_cb, c,
		&now) == -1)
		fatalx("no memory for an event");
}

/* Root, whom we run as, and who the mode of the socket lets in. */
static bool
may_operate(int fd, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len) == -1 ||
	    len != sizeof(*cred))
		return false;
	if (cred->uid == 0 || cred->uid == geteuid())
		return true;
	/* as a service the socket's group is the operators' */
	return ctl.p->mode == MODE_SERVICE;
}

static struct client *
client_slot(void)
{
	size_t i;

	for (i = 0; i < CTL_MAX_CLIENTS; i++) {
		if (ctl.client[i].ch == NULL)
			return &ctl.client[i];
	}
	return NULL;
}

static void
accept_cb(evutil_socket_t listen_fd, short what, void *arg)
{
	struct client *c;
	struct ucred cred;
	int fd;

	(void)what;
	(void)arg;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_warn("operator socket");
		return;
	}
	c = client_slot();
	if (c == NULL || !may_operate(fd, &cred)) {
		log_warnx("operator refused: %s",
		    c == NULL ? "too many at one time" : "not allowed");
		close(fd);
		return;
	}
	c->ch = chan_new(fd, ROLE_POLICYD, ROLE_CTL, ctl_handlers, c);
	if (c->ch == NULL) {
		close(fd);
		return;
	}
	c->uid = cred.uid;
	c->ch->on_close = client_on_close;
	c->ch->on_drained = client_on_drained;
	if (chan_watch(c->ch, ctl.base) == -1) {
		chan_free(c->ch);
		memset(c, 0, sizeof(*c));
		return;
	}
	log_debug("operator with uid %u", (unsigned)cred.uid);
}

void
ctl_listen(struct proc *p, struct event_base *base)
{
	ctl.p = p;
	ctl.base = base;
	if (p->listen_fd == -1)
		return;
	ctl.ev = event_new(base, p->listen_fd, EV_READ | EV_PERSIST, accept_cb,
	    NULL);
	if (ctl.ev == NULL || event_add(ctl.ev, NULL) == -1)
		fatalx("no memory for the operator socket");
}

static int
ctl_on_hello(struct chan *ch, struct imsg *im)
{
	struct client *c = ch->arg;
	struct msg_ctl_hello m;

	if (msg_get_ctl_hello(im, &m) == -1)
		return -1;
	if (m.table_hash != msg_table_hash()) {
		log_warnx("agentshctl is of a different build");
		return -1;
	}
	c->hello = true;
	return 0;
}

static void
ctl_end(struct client *c, uint32_t status, const char *text)
{
	struct msg_ctl_end r = { 0 };
	uint32_t id = c->request;

	r.status = status;
	snprintf(r.message, sizeof(r.message), "%s", text);
	c->request = 0;
	msg_send_ctl_end(c->ch, id, &r, NULL);
}

/* What waits for operators, which is kept here. */
static void
ctl_list_approvals(struct client *c)
{
	do {
		c->after = approvals_list(c->ch, c->request, c->after);
	} while (c->after != 0 && c->ch->nqueue == 0 && !c->ch->closed);
	if (c->after == 0)
		ctl_end(c, 0, "");
	else
		c->paused = true;
}

static void
ctl_ask(struct client *c)
{
	struct msg_ctl_ask ask = { .verb = c->verb, .after = c->after };
	uint32_t id;

	c->paused = false;
	if (c->verb == CTL_APPROVALS) {
		ctl_list_approvals(c);
		return;
	}
	id = chan_request(ctl.p->privd, c);
	if (id == 0) {
		ctl_end(c, 1, "too many questions at one time");
		return;
	}
	msg_send_ctl_ask(ctl.p->privd, id, &ask, NULL);
}

/* Only what an operator reads is asked for: one who does not read costs a
 * page, not the service's memory. */
static void
client_on_drained(struct chan *ch)
{
	struct client *c = ch->arg;

	if (c->paused)
		ctl_ask(c);
}

static int
ctl_on_request(struct chan *ch, struct imsg *im)
{
	struct client *c = ch->arg;
	struct msg_ctl_request m;

	/* one question at a time */
	if (msg_get_ctl_request(im, &m) == -1 || !c->hello || c->request != 0)
		return -1;
	c->request = im->id;
	if (m.verb >= CTL_VERB_MAX || m.verb == CTL_APPROVE ||
	    m.verb == CTL_DENY) {
		ctl_end(c, 1, "unknown request");
		return 0;
	}
	c->verb = m.verb;
	c->after = 0;
	c->nfailed = 0;
	ctl_ask(c);
	return 0;
}

/* Who says so is whom the kernel has named when the client came. */
static int
ctl_on_resolve(struct chan *ch, struct imsg *im)
{
	struct client *c = ch->arg;
	struct msg_ctl_resolve m;
	char text[AGENTSH_TEXT_MAX];
	int r;

	if (msg_get_ctl_resolve(im, &m) == -1 || !c->hello || c->request != 0)
		return -1;
	c->request = im->id;
	r = approvals_resolve(&m, c->uid, text, sizeof(text));
	ctl_end(c, r == -1 ? 1 : 0, text);
	return 0;
}

static void
ctl_row(struct client *c, const char *text)
{
	struct msg_ctl_row r = { 0 };

	snprintf(r.text, sizeof(r.text), "%s", text);
	msg_send_ctl_row(c->ch, c->request, &r, NULL);
}

int
ctl_on_process(struct chan *ch, struct imsg *im)
{
	struct client *c = im->arg;
	struct msg_ctl_process m;
	char text[128];
	char sess[24];

	(void)ch;
	if (msg_get_ctl_process(im, &m) == -1 || m.role >= ROLE_MAX)
		return -1;
	if (c == NULL)
		return 0;
	snprintf(sess, sizeof(sess), "%" PRIu64, m.session);
	snprintf(text, sizeof(text), "%-10s %8u %10u %s",
	    proc_rows[m.role].file, m.pid, m.uid, m.session == 0 ? "-" : sess);
	ctl_row(c, text);
	return 0;
}

int
ctl_on_session(struct chan *ch, struct imsg *im)
{
	struct client *c = im->arg;
	struct msg_ctl_session m;
	uint64_t now = (uint64_t)clock_epoch_s();
	char text[8192];

	(void)ch;
	if (msg_get_ctl_session(im, &m) == -1 || m.state >= SESS_STATE_MAX)
		return -1;
	if (c == NULL)
		return 0;
	snprintf(text, sizeof(text), "%s %u %s %" PRIu64 "s %s %s", m.id, m.uid,
	    sess_state_name(m.state), now > m.created ? now - m.created : 0,
	    m.policy, m.workspace);
	ctl_row(c, text);
	return 0;
}

int
ctl_on_reloaded(struct chan *ch, struct imsg *im)
{
	static const char *const words[RELOAD_RESULT_MAX] = {
		[RELOAD_CHANGED] = "changed",
		[RELOAD_UNCHANGED] = "unchanged",
		[RELOAD_PARTLY] = "changed in part",
		[RELOAD_KEPT] = "kept",
		[RELOAD_ENDED] = "ended",
	};
	struct client *c = im->arg;
	struct msg_ctl_reloaded m;
	char text[2048];

	(void)ch;
	if (msg_get_ctl_reloaded(im, &m) == -1 || m.result >= RELOAD_RESULT_MAX)
		return -1;
	if (c == NULL)
		return 0;
	if (m.result == RELOAD_PARTLY || m.result == RELOAD_KEPT)
		c->nfailed++;
	snprintf(text, sizeof(text), "%s %u %s %s%s%s", m.id, m.uid, m.policy,
	    words[m.result], m.message[0] != '\0' ? ": " : "", m.message);
	ctl_row(c, text);
	return 0;
}

int
ctl_on_done(struct chan *ch, struct imsg *im)
{
	struct client *c = im->arg;
	struct msg_ctl_done m;
	char text[96];

	(void)ch;
	if (msg_get_ctl_done(im, &m) == -1)
		return -1;
	if (c == NULL)
		return 0;
	/* a list that does not advance would never end */
	if (m.next != 0 && m.next <= c->after)
		return -1;
	if (c->verb == CTL_RELOAD && c->nfailed > 0 && m.status == 0) {
		snprintf(text, sizeof(text),
		    "sessions without the policy that is in the file: %zu",
		    c->nfailed);
		ctl_end(c, 1, text);
		return 0;
	}
	if (m.status != 0 || m.next == 0) {
		ctl_end(c, m.status,
		    m.status == 0 ? "" : "agentshd could not do it");
		return 0;
	}
	c->after = m.next;
	c->paused = true;
	if (c->ch->nqueue == 0)
		ctl_ask(c);
	return 0;
}
