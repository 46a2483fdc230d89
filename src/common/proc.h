/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of a helper, the same for each: options, the channel on fd 3, what
 * privd hands over until SYS_START, then the sandbox. Everything heard before
 * SYS_START is from privd alone; nothing hostile is read before the sandbox is
 * closed.
 */
#ifndef PROC_H
#define PROC_H

#include "agentsh.h"
#include "chan.h"
#include "conf.h"
#include "ring.h"

struct proc_row {
	const char *file; /* name of the executable */
	const char *user; /* NULL: root, or the session's */
	enum proc_scope scope;
	const char *title;
};

extern const struct proc_row proc_rows[ROLE_MAX];

struct proc {
	enum role role;
	enum run_mode mode;
	uint32_t uid; /* of the session; of the server in MODE_USER */
	uint32_t gid;
	uint64_t session; /* 0 in the service's own helpers */
	char session_id[AGENTSH_ID_MAX + 1];
	struct conf conf;
	struct chan *privd;
	struct chan *peer[ROLE_MAX]; /* NULL where chan.def has no edge */
	struct ring ring;    /* of a producer that has one (size != 0) */
	int listen_fd;	     /* -1 */
	int dir_fd[DIR_MAX]; /* -1 */
};

/*
 * Does all of the start and returns with SYS_START heard; the sandbox is not
 * yet entered. handlers are the role's own, for every channel: those of
 * messages in state ST_START are called during the start, with ch->arg == p.
 * Never returns on failure. Options: -d -v -T area.
 */
void proc_start(struct proc *p, enum role role, const struct handler *handlers,
    int argc, char **argv);
/*
 * Watches all channels from base: a closed channel to privd ends the process
 * with status 1, any other closed channel too unless on_close was set before.
 */
void proc_watch(struct proc *p, struct event_base *base);
/* Tells privd that the helper serves; detail is for its log. */
void proc_ready(struct proc *p, const char *detail);
void proc_free(struct proc *p);

#endif
