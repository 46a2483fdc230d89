/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with event loops, and the hand-over between them: a list under a lock,
 * and an eventfd that says that it is no longer empty.
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "loop.h"
#include "netd.h"

struct job {
	STAILQ_ENTRY(job) entry;
	void (*fn)(void *arg);
	void *arg;
};

static struct job *
take_job(struct loop *l)
{
	struct job *j;

	pthread_mutex_lock(&l->lock);
	j = STAILQ_FIRST(&l->jobs);
	if (j != NULL)
		STAILQ_REMOVE_HEAD(&l->jobs, entry);
	pthread_mutex_unlock(&l->lock);
	return j;
}

static void
wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct job *j;
	uint64_t count;

	(void)what;
	if (read((int)fd, &count, sizeof(count)) == -1 && errno != EAGAIN &&
	    errno != EINTR)
		fatal("wake descriptor");
	while ((j = take_job(l)) != NULL) {
		j->fn(j->arg);
		free(j);
	}
}

void
loop_init(struct loop *l)
{
	STAILQ_INIT(&l->jobs);
	l->nsess = 0;
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->base = event_base_new();
	if (l->wake_fd == -1 || l->base == NULL ||
	    pthread_mutex_init(&l->lock, NULL) != 0)
		fatalx("no event loop");
	l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, wake_cb,
	    l);
	if (l->wake == NULL || event_add(l->wake, NULL) == -1)
		fatalx("no event loop");
}

static void *
run(void *arg)
{
	struct loop *l = arg;

	event_base_dispatch(l->base);
	fatalx("an event loop ended");
}

void
loop_start(struct loop *l)
{
	errno = pthread_create(&l->thread, NULL, run, l);
	if (errno != 0)
		fatal("pthread_create");
}

void
loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
	static const uint64_t one = 1;
	struct job *j = malloc(sizeof(*j));
	ssize_t n;

	if (j == NULL)
		fatal("job");
	j->fn = fn;
	j->arg = arg;
	pthread_mutex_lock(&l->lock);
	STAILQ_INSERT_TAIL(&l->jobs, j, entry);
	pthread_mutex_unlock(&l->lock);
	do {
		n = write(l->wake_fd, &one, sizeof(one));
	} while (n == -1 && errno == EINTR);
}
