/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network a session gets: a namespace, or, where that is wanted or there is
 * no other way, hooks of a control group. Whatever of it fails, nothing that was
 * half made is left to the session.
 */
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"

#define KEY "sandbox.network.mode"

/* 1, 0: there is no more than a loopback, or -1. */
static int
without(struct chan *privd, const struct net_want *w, struct aerr *e)
{
	if (w->wish == NET_WISH_NEEDED)
		return -1;
	log_warnx("%s", e->message);
	return ns_make_net(privd, w, NET_WISH_NONE, e);
}

static int
by_hooks(struct chan *privd, const struct net_want *w, const char *why,
    int *group, struct aerr *e)
{
	if (netcg_make(privd, w->group, why, group, e) == 0)
		return 1;
	/* no process of the session is to be born in what has no hooks */
	if (*group != -1)
		close(*group);
	*group = -1;
	return -1;
}

static int
by_either(struct chan *privd, const struct net_want *w, int *group,
    struct aerr *e)
{
	struct aerr second = { 0 };
	int home, r;

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home == -1)
		return make_error(e, "/proc/self/ns/net");
	r = ns_make_net(privd, w, NET_WISH_NEEDED, e);
	if (r == -1) {
		if (setns(home, CLONE_NEWNET) == -1)
			make_error(e, "return to the host's network");
		else if (by_hooks(privd, w, e->message, group, &second) == 1)
			r = 1;
		else
			log_debug(KEY ": ebpf: %s", second.message);
	}
	close(home);
	return r;
}

int
net_make(struct chan *privd, const struct net_want *w, int *group,
    struct aerr *e)
{
	struct aerr why = { 0 };
	int r;

	*group = -1;
	if (w->wish == NET_WISH_NONE || w->mode == NET_MODE_NAMESPACE)
		return ns_make_net(privd, w, w->wish, e);
	if (w->mode == NET_MODE_AUTO) {
		r = by_either(privd, w, group, e);
	} else {
		r = by_hooks(privd, w, KEY, group, &why);
		if (r == -1)
			make_errorx(e, why.http, KEY ": ebpf: %.*s",
			    (int)sizeof(e->message) - 32, why.message);
	}
	return r == -1 ? without(privd, w, e) : r;
}
