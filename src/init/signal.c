/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that execd has decided. They are sent here because no descriptor and
 * no number leads out of this namespace: the kernel refuses a process that is
 * not in it. Nothing of this waits for whom it reaches.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "chan.h"
#include "init.h"

/* A thread is named by its number, which is its own for as long as its process,
 * the descriptor's, is there. Returns errno. */
static int
init_send_signal(const struct msg_init_signal *m, int fd)
{
	siginfo_t info;
	int signo = (int)m->signo;

	if (m->tid != 0) {
		if (init_kill_held(fd, 0, NULL, 0) == -1 ||
		    init_kill_thread((pid_t)m->pid, (pid_t)m->tid, signo) == -1)
			return errno;
		return 0;
	}
	memset(&info, 0, sizeof(info));
	memcpy(&info, m->info, m->info_len);
	/* to pid 1 itself the kernel would let it say that */
	if (m->info_len > 0 && (info.si_code >= 0 || info.si_code == SI_TKILL))
		return EPERM;
	return init_kill_held(fd, signo, m->info_len > 0 ? &info : NULL,
		   m->flags) == -1 ?
	    errno :
	    0;
}

int
init_on_signal(struct chan *ch, struct imsg *im)
{
	struct msg_init_signal m;
	struct msg_init_signalled reply = { 0 };

	if (msg_get_init_signal(im, &m) == -1 || m.signo == 0 ||
	    m.signo >= NSIG || m.pid > INT32_MAX || m.tid > INT32_MAX ||
	    (m.pid == 0) != (m.tid == 0) ||
	    (m.info_len != 0 && m.info_len != AGENTSH_SIGINFO))
		return -1;
	reply.error = (uint32_t)init_send_signal(&m, im->fds[0]);
	msg_send_init_signalled(ch, im->id, &reply, NULL);
	return 0;
}
