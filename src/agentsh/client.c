/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's sockets: connecting, sending and reading at the same time, for
 * a server may answer before it has read the whole request.
 */

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "ws.h"

/* For poll(2); deadline 0 is never. */
static int
ms_left(uint64_t deadline)
{
	uint64_t now = clock_ms();

	if (deadline == 0)
		return -1;
	if (now >= deadline)
		return 0;
	return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

static bool
is_absent(int error)
{
	return error == ECONNREFUSED || error == ENOENT || error == ENOTDIR;
}

/* 0, or -1 with errno. */
static int
connect_fd(int fd, const struct sockaddr *sa, socklen_t len, uint64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	struct timespec pause = { .tv_nsec = 10000000 };
	socklen_t elen = sizeof(int);
	int error;

	while (connect(fd, sa, len) == -1) {
		if (errno == EINPROGRESS)
			break;
		/* a unix socket's queue is full: it cannot be waited for */
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (ms_left(deadline) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	switch (poll(&pfd, 1, ms_left(deadline))) {
	case -1:
		return -1;
	case 0:
		errno = ETIMEDOUT;
		return -1;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &elen) == -1)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
connect_unix(const struct server *s, uint64_t deadline)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd, saved;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", s->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect_fd(fd, (struct sockaddr *)&sun, sizeof(sun), deadline) ==
	    -1)
		goto fail;
	if (s->own) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
			goto fail;
		if (cred.uid != geteuid()) {
			errno = EPERM;
			goto fail;
		}
	}
	return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
connect_tcp(const struct server *s, uint64_t deadline, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *res, *ai;
	int fd = -1, error, saved = ECONNREFUSED;

	error = getaddrinfo(s->host, s->port, &hints, &res);
	if (error != 0) {
		*why = gai_strerror(error);
		errno = EINVAL;
		return -1;
	}
	for (ai = res; ai != NULL; ai = ai->ai_next) {
		fd = socket(ai->ai_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd == -1) {
			saved = errno;
			continue;
		}
		if (connect_fd(fd, ai->ai_addr, ai->ai_addrlen, deadline) == 0)
			break;
		saved = errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(res);
	errno = saved;
	return fd;
}

enum client_result
client_connect(const struct server *s, uint64_t deadline, int *fd,
    struct client_error *e)
{
	const char *why = NULL;
	uint64_t limit = clock_ms() + CLIENT_CONNECT_MS;
	int error;

	if (deadline == 0 || deadline > limit)
		deadline = limit;
	*fd = s->tcp ? connect_tcp(s, deadline, &why) :
		       connect_unix(s, deadline);
	if (*fd != -1)
		return CLIENT_OK;
	error = errno;
	if (why == NULL && error == EPERM && s->own)
		why = "the server there is not yours";
	if (why == NULL)
		why = strerror(error);
	snprintf(e->text, sizeof(e->text), "cannot reach the server at %s: %s",
	    s->name, why);
	return is_absent(error) ? CLIENT_UNREACHABLE : CLIENT_FAILED;
}

static int
put_request(struct buf *b, const struct server *s, const char *method,
    const char *path, const void *body, size_t len)
{
	char head[1024];
	int n;

	n = snprintf(head, sizeof(head),
	    " HTTP/1.1\r\nHost: %s\r\nUser-Agent: agentsh/" PACKAGE_VERSION
	    "\r\nAccept: application/json\r\nConnection: close\r\n",
	    s->tcp ? s->name + strlen("http://") : "localhost");
	if (n < 0 || (size_t)n >= sizeof(head))
		return -1;
	buf_put(b, method, strlen(method));
	buf_put(b, " ", 1);
	buf_put(b, path, strlen(path));
	buf_put(b, head, (size_t)n);
	if (body != NULL) {
		n = snprintf(head, sizeof(head),
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n",
		    len);
		buf_put(b, head, (size_t)n);
	} else if (strcmp(method, "POST") == 0)
		buf_put(b, "Content-Length: 0\r\n", 19);
	buf_put(b, "\r\n", 2);
	if (body != NULL)
		buf_put(b, body, len);
	return b->bad ? -1 : 0;
}

/* 1 reply is whole, 0 go on, -1 over: *why is set */
static int
read_some(int fd, struct hr *h, const char **why)
{
	static char data[65536];
	ssize_t n;

	n = recv(fd, data, sizeof(data), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		*why = n == 0 ?
		    "the connection was closed before the answer was whole" :
		    strerror(errno);
		return -1;
	}
	switch (hr_feed(h, data, (size_t)n)) {
	case 0:
		return 0;
	case 1:
		return 1;
	}
	*why = h->err;
	return -1;
}

static int
exchange(int fd, uint64_t deadline, struct buf *req, struct hr *h,
    const char **why)
{
	struct pollfd pfd = { .fd = fd };
	ssize_t n;
	int r;

	for (;;) {
		pfd.events = buf_left(req) > 0 ? POLLIN | POLLOUT : POLLIN;
		r = poll(&pfd, 1, ms_left(deadline));
		if (r == -1 && errno != EINTR) {
			*why = strerror(errno);
			return -1;
		}
		if (r == 0) {
			*why =
			    "no answer in the time allowed (--client-timeout)";
			return -1;
		}
		if (r == -1)
			continue;
		if (pfd.revents & POLLOUT) {
			n = send(fd, req->data + req->pos, buf_left(req),
			    MSG_NOSIGNAL);
			if (n > 0)
				req->pos += (size_t)n;
			else if (n == -1 && errno != EAGAIN && errno != EINTR)
				/* it may have said why before it closed */
				req->pos = req->len;
		}
		if (pfd.revents & (POLLIN | POLLHUP | POLLERR)) {
			r = read_some(fd, h, why);
			if (r != 0)
				return r == 1 ? 0 : -1;
		}
	}
}

static enum client_result
request(const struct server *s, uint64_t deadline, const char *method,
    const char *path, const void *body, size_t len, struct hr *h,
    struct client_error *e)
{
	enum client_result r;
	struct buf req;
	const char *why = "out of memory";
	int fd;

	r = client_connect(s, deadline, &fd, e);
	if (r != CLIENT_OK)
		return r;
	buf_init(&req, len + 65536);
	if (put_request(&req, s, method, path, body, len) == -1 ||
	    exchange(fd, deadline, &req, h, &why) == -1) {
		e->text[0] = '\0';
		if (why != NULL)
			snprintf(e->text, sizeof(e->text),
			    "no good answer from %s: %s", s->name, why);
		r = CLIENT_FAILED;
	}
	buf_free(&req);
	close(fd);
	return r;
}

enum client_result
client_request(const struct server *s, uint64_t deadline, const char *method,
    const char *path, const void *body, size_t len, struct hr *h,
    struct client_error *e)
{
	hr_init(h, CLIENT_MAX_BODY);
	return request(s, deadline, method, path, body, len, h, e);
}

enum client_result
client_events(const struct server *s, uint64_t deadline, const char *path,
    const void *body, size_t len, int (*take)(void *arg, const void *, size_t),
    void *arg, struct hr *h, struct client_error *e)
{
	hr_init(h, CLIENT_MAX_BODY);
	h->events = take;
	h->arg = arg;
	return request(s, deadline, "POST", path, body, len, h, e);
}

/* The head of the reply, and nothing behind it. 0, or -1: *why is set. */
static int
read_head(int fd, uint64_t deadline, char *head, size_t size, const char **why)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	*why = "the answer's head is too long";
	while (len + 1 < size) {
		n = recv(fd, head + len, 1, 0);
		if (n == -1 && errno == EAGAIN) {
			if (poll(&pfd, 1, ms_left(deadline)) == 0) {
				*why = "no answer in the time allowed "
				       "(--client-timeout)";
				return -1;
			}
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			*why = n == 0 ? "the connection was closed" :
					strerror(errno);
			return -1;
		}
		head[++len] = '\0';
		if (len >= 4 && strcmp(head + len - 4, "\r\n\r\n") == 0)
			return 0;
	}
	return -1;
}

/* Did the server understand, and not merely echo? */
static bool
is_accepted(const char *head, const char *key)
{
	static const char name[] = "\r\nsec-websocket-accept:";
	char accept[WS_ACCEPT_LEN + 1];
	const char *p = strcasestr(head, name);

	if (p == NULL)
		return false;
	p += strlen(name);
	p += strspn(p, " \t");
	ws_accept(accept, key);
	return strncmp(p, accept, WS_ACCEPT_LEN) == 0 &&
	    strcspn(p + WS_ACCEPT_LEN, "\r") == 0;
}

/* After the request: 1 the socket is a WebSocket, 0 the reply is in h. */
static int
shake_hands(int fd, uint64_t deadline, struct buf *req, const char *key,
    struct hr *h, const char **why)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	char head[HR_MAX_LINE];
	struct buf none;
	ssize_t n;

	while (buf_left(req) > 0) {
		n = send(fd, req->data + req->pos, buf_left(req), MSG_NOSIGNAL);
		if (n > 0)
			req->pos += (size_t)n;
		else if ((errno != EAGAIN && errno != EINTR) ||
		    poll(&pfd, 1, ms_left(deadline)) == 0) {
			*why = "the request cannot be sent";
			return -1;
		}
	}
	if (read_head(fd, deadline, head, sizeof(head), why) == -1)
		return -1;
	if (strncmp(head, "HTTP/1.1 101 ", 13) == 0) {
		if (is_accepted(head, key))
			return 1;
		*why = "it is no WebSocket";
		return -1;
	}
	switch (hr_feed(h, head, strlen(head))) {
	case 0:
		buf_init(&none, 1);
		return exchange(fd, deadline, &none, h, why);
	case 1:
		return 0;
	}
	*why = h->err;
	return -1;
}

enum client_result
client_websocket(const struct server *s, uint64_t deadline, const char *path,
    int *fd, struct hr *h, struct client_error *e)
{
	char head[1024], key[WS_KEY_LEN + 1];
	enum client_result r;
	const char *why = "no random numbers";
	struct buf req;
	uint8_t random[16];
	int sock, n, done = -1;

	*fd = -1;
	hr_init(h, CLIENT_MAX_BODY);
	r = client_connect(s, deadline, &sock, e);
	if (r != CLIENT_OK)
		return r;
	buf_init(&req, 65536);
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		goto out;
	ws_key(key, random);
	n = snprintf(head, sizeof(head),
	    " HTTP/1.1\r\nHost: %s\r\nUser-Agent: agentsh/" PACKAGE_VERSION
	    "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
	    s->tcp ? s->name + strlen("http://") : "localhost", key);
	buf_put(&req, "GET ", 4);
	buf_put(&req, path, strlen(path));
	buf_put(&req, head, (size_t)n);
	if (!req.bad && n > 0 && (size_t)n < sizeof(head))
		done = shake_hands(sock, deadline, &req, key, h, &why);
out:
	if (done == -1) {
		snprintf(e->text, sizeof(e->text), "no good answer from %s: %s",
		    s->name, why);
		r = CLIENT_FAILED;
	}
	buf_free(&req);
	if (done == 1)
		*fd = sock;
	else
		close(sock);
	return r;
}
