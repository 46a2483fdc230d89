/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a client of the proxy, from its first byte on: CONNECT, the
 * absolute form of HTTP, SOCKS5, and what goes through a tunnel. In whatever
 * pieces it comes, nothing is connected to that was not decided to be allowed, and
 * what a client is told of as made was.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve.h"
#include "conn.h"
#include "ipport.h"
#include "names.h"
#include "netlog.h"

#define ALLOWED 64
#define TURNS 64

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int __real_connect(int, const struct sockaddr *, socklen_t);
int __wrap_connect(int, const struct sockaddr *, socklen_t);

static struct {
	struct event_base *base;
	struct nsess s;
	int listener, server; /* what is connected to, and who came last */
	struct sockaddr_in at;
	struct {
		uint8_t addr[16];
		uint16_t port;
	} allowed[ALLOWED]; /* by decide_connect, of this input */
	size_t nallowed;
} fz = { .listener = -1, .server = -1 };

static bool
ends_in_ok(const char *name)
{
	size_t len = name == NULL ? 0 : strlen(name);

	return len > 3 && strcmp(name + len - 3, ".ok") == 0;
}

static void
rule(bool allow, struct net_ruling *r)
{
	memset(r, 0, sizeof(*r));
	r->v.decision = r->said = allow ? DECISION_ALLOW : DECISION_DENY;
	r->v.rule_name = "rule";
	r->v.message = "{{.Host}}:{{.Port}}";
}

void
decide_name(const struct image *im, const char *name, struct net_ruling *r)
{
	(void)im;
	rule(ends_in_ok(name), r);
}

void
decide_connect(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *r)
{
	bool allow = (name != NULL ? ends_in_ok(name) : addr[15] >= 128) &&
	    port != 666;

	(void)im;
	rule(allow, r);
	if (!allow)
		return;
	if (fz.nallowed == ALLOWED)
		abort();
	memcpy(fz.allowed[fz.nallowed].addr, addr, 16);
	fz.allowed[fz.nallowed++].port = port;
}

const char *
addr_class(const uint8_t addr[16])
{
	(void)addr;
	return NULL;
}

size_t
names_of(struct names *n, const uint8_t addr[16], uint64_t now,
    const char *name[NAMES_OF_MAX])
{
	(void)n, (void)addr, (void)now, (void)name;
	return 0;
}

int
image_eval_redirect(const struct image *im, enum family f, const char *subject,
    struct verdict *v, struct redirect *r)
{
	(void)im, (void)f, (void)subject;
	memset(r, 0, sizeof(*r));
	memset(v, 0, sizeof(*v));
	v->decision = DECISION_ALLOW;
	v->rule_name = v->message = "";
	return 0;
}

void
nsess_fail(struct nsess *s, const char *fmt, ...)
{
	(void)s, (void)fmt;
	abort();
}

struct resolve_ask {
	struct event *ev;
	resolve_cb cb;
	void *arg;
	uint8_t last;
};

static void
resolve_ev(int fd, short ev, void *arg)
{
	struct resolve_ask *a = arg;
	uint8_t addr[1][16] = { { [10] = 0xff,
	    [11] = 0xff,
	    [12] = 203,
	    [14] = 113,
	    [15] = a->last } };

	(void)fd, (void)ev;
	a->cb(a->arg, (const uint8_t(*)[16])addr, a->last % 4 != 0);
	resolve_forget(a);
}

struct resolve_ask *
resolve_start(struct nsess *s, const char *name, resolve_cb cb, void *arg)
{
	static const struct timeval now;
	struct resolve_ask *a = calloc(1, sizeof(*a));

	/* proxies look nothing up that no rule allows */
	if (a == NULL || !ends_in_ok(name))
		abort();
	a->cb = cb;
	a->arg = arg;
	a->last = (uint8_t)name[0];
	a->ev = evtimer_new(s->base, resolve_ev, a);
	evtimer_add(a->ev, &now);
	return a;
}

void
resolve_forget(struct resolve_ask *a)
{
	event_free(a->ev);
	free(a);
}

struct approve_wait *
approve_ask(struct nsess *s, const struct approve_what *what, approve_cb cb,
    void *arg, struct msg_approval_answer *no)
{
	(void)s, (void)what, (void)cb, (void)arg, (void)no;
	abort();
}

void
approve_forget(struct approve_wait *w)
{
	if (w != NULL)
		abort();
}

struct whose_ask *
whose_ask(struct nsess *s, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport, whose_cb cb, void *arg)
{
	(void)s, (void)proto, (void)src, (void)sport, (void)dst, (void)dport;
	cb(arg, NULL);
	return NULL;
}

void
whose_forget(struct whose_ask *a)
{
	(void)a;
}

void
decide_own(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *r)
{
	decide_connect(im, name, addr, port, r);
}

bool
hostaddr_answers(const uint8_t addr[16])
{
	(void)addr;
	return false;
}

bool
whose_has(struct nsess *s, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport)
{
	(void)s, (void)proto, (void)src, (void)sport, (void)dst, (void)dport;
	return true;
}

int
netlog_limit(struct nsess *s, const char *reason, bool refused)
{
	(void)s, (void)reason, (void)refused;
	return 0;
}

int
dns_take(struct nsess *s, int fd, const struct conn_ends *e)
{
	(void)s, (void)fd, (void)e;
	abort();
}

int
netlog_connect(struct nsess *s, const struct net_connect_event *e)
{
	(void)s;
	if (e->ruling == NULL || e->ruling->v.rule_name == NULL)
		abort();
	/* made is only what was decided */
	if (e->allowed && e->error == NULL && fz.nallowed == 0)
		abort();
	return 0;
}

int
netlog_close(struct nsess *s, const struct net_connect_event *e)
{
	(void)s, (void)e;
	return 0;
}

int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_storage ss;
	uint8_t addr[16];
	uint16_t port;
	size_t i;

	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, sa, len);
	if (ipport_from_sockaddr(&ss, addr, &port) == -1)
		abort();
	for (i = 0; i < fz.nallowed; i++) {
		if (fz.allowed[i].port == port &&
		    memcmp(fz.allowed[i].addr, addr, sizeof(addr)) == 0)
			break;
	}
	if (i == fz.nallowed)
		abort();
	if (sa->sa_family != AF_INET) {
		errno = ECONNREFUSED;
		return -1;
	}
	return __real_connect(fd, (struct sockaddr *)&fz.at, sizeof(fz.at));
}

/* What came to whoever is there is read, and a little said. */
static void
turn(int client)
{
	static char rest[65536];
	int fd;

	(void)event_base_loop(fz.base, EVLOOP_NONBLOCK);
	fd = accept4(fz.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		if (fz.server != -1)
			abort(); /* a client has one server */
		fz.server = fd;
		(void)send(fd, "server\n", 7, MSG_NOSIGNAL);
	}
	if (fz.server != -1)
		(void)recv(fz.server, rest, sizeof(rest), MSG_DONTWAIT);
	(void)recv(client, rest, sizeof(rest), MSG_DONTWAIT);
}

static void
begin(void)
{
	socklen_t len = sizeof(fz.at);

	fz.base = event_base_new();
	fz.listener = socket(AF_INET,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fz.at.sin_family = AF_INET;
	fz.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fz.base == NULL || hello_init() == -1 ||
	    bind(fz.listener, (struct sockaddr *)&fz.at, sizeof(fz.at)) == -1 ||
	    listen(fz.listener, 16) == -1 ||
	    getsockname(fz.listener, (struct sockaddr *)&fz.at, &len) == -1)
		abort();
	fz.s.base = fz.base;
	fz.s.share = share_new(fz.base);
	if (fz.s.share == NULL)
		abort();
	fz.s.listener[NET_TCP4] = fz.s.listener[NET_TCP6] = -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conn_ends ends;
	struct linger now = { .l_onoff = 1 };
	size_t at = 1, piece;
	int pair[2], i;
	ssize_t n;

	if (size < 2)
		return 0;
	if (fz.base == NULL)
		begin();
	piece = data[0] % 8 == 0 ? 1 : (size_t)data[0] * 16;
	if (size > 4096 && piece < 16)
		piece = 16;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		pair) == -1 ||
	    tcp_start(&fz.s) == -1)
		abort();
	conn_start(fz.s.relays, pair[0], &ends, true);
	for (i = 0; at < size && i < 4096; i++) {
		n = send(pair[1], data + at,
		    size - at < piece ? size - at : piece, MSG_NOSIGNAL);
		if (n == -1 && errno != EAGAIN)
			break;
		at += n > 0 ? (size_t)n : 0;
		turn(pair[1]);
	}
	(void)shutdown(pair[1], SHUT_WR);
	for (i = 0; i < TURNS && fz.s.relays->n > 0; i++)
		turn(pair[1]);
	tcp_stop(&fz.s);
	close(pair[1]);
	if (fz.server != -1) {
		(void)setsockopt(fz.server, SOL_SOCKET, SO_LINGER, &now,
		    sizeof(now));
		close(fz.server);
	}
	fz.server = -1;
	fz.nallowed = 0;
	return 0;
}
