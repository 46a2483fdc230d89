/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer of sessiond that cannot be set ends it: a session that should have an
 * end would else have none.
 */
#include <sys/wait.h>

#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "sessiond/sessiond.h"
#include "t.h"

static bool full;

static void *
more(void *p, size_t size)
{
	return full ? NULL : realloc(p, size);
}

static void
fired(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
set(bool out_of_memory)
{
	struct event_base *base;
	struct event *ev;

	event_set_mem_functions(malloc, more, free);
	base = event_base_new();
	ev = base == NULL ? NULL : evtimer_new(base, fired, NULL);
	if (ev == NULL)
		_exit(2);
	full = out_of_memory;
	set_timer(ev, 1000);
	_exit(0);
}

static int
end_of(bool out_of_memory)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		set(out_of_memory);
	if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void
timers(void)
{
	CHECK_INT(end_of(false), 0);
	CHECK_INT(end_of(true), 1);
}

int
main(void)
{
	log_init("t_settimer");
	T_RUN(timers);
	return done_testing();
}
