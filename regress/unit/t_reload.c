/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentshd's part of a reload, with every other process played here: who is
 * told what, in which order, and what remains when one of them says no, says
 * nothing, says it twice or goes away.
 */
#include <sys/mman.h>

#include <unistd.h>

#include <event2/event.h>

#include "ctl.h"
#include "log.h"
#include "privd/privd.h"
#include "t.h"

#define NSESS 20

struct privd privd;

/* One of the others: what it was told, newest last. */
struct far {
	struct child child; /* near end */
	struct chan *ch;    /* its own */
	char heard[512];
	uint32_t id[8]; /* of what it heard */
	uint64_t generation;
};

static struct far policyd, sessiond, eventd, netd;
static struct {
	struct sess s;
	struct far fsd, execd;
	int asked;
} d[NSESS];
static int old_image, new_image, same_image;
static struct plan no_plan;
static const struct limits limits = { 1, 2, 3 };

/* --- what reload.c needs of the rest of agentshd */

int
sess_ask_policy(struct sess *s)
{
	d[s->number - 1].asked++;
	return 0;
}

void
sess_set_life(struct sess *s)
{
	(void)s;
}

bool
sess_is_ending(const struct sess *s)
{
	return s->state == SESS_STOPPING || s->state == SESS_STUCK;
}

void
sess_end(struct sess *s, enum sess_reason reason, const char *fmt, ...)
{
	(void)reason;
	(void)fmt;
	s->state = SESS_STOPPING;
	reload_sess_gone(s);
}

/* --- the others */

static void
hear(struct far *f, struct imsg *im, const char *what)
{
	size_t n = strlen(f->heard);

	memmove(f->id + 1, f->id, sizeof(f->id) - sizeof(f->id[0]));
	f->id[0] = im->id;
	snprintf(f->heard + n, sizeof(f->heard) - n, "%s%s", n > 0 ? " " : "",
	    what);
}

static int
on_prepare(struct chan *ch, struct imsg *im)
{
	struct far *f = ch->arg;
	struct msg_policy_prepare m;

	if (msg_get_policy_prepare(im, &m) == -1)
		return -1;
	CHECK(m.session >= 1 && m.session <= NSESS);
	f->generation = m.generation;
	hear(f, im, "prepare");
	return 0;
}

static int
on_commit(struct chan *ch, struct imsg *im)
{
	struct far *f = ch->arg;
	struct msg_policy_commit m;

	if (msg_get_policy_commit(im, &m) == -1)
		return -1;
	CHECK(m.generation == f->generation);
	hear(f, im, "commit");
	return 0;
}

static int
on_abandon(struct chan *ch, struct imsg *im)
{
	struct far *f = ch->arg;
	struct msg_policy_abandon m;

	if (msg_get_policy_abandon(im, &m) == -1)
		return -1;
	CHECK(m.generation == f->generation);
	hear(f, im, "abandon");
	return 0;
}

static int
on_reloaded(struct chan *ch, struct imsg *im)
{
	static const char *const words[] = { "changed", "unchanged", "partly",
		"kept", "ended" };
	struct msg_ctl_reloaded m;
	char what[AGENTSH_ID_MAX + 32];

	if (msg_get_ctl_reloaded(im, &m) == -1)
		return -1;
	snprintf(what, sizeof(what), "%s:%s", m.id, words[m.result]);
	hear(ch->arg, im, what);
	return 0;
}

static int
on_done(struct chan *ch, struct imsg *im)
{
	struct msg_ctl_done m;

	if (msg_get_ctl_done(im, &m) == -1)
		return -1;
	hear(ch->arg, im, m.status == 0 ? "done" : "failed");
	return 0;
}

static int
on_event(struct chan *ch, struct imsg *im)
{
	struct msg_event_policy m;

	if (msg_get_event_policy(im, &m) == -1)
		return -1;
	hear(ch->arg, im, m.changed ? "changed" : "kept");
	return 0;
}

static int
on_limits(struct chan *ch, struct imsg *im)
{
	struct msg_sess_limits m;

	if (msg_get_sess_limits(im, &m) == -1)
		return -1;
	CHECK(m.command_timeout_ms == limits.command_ms &&
	    m.session_timeout_ms == limits.session_ms &&
	    m.idle_timeout_ms == limits.idle_ms);
	hear(ch->arg, im, "limits");
	return 0;
}

static const struct handler far_handlers[] = {
	{ MSG_POLICY_PREPARE, on_prepare },
	{ MSG_POLICY_COMMIT, on_commit },
	{ MSG_POLICY_ABANDON, on_abandon },
	{ MSG_CTL_RELOADED, on_reloaded },
	{ MSG_CTL_DONE, on_done },
	{ MSG_EVENT_POLICY, on_event },
	{ MSG_SESS_LIMITS, on_limits },
	{ MSG_NONE, NULL },
};

static const struct handler near_handlers[] = {
	{ MSG_POLICY_STALE, reload_on_policy_stale },
	{ MSG_POLICY_PREPARED, reload_on_policy_prepared },
	{ MSG_POLICY_COMMITTED, reload_on_policy_committed },
	{ MSG_NONE, NULL },
};

static void
join(struct far *f, enum role role, struct sess *s)
{
	int fds[2];

	if (chan_pair(fds) == -1)
		abort();
	memset(f, 0, sizeof(*f));
	f->child.role = role;
	f->child.sess = s;
	f->child.ch = chan_new(fds[0], ROLE_PRIVD, role, near_handlers,
	    &f->child);
	f->ch = chan_new(fds[1], role, ROLE_PRIVD, far_handlers, f);
}

static void
part(struct far *f)
{
	chan_free(f->ch);
	chan_free(f->child.ch);
}

/* What it was told since the last time. */
static const char *
heard(struct far *f)
{
	static char text[sizeof(f->heard)];

	while (chan_step(f->ch, 0) == 1)
		continue;
	memcpy(text, f->heard, sizeof(text));
	f->heard[0] = '\0';
	return text;
}

static void
say_prepared(struct far *f, uint32_t id, const char *error)
{
	struct msg_policy_prepared m = { .generation = f->generation };

	snprintf(m.error, sizeof(m.error), "%s", error);
	msg_send_policy_prepared(f->ch, id, &m, NULL);
	(void)chan_step(f->child.ch, 0);
}

static void
say_committed(struct far *f, uint32_t id, uint64_t generation)
{
	struct msg_policy_committed m = { .generation = generation };

	msg_send_policy_committed(f->ch, id, &m, NULL);
	(void)chan_step(f->child.ch, 0);
}

static int
memfd(const char *text)
{
	int fd = memfd_create("t_reload", MFD_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		abort();
	return fd;
}

static void
compiled(struct sess *s, int image)
{
	reload_compiled(s, &limits, dup(image), &no_plan, "d", "");
}

static uint32_t
operator_asks(void)
{
	uint32_t id = chan_request(policyd.ch, NULL);

	policyd.ch->pending[policyd.ch->npending - 1].type = MSG_CTL_ASK;
	return id;
}

/* n sessions, and an operator who asks. */
static uint32_t
begin(size_t n)
{
	uint32_t id;
	size_t i;

	TAILQ_INIT(&privd.sessions);
	join(&policyd, ROLE_POLICYD, NULL);
	join(&sessiond, ROLE_SESSIOND, NULL);
	join(&eventd, ROLE_EVENTD, NULL);
	privd.helper[ROLE_POLICYD] = &policyd.child;
	privd.helper[ROLE_SESSIOND] = &sessiond.child;
	privd.helper[ROLE_EVENTD] = &eventd.child;
	memset(d, 0, sizeof(d));
	for (i = 0; i < n; i++) {
		d[i].s.number = i + 1;
		d[i].s.state = SESS_READY;
		d[i].s.logged = true;
		d[i].s.image_fd = dup(old_image);
		d[i].s.limits = limits;
		snprintf(d[i].s.id, sizeof(d[i].s.id), "s%zu", i);
		join(&d[i].fsd, ROLE_FSD, &d[i].s);
		join(&d[i].execd, ROLE_EXECD, &d[i].s);
		d[i].s.fsd = &d[i].fsd.child;
		d[i].s.execd = &d[i].execd.child;
		TAILQ_INSERT_TAIL(&privd.sessions, &d[i].s, entry);
	}
	id = operator_asks();
	reload_ask(id);
	return id;
}

static void
end(size_t n)
{
	size_t i;

	/* nothing is under way, so the next round begins at once */
	for (i = 0; i < n; i++) {
		CHECK(d[i].s.reload == NULL);
		close(d[i].s.image_fd);
		part(&d[i].fsd);
		part(&d[i].execd);
	}
	part(&policyd);
	part(&sessiond);
	part(&eventd);
}

/* One session, whose helpers were asked to prepare the new policy. */
static void
begin_prepare(void)
{
	begin(1);
	compiled(&d[0].s, new_image);
	CHECK_STR(heard(&d[0].fsd), "prepare");
	CHECK_STR(heard(&d[0].execd), "prepare");
}

/* Both have, and are asked to take it. */
static void
both_prepared(void)
{
	say_prepared(&d[0].fsd, d[0].fsd.id[0], "");
	/* not before both have it */
	CHECK_STR(heard(&d[0].fsd), "");
	CHECK_STR(heard(&d[0].execd), "");
	say_prepared(&d[0].execd, d[0].execd.id[0], "");
	CHECK_STR(heard(&d[0].fsd), "commit");
	CHECK_STR(heard(&d[0].execd), "commit");
}

static void
taken(void)
{
	begin_prepare();
	CHECK_INT(d[0].asked, 1);
	both_prepared();
	say_committed(&d[0].execd, d[0].execd.id[0], d[0].execd.generation);
	CHECK_STR(heard(&policyd), "");
	say_committed(&d[0].fsd, d[0].fsd.id[0], d[0].fsd.generation);
	CHECK_STR(heard(&policyd), "s0:changed done");
	CHECK_STR(heard(&eventd), "changed");
	CHECK_STR(heard(&sessiond), "limits");
	end(1);
}

static void
unchanged(void)
{
	begin(1);
	compiled(&d[0].s, same_image);
	CHECK_STR(heard(&policyd), "s0:unchanged done");
	CHECK_STR(heard(&d[0].fsd), "");
	CHECK_STR(heard(&d[0].execd), "");
	CHECK_STR(heard(&eventd), "");
	end(1);
}

static void
refused(void)
{
	begin(1);
	reload_refused(&d[0].s, "no such policy");
	CHECK_STR(heard(&policyd), "s0:kept done");
	CHECK_STR(heard(&eventd), "kept");
	CHECK_STR(heard(&d[0].fsd), "");
	end(1);
}

static void
one_cannot(void)
{
	begin_prepare();
	say_prepared(&d[0].execd, d[0].execd.id[0], "no memory");
	CHECK_STR(heard(&d[0].fsd), "abandon");
	CHECK_STR(heard(&d[0].execd), "abandon");
	CHECK_STR(heard(&policyd), "s0:kept done");
	CHECK_STR(heard(&eventd), "kept");
	CHECK_STR(heard(&sessiond), "");
	/* the other one says so late, which is no fault */
	say_prepared(&d[0].fsd, d[0].fsd.id[1], "");
	CHECK(!d[0].fsd.child.ch->closed);
	CHECK_STR(heard(&d[0].fsd), "");
	end(1);
}

/* Plans: what is native must stay so, what is hidden may. */
static void
plans(void)
{
	struct plan native = { .n = 1, .row = { { MOUNT_NATIVE_RO, "/usr" } } };
	struct plan hidden = { .n = 1, .row = { { MOUNT_HIDDEN, "/srv" } } };

	begin(1);
	d[0].s.plan = native;
	compiled(&d[0].s, new_image);
	CHECK_STR(heard(&policyd), "s0:kept done");
	CHECK_STR(heard(&eventd), "kept");
	CHECK_STR(heard(&d[0].fsd), "");
	end(1);
	begin(1);
	d[0].s.plan = hidden;
	compiled(&d[0].s, new_image);
	CHECK_STR(heard(&d[0].fsd), "prepare");
	CHECK_STR(heard(&d[0].execd), "prepare");
	both_prepared();
	say_committed(&d[0].fsd, d[0].fsd.id[0], d[0].fsd.generation);
	say_committed(&d[0].execd, d[0].execd.id[0], d[0].execd.generation);
	CHECK_STR(heard(&policyd), "s0:partly done");
	/* the root is what it was */
	CHECK_INT(d[0].s.plan.n, 1);
	end(1);
}

/* netd has the session's network, beside those of other sessions. */
static void
with_network(void)
{
	begin(1);
	join(&netd, ROLE_NETD, NULL);
	privd.helper[ROLE_NETD] = &netd.child;
	d[0].s.net = NET_UP;
	compiled(&d[0].s, new_image);
	CHECK_STR(heard(&netd), "prepare");
	CHECK_STR(heard(&d[0].fsd), "prepare");
	CHECK_STR(heard(&d[0].execd), "prepare");
	say_prepared(&d[0].fsd, d[0].fsd.id[0], "");
	say_prepared(&d[0].execd, d[0].execd.id[0], "");
	CHECK_STR(heard(&d[0].fsd), "");
	say_prepared(&netd, netd.id[0], "");
	CHECK_STR(heard(&d[0].fsd), "commit");
	CHECK_STR(heard(&d[0].execd), "commit");
	CHECK_STR(heard(&netd), "commit");
	say_committed(&d[0].fsd, d[0].fsd.id[0], d[0].fsd.generation);
	say_committed(&d[0].execd, d[0].execd.id[0], d[0].execd.generation);
	CHECK_STR(heard(&policyd), "");
	say_committed(&netd, netd.id[0], netd.generation);
	CHECK_STR(heard(&policyd), "s0:changed done");
	/* it cannot take the next one, and nobody does */
	reload_ask(operator_asks());
	compiled(&d[0].s, old_image);
	(void)heard(&netd);
	(void)heard(&d[0].fsd);
	(void)heard(&d[0].execd);
	say_prepared(&netd, netd.id[0], "no memory");
	CHECK_STR(heard(&netd), "abandon");
	CHECK_STR(heard(&d[0].fsd), "abandon");
	CHECK_STR(heard(&policyd), "s0:kept done");
	/* what it says of a session that is gone is no fault */
	reload_ask(operator_asks());
	compiled(&d[0].s, old_image);
	(void)heard(&netd);
	sess_end(&d[0].s, SESS_DESTROYED, "%s", "");
	chan_forget(netd.child.ch, &d[0].s);
	say_prepared(&netd, netd.id[0], "");
	CHECK(!netd.child.ch->closed);
	privd.helper[ROLE_NETD] = NULL;
	part(&netd);
	end(1);
}

static void
hostile(void)
{
	begin_prepare();
	/* the answer to another question */
	say_committed(&d[0].fsd, d[0].fsd.id[0], d[0].fsd.generation);
	CHECK(d[0].fsd.child.ch->closed);
	sess_end(&d[0].s, SESS_HELPER_DIED, "%s", "");
	CHECK_STR(heard(&policyd), "s0:ended done");
	end(1);
	begin_prepare();
	both_prepared();
	say_committed(&d[0].fsd, d[0].fsd.id[0], d[0].fsd.generation + 1);
	CHECK(d[0].fsd.child.ch->closed);
	sess_end(&d[0].s, SESS_HELPER_DIED, "%s", "");
	CHECK_STR(heard(&policyd), "s0:ended done");
	end(1);
}

static void
wait_a_moment(void)
{
	struct timeval tv = { .tv_usec = 200000 };

	event_base_loopexit(privd.base, &tv);
	event_base_dispatch(privd.base);
}

/* A helper that does not answer: before the commit nothing has changed, after
 * it nobody knows. */
static void
silent(void)
{
	begin_prepare();
	say_prepared(&d[0].fsd, d[0].fsd.id[0], "");
	wait_a_moment();
	CHECK_STR(heard(&d[0].fsd), "abandon");
	CHECK_STR(heard(&d[0].execd), "abandon");
	CHECK_STR(heard(&policyd), "s0:kept done");
	CHECK(d[0].s.state == SESS_READY);
	end(1);
	begin_prepare();
	both_prepared();
	say_committed(&d[0].fsd, d[0].fsd.id[0], d[0].fsd.generation);
	wait_a_moment();
	CHECK(d[0].s.state == SESS_STOPPING);
	CHECK_STR(heard(&policyd), "s0:ended done");
	end(1);
}

/* Who asks meanwhile waits for a round that begins after that. */
static void
again(void)
{
	static const struct msg_policy_stale stale;
	uint32_t second;

	begin(2);
	compiled(&d[0].s, same_image);
	second = operator_asks();
	reload_ask(second);
	msg_send_policy_stale(policyd.ch, 0, &stale, NULL);
	(void)chan_step(policyd.child.ch, 0);
	CHECK_INT(d[0].asked, 1);
	compiled(&d[1].s, same_image);
	CHECK_STR(heard(&policyd), "s0:unchanged s1:unchanged done");
	CHECK_INT(d[0].asked, 2);
	CHECK_INT(d[1].asked, 2);
	compiled(&d[1].s, same_image);
	compiled(&d[0].s, same_image);
	CHECK_STR(heard(&policyd), "s1:unchanged s0:unchanged done");
	CHECK(policyd.id[0] == second);
	end(2);
}

static void
in_the_making(void)
{
	begin(0);
	CHECK_STR(heard(&policyd), "done");
	end(0);
	begin(3);
	compiled(&d[0].s, same_image);
	compiled(&d[1].s, same_image);
	compiled(&d[2].s, same_image);
	(void)heard(&policyd);
	/* 0 has asked for its policy already, 1 has not; 2 fails */
	d[0].s.state = d[1].s.state = d[2].s.state = SESS_CREATING;
	d[0].s.step = STEP_ROOT;
	d[1].s.step = STEP_WORKSPACE;
	d[2].s.step = STEP_POLICY;
	reload_ask(operator_asks());
	CHECK_INT(d[0].asked, 1);
	d[0].s.state = SESS_READY;
	reload_sess_ready(&d[0].s);
	CHECK_INT(d[0].asked, 2);
	CHECK_INT(d[1].asked, 1);
	compiled(&d[0].s, same_image);
	sess_end(&d[2].s, SESS_DESTROYED, "%s", "");
	CHECK_STR(heard(&policyd), "s0:unchanged s2:ended done");
	end(3);
}

static void
not_all_at_once(void)
{
	size_t i, n, done = 0;

	begin(NSESS);
	while (done < NSESS) {
		for (i = n = 0; i < NSESS; i++)
			n += d[i].s.reload != NULL;
		CHECK(n == (NSESS - done < 8 ? NSESS - done : 8));
		compiled(&d[done++].s, same_image);
	}
	(void)heard(&policyd);
	CHECK(policyd.ch->npending == 0);
	end(NSESS);
}

/* The end of the service in the middle of it. */
static void
stops(void)
{
	begin(NSESS);
	privd.stopping = true;
	privd.helper[ROLE_POLICYD] = NULL;
	while (d[0].s.reload != NULL || d[7].s.reload != NULL) {
		size_t i;

		for (i = 0; i < NSESS; i++)
			sess_end(&d[i].s, SESS_SHUTDOWN, "%s", "");
	}
	CHECK_INT(d[8].asked, 0);
	privd.stopping = false;
	end(NSESS);
}

int
main(void)
{
	log_init("t_reload");
	privd.base = event_base_new();
	old_image = memfd("image");
	same_image = memfd("image");
	new_image = memfd("imagE");
	if (privd.base == NULL)
		return 1;
	T_RUN(taken);
	T_RUN(unchanged);
	T_RUN(refused);
	T_RUN(one_cannot);
	T_RUN(plans);
	T_RUN(with_network);
	T_RUN(hostile);
	T_RUN(silent);
	T_RUN(again);
	T_RUN(in_the_making);
	T_RUN(not_all_at_once);
	T_RUN(stops);
	event_base_free(privd.base);
	return done_testing();
}
