/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policyd: compiles policies for privd, is the operators' way to privd, and
 * keeps what waits for them. It hears privd, policy files (hostile where a user
 * may write them), each session's execd and fsd, and clients of the operator
 * socket. A compromise yields forged policies for sessions, also running ones,
 * forged approvals, and what operators may ask; no file, no command.
 */
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "approvals.h"
#include "log.h"
#include "policy.h"
#include "policyd.h"
#include "sandbox.h"
#include "trust.h"

static int policyd_on_compile(struct chan *, struct imsg *);

static struct {
	struct proc p;
	struct event_base *base;
} policyd;

static const struct handler policyd_handlers[] = {
	{ MSG_POLICY_COMPILE, policyd_on_compile },
	{ MSG_APPROVAL_OPEN, approvals_on_open },
	{ MSG_CTL_PROCESS, ctl_on_process },
	{ MSG_CTL_SESSION, ctl_on_session },
	{ MSG_CTL_RELOADED, ctl_on_reloaded },
	{ MSG_CTL_DONE, ctl_on_done },
	{ MSG_NONE, NULL },
};

static void
policyd_refuse(struct chan *ch, uint32_t id, const struct aerr *e)
{
	struct msg_policy_refused r = { 0 };

	r.http_status = (uint32_t)e->http;
	snprintf(r.message, sizeof(r.message), "%s", e->message);
	msg_send_policy_refused(ch, id, &r, NULL);
}

static int
policyd_on_compile(struct chan *ch, struct imsg *im)
{
	struct msg_policy_compile m;
	struct msg_policy_compiled r = { 0 };
	struct aerr e = { .http = 500 };
	struct loaded l;
	struct vars vars;
	struct buf plan;
	char uid[16];

	if (msg_get_policy_compile(im, &m) == -1)
		return -1;
	vars.project_root = m.project_root;
	vars.home = m.home;
	vars.user = m.user;
	snprintf(uid, sizeof(uid), "%u", m.uid);
	vars.uid = uid;
	if (load_policy(&policyd.p, m.name, m.profile, &vars, &l, &e) == -1) {
		policyd_refuse(ch, im->id, &e);
		return 0;
	}
	if (m.uid == 0 && l.pids_max != 0) {
		/* RLIMIT_NPROC, see getrlimit(2) */
		e.http = 400;
		snprintf(e.message, sizeof(e.message),
		    "policy %s: pids_max: the kernel does not limit the"
		    " processes of root",
		    m.name);
		policyd_refuse(ch, im->id, &e);
		return 0;
	}
	buf_init(&plan, AGENTSH_PLAN_MAX);
	plan_put(&plan, &l.plan);
	r.command_timeout_ms = l.command_timeout_ms;
	r.session_timeout_ms = l.session_timeout_ms;
	r.idle_timeout_ms = l.idle_timeout_ms;
	snprintf(r.name, sizeof(r.name), "%s", m.name);
	snprintf(r.warning, sizeof(r.warning), "%s", l.warning);
	snprintf(r.digest, sizeof(r.digest), "%s", l.digest);
	r.plan = plan.data;
	r.plan_len = plan.len;
	if (plan.bad) {
		snprintf(e.message, sizeof(e.message), "policy %s: no plan",
		    m.name);
		policyd_refuse(ch, im->id, &e);
	} else {
		msg_send_policy_compiled(ch, im->id, &r, &l.fd);
	}
	buf_free(&plan);
	return 0;
}

int
main(int argc, char **argv)
{
	static const enum dir_kind kinds[] = { DIR_POLICY, DIR_POLICY_DEFAULT,
		DIR_TRUST, DIR_MANIFEST };
	struct sandbox_dir dirs[sizeof(kinds) / sizeof(kinds[0])];
	size_t i, ndirs = sizeof(kinds) / sizeof(kinds[0]);

	proc_start(&policyd.p, ROLE_POLICYD, policyd_handlers, argc, argv);
	policyd.base = event_base_new();
	if (policyd.base == NULL)
		fatalx("no event loop");
	trust_start(&policyd.p);
	for (i = 0; i < ndirs; i++) {
		dirs[i].fd = policyd.p.dir_fd[kinds[i]];
		dirs[i].access = SANDBOX_RO;
	}
	sandbox_enter(ROLE_POLICYD, dirs, ndirs);
	approvals_start(&policyd.p, policyd.base);
	ctl_listen(&policyd.p, policyd.base);
	proc_watch(&policyd.p, policyd.base);
	stale_start(&policyd.p, policyd.base);
	proc_ready(&policyd.p, "policies, operator socket");
	event_base_dispatch(policyd.base);
	fatalx("the event loop ended");
}
