/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the daemon share.
 */
#ifndef POLICYD_H
#define POLICYD_H

#include "chan.h"
#include "plan.h"
#include "proc.h"

struct event_base;

/* load.c: finds, reads, compiles. */
struct loaded {
	int fd; /* sealed memfd; load.c's, until the next load_policy */
	struct plan plan;
	uint64_t command_timeout_ms;
	uint64_t session_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t pids_max;		     /* 0: the policy says nothing */
	char warning[AGENTSH_TEXT_MAX];	     /* of trust_check; "": none */
	char digest[AGENTSH_DIGEST_MAX + 1]; /* SHA-256 of the image, in hex */
};

struct vars;

/* profile: of mount_profiles, whose mounts the session has; "": none. */
int load_policy(const struct proc *, const char *name, const char *profile,
    const struct vars *, struct loaded *, struct aerr *e);

/* ctl.c: the operator socket. */
void ctl_listen(struct proc *, struct event_base *);
/* privd's answers to what was forwarded */
int ctl_on_process(struct chan *, struct imsg *);
int ctl_on_session(struct chan *, struct imsg *);
int ctl_on_reloaded(struct chan *, struct imsg *);
int ctl_on_done(struct chan *, struct imsg *);

/* stale.c: tells privd when a file of a policy, or one that vouches for it, has
 * changed; looks every policies.reload_interval, and never when that is 0. */
void stale_start(struct proc *, struct event_base *);

#endif
