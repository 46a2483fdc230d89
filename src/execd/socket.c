/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on sockets, each from the question of the filter to its answer. All of
 * them are made here, of whatever family the socket is, because a call that is
 * let go on would read its address and look for its descriptor once more, in a
 * process that may change both. (The one exception is a bind to a path, see
 * sockbind.c.) Nothing here waits: what would block is tried again.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "log.h"
#include "notify.h"
#include "socket.h"
#include "supervise.h"

/* Calls that wait, half of them of one command; others get EAGAIN. */
#define SOCKETS_MAX 96
#define LOOKING_MAX 64 /* that are looked at; others wait in the kernel */
/* Until so few are: more than there are threads, so that looks which never end do
 * not keep others from being taken. */
#define LOOKING_RESUME (LOOKING_MAX * 7 / 8)
#define RETRY_MS 10
#define SHED_MS 1000 /* as long as a crowd has to last (crowd.c) */

_Static_assert(LOOKING_RESUME > LOOK_THREADS_MAX,
    "calls are taken again while all threads are stuck");

static struct {
	TAILQ_HEAD(socks, sock) waiting;
	size_t n;
	size_t nlooking; /* of these */
	bool full;
	struct event *timer;
	struct event *shed; /* while full */
} socks = { .waiting = TAILQ_HEAD_INITIALIZER(socks.waiting) };

static void
sock_free(struct sock *s)
{
	target_close(&s->t);
	if (s->pidfd != -1)
		close(s->pidfd);
	drop_fd(s->fd);
	if (s->asked)
		chan_forget(execd.p.peer[ROLE_FSD], s);
	dest_free(&s->to);
	socksend_free(&s->out);
	sockask_free(s->ask);
	free(s);
}

int
socket_take(const struct sock *s, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, s->pidfd, fd, 0);
}

/* Is our descriptor what the thread that asks has by that number? A thread can
 * have descriptors of its own, which are not those of its process. */
static bool
is_its_own(const struct sock *s, int fd)
{
	char name[24], want[40], is[40];
	ssize_t n;

	snprintf(name, sizeof(name), "fd/%d", fd);
	snprintf(want, sizeof(want), "socket:[%llu]",
	    (unsigned long long)s->ino);
	n = readlinkat(s->t.dir_fd, name, is, sizeof(is) - 1);
	if (n <= 0)
		return false;
	is[n] = '\0';
	return strcmp(is, want) == 0;
}

static int
get_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &len);
}

/* 0, or the errno of the call. */
static int
take_socket(struct sock *s)
{
	int fd = (int)s->req.data.args[0], flags;
	struct stat st;

	s->pidfd = (int)syscall(SYS_pidfd_open, s->t.tgid, 0);
	if (s->pidfd == -1)
		return EBADF;
	s->fd = fd < 0 ? -1 : socket_take(s, fd);
	if (s->fd == -1 || fstat(s->fd, &st) == -1)
		return EBADF;
	s->ino = st.st_ino;
	flags = fcntl(s->fd, F_GETFL);
	/* of O_PATH there is no socket either */
	if (flags == -1 || !S_ISSOCK(st.st_mode) || (flags & O_PATH) != 0 ||
	    get_option(s->fd, SO_DOMAIN, &s->domain) == -1 ||
	    get_option(s->fd, SO_TYPE, &s->type) == -1)
		return ENOTSOCK;
	if (!is_its_own(s, fd))
		return EBADF;
	s->nonblock = (flags & O_NONBLOCK) != 0;
	return 0;
}

/* How long the caller wants to be kept. */
static void
set_limit(struct sock *s)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) == 0 &&
	    (tv.tv_sec != 0 || tv.tv_usec != 0))
		s->until_us = clock_us() + (uint64_t)tv.tv_sec * 1000000 +
		    (uint64_t)tv.tv_usec;
}

/* In a thread. */
static void
look(struct look *l)
{
	struct sock *s = (void *)((char *)l - offsetof(struct sock, look));

	switch (s->req.data.nr) {
	case SYS_connect:
		s->look_error = dest_read(&s->to, &s->t, s->req.data.args[1],
		    (uint32_t)s->req.data.args[2]);
		if (s->look_error == 0)
			dest_look(s, &s->to);
		break;
	case SYS_bind:
	case SYS_listen:
		sockbind_look(s);
		break;
	default:
		socksend_look(s);
		break;
	}
}

static long
step(struct sock *s)
{
	switch (s->req.data.nr) {
	case SYS_connect:
		return sockconn_step(s);
	case SYS_listen:
		return sockbind_listen(s);
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return socksend_step(s);
	default:
		return -EPERM;
	}
}

static void
answer(const struct sock *s, long result)
{
	if (result < 0)
		notify_answer(s->req.id, (int)-result);
	else
		notify_return(s->req.id, result);
}

/* What a call returns that cannot go on: the messages that it has sent count. */
static long
failure(const struct sock *s, int error)
{
	return s->at > 0 ? (long)s->at : -(long)error;
}

static void
arm(void)
{
	static const struct timeval tv = { 0, RETRY_MS * 1000 };

	if (evtimer_add(socks.timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

static void
leave(struct sock *s)
{
	TAILQ_REMOVE(&socks.waiting, s, entry);
	socks.n--;
	sock_free(s);
}

/* Does its command keep the looks that are left for others? The memory, or the
 * directory, that it wants looked at does not answer, then. */
static bool
is_crowd(const struct sock *s)
{
	const struct sock *o;
	uint64_t since_us = clock_us();
	size_t own = 0, all = 0;

	TAILQ_FOREACH(o, &socks.waiting, entry) {
		if (!o->looking || o->shed)
			continue;
		all++;
		if (o->look.command != s->look.command)
			continue;
		own++;
		if (o->look_us < since_us)
			since_us = o->look_us;
	}
	return crowd_keeps(own, all, LOOKING_MAX, since_us);
}

/* One command never has more that wait than it leaves to others. */
static bool
is_too_many(const struct sock *s)
{
	const struct sock *o;
	size_t n = 0;

	TAILQ_FOREACH(o, &socks.waiting, entry) {
		if (!o->looking)
			n += 1 + (o->look.command == s->look.command);
	}
	return n > SOCKETS_MAX;
}

static void
arm_shed(void)
{
	struct timeval tv = clock_timeval(SHED_MS);

	if (evtimer_add(socks.shed, &tv) == -1)
		fatalx("a timer cannot be set");
}

/* No question is taken any more: a crowd may be why. Those that no thread has yet
 * are left out soon, as nobody asks (look.c). */
static void
shed_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sock *s;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH_REVERSE(s, &socks.waiting, socks, entry)
	{
		if (!s->looking || s->shed || !is_crowd(s))
			continue;
		answer(s, failure(s, EAGAIN));
		s->shed = true;
	}
	if (socks.full)
		arm_shed();
}

static void looked(struct look *);

/* false: it is answered. */
static bool
look_begin(struct sock *s)
{
	if (is_crowd(s)) {
		answer(s, failure(s, EAGAIN));
		return false;
	}
	s->looking = true;
	s->look_us = clock_us();
	s->look.run = look;
	s->look.done = looked;
	s->look.id = s->req.id;
	if (++socks.nlooking >= LOOKING_MAX && !socks.full) {
		socks.full = true;
		notify_pause();
		arm_shed();
	}
	look_start(&s->look);
	return true;
}

/* One that is in the list. */
static void
go_on(struct sock *s)
{
	long result = 0;

	if (s->req.data.nr == SYS_bind && s->looked) {
		/* it may be answered already */
		if (sockbind_bind(s, &result)) {
			leave(s);
			return;
		}
	} else {
		result = s->req.data.nr == SYS_bind ? SOCKET_LOOK : step(s);
	}
	if (result == SOCKET_LOOK) {
		if (!look_begin(s))
			leave(s);
		return;
	}
	if (result == SOCKET_WAIT && is_too_many(s))
		result = failure(s, EAGAIN);
	if (result == SOCKET_WAIT) {
		if (!evtimer_pending(socks.timer, NULL))
			arm();
		return;
	}
	if (result != SOCKET_ASKED)
		answer(s, result);
	leave(s);
}

static void
looked(struct look *l)
{
	struct sock *s = (void *)((char *)l - offsetof(struct sock, look));

	s->looking = false;
	s->looked = true;
	if (--socks.nlooking < LOOKING_RESUME && socks.full) {
		socks.full = false;
		notify_resume();
	}
	/* what was read may be of another who has its number now */
	if (l->left || !notify_is_valid(s->req.id))
		leave(s);
	else
		go_on(s);
}

/* The kernel says neither when a queue has room nor when who waits has died. */
static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sock *s, *next;

	(void)fd;
	(void)what;
	(void)arg;
	for (s = TAILQ_FIRST(&socks.waiting); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->looking)
			continue;
		if (!notify_is_valid(s->req.id))
			leave(s);
		else if (!s->asked)
			go_on(s);
	}
	if (socks.n > socks.nlooking)
		arm();
}

long
socket_ask_host(struct sock *s, enum unix_op op)
{
	struct chan *fsd = execd.p.peer[ROLE_FSD];
	struct msg_fs_socket m = { .op = op };
	uint32_t id;

	snprintf(m.path, sizeof(m.path), "%s", s->to.name);
	id = chan_request(fsd, s);
	if (id == 0)
		return -EAGAIN;
	s->asked = true;
	if (msg_send_fs_socket(fsd, id, &m, NULL) == -1)
		log_debug("fsd is gone");
	return SOCKET_WAIT;
}

/* What fsd was asked for: only these two lead to a socket of the host. */
static enum unix_op
host_op(const struct sock *s)
{
	return s->req.data.nr == SYS_connect ? UNIX_OP_CONNECT : UNIX_OP_SENDTO;
}

/* What the session itself has by that path, which is nothing, decides where the
 * host has nothing either. */
int
socket_on_fs_socket_failed(struct chan *ch, struct imsg *im)
{
	struct msg_fs_socket_failed m;
	struct sock *s = im->arg;
	int error;

	(void)ch;
	if (msg_get_fs_socket_failed(im, &m) == -1 || m.error == 0 ||
	    m.error > 4095)
		return -1;
	if (s == NULL)
		return 0;
	s->asked = s->for_host = false;
	error = (int)m.error;
	if (error == EACCES)
		dest_refuse(s, &s->to, host_op(s), "unix-socket-host",
		    "the host's path leads to what the rule does not name, or the user may not go there");
	else if (s->to.missing != 0)
		error = s->to.missing;
	else
		error = ECONNREFUSED;
	answer(s, failure(s, error));
	leave(s);
	return 0;
}

int
socket_on_fs_socket_opened(struct chan *ch, struct imsg *im)
{
	struct msg_fs_socket_opened m;
	struct sock *s = im->arg;
	struct dest *d;
	struct stat st;
	int error;

	(void)ch;
	if (msg_get_fs_socket_opened(im, &m) == -1 ||
	    fstat(im->fds[0], &st) == -1 || !S_ISSOCK(st.st_mode))
		return -1;
	if (s == NULL)
		return 0;
	s->asked = s->for_host = false;
	d = &s->to;
	dest_free(d);
	d->fd = imsg_take_fd(im, 0);
	d->st = st;
	d->real = strdup(m.path);
	if (d->real == NULL)
		fatal("a socket of the host");
	d->missing = 0;
	d->host = true;
	error = dest_find_host(s, d, host_op(s));
	if (error == 0) {
		go_on(s);
		return 0;
	}
	if (error != DEST_ASKED)
		answer(s, failure(s, error));
	leave(s);
	return 0;
}

long
socket_tell_bind(struct sock *s)
{
	struct chan *fsd = execd.p.peer[ROLE_FSD];
	struct msg_fs_bind m = { 0 };
	uint32_t id;

	snprintf(m.path, sizeof(m.path), "%s", s->to.name);
	id = chan_request(fsd, s);
	if (id == 0)
		return -EAGAIN;
	s->asked = true;
	if (msg_send_fs_bind(fsd, id, &m, NULL) == -1)
		log_debug("fsd is gone");
	return SOCKET_WAIT;
}

int
socket_on_fs_bind_noted(struct chan *ch, struct imsg *im)
{
	struct msg_fs_bind_noted m;
	struct sock *s = im->arg;
	long r;

	(void)ch;
	if (msg_get_fs_bind_noted(im, &m) == -1)
		return -1;
	if (s == NULL)
		return 0;
	s->asked = false;
	if (notify_is_valid(s->req.id)) {
		r = sockbind_let(s);
		if (r != 0)
			answer(s, r);
	}
	leave(s);
	return 0;
}

void
socket_asked(const struct seccomp_notif *req)
{
	socket_again(req, NULL, 0, false);
}

void
socket_again(const struct seccomp_notif *req, struct sockask *ask, unsigned at,
    bool for_host)
{
	struct sock *s = calloc(1, sizeof(*s));
	const struct command *c;
	int err;

	if (s == NULL)
		fatal("a call on a socket");
	s->req = *req;
	s->ask = ask;
	s->at = at;
	s->for_host = for_host;
	s->t.dir_fd = s->pidfd = s->fd = s->to.fd = -1;
	err = target_open(&s->t, (pid_t)req->pid) == -1 ? EACCES :
							  take_socket(s);
	/* what was taken may be of another who has its number now */
	if (err != 0 || !notify_is_valid(req->id)) {
		answer(s, failure(s, err != 0 ? err : ESRCH));
		sock_free(s);
		return;
	}
	c = lineage_command(&s->t);
	s->look.command = c != NULL ? c->number : 0;
	set_limit(s);
	TAILQ_INSERT_TAIL(&socks.waiting, s, entry);
	socks.n++;
	go_on(s);
}

const char *
socket_refuses(const struct image *im)
{
	if (image_has_unix_rules(im) && !execd.gate_open[FILTER_SOCKETS])
		return "unix_socket_rules: the session was made without any, and cannot take them";
	if (image_restricts_sendto(im) && !execd.gate_open[FILTER_SENDMSG])
		return "unix_socket_rules: the session was made with none that restricts sendto, and cannot take such";
	return NULL;
}

void
socket_init(void)
{
	socks.timer = evtimer_new(execd.base, retry_cb, NULL);
	socks.shed = evtimer_new(execd.base, shed_cb, NULL);
	if (socks.timer == NULL || socks.shed == NULL)
		fatalx("event");
	sockbind_init();
}
