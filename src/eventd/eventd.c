/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventd: the only process that writes event logs. It owns the directory of
 * the logs and nothing else, hears agentshd and sessiond, and reads the rings
 * of producers that may be hostile: what they write can fill their session's
 * log with lies about that session, and nothing more.
 */
#include <sys/random.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <event2/event.h>

#include "eventd.h"
#include "log.h"
#include "sandbox.h"

struct eventd eventd;

static int
eventd_on_event_open(struct chan *ch, struct imsg *im)
{
	struct msg_event_open m;

	(void)ch;
	if (msg_get_event_open(im, &m) == -1 || esess_find(m.session) != NULL)
		return -1;
	esess_open(&m);
	return 0;
}

static int
eventd_on_event_ring(struct chan *ch, struct imsg *im)
{
	struct msg_event_ring m;
	struct esess *s;
	int fds[3], i;

	(void)ch;
	if (msg_get_event_ring(im, &m) == -1 || m.role >= ROLE_MAX ||
	    (R_PRODUCERS & (1U << m.role)) == 0)
		return -1;
	s = esess_find(m.session);
	if (s == NULL || s->state != ESESS_OPEN)
		return -1;
	if (s->broken)
		return 0;
	for (i = 0; i < 3; i++)
		fds[i] = im->fds[i];
	if (esess_add_ring(s, (enum role)m.role, fds, m.size) == -1)
		return 0; /* said to agentshd */
	/* the ring has them now */
	for (i = 0; i < 3; i++)
		(void)imsg_take_fd(im, i);
	return 0;
}

static int
eventd_on_event_policy(struct chan *ch, struct imsg *im)
{
	struct msg_event_policy m;
	struct esess *s;

	(void)ch;
	if (msg_get_event_policy(im, &m) == -1)
		return -1;
	s = esess_find(m.session);
	if (s == NULL || s->state != ESESS_OPEN)
		return -1;
	esess_policy(s, &m);
	return 0;
}

static int
eventd_on_event_close(struct chan *ch, struct imsg *im)
{
	struct msg_event_close m;
	struct esess *s;

	(void)ch;
	if (msg_get_event_close(im, &m) == -1)
		return -1;
	s = esess_find(m.session);
	if (s == NULL || s->state != ESESS_OPEN)
		return -1;
	esess_close(s, m.reason, m.detail);
	return 0;
}

static const struct handler eventd_handlers[] = {
	{ MSG_EVENT_OPEN, eventd_on_event_open },
	{ MSG_EVENT_RING, eventd_on_event_ring },
	{ MSG_EVENT_POLICY, eventd_on_event_policy },
	{ MSG_EVENT_CLOSE, eventd_on_event_close },
	{ MSG_EVENT_QUERY, eventd_on_event_query },
	{ MSG_NONE, NULL },
};

void
eventd_tell_broken(uint64_t session, const char *detail)
{
	struct msg_event_broken m = { .session = session };

	snprintf(m.detail, sizeof(m.detail), "%s", detail);
	msg_send_event_broken(eventd.p.privd, 0, &m, NULL);
}

/* agentshd ends the service then; the sessions' last events come before that. */
static void
sessiond_closed(struct chan *ch, const char *why)
{
	(void)ch;
	log_debug("sessiond is gone: %s", why);
	past_drop_all();
}

/* The service is over: what producers wrote until now is still logged. */
static void
privd_closed(struct chan *ch, const char *why)
{
	size_t lost;

	(void)ch;
	log_debug("agentshd is gone: %s", why);
	lost = esess_close_all();
	if (lost > 0)
		log_warnx("the disk took not all events of %zu sessions", lost);
	_exit(1);
}

int
main(int argc, char **argv)
{
	struct sandbox_dir dir = { .access = SANDBOX_RW };

	proc_start(&eventd.p, ROLE_EVENTD, eventd_handlers, argc, argv);
	if (eventd.p.dir_fd[DIR_LOG] == -1)
		fatalx("agentshd gave no directory for the logs");
	if (getrandom(&eventd.run, sizeof(eventd.run), 0) != sizeof(eventd.run))
		fatal("getrandom");
	eventd.base = event_base_new();
	if (eventd.base == NULL || json_init() == -1)
		fatalx("out of memory");
	/* a service manager that signals all: the last events are still to come,
	 * and agentshd ends us after them */
	signal(SIGTERM, SIG_IGN);
	dir.fd = eventd.p.dir_fd[DIR_LOG];
	sandbox_enter(ROLE_EVENTD, &dir, 1);
	eventd.p.privd->on_close = privd_closed;
	if (eventd.p.peer[ROLE_SESSIOND] != NULL)
		eventd.p.peer[ROLE_SESSIOND]->on_close = sessiond_closed;
	proc_watch(&eventd.p, eventd.base);
	proc_ready(&eventd.p, "event logs");
	event_base_dispatch(eventd.base);
	fatalx("the event loop ended");
}
