/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators' questions, which policyd passes on: who runs, which sessions
 * there are, how much is logged, and that policies are to be read again.
 */
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"
#include "log.h"
#include "privd.h"

static void
send_process(struct chan *ch, uint32_t id, enum role role, pid_t pid, uid_t uid,
    uint64_t session)
{
	struct msg_ctl_process m = { 0 };

	m.role = role;
	m.pid = (uint32_t)pid;
	m.uid = uid;
	m.session = session;
	msg_send_ctl_process(ch, id, &m, NULL);
}

/* One page of the list: those after this number. Returns the number that the
 * next page is after, or 0: there is none. */
static uint64_t
show_processes(struct chan *ch, uint32_t id, uint64_t after)
{
	const struct child *c;
	size_t n = 0;

	if (after == 0)
		send_process(ch, id, ROLE_PRIVD, getpid(), privd.uid, 0);
	TAILQ_FOREACH(c, &privd.children, entry) {
		if (c->number <= after)
			continue;
		if (n++ == CTL_PAGE_ROWS)
			return after;
		send_process(ch, id, c->role, c->pid, c->uid,
		    c->sess != NULL ? c->sess->number : 0);
		after = c->number;
	}
	return 0;
}

static uint64_t
show_sessions(struct chan *ch, uint32_t id, uint64_t after)
{
	const struct sess *s;
	struct msg_ctl_session m;
	size_t n = 0;

	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->number <= after)
			continue;
		if (n++ == CTL_PAGE_ROWS)
			return after;
		m.session = s->number;
		m.uid = s->uid;
		m.state = s->state;
		m.created = s->created;
		snprintf(m.id, sizeof(m.id), "%s", s->id);
		snprintf(m.policy, sizeof(m.policy), "%s", s->policy);
		snprintf(m.workspace, sizeof(m.workspace), "%s", s->workspace);
		msg_send_ctl_session(ch, id, &m, NULL);
		after = s->number;
	}
	return 0;
}

static void
set_verbose(int verbose)
{
	struct msg_sys_log m = { .verbose = (uint32_t)verbose };
	struct child *c;

	log_set_verbose(verbose);
	log_info("log level is %d", verbose);
	TAILQ_FOREACH(c, &privd.children, entry) {
		if (c->ch != NULL && (R_HELPERS & (1U << c->role)) != 0 &&
		    c->ready)
			msg_send_sys_log(c->ch, 0, &m, NULL);
	}
}

int
ctl_on_ask(struct chan *ch, struct imsg *im)
{
	struct msg_ctl_ask m;
	struct msg_ctl_done done = { 0 };

	if (msg_get_ctl_ask(im, &m) == -1)
		return -1;
	switch (m.verb) {
	case CTL_SHOW_PROCESSES:
		done.next = show_processes(ch, im->id, m.after);
		break;
	case CTL_SHOW_SESSIONS:
		done.next = show_sessions(ch, im->id, m.after);
		break;
	case CTL_LOG_VERBOSE:
		set_verbose(2);
		break;
	case CTL_LOG_BRIEF:
		set_verbose(privd.verbose);
		break;
	case CTL_RELOAD:
		/* answered when it is done */
		if (m.after != 0)
			return -1;
		reload_ask(im->id);
		return 0;
	default:
		return -1;
	}
	msg_send_ctl_done(ch, im->id, &done, NULL);
	return 0;
}
