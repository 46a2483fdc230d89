/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of ours that a command can make wait. Of a descriptor that was taken from
 * it ours may be the last one by then, and with SO_LINGER the close of a TCP
 * socket waits for its peer, as long as the command has said: so may that of a
 * socket in whose queue such a one is. And whether a connect waits is a flag that
 * the command can set as well. A signal ends either wait.
 */
#include <sys/time.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"
#include "look.h"

#define HURRY_US 2000 /* again and again: the first may come before the wait */

static void
wake(int signo)
{
	(void)signo;
}

/* It is for the thread that waits, and for no other (look.c). */
static void
set_signal(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	if (pthread_sigmask(how, &set, NULL) != 0)
		fatalx("a signal");
}

void
hurry_init(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = wake; /* no SA_RESTART */
	if (sigaction(SIGALRM, &sa, NULL) == -1)
		fatal("sigaction");
	set_signal(SIG_BLOCK);
}

void
hurry(bool on)
{
	suseconds_t us = on ? HURRY_US : 0;
	struct itimerval it = { { 0, us }, { 0, us } };

	if (on)
		set_signal(SIG_UNBLOCK);
	if (setitimer(ITIMER_REAL, &it, NULL) == -1)
		fatal("setitimer");
	if (!on)
		set_signal(SIG_BLOCK);
}

/* One that is on a file system can make its last holder wait, whatever signals
 * that gets. */
struct closing {
	struct look look;
	int fd;
};

static void
close_run(struct look *l)
{
	(void)close(((struct closing *)(void *)l)->fd);
}

static void
close_done(struct look *l)
{
	free(l);
}

static bool
is_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

void
drop_fd(int fd)
{
	struct closing *c;

	if (fd == -1)
		return;
	if (is_socket(fd)) {
		hurry(true);
		/* it is gone, whatever this says; the kernel goes on without
		 * us */
		(void)close(fd);
		hurry(false);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		fatal("a descriptor");
	c->fd = fd;
	c->look.run = close_run;
	c->look.done = close_done;
	look_start(&c->look);
}
