/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the ways of steer.def sessions reach netd by: one that the
 * configuration names, or the first that works here, which maker tries before
 * there is any session. Where none did, each session tries them again.
 */
#include <stdio.h>

#include <event2/event.h>

#include "log.h"
#include "privd.h"

#define PROBE_TIMEOUT_S 10

static struct {
	struct child *maker;
	bool answered;
	bool late; /* it had no more time */
	enum steer found;
	char why[AGENTSH_TEXT_MAX + 1];
	char how[64]; /* it ended */
} probe;

static int
steer_on_make_probed(struct chan *ch, struct imsg *im)
{
	struct msg_make_probed m;

	(void)ch;
	if (msg_get_make_probed(im, &m) == -1 || m.steer >= STEER_MAX)
		return -1;
	probe.answered = true;
	probe.found = (enum steer)m.steer;
	snprintf(probe.why, sizeof(probe.why), "%s", m.why);
	return 0;
}

static const struct handler probe_handlers[] = {
	{ MSG_MAKE_PROBED, steer_on_make_probed },
	{ MSG_NONE, NULL },
};

bool
steer_find_ended(const struct child *c, const char *how)
{
	if (c != probe.maker)
		return false;
	probe.maker = NULL;
	snprintf(probe.how, sizeof(probe.how), "%s", how);
	return true;
}

static void
timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	probe.late = true;
	child_kill(probe.maker);
}

static void
run(enum steer wanted)
{
	static const struct timeval tv = { .tv_sec = PROBE_TIMEOUT_S };
	struct msg_make_probe m = { .steer = (uint8_t)wanted };
	struct event *timer = evtimer_new(privd.base, timeout_cb, NULL);
	struct child *c = child_spawn(ROLE_MAKER, NULL, NULL);

	if (timer == NULL || evtimer_add(timer, &tv) == -1)
		fatalx("cannot make a timer");
	if (c == NULL)
		fatalx("cannot start maker");
	probe.maker = c;
	c->ch->handlers = probe_handlers;
	if (helper_greet(c, 0, "", privd.uid, privd.gid) == 0)
		msg_send_make_probe(c->ch, 0, &m, NULL);
	while (probe.maker != NULL && !probe.answered)
		event_base_loop(privd.base, EVLOOP_ONCE);
	/* it waits for the end of the channel */
	if (probe.maker != NULL) {
		chan_free(c->ch);
		c->ch = NULL;
	}
	while (probe.maker != NULL)
		event_base_loop(privd.base, EVLOOP_ONCE);
	event_free(timer);
	if (probe.answered)
		return;
	if (probe.late)
		snprintf(probe.why, sizeof(probe.why),
		    "the kernel has not answered within %d s", PROBE_TIMEOUT_S);
	else
		snprintf(probe.why, sizeof(probe.why), "maker: %s", probe.how);
}

void
steer_find(void)
{
	enum steer wanted = (enum steer)privd.conf.network_steer;

	privd.steer = wanted;
	if (privd.conf.network == 0 || privd.conf.network_mode == NET_MODE_EBPF)
		return;
	run(wanted);
	if (probe.found == STEER_AUTO && net_may_have_hooks()) {
		log_warnx(
		    "sessions have no network namespace that reaches netd,"
		    " but hooks of a control group, or none: %s",
		    probe.why);
		return;
	}
	if (probe.found == STEER_AUTO) {
		log_warnx("sessions cannot reach netd, and %s: %s",
		    privd.conf.network_unavailable == NET_UNAVAILABLE_NONE ?
			"have no network" :
			"are refused",
		    probe.why);
		return;
	}
	privd.steer = probe.found;
	log_info("sessions reach netd by %s%s%s", steer_name(privd.steer),
	    wanted != STEER_AUTO     ? ", as configured" :
		probe.why[0] != '\0' ? ", as others do not work here: " :
				       "",
	    probe.why);
}

bool
steer_needs_bpf(void)
{
	return probe.found == STEER_SK_LOOKUP;
}

void
steer_found(enum steer how)
{
	if (privd.steer == STEER_AUTO)
		log_info("sessions reach netd by %s", steer_name(how));
	privd.steer = how;
}
