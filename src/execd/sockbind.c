/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind and listen. A bind to a path makes a file, which fsd has to know the
 * maker of and which can wait for an operator: so it is let go on, as the one
 * call of this kind. The kernel then reads the address once more. What that may
 * have become is looked at afterwards, on the socket, whose name cannot change
 * any more: one that is not what was decided kills its process, and has not been
 * connected to, because listen looks before. (In the session's own files the
 * path was decided by fsd as well, on the object.)
 */
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"
#include "socket.h"

#define BOUND_MAX 256  /* names that are remembered */
#define PENDING_MAX 48 /* of those that are not looked at yet */
#define LOOK_SOON_MS 10
#define LOOK_LATE_MS 500
#define LOOK_SOON 20   /* times */
#define LOOK_TIMES 140 /* a minute */

/* A socket whose bind to a path was let go on. */
struct bound {
	TAILQ_ENTRY(bound) entry;
	ino_t ino;
	int fd;	   /* until it was looked at, or -1 */
	int pidfd; /* as long */
	unsigned looks;
	struct sock who; /* for the record: no descriptors */
	char path[sizeof(struct sockaddr_un)]; /* as it was given */
	struct dest to;
};

static struct {
	TAILQ_HEAD(, bound) list;
	size_t n;
	size_t pending;
	struct event *timer;
} binds = { .list = TAILQ_HEAD_INITIALIZER(binds.list) };

static void
settle(struct bound *b)
{
	if (b->fd == -1)
		return;
	drop_fd(b->fd);
	close(b->pidfd);
	b->fd = b->pidfd = -1;
	binds.pending--;
}

static void
bound_free(struct bound *b)
{
	settle(b);
	TAILQ_REMOVE(&binds.list, b, entry);
	binds.n--;
	target_close(&b->who.t);
	free(b);
}

/* By path, or any of that socket: NULL. */
static struct bound *
bound_find(ino_t ino, const char *path)
{
	struct bound *b;

	TAILQ_FOREACH(b, &binds.list, entry) {
		if (b->ino == ino &&
		    (path == NULL || strcmp(b->path, path) == 0))
			return b;
	}
	return NULL;
}

static void
bound_forget(ino_t ino)
{
	struct bound *b;

	while ((b = bound_find(ino, NULL)) != NULL)
		bound_free(b);
}

/* The name that a socket has: 1, none 0, -1 it cannot be known. */
static int
get_name(int fd, struct dest *d)
{
	memset(d, 0, sizeof(*d));
	d->fd = -1;
	d->len = sizeof(d->addr);
	if (getsockname(fd, (struct sockaddr *)&d->addr, &d->len) == -1)
		return -1;
	return dest_is_abstract(d) || dest_is_path(d);
}

/* One that the kernel chose itself: five digits. */
static bool
is_kernels(const struct dest *d)
{
	return d->name_len == 6 && strspn(d->name + 1, "0123456789abcdef") == 5;
}

/* 1: it has the name that was decided; 0: none yet; 2: one that was decided in
 * another call, and this one has failed; -1: one that was not decided. */
static int
look(struct bound *b, int fd)
{
	char path[sizeof(struct sockaddr_un)];
	struct dest is;
	int r = get_name(fd, &is);

	if (r == 0)
		return 0;
	if (r == 1 && dest_is_path(&is)) {
		dest_path(&is, path);
		if (strcmp(path, b->path) == 0)
			return 1;
		if (bound_find(b->ino, path) != NULL)
			return 2;
	}
	if (r == 1 && dest_is_abstract(&is)) {
		dest_set_abstract(&is);
		if (b->to.name_len == is.name_len &&
		    memcmp(b->to.name, is.name, is.name_len) == 0)
			return 1;
		if (is_kernels(&is))
			return 2;
		memcpy(b->to.name, is.name, is.name_len + 1);
		b->to.name_len = is.name_len;
	}
	dest_refuse(&b->who, &b->to, UNIX_OP_BIND, "unix-socket-changed",
	    "the address was changed after the decision");
	return -1;
}

static void
punish(const struct bound *b)
{
	sigsend_end(b->pidfd, sigsend_ended, NULL);
}

static bool
has_ended(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void
arm(unsigned ms)
{
	struct timeval tv = clock_timeval(ms);

	if (evtimer_add(binds.timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

static void
look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct bound *b, *next;
	unsigned ms = LOOK_LATE_MS;
	int r;

	(void)fd;
	(void)what;
	(void)arg;
	for (b = TAILQ_FIRST(&binds.list); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (b->fd == -1)
			continue;
		r = look(b, b->fd);
		if (r == -1)
			punish(b);
		if (r == 1)
			settle(b);
		else if (r != 0 || has_ended(b->pidfd) ||
		    ++b->looks > LOOK_TIMES)
			bound_free(b);
		else if (b->looks < LOOK_SOON)
			ms = LOOK_SOON_MS;
	}
	if (binds.pending > 0)
		arm(ms);
}

/* The name that was decided is remembered. */
static struct bound *
bound_new(struct sock *s)
{
	struct bound *b;

	TAILQ_FOREACH(b, &binds.list, entry) {
		if (binds.n >= BOUND_MAX && b->fd == -1) {
			bound_free(b);
			break;
		}
	}
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		fatal("a bind");
	target_close(&s->t);
	b->ino = s->ino;
	b->fd = b->pidfd = -1;
	b->who.t = s->t;
	b->to = s->to;
	TAILQ_INSERT_TAIL(&binds.list, b, entry);
	binds.n++;
	return b;
}

/* It goes on, and is looked at: what was taken is ours. 0 or an errno. */
static int
watch(struct sock *s)
{
	struct bound *b;

	if (binds.pending >= PENDING_MAX)
		return ENOBUFS;
	b = bound_new(s);
	b->fd = s->fd;
	b->pidfd = s->pidfd;
	dest_path(&s->to, b->path);
	s->fd = s->pidfd = -1;
	binds.pending++;
	arm(LOOK_SOON_MS);
	return 0;
}

long
sockbind_let(struct sock *s)
{
	int err = watch(s);

	if (err == 0)
		notify_answer(s->req.id, 0);
	return -(long)err;
}

/* The path that a name has or would have, whose directory is looked up as the
 * target does: 0 or an errno. */
static int
set_path(const struct sock *s, struct dest *d)
{
	char path[sizeof(struct sockaddr_un)];
	char dir[sizeof(struct sockaddr_un)] = ".";
	const char *base;
	struct file f;
	int n = 0, err;

	dest_path(d, path);
	base = strrchr(path, '/');
	base = base == NULL ? path : base + 1;
	if (base[0] == '\0')
		return ENOENT;
	if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return EADDRINUSE;
	if (base != path) {
		memcpy(dir, path, (size_t)(base - path));
		dir[base - path] = '\0';
	}
	err = file_find(&s->t, dir, &f);
	if (err == 0 && f.name[0] != '/')
		err = ENOENT;
	if (err == 0)
		n = snprintf(d->name, sizeof(d->name), "%s/%s",
		    f.name[1] == '\0' ? "" : f.name, base);
	file_close(&f);
	if (err == 0 && (n < 0 || (size_t)n >= sizeof(d->name)))
		err = ENAMETOOLONG;
	d->name_len = strlen(d->name);
	d->st = f.st;
	return err;
}

/* Is that socket without a name? One that has one gets no other. */
static bool
may_be_bound(const struct sock *s)
{
	struct dest is;

	return get_name(s->fd, &is) == 0;
}

/* The address of bind, the name of listen. */
void
sockbind_look(struct sock *s)
{
	struct dest *d = &s->to;

	if (s->req.data.nr == SYS_listen)
		s->look_error = get_name(s->fd, d) == -1 ? EACCES : 0;
	else
		s->look_error = dest_read(d, &s->t, s->req.data.args[1],
		    (uint32_t)s->req.data.args[2]);
	if (s->look_error == 0 && s->domain == AF_UNIX && dest_is_path(d))
		d->error = set_path(s, d);
}

bool
sockbind_bind(struct sock *s, long *result)
{
	struct dest *d = &s->to;
	int err = s->look_error;

	if (err == 0 && s->domain == AF_UNIX && dest_is_path(d)) {
		err = may_be_bound(s) ? d->error : EINVAL;
		if (err == 0)
			err = dest_ask(s, d, UNIX_OP_BIND);
		if (err == DEST_ASKED)
			*result = SOCKET_ASKED;
		else if (err == 0 && d->decision == DECISION_APPROVE)
			*result = socket_tell_bind(s);
		else
			*result = err == 0 ? sockbind_let(s) : -(long)err;
		return *result == 0;
	}
	if (err == 0 && s->domain == AF_UNIX && dest_is_abstract(d)) {
		dest_set_abstract(d);
		err = dest_ask(s, d, UNIX_OP_BIND);
		if (err == DEST_ASKED) {
			*result = SOCKET_ASKED;
			return false;
		}
	}
	if (err == 0 &&
	    bind(s->fd, (const struct sockaddr *)&d->addr, d->len) == -1)
		err = errno;
	if (err == 0)
		bound_forget(s->ino);
	/* listen asks nobody about a name that was approved */
	if (err == 0 && d->decision == DECISION_APPROVE)
		(void)bound_new(s);
	*result = -err;
	return false;
}

/* Is the name still what it was when it was looked at? It changes once. */
static bool
is_same_name(const struct dest *a, const struct dest *b)
{
	return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
}

/* By the name that it has, whoever gave it that. 0, an errno, SOCKET_LOOK or
 * SOCKET_ASKED. */
static long
ask_listen(struct sock *s)
{
	char path[sizeof(struct sockaddr_un)];
	struct dest *d = &s->to, is;
	struct bound *b = NULL;
	int err = 0, r = get_name(s->fd, &is);

	if (r != 1)
		return r == 0 ? 0 : EACCES; /* the kernel refuses it itself */
	if (!s->looked || !is_same_name(&is, d))
		return SOCKET_LOOK;
	if (dest_is_path(d)) {
		dest_path(d, path);
		b = bound_find(s->ino, path);
	}
	if (b == NULL)
		b = bound_find(s->ino, NULL);
	if (b != NULL && look(b, s->fd) == -1) {
		if (b->pidfd != -1)
			punish(b);
		bound_free(b);
		return EACCES;
	}
	if (dest_is_abstract(d)) {
		dest_set_abstract(d);
	} else if (b != NULL) {
		memcpy(d->name, b->to.name, b->to.name_len + 1);
		d->name_len = b->to.name_len;
		settle(b);
	} else {
		err = d->error;
	}
	/* in a bind that went on the descriptor may have been another */
	if (err == 0 && b == NULL)
		err = dest_check(s, d, UNIX_OP_BIND);
	if (err == 0)
		err = dest_ask(s, d, UNIX_OP_LISTEN);
	return err == DEST_ASKED ? SOCKET_ASKED : err;
}

long
sockbind_listen(struct sock *s)
{
	long err = 0;

	if (s->domain == AF_UNIX)
		err = ask_listen(s);
	if (err == SOCKET_LOOK || err == SOCKET_ASKED)
		return err;
	if (err == 0 && listen(s->fd, (int)s->req.data.args[1]) == -1)
		err = errno;
	return -err;
}

void
sockbind_init(void)
{
	binds.timer = evtimer_new(execd.base, look_cb, NULL);
	if (binds.timer == NULL)
		fatalx("event");
}
