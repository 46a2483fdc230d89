/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a descriptor that was taken from a command. Ours may be the last
 * one of it by then, and with SO_LINGER the close of a TCP socket waits for its
 * peer, as long as the command has said: so may that of a socket in whose queue
 * such a one is. A signal ends the wait, and the kernel goes on without us.
 */
#include <sys/time.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"

#define DROP_US 2000 /* again and again: the first may come before the wait */

static void
wake(int signo)
{
	(void)signo;
}

void
drop_init(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = wake; /* no SA_RESTART */
	if (sigaction(SIGALRM, &sa, NULL) == -1)
		fatal("sigaction");
}

void
drop_fd(int fd)
{
	static const struct itimerval on = { { 0, DROP_US }, { 0, DROP_US } };
	static const struct itimerval off = { { 0, 0 }, { 0, 0 } };

	if (fd == -1)
		return;
	if (setitimer(ITIMER_REAL, &on, NULL) == -1)
		fatal("setitimer");
	/* it is gone, whatever this says */
	(void)close(fd);
	if (setitimer(ITIMER_REAL, &off, NULL) == -1)
		fatal("setitimer");
}
