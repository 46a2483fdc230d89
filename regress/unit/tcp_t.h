/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd's connections alone: a worker's loop in a thread, and in the place of the
 * other parts, of the session's namespace and of the internet a few tables. What
 * is dialled at 127.1.0.N arrives as meant for 203.0.113.N, at the port of the
 * table, and what netd dials there goes to a server of the test. 127.2.x.y is
 * 198.18.x.y, at tt.held_port.
 */
#ifndef TCP_T_H
#define TCP_T_H

#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "approve.h"
#include "chan.h"
#include "clock.h"
#include "conn.h"
#include "dialunix.h"
#include "held.h"
#include "names.h"
#include "netlog.h"
#include "t.h"

#define HOSTS 256
#define EVENTS 4096

/* What is at 203.0.113.N. */
static struct {
	uint16_t port;	     /* that its clients mean */
	int server;	     /* listens */
	uint16_t real;	     /* port of the server */
	const char *name[3]; /* that its address was given for */
	const char *also;    /* of which a look-up says it */
} host[HOSTS];

struct seen {
	bool allowed;
	char domain[256], sni[256], http[256], reason[64], rule[64], error[64],
	    redirected[256], redirected_unix[256], alpn[64];
	uint32_t pid;
	uint64_t sent, received;
};

static struct {
	struct event_base *base;
	struct nsess s;
	pthread_t thread;
	int control[2];
	uint16_t port, proxy_port, held_port;
	int proxy_fd;
	pthread_mutex_t lock;
	size_t nevents, looked; /* looked: those that the test has seen */
	struct seen event[EVENTS];
	atomic_int made; /* connections that are told of, and not their end */
	bool fail_log, owner_later, failed;
	atomic_bool client_there;
	/* of connect_redirects */
	/* of approvals: what is said when the test lets it be said */
	struct chan *execd; /* what it hears; the test's thread */
	uint32_t wanted;    /* request of a socket of the host */
	int given;	    /* the other end of netd's for it */
	char path[256];
	atomic_int asked, say, lookups;
	/* what was told of limits, under lock */
	int nlimits;
	char limit[64];
	bool refused;
	atomic_bool dns_full;
	char place[256];
	const char *redirect_from, *redirect_to, *redirect_unix;
	uint32_t redirect_tell, redirect_fail;
	/* of an address that turns out to be the host's; 0: it is denied */
	enum decision own;
} tt = { .lock = PTHREAD_MUTEX_INITIALIZER, .given = -1 };

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	0xff };

int __real_getsockname(int, struct sockaddr *, socklen_t *);
int __wrap_getsockname(int, struct sockaddr *, socklen_t *);
int __real_connect(int, const struct sockaddr *, socklen_t);
int __wrap_connect(int, const struct sockaddr *, socklen_t);

int
__wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)sa;
	int r = __real_getsockname(fd, sa, len);
	uint32_t a = ntohl(in->sin_addr.s_addr);

	if (r == 0 && a >> 16 == 0x7f02) {
		in->sin_addr.s_addr = htonl(0xc6120000 | (a & 0xffff));
		in->sin_port = htons(tt.held_port);
	}
	if (r == 0 && a >> 16 == 0x7f01) {
		in->sin_addr.s_addr = htonl(0xcb007100 | (a & 0xff));
		in->sin_port = htons(host[a & 0xff].port);
	}
	return r;
}

int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in in;
	uint32_t a;

	memcpy(&in, sa, sizeof(in));
	a = ntohl(in.sin_addr.s_addr);
	if (a >> 8 != 0xcb0071)
		return __real_connect(fd, sa, len);
	if (host[a & 0xff].port != ntohs(in.sin_port)) {
		errno = ECONNREFUSED;
		return -1;
	}
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(host[a & 0xff].real);
	return __real_connect(fd, (struct sockaddr *)&in, sizeof(in));
}

size_t
names_of(struct names *n, const uint8_t addr[16], uint64_t now,
    const char *name[NAMES_OF_MAX])
{
	size_t i;

	(void)n, (void)now;
	for (i = 0; i < 3 && host[addr[15]].name[i] != NULL; i++)
		name[i] = host[addr[15]].name[i];
	return i;
}

/* Names that end with .ok are allowed, addresses from .200 on as well; those that
 * end with .ask are to be approved, and without a name addresses from .190 on. */
static void
rule(bool allow, struct net_ruling *r)
{
	memset(r, 0, sizeof(*r));
	r->v.decision = allow ? DECISION_ALLOW : DECISION_DENY;
	r->said = r->v.decision;
	r->v.rule_name = allow ? "the-ok" : "the-rest";
	r->v.message = allow ? "" : "ask somebody about {{.Host}}:{{.Port}}";
}

void
decide_name(const struct image *im, const char *name, struct net_ruling *r)
{
	size_t len = name == NULL ? 0 : strlen(name);

	(void)im;
	rule(len > 3 && strcmp(name + len - 3, ".ok") == 0, r);
	if (len > 4 && strcmp(name + len - 4, ".ask") == 0) {
		rule(true, r);
		r->said = DECISION_APPROVE;
	}
}

void
decide_connect(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *r)
{
	size_t len = name == NULL ? 0 : strlen(name);

	decide_name(im, name, r);
	if (len > 4 ? strcmp(name + len - 4, ".ask") == 0 :
		      name == NULL && addr[15] >= 190) {
		rule(true, r);
		r->v.decision = r->said = DECISION_APPROVE;
	}
	if (addr[12] == 198)
		rule(false, r);
	if (addr[15] >= 200 && (name == NULL || strstr(name, "bad") == NULL))
		rule(true, r);
	if (port == 666)
		rule(false, r);
}

void
decide_own(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *r)
{
	(void)im, (void)name, (void)addr, (void)port;
	rule(tt.own != 0, r);
	if (tt.own == DECISION_APPROVE)
		r->v.decision = r->said = DECISION_APPROVE;
}

bool
hostaddr_answers(const uint8_t addr[16])
{
	return addr[15] == 67;
}

const char *
addr_class(const uint8_t addr[16])
{
	return addr[15] == 66 ? "private" : NULL;
}

int
image_eval_redirect(const struct image *im, enum family f, const char *subject,
    struct verdict *v, struct redirect *r)
{
	bool is = tt.redirect_from != NULL &&
	    strcmp(subject, tt.redirect_from) == 0;

	(void)im, (void)f;
	memset(r, 0, sizeof(*r));
	memset(v, 0, sizeof(*v));
	v->decision = is ? DECISION_REDIRECT : DECISION_ALLOW;
	v->rule_name = "the-redirect";
	v->message = "elsewhere";
	r->to = is && tt.redirect_unix == NULL ? tt.redirect_to : "";
	r->to_unix = is && tt.redirect_unix != NULL ? tt.redirect_unix : "";
	r->sni = "";
	r->tell = tt.redirect_tell;
	r->fail = tt.redirect_fail;
	return 0;
}

void
nsess_fail(struct nsess *s, const char *fmt, ...)
{
	(void)s, (void)fmt;
	tt.failed = true;
}

struct resolve_ask {
	struct event *ev;
	resolve_cb cb;
	void *arg;
	char name[256];
};

static void
resolve_ev(int fd, short ev, void *arg)
{
	struct resolve_ask *a = arg;
	uint8_t addr[RESOLVE_MAX][16];
	size_t i, j, n = 0;

	(void)fd, (void)ev;
	for (i = 0; i < HOSTS && n < RESOLVE_MAX; i++) {
		bool is = host[i].also != NULL &&
		    strcmp(host[i].also, a->name) == 0;

		for (j = 0; j < 3 && host[i].name[j] != NULL; j++)
			is |= strcmp(host[i].name[j], a->name) == 0;
		if (!is)
			continue;
		memcpy(addr[n], v4_prefix, sizeof(v4_prefix));
		addr[n][12] = 203;
		addr[n][13] = 0;
		addr[n][14] = 113;
		addr[n++][15] = (uint8_t)i;
	}
	a->cb(a->arg, (const uint8_t(*)[16])addr, n);
	event_free(a->ev);
	free(a);
}

struct resolve_ask *
resolve_start(struct nsess *s, const char *name, resolve_cb cb, void *arg)
{
	struct resolve_ask *a;
	struct timeval tv = { 0, 1000 };

	if (strcmp(name, "toomany.ok") == 0)
		return NULL;
	a = calloc(1, sizeof(*a));
	a->cb = cb;
	a->arg = arg;
	tt.lookups++;
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->ev = evtimer_new(s->base, resolve_ev, a);
	evtimer_add(a->ev, &tv);
	return a;
}

void
resolve_forget(struct resolve_ask *a)
{
	event_free(a->ev);
	free(a);
}

#include "tcp_approve_t.h"

struct whose_ask {
	struct event *ev;
	whose_cb cb;
	void *arg;
};

static void
whose_ev(int fd, short ev, void *arg)
{
	static const struct owner owner = { .pid = 7, .command = "cmd-1" };
	struct whose_ask *a = arg;

	(void)fd, (void)ev;
	a->cb(a->arg, &owner);
	event_free(a->ev);
	free(a);
}

struct whose_ask *
whose_ask(struct nsess *s, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport, whose_cb cb, void *arg)
{
	struct whose_ask *a;
	struct timeval tv = { 0, 20000 };

	(void)proto, (void)src, (void)sport, (void)dst, (void)dport;
	if (!tt.owner_later) {
		cb(arg, NULL);
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	a->cb = cb;
	a->arg = arg;
	a->ev = evtimer_new(s->base, whose_ev, a);
	evtimer_add(a->ev, &tv);
	return a;
}

bool
whose_has(struct nsess *s, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport)
{
	(void)s, (void)proto, (void)src, (void)sport, (void)dst, (void)dport;
	return tt.client_there;
}

void
whose_forget(struct whose_ask *a)
{
	event_free(a->ev);
	free(a);
}

int
dns_take(struct nsess *s, int fd, const struct conn_ends *e)
{
	(void)s, (void)e;
	if (write(fd, "DNS", 3) != 3)
		abort();
	close(fd);
	return tt.dns_full ? -1 : 0;
}

int
netlog_limit(struct nsess *s, const char *reason, bool refused)
{
	(void)s;
	pthread_mutex_lock(&tt.lock);
	tt.nlimits++;
	tt.refused = refused;
	snprintf(tt.limit, sizeof(tt.limit), "%s", reason);
	pthread_mutex_unlock(&tt.lock);
	return 0;
}

static void
copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from == NULL ? "" : from);
}

/* How each ended is an event of the test. */
static int
ends(struct nsess *s, const struct net_connect_event *e)
{
	struct seen *n;

	(void)s;
	if (tt.fail_log)
		return -1;
	pthread_mutex_lock(&tt.lock);
	if (tt.nevents == EVENTS)
		abort();
	n = &tt.event[tt.nevents++];
	memset(n, 0, sizeof(*n));
	n->allowed = e->allowed;
	copy(n->domain, sizeof(n->domain), e->domain);
	copy(n->sni, sizeof(n->sni), e->sni);
	copy(n->alpn, sizeof(n->alpn), e->alpn);
	copy(n->http, sizeof(n->http), e->host);
	copy(n->reason, sizeof(n->reason), e->ruling->reason);
	copy(n->rule, sizeof(n->rule), e->ruling->v.rule_name);
	copy(n->error, sizeof(n->error), e->error);
	copy(n->redirected, sizeof(n->redirected), e->redirected);
	copy(n->redirected_unix, sizeof(n->redirected_unix),
	    e->redirected_unix);
	n->pid = e->owner == NULL ? 0 : e->owner->pid;
	n->sent = e->bytes_sent;
	n->received = e->bytes_received;
	pthread_mutex_unlock(&tt.lock);
	return 0;
}

int
netlog_connect(struct nsess *s, const struct net_connect_event *e)
{
	if (!e->allowed || e->error != NULL)
		return ends(s, e);
	tt.made++;
	return tt.fail_log ? -1 : 0;
}

int
netlog_close(struct nsess *s, const struct net_connect_event *e)
{
	tt.made--;
	/* a refusal was told of */
	return e->allowed ? ends(s, e) : 0;
}

#include "tcp_execd_t.h"

static size_t
events(void)
{
	size_t n;

	pthread_mutex_lock(&tt.lock);
	n = tt.nevents;
	pthread_mutex_unlock(&tt.lock);
	return n;
}

/* The next event, for which it waits. */
static struct seen
next_event(void)
{
	static const struct seen none = { .reason = "no event came" };
	int i;

	for (i = 0; i < 10000 && events() <= tt.looked; i++)
		usleep(1000);
	return i == 10000 ? none : tt.event[tt.looked++];
}

static int
listen_at(uint32_t addr, uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(addr);
	if (fd == -1 || bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    listen(fd, 1024) == -1 ||
	    __real_getsockname(fd, (struct sockaddr *)&in, &len) == -1)
		abort();
	*port = ntohs(in.sin_port);
	return fd;
}

/* A server at 203.0.113.n. */
static void
serve(int n, uint16_t port, const char *name, const char *name2)
{
	if (host[n].server > 0)
		close(host[n].server);
	host[n].server = listen_at(INADDR_LOOPBACK, &host[n].real);
	host[n].port = port;
	host[n].name[0] = name;
	host[n].name[1] = name2;
	host[n].also = NULL;
}

static int
dial_at(uint32_t addr, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct timeval tv = { 10, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(addr);
	in.sin_port = htons(port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (__real_connect(fd, (struct sockaddr *)&in, sizeof(in)) == -1)
		abort();
	return fd;
}

/* A client in the session that dials 203.0.113.n. */
static int
client_of(int n)
{
	return dial_at(0x7f010000 | (uint32_t)n, tt.port);
}

/* The connection that came to the server at n, or -1: none does. */
static int
arrived(int n, int timeout_ms)
{
	struct pollfd p = { .fd = host[n].server, .events = POLLIN };
	struct timeval tv = { 10, 0 };
	int fd;

	if (poll(&p, 1, timeout_ms) != 1)
		return -1;
	fd = accept4(host[n].server, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return fd;
}

static void
put(int fd, const void *p, size_t len)
{
	CHECK_INT(send(fd, p, len, MSG_NOSIGNAL), len);
}

static void
say(int fd, const char *text)
{
	put(fd, text, strlen(text));
}

/* Reads exactly this. */
static void
hears(int fd, const char *want)
{
	char text[8192];
	size_t len = 0, n = strlen(want);
	ssize_t r = 1;

	while (len < n && r > 0) {
		r = recv(fd, text + len, n - len, 0);
		len += r > 0 ? (size_t)r : 0;
	}
	text[len] = '\0';
	CHECK_STR(text, want);
}

/* Reads until the end: 0, or -1 for one with an error. text may be NULL. */
static int
rest_of(int fd, char *text, size_t size)
{
	static char sink[65536];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = text == NULL ? recv(fd, sink, sizeof(sink), 0) :
				   recv(fd, text + len, size - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (text != NULL)
		text[len] = '\0';
	return (int)n;
}

static bool
is_reset(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == -1 && errno == ECONNRESET;
}

static void
control_cb(int fd, short ev, void *arg)
{
	char c = '\0';

	(void)ev, (void)arg;
	if (read(fd, &c, 1) != 1 || c == 'q') {
		tcp_stop(&tt.s);
		event_base_loopbreak(tt.base);
	}
}

static void *
loop(void *arg)
{
	struct event *ev = event_new(tt.base, tt.control[0],
	    EV_READ | EV_PERSIST, control_cb, NULL);

	(void)arg;
	event_add(ev, NULL);
	if (tcp_start(&tt.s) == -1 || tcp_proxy(&tt.s, tt.proxy_fd) == -1)
		abort();
	event_base_dispatch(tt.base);
	event_free(ev);
	return NULL;
}

static void
start_worker(void)
{
	struct rlimit files;

	/* four descriptors for each of many connections */
	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		abort();
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		abort();
	if (hello_init() == -1 || pipe(tt.control) == -1)
		abort();
	tt.base = event_base_new();
	tt.s.base = tt.base;
	tt.s.steer = STEER_TPROXY;
	tt.s.share = share_new(tt.base);
	tt.s.listener[NET_TCP4] = listen_at(INADDR_ANY, &tt.port);
	tt.s.listener[NET_TCP6] = -1;
	evutil_make_socket_nonblocking(tt.s.listener[NET_TCP4]);
	tt.proxy_fd = listen_at(INADDR_LOOPBACK, &tt.proxy_port);
	evutil_make_socket_nonblocking(tt.proxy_fd);
	start_execd();
	if ((tt.s.held = held_new()) == NULL)
		abort();
	tcp_limits.speak_ms = 50;
	if (pthread_create(&tt.thread, NULL, loop, NULL) != 0)
		abort();
}

static void
stop_worker(void)
{
	if (write(tt.control[1], "q", 1) != 1)
		abort();
	pthread_join(tt.thread, NULL);
	held_free(tt.s.held);
	chan_free(tt.s.execd);
	chan_free(tt.execd);
	close(tt.s.listener[NET_TCP4]);
	close(tt.proxy_fd);
	share_free(tt.s.share);
	event_base_free(tt.base);
}

/* A connection comes to the server at n, which ends it. */
static inline bool
served(int n, int timeout_ms)
{
	int s = arrived(n, timeout_ms);

	if (s != -1)
		close(s);
	return s != -1;
}

/* What a client of TLS says first. */
static inline size_t
hello_of(const char *sni, bool ech, uint8_t *to, size_t size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl;
	int n;

	if (ech)
		SSL_CTX_add_custom_ext(ctx, 0xfe0d, SSL_EXT_CLIENT_HELLO, NULL,
		    NULL, NULL, NULL, NULL);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, in, out);
	if (sni != NULL)
		SSL_set_tlsext_host_name(ssl, sni);
	SSL_set_alpn_protos(ssl, (const unsigned char *)"\002h2", 3);
	SSL_set_connect_state(ssl);
	SSL_do_handshake(ssl);
	n = BIO_read(out, to, (int)size);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return n < 0 ? 0 : (size_t)n;
}

#endif
