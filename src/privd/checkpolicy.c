/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentshd -n: do the default policy, and those of mount profiles, compile?
 * policyd says so, confined and as its own user, as it does for sessions; privd
 * looks into no policy.
 */
#include <stdio.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "privd.h"

#define CHECK_TIMEOUT_S 60

static int check_on_sys_ready(struct chan *, struct imsg *);
/* Root is refused a policy with limits that cannot hold for root; the check is
 * whether somebody can have it. */
#define CHECK_UID 65534

static int check_on_policy_compiled(struct chan *, struct imsg *);
static int check_on_policy_refused(struct chan *, struct imsg *);

static struct {
	struct child *policyd;
	const char *profiles;	/* those that were not asked about yet */
	struct profile profile; /* asked about now; n 0: the default policy */
	bool good;
	bool answered;
	bool ended;
	char how[64]; /* it ended */
} check;

static const struct handler check_handlers[] = {
	{ MSG_SYS_READY, check_on_sys_ready },
	{ MSG_POLICY_COMPILED, check_on_policy_compiled },
	{ MSG_POLICY_REFUSED, check_on_policy_refused },
	{ MSG_NONE, NULL },
};

/* For a session at /workspace, of nobody in particular. */
static int
ask(struct chan *ch, const char *policy, const char *profile)
{
	struct msg_policy_compile pc = { .project_root = "/workspace",
		.home = "/nonexistent",
		.user = "nobody",
		.uid = privd.uid != 0 ? (uint32_t)privd.uid : CHECK_UID };
	uint32_t id;

	snprintf(pc.name, sizeof(pc.name), "%s", policy);
	snprintf(pc.profile, sizeof(pc.profile), "%s", profile);
	id = chan_request(ch, &check);
	return id == 0 ? -1 : msg_send_policy_compile(ch, id, &pc, NULL);
}

static int
check_on_sys_ready(struct chan *ch, struct imsg *im)
{
	struct msg_sys_ready m;

	if (msg_get_sys_ready(im, &m) == -1)
		return -1;
	ch->state = ST_RUN;
	check.profiles = privd.conf.mount_profiles;
	return ask(ch, privd.conf.policy_default, "");
}

static int
check_on_policy_compiled(struct chan *ch, struct imsg *im)
{
	struct msg_policy_compiled m;

	if (msg_get_policy_compiled(im, &m) == -1)
		return -1;
	close(imsg_take_fd(im, 0));
	if (profile_next(&check.profiles, &check.profile) == 1)
		return ask(ch, check.profile.policy, check.profile.name);
	check.good = check.answered = true;
	return 0;
}

static int
check_on_policy_refused(struct chan *ch, struct imsg *im)
{
	struct msg_policy_refused m;

	(void)ch;
	if (msg_get_policy_refused(im, &m) == -1)
		return -1;
	if (check.profile.n == 0)
		log_warnx("policies.default: %s", m.message);
	else
		log_warnx("mount_profiles.%s: %s", check.profile.name,
		    m.message);
	check.answered = true;
	return 0;
}

static void
timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	child_kill(arg);
}

bool
policy_check_ended(const struct child *c, const char *how)
{
	if (c != check.policyd)
		return false;
	check.ended = true;
	snprintf(check.how, sizeof(check.how), "%s", how);
	return true;
}

void
policy_check(void)
{
	static const struct msg_sys_start ms;
	struct timeval tv = { .tv_sec = CHECK_TIMEOUT_S };
	struct event *timer;
	struct child *c;

	c = child_spawn(ROLE_POLICYD, &privd.user[ROLE_POLICYD], NULL);
	if (c == NULL)
		fatalx("cannot start policyd");
	check.policyd = c;
	c->ch->handlers = check_handlers;
	timer = evtimer_new(privd.base, timeout_cb, c);
	if (timer == NULL || evtimer_add(timer, &tv) == -1)
		fatalx("cannot make a timer");
	if (helper_greet(c, 0, "", privd.uid, privd.gid) == 0) {
		helper_hand_over(c);
		msg_send_sys_start(c->ch, 0, &ms, NULL);
	}
	while (!check.answered && !check.ended)
		event_base_loop(privd.base, EVLOOP_ONCE);
	/* nothing is left behind */
	if (!check.ended)
		child_kill(c);
	while (!check.ended)
		event_base_loop(privd.base, EVLOOP_ONCE);
	event_free(timer);
	if (!check.answered)
		fatalx("policyd ended without an answer (%s)", check.how);
	if (!check.good)
		fatalx("%s not accepted",
		    check.profile.n == 0 ?
			"the default policy was" :
			"the policies of a mount profile were");
}
