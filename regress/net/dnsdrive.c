/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name server of a session without the session: on loopback, with decisions
 * of its arguments, and its events on standard output.
 *
 *	dnsdrive [-4] [-i ms] [-l length] [-n names] [-q rate] [-t ms] [-w ms] SERVERS RULE...
 *
 * RULE: "allow NAME", "deny NAME", "denyall", "approve NAME", where NAME may be
 * "*.suffix"; the first that matches is obeyed. "redirect NAME ADDR TELL FAIL";
 * "unredirected": none behind it counts; "refuse ADDR" for an address that may not
 * be answered. The ports come first, "ports UDP4 UDP6 TCP"; a line "bound ADDR" on
 * standard input is answered with names, "resolve NAME" with addresses. From a line
 * "without" on the first two rules are none; "owned": it is known now whose all is
 * that was asked.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/netd/dns.h"
#include "../../src/netd/held.h"
#include "../../src/netd/names.h"
#include "../../src/netd/netlog.h"
#include "../../src/netd/reach.h"
#include "../../src/netd/resolve.h"
#include "clock.h"
#include "ipport.h"

static struct nsess sess;
static struct dns_conf conf;
static char **rules;
static int nrules;
static unsigned delay; /* each second owner is found later */
static unsigned owner_ms = 1;

struct whose_ask {
	TAILQ_ENTRY(whose_ask) entry;
	struct event *timer;
	whose_cb cb;
	void *arg;
};

static TAILQ_HEAD(, whose_ask) asks = TAILQ_HEAD_INITIALIZER(asks);

static bool
name_matches(const char *pattern, const char *name)
{
	size_t n = strlen(name), m;

	if (pattern[0] != '*')
		return strcmp(pattern, name) == 0;
	m = strlen(pattern) - 1;
	return n > m && strcmp(name + n - m, pattern + 1) == 0;
}

void
decide_name(const struct image *im, const char *name, struct net_ruling *r)
{
	char word[16], pattern[300];
	int i;

	(void)im;
	memset(r, 0, sizeof(*r));
	r->v.rule = UINT32_MAX;
	r->v.rule_name = "default";
	r->v.message = "";
	for (i = 0; i < nrules; i++) {
		pattern[0] = '\0';
		if (sscanf(rules[i], "%15s %299s", word, pattern) < 1)
			continue;
		if (strcmp(word, "denyall") != 0 &&
		    ((strcmp(word, "allow") != 0 && strcmp(word, "deny") != 0 &&
			 strcmp(word, "approve") != 0) ||
			!name_matches(pattern, name)))
			continue;
		r->v.rule = (uint32_t)i;
		r->v.rule_name = rules[i];
		r->v.message = "{{.Host}}: no";
		r->v.decision = word[1] == 'l' ? DECISION_ALLOW :
		    word[1] == 'p'	       ? DECISION_APPROVE :
						 DECISION_DENY;
		/* as decide.c: it is the connection that is approved */
		r->said = r->v.decision;
		if (r->said == DECISION_APPROVE)
			r->v.decision = DECISION_ALLOW;
		return;
	}
}

void
decide_answer(const struct image *im, const char *name, const uint8_t addr[16],
    struct net_ruling *r)
{
	uint8_t no[16];
	uint16_t port;
	int i;

	decide_name(im, name, r);
	for (i = 0; i < nrules; i++) {
		if (strncmp(rules[i], "refuse ", 7) != 0 ||
		    ipport_parse(rules[i] + 7, no, &port) == -1 ||
		    memcmp(no, addr, 16) != 0)
			continue;
		r->v.decision = DECISION_DENY;
		r->reason = "refused-class";
	}
}

/* All but 2001:db8:dead::/48. */
bool
reach_has_route(const uint8_t addr[16])
{
	return addr[4] != 0xde || addr[5] != 0xad;
}

int
image_eval_redirect(const struct image *im, enum family family,
    const char *subject, struct verdict *v, struct redirect *to)
{
	char pattern[300], addr[100];
	uint16_t port;
	int i;

	(void)im;
	memset(to, 0, sizeof(*to));
	memset(v, 0, sizeof(*v));
	if (family != FAMILY_DNS)
		return -1;
	for (i = 0; i < nrules; i++) {
		if (strcmp(rules[i], "unredirected") == 0)
			break;
		if (strcmp(rules[i], "broken") == 0)
			return -1;
		if (sscanf(rules[i], "redirect %299s %99s %u %u", pattern, addr,
			&to->tell, &to->fail) != 4 ||
		    !name_matches(pattern, subject))
			continue;
		v->decision = DECISION_REDIRECT;
		v->rule_name = "redirected";
		v->message = "";
		return ipport_parse(addr, to->addr, &port);
	}
	v->decision = DECISION_ALLOW;
	return 0;
}

int
netlog_query(struct nsess *s, const struct net_query_event *e)
{
	size_t i;

	(void)s;
	if (strcmp(e->name, "unloggable.test") == 0)
		return -1;
	printf("event %s %s %s", e->allowed ? "allowed" : "denied", e->name,
	    e->type);
	printf(" rule=%s", e->ruling->v.rule_name);
	if (e->ruling->reason != NULL)
		printf(" reason=%s", e->ruling->reason);
	if (e->error != NULL)
		printf(" error=%s", e->error);
	if (e->redirected != NULL)
		printf(" redirected=%s", e->redirected);
	for (i = 0; i < e->nanswer; i++)
		printf(" %s", e->answer[i]);
	printf(" pid=%u\n", e->owner->pid);
	fflush(stdout);
	return 0;
}

void
nsess_fail(struct nsess *s, const char *fmt, ...)
{
	(void)s;
	(void)fmt;
	printf("failed\n");
	fflush(stdout);
}

static void
later_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct owner owner = { .pid = 2 };
	struct whose_ask *w = arg;

	(void)fd;
	(void)what;
	TAILQ_REMOVE(&asks, w, entry);
	event_free(w->timer);
	w->cb(w->arg, &owner);
	free(w);
}

static uint16_t ports[3];
static size_t nports;

static bool
is_ours(uint16_t port)
{
	size_t i;

	for (i = 0; i < nports; i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

struct whose_ask *
whose_ask(struct nsess *s, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport, whose_cb cb, void *arg)
{
	static const struct owner owner = { .pid = 1 };
	struct timeval tv = clock_timeval(owner_ms);
	struct whose_ask *w;

	/* only a client on loopback, only what it asked, where it arrived */
	if (src[15] != 1 || dst[15] != 1 || sport < 1024 || !is_ours(dport) ||
	    (proto != IPPROTO_UDP && proto != IPPROTO_TCP))
		abort();
	if (delay++ % 2 == 0) {
		cb(arg, &owner);
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		abort();
	w->cb = cb;
	w->arg = arg;
	w->timer = evtimer_new(s->base, later_cb, w);
	evtimer_add(w->timer, &tv);
	TAILQ_INSERT_TAIL(&asks, w, entry);
	return w;
}

void
whose_forget(struct whose_ask *w)
{
	TAILQ_REMOVE(&asks, w, entry);
	event_free(w->timer);
	free(w);
}

static int
listener(int family, int type)
{
	uint8_t addr[16] = { [15] = 1 };
	struct sockaddr_storage ss;
	socklen_t len;
	uint16_t port;
	int fd, one = 1;

	if (family == AF_INET)
		memcpy(addr, (uint8_t[16]){ [10] = 0xff, 0xff, 127, 0, 0, 1 },
		    16);
	len = ipport_sockaddr(addr, 0, &ss);
	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 64) == -1) ||
	    setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &one,
		sizeof(one)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipport_from_sockaddr(&ss, addr, &port) == -1) {
		perror("listener");
		exit(1);
	}
	ports[nports++] = port;
	printf(" %u", port);
	return fd;
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct conn_ends e;
	int c = accept4(fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	if (c != -1 && ipport_from_sockaddr(&ss, e.peer, &e.peer_port) == 0 &&
	    dest_of(&sess, c, false, &e) == 0)
		dns_take(&sess, c, &e);
}

static void
resolve_done(void *arg, const uint8_t (*addr)[16], size_t n)
{
	char text[INET6_ADDRSTRLEN];
	size_t i;

	(void)arg;
	printf("resolved");
	for (i = 0; i < n; i++)
		printf(" %s", inet_ntop(AF_INET6, addr[i], text, sizeof(text)));
	printf("\n");
	fflush(stdout);
}

static void
input_cb(evutil_socket_t fd, short what, void *arg)
{
	const char *name[NAMES_OF_MAX];
	char line[200];
	uint8_t addr[16];
	uint16_t port;
	size_t i, n;
	ssize_t len = read(fd, line, sizeof(line) - 1);

	(void)what;
	if (len <= 0) {
		event_base_loopbreak(arg);
		return;
	}
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "without") == 0) {
		rules += 2;
		nrules -= 2;
		printf("without\n");
		fflush(stdout);
		return;
	}
	if (strcmp(line, "owned") == 0) {
		printf("owned\n");
		fflush(stdout);
		while (!TAILQ_EMPTY(&asks))
			later_cb(-1, 0, TAILQ_FIRST(&asks));
		return;
	}
	if (strncmp(line, "resolve ", 8) == 0) {
		if (resolve_start(&sess, line + 8, resolve_done, NULL) ==
		    NULL) {
			printf("resolved not\n");
			fflush(stdout);
		}
		return;
	}
	if (strncmp(line, "bound ", 6) != 0 ||
	    ipport_parse(line + 6, addr, &port) == -1)
		abort();
	n = names_of(sess.names, addr, clock_ms(), name);
	printf("bound");
	for (i = 0; i < n; i++)
		printf(" %s", name[i]);
	printf("\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct event *in, *acc;
	int opt, tcp;

	conf.upstream.timeout_ms = 1500;
	conf.idle_ms = 20000;
	sess.has_ipv6 = true;
	while ((opt = getopt(argc, argv, "4i:l:n:q:t:w:")) != -1) {
		switch (opt) {
		case '4':
			sess.has_ipv6 = false;
			break;
		case 'i':
			conf.idle_ms = strtoul(optarg, NULL, 10);
			break;
		case 'l':
			conf.limits.name_max = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			conf.limits.names = strtoul(optarg, NULL, 10);
			break;
		case 'q':
			conf.limits.rate = strtoul(optarg, NULL, 10);
			break;
		case 't':
			conf.upstream.timeout_ms = strtoul(optarg, NULL, 10);
			break;
		case 'w':
			owner_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	if (optind == argc ||
	    resolver_parse(&conf.upstream, argv[optind]) == -1)
		return 2;
	rules = argv + optind + 1;
	nrules = argc - optind - 1;
	sess.base = event_base_new();
	sess.steer = STEER_TPROXY;
	sess.dns_conf = &conf;
	sess.names = names_new(1000);
	sess.held = held_new();
	printf("ports");
	sess.listener[NET_UDP4] = listener(AF_INET, SOCK_DGRAM);
	sess.listener[NET_UDP6] = listener(AF_INET6, SOCK_DGRAM);
	tcp = listener(AF_INET, SOCK_STREAM);
	printf("\n");
	fflush(stdout);
	in = event_new(sess.base, 0, EV_READ | EV_PERSIST, input_cb, sess.base);
	acc = event_new(sess.base, tcp, EV_READ | EV_PERSIST, accept_cb, NULL);
	if (dns_start(&sess) == -1 || event_add(in, NULL) == -1 ||
	    event_add(acc, NULL) == -1)
		return 1;
	event_base_dispatch(sess.base);
	dns_stop(&sess);
	names_free(sess.names);
	held_free(sess.held);
	event_free(in);
	event_free(acc);
	event_base_free(sess.base);
	close(tcp);
	printf("end\n");
	return 0;
}
