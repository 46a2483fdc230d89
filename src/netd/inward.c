/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes sockets of a session's network namespace, out of two that maker has made
 * there: one connects to the other, which accepts a third; both ends are
 * disconnected, and the third is new. The session's processes can connect as
 * well: what they get is closed.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "inward.h"
#include "ipport.h"
#include "log.h"

#define BACKLOG 16
#define TURN 64	     /* connections of others that are closed at once */
#define WAIT_MS 5000 /* for the kernel to connect two of its own sockets */

enum {
	LISTENS,
	CONNECTS
};

struct inward_wait {
	TAILQ_ENTRY(inward_wait) entry;
	struct inward_family *f;
	void (*got)(void *arg, int fd);
	void *arg;
};

struct inward_family {
	const int *fd; /* of nsess */
	struct sockaddr_storage at;
	socklen_t at_len;
	bool connecting;
	struct event *readable, *timer;
	TAILQ_HEAD(, inward_wait) waits;
};

struct inward {
	struct inward_family family[2];
};

/* It is as if it had never been connected. 0 or -1. */
static int
disconnect(int fd)
{
	static const struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none));
}

/* Is it the other end of the one that connects? Ports are unique here. */
static bool
is_ours(const struct inward_family *f, const struct sockaddr_storage *peer)
{
	uint8_t a[16], b[16];
	uint16_t aport, bport;

	return ipport_own(f->fd[CONNECTS], a, &aport) == 0 &&
	    ipport_from_sockaddr(peer, b, &bport) == 0 && aport == bport &&
	    memcmp(a, b, sizeof(a)) == 0;
}

/* The other end is there: makes both free again. The socket or -1. */
static int
take_apart(struct inward_family *f, int fd)
{
	f->connecting = false;
	if (disconnect(fd) == 0 && disconnect(f->fd[CONNECTS]) == 0)
		return fd;
	close(fd);
	errno = EIO;
	return -1;
}

/* A socket; -1 with EAGAIN: not yet; -1. */
static int
make(struct inward_family *f)
{
	struct sockaddr_storage peer;
	socklen_t len;
	int fd, i;

	if (!f->connecting &&
	    connect(f->fd[CONNECTS], (const struct sockaddr *)&f->at,
		f->at_len) == -1 &&
	    errno != EINPROGRESS)
		return -1;
	f->connecting = true;
	for (i = 0; i < TURN; i++) {
		len = sizeof(peer);
		memset(&peer, 0, sizeof(peer));
		fd = accept4(f->fd[LISTENS], (struct sockaddr *)&peer, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && errno != ECONNABORTED && errno != EINTR)
			return -1;
		if (fd != -1 && is_ours(f, &peer))
			return take_apart(f, fd);
		if (fd != -1)
			close(fd); /* from the sandbox */
	}
	errno = EAGAIN;
	return -1;
}

static void
idle(struct inward_family *f)
{
	(void)event_del(f->readable);
	(void)event_del(f->timer);
}

static void
give(struct inward_family *f, int fd)
{
	struct inward_wait *w = TAILQ_FIRST(&f->waits);
	void (*got)(void *, int) = w->got;
	void *arg = w->arg;

	TAILQ_REMOVE(&f->waits, w, entry);
	free(w);
	got(arg, fd);
}

static void
give_up(struct inward_family *f)
{
	f->connecting = false;
	(void)disconnect(f->fd[CONNECTS]);
	while (!TAILQ_EMPTY(&f->waits))
		give(f, -1);
	idle(f);
}

static void
readable_cb(int fd, short ev, void *arg)
{
	struct inward_family *f = arg;

	(void)ev;
	while (!TAILQ_EMPTY(&f->waits)) {
		fd = make(f);
		if (fd == -1 && errno == EAGAIN)
			return;
		if (fd == -1) {
			give_up(f);
			return;
		}
		give(f, fd);
	}
	idle(f);
}

static void
timer_cb(int fd, short ev, void *arg)
{
	(void)fd;
	(void)ev;
	give_up(arg);
}

static void
family_stop(struct inward_family *f)
{
	struct inward_wait *w;

	while ((w = TAILQ_FIRST(&f->waits)) != NULL) {
		TAILQ_REMOVE(&f->waits, w, entry);
		free(w);
	}
	if (f->readable != NULL)
		event_free(f->readable);
	if (f->timer != NULL)
		event_free(f->timer);
	f->readable = f->timer = NULL;
}

/* 0, or -1 with errno. */
static int
family_start(struct inward_family *f, struct event_base *base)
{
	f->at_len = sizeof(f->at);
	if (getsockname(f->fd[LISTENS], (struct sockaddr *)&f->at,
		&f->at_len) == -1 ||
	    listen(f->fd[LISTENS], BACKLOG) == -1)
		return -1;
	f->readable = event_new(base, f->fd[LISTENS], EV_READ | EV_PERSIST,
	    readable_cb, f);
	f->timer = evtimer_new(base, timer_cb, f);
	if (f->readable != NULL && f->timer != NULL)
		return 0;
	family_stop(f);
	errno = ENOMEM;
	return -1;
}

int
inward_start(struct nsess *s)
{
	struct inward *in;
	size_t i;

	if (s->inward != NULL)
		return 0;
	if (s->inward_fd[0][LISTENS] == -1) {
		errno = EOPNOTSUPP;
		return -1;
	}
	in = calloc(1, sizeof(*in));
	if (in == NULL)
		return -1;
	s->inward = in;
	for (i = 0; i < 2; i++) {
		in->family[i].fd = s->inward_fd[i];
		TAILQ_INIT(&in->family[i].waits);
		if (in->family[i].fd[LISTENS] == -1)
			continue;
		if (family_start(&in->family[i], s->base) == -1) {
			inward_stop(s);
			return -1;
		}
	}
	return 0;
}

bool
inward_has_ipv6(const struct nsess *s)
{
	return s->inward != NULL && s->inward->family[1].readable != NULL;
}

bool
inward_is_own(const struct nsess *s, uint16_t port)
{
	uint8_t addr[16];
	uint16_t own;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (s->inward != NULL &&
		    ipport_from_sockaddr(&s->inward->family[i].at, addr,
			&own) == 0 &&
		    own == port)
			return true;
	}
	return false;
}

struct inward_wait *
inward_get(struct nsess *s, bool ipv6, int *fd, void (*got)(void *, int),
    void *arg)
{
	struct timeval tv = clock_timeval(WAIT_MS);
	struct inward_family *f = &s->inward->family[ipv6];
	struct inward_wait *w;

	*fd = -1;
	if (f->readable == NULL)
		return NULL;
	/* who waits has its turn first */
	if (TAILQ_EMPTY(&f->waits)) {
		*fd = make(f);
		if (*fd != -1)
			return NULL;
		if (errno != EAGAIN) {
			log_debug("session %s: no socket inside: %s", s->id,
			    strerror(errno));
			give_up(f);
			return NULL;
		}
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL || event_add(f->readable, NULL) == -1 ||
	    evtimer_add(f->timer, &tv) == -1) {
		free(w);
		return NULL;
	}
	*w = (struct inward_wait){ .f = f, .got = got, .arg = arg };
	TAILQ_INSERT_TAIL(&f->waits, w, entry);
	return w;
}

void
inward_forget(struct inward_wait *w)
{
	TAILQ_REMOVE(&w->f->waits, w, entry);
	free(w);
}

void
inward_stop(struct nsess *s)
{
	size_t i;

	if (s->inward == NULL)
		return;
	for (i = 0; i < 2; i++)
		family_stop(&s->inward->family[i]);
	free(s->inward);
	s->inward = NULL;
}
