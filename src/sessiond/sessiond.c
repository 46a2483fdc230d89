/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessiond: the HTTP front. It hears clients (hostile), eventd, privd and each
 * session's execd. A compromise of it yields the sessions of the service: it
 * can run commands in them, under their policies, and see their output. It
 * cannot make a session for a user who did not connect, change a policy, or
 * write an event.
 */
#include <sys/resource.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "http.h"
#include "log.h"
#include "sandbox.h"
#include "sessiond.h"

struct sessiond sessiond = {
	.null_fd = -1,
	.diag_fd = -1,
	.tcp_fd = -1,
};

/* Each client and each running command takes descriptors. */
static void
sessiond_raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("open files");
}

static const struct handler sessiond_handlers[] = {
	{ MSG_SESS_CREATED, sessiond_on_sess_created },
	{ MSG_SESS_FAILED, sessiond_on_sess_failed },
	{ MSG_SESS_ENDED, sessiond_on_sess_ended },
	{ MSG_SESS_LIMITS, sessiond_on_sess_limits },
	{ MSG_EVENT_RESULT, sessiond_on_event_result },
	{ MSG_PORT_ROW, sessiond_on_port_row },
	{ MSG_PORT_DONE, sessiond_on_port_done },
	{ MSG_NONE, NULL },
};

/* Another server of the same user may have the usual port. */
static bool
sessiond_may_miss_tcp(void)
{
	size_t i;

	if (sessiond.proc.mode != MODE_USER)
		return false;
	for (i = 0; i < conf_nrows; i++) {
		if (strcmp(conf_rows[i].key, "server.http.addr") == 0)
			return strcmp(conf_rows[i].text,
				   sessiond.proc.conf.http_addr) == 0;
	}
	return false;
}

int
main(int argc, char **argv)
{
	struct proc *p = &sessiond.proc;
	struct sandbox_dir spool = { .fd = -1, .access = SANDBOX_RW };
	char detail[256];

	TAILQ_INIT(&sessiond.sessions);
	proc_start(p, ROLE_SESSIOND, sessiond_handlers, argc, argv);
	if (p->peer[ROLE_EVENTD] == NULL || p->peer[ROLE_NETD] == NULL ||
	    p->dir_fd[DIR_SPOOL] == -1)
		fatalx("not all that sessiond needs was handed over");
	sessiond_raise_files();
	sessiond.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (sessiond.null_fd == -1)
		fatal("/dev/null");
	if (ident_open() == -1)
		fatal("sock_diag");
	sessiond.tcp_fd = http_bind(p->conf.http_addr, sessiond_may_miss_tcp());
	sessiond.base = event_base_new();
	if (sessiond.base == NULL)
		fatalx("event_base_new");
	spool.fd = p->dir_fd[DIR_SPOOL];
	sandbox_enter(ROLE_SESSIOND, &spool, 1);

	spool_clean(p->dir_fd[DIR_SPOOL]);
	http_start();
	proc_watch(p, sessiond.base);
	http_describe(detail, sizeof(detail));
	proc_ready(p, detail);
	event_base_dispatch(sessiond.base);

	http_stop();
	while (!TAILQ_EMPTY(&sessiond.sessions))
		session_free(TAILQ_FIRST(&sessiond.sessions));
	event_base_free(sessiond.base);
	close(sessiond.null_fd);
	close(sessiond.diag_fd);
	proc_free(p);
	return 0;
}
