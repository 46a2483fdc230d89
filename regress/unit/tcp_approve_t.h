/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approvals, which say what the test wants: of tcp_t.h.
 */
#ifndef TCP_APPROVE_T_H
#define TCP_APPROVE_T_H

struct approve_wait {
	struct event *ev;
	approve_cb cb;
	void *arg;
};

static void
approve_ev(int fd, short ev, void *arg)
{
	static const struct timeval again = { 0, 5000 };
	struct approve_wait *w = arg;
	struct msg_approval_answer m = { .outcome = (uint32_t)tt.say };

	(void)fd, (void)ev;
	if (tt.say == APPROVAL_NONE) {
		evtimer_add(w->ev, &again);
		return;
	}
	w->cb(w->arg, &m);
	approve_forget(w);
}

struct approve_wait *
approve_ask(struct nsess *s, const struct approve_what *what, approve_cb cb,
    void *arg, struct msg_approval_answer *no)
{
	static const struct timeval soon = { 0, 1000 };
	struct approve_wait *w;

	if (tt.say == APPROVAL_OFF) {
		no->outcome = APPROVAL_OFF;
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	w->cb = cb;
	w->arg = arg;
	w->ev = evtimer_new(s->base, approve_ev, w);
	evtimer_add(w->ev, &soon);
	snprintf(tt.place, sizeof(tt.place), "%s", what->place);
	tt.asked++;
	return w;
}

void
approve_forget(struct approve_wait *w)
{
	if (w == NULL)
		return;
	event_free(w->ev);
	free(w);
}

#endif
