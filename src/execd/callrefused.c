/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that the configuration refuses and wants written down: the filter asks,
 * and there is nothing to decide. sandbox.seccomp.syscalls, on_block and
 * block_unknown.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#include "execd.h"
#include "filter.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"
#include "supervise.h"

static struct {
	struct {
		int nr, error;
	} call[CONF_CALLS_MAX]; /* those of block, where they are asked about */
	size_t n;
} blocked;

/* Those that are to be killed and are not yet. */
static struct {
	unsigned n;
	bool paused; /* no question is taken, as there are many on their way */
} kills;

/* clang-format off */
static const struct {
	const char *rule, *message;
} said[] = {
	{ "system-call", "the configuration refuses this system call" },
	{ "unknown-system-call", "a system call that is not known here" },
};
/* clang-format on */

void
callrefused_start(const struct conf *c)
{
	const char *at = c->calls_block;
	char name[CONF_CALL_LEN + 1];
	int nr, error;

	if (!filter_is_recorded(c->calls_on_block))
		return;
	while (conf_next_word(&at, name, sizeof(name))) {
		nr = seccomp_syscall_resolve_name(name);
		/* negative: another machine's; more are not configured */
		if (nr < 0 || blocked.n == CONF_CALLS_MAX)
			continue;
		error = filter_error(name);
		blocked.call[blocked.n].nr = nr;
		blocked.call[blocked.n++].error = error != 0 ? error : EPERM;
	}
}

int
callrefused_error(int nr)
{
	size_t i;

	for (i = 0; i < blocked.n; i++) {
		if (blocked.call[i].nr == nr)
			return blocked.call[i].error;
	}
	return 0;
}

static void
record(const struct target *t, const struct command *c, int nr, bool known,
    bool kill)
{
	char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(),
	    nr);
	struct buf *b = &execd.event;

	ev_begin(b, EV_SECCOMP_BLOCKED, c != NULL ? c->id : "", t->inner_tgid);
	ev_str(b, EVF_OPERATION, "syscall");
	ev_policy_done(b, DECISION_DENY, DECISION_DENY, said[!known].rule,
	    said[!known].message);
	ev_u64(b, EVF_PARENT_PID, t->inner_ppid);
	if (name != NULL)
		ev_str(b, EVF_SYSCALL, name);
	ev_u64(b, EVF_SYSCALL_NR, (uint32_t)nr);
	if (kill)
		ev_u64(b, EVF_SIGNAL, SIGKILL);
	ev_u64(b, EVF_BLOCKED, 1);
	record_emit();
	free(name);
}

static void
killed(void *arg, int err)
{
	sigsend_ended(arg, err);
	kills.n--;
	/* without one of ours nobody would look here again */
	if (kills.paused && (kills.n == 0 || sigsend_has_room())) {
		kills.paused = false;
		notify_resume();
	}
}

/* Who is ended waits for an answer until then, and gets none. false: it is not
 * sent, as pid 1 takes none, or it is pid 1, which cannot be. */
static bool
end(int pidfd, const struct target *t)
{
	static const struct msg_init_signal m = { .signo = SIGKILL,
		.info = (const uint8_t *)"" };

	if (pidfd == -1 || t->inner_tgid <= 1 ||
	    sigsend(&m, pidfd, killed, NULL) != 0)
		return false;
	kills.n++;
	/* each that is sent holds a descriptor until pid 1 has it */
	if (!kills.paused && !sigsend_has_room()) {
		kills.paused = true;
		notify_pause();
	}
	return true;
}

void
call_refused(const struct seccomp_notif *req)
{
	int error = callrefused_error(req->data.nr), pidfd = -1;
	bool known = error != 0, ended = false;
	uint64_t what = known ? execd.p.conf.calls_on_block :
				execd.p.conf.calls_unknown;
	struct target t = { .dir_fd = -1 };
	struct command *c = NULL;

	if (target_open(&t, (pid_t)req->pid) == 0) {
		c = lineage_command(&t);
		if (what == ON_BLOCK_LOG_AND_KILL)
			pidfd = (int)syscall(SYS_pidfd_open, t.tgid, 0);
	}
	/* else the numbers may be another's */
	if (notify_is_valid(req->id)) {
		ended = end(pidfd, &t);
		record(&t, c, req->data.nr, known, ended);
	}
	target_close(&t);
	if (pidfd != -1)
		close(pidfd);
	if (!ended)
		notify_answer(req->id, known ? error : ENOSYS);
}
