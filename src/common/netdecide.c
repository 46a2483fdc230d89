/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session may look up and connect to. Names and addresses come from the
 * session and from whoever answers for a name: an address counts by what it
 * leads to, not by how it is written, and everything that is not let happen is
 * denied, with a reason.
 */
#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "netdecide.h"

#define LABEL_MAX 63 /* RFC 1035 */

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

struct class_row {
	uint8_t addr[16];
	uint32_t bits;
	const char *name;
};

struct carry_row {
	uint8_t addr[16];
	uint32_t bits;
	uint32_t groups; /* compared as well, the first is 128 */
	uint32_t at;
	uint8_t flip;
};

/* clang-format off */
#define HI(g) (uint8_t)((g) >> 8)
#define LO(g) (uint8_t)((g) & 0xff)
#define GROUPS(a, b, c, d, e, f, g, h) \
	{ HI(a), LO(a), HI(b), LO(b), HI(c), LO(c), HI(d), LO(d), \
	  HI(e), LO(e), HI(f), LO(f), HI(g), LO(g), HI(h), LO(h) }

static const struct class_row classes4[] = {
#define CLASS4(a, b, c, d, bits, name, why) { { a, b, c, d }, bits, name },
#define CLASS6(a, b, c, d, e, f, g, h, bits, name, why)
#define CARRY(a, b, c, d, e, f, g, h, bits, groups, at, flip, what)
#include "addrclass.def"
#undef CLASS4
#undef CLASS6
#undef CARRY
};

static const struct class_row classes6[] = {
#define CLASS4(a, b, c, d, bits, name, why)
#define CLASS6(a, b, c, d, e, f, g, h, bits, name, why) \
	{ GROUPS(a, b, c, d, e, f, g, h), bits, name },
#define CARRY(a, b, c, d, e, f, g, h, bits, groups, at, flip, what)
#include "addrclass.def"
#undef CLASS4
#undef CLASS6
#undef CARRY
};

static const struct carry_row carriers[] = {
#define CLASS4(a, b, c, d, bits, name, why)
#define CLASS6(a, b, c, d, e, f, g, h, bits, name, why)
#define CARRY(a, b, c, d, e, f, g, h, bits, groups, at, flip, what) \
	{ GROUPS(a, b, c, d, e, f, g, h), bits, groups, at, flip },
#include "addrclass.def"
#undef CLASS4
#undef CLASS6
#undef CARRY
};
/* clang-format on */

/* The host's addresses, in order; all threads ask, one changes them. */
static struct {
	pthread_rwlock_t lock;
	uint8_t (*addr)[16]; /* NULL: not read yet */
	size_t n;
} host = { .lock = PTHREAD_RWLOCK_INITIALIZER };

static bool
has_prefix(const uint8_t *addr, const uint8_t *prefix, uint32_t bits)
{
	uint32_t bytes = bits / 8, rest = bits % 8;

	return memcmp(addr, prefix, bytes) == 0 &&
	    (rest == 0 ||
		((addr[bytes] ^ prefix[bytes]) >> (8 - rest) & 0xff) == 0);
}

static const char *
class_in(const struct class_row *row, size_t n, const uint8_t *addr)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (has_prefix(addr, row[i].addr, row[i].bits))
			return row[i].name;
	}
	return NULL;
}

static int
addr_order(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool
is_host(const uint8_t *addr)
{
	bool is;

	pthread_rwlock_rdlock(&host.lock);
	is = host.addr == NULL ||
	    bsearch(addr, host.addr, host.n, sizeof(host.addr[0]),
		addr_order) != NULL;
	pthread_rwlock_unlock(&host.lock);
	return is;
}

static const char *
class4(const uint8_t addr[4])
{
	const char *name = class_in(classes4,
	    sizeof(classes4) / sizeof(classes4[0]), addr);
	uint8_t whole[16];

	if (name != NULL)
		return name;
	memcpy(whole, mapped, sizeof(mapped));
	memcpy(whole + sizeof(mapped), addr, 4);
	return is_host(whole) ? "host" : NULL;
}

static bool
carries(const struct carry_row *row, const uint8_t *addr)
{
	uint32_t g;

	if (!has_prefix(addr, row->addr, row->bits))
		return false;
	for (g = 0; g < 8; g++) {
		if ((row->groups >> (7 - g) & 1) != 0 &&
		    memcmp(addr + 2 * g, row->addr + 2 * g, 2) != 0)
			return false;
	}
	return true;
}

/* What the translators of one network lead to only that network knows, and what
 * is not global unicast (2000::/3, RFC 4291) is nobody's on the Internet. */
static const char *
class_rest(const uint8_t *addr)
{
	static const uint8_t unicast[16] = { 0x20 };
	static const uint8_t nat64[16] = { 0, 0x64, 0xff, 0x9b };

	return has_prefix(addr, unicast, 3) || has_prefix(addr, nat64, 96) ?
	    NULL :
	    "reserved";
}

const char *
addr_class(const uint8_t addr[16])
{
	const char *name;
	uint8_t v4[4];
	size_t i, k;

	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		return class4(addr + sizeof(mapped));
	name = class_in(classes6, sizeof(classes6) / sizeof(classes6[0]), addr);
	for (i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		if (name != NULL || !carries(&carriers[i], addr))
			continue;
		for (k = 0; k < sizeof(v4); k++)
			v4[k] = addr[carriers[i].at + k] ^ carriers[i].flip;
		name = class4(v4);
	}
	if (name == NULL && is_host(addr))
		name = "host";
	return name != NULL ? name : class_rest(addr);
}

static int
host_add(uint8_t (**list)[16], size_t *n, const struct sockaddr *sa)
{
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	uint8_t(*grown)[16];

	if (sa == NULL ||
	    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return 0;
	grown = reallocarray(*list, *n + 1, sizeof(**list));
	if (grown == NULL)
		return -1;
	*list = grown;
	if (sa->sa_family == AF_INET) {
		memcpy(grown[*n], mapped, sizeof(mapped));
		memcpy(grown[*n] + sizeof(mapped), &sin->sin_addr, 4);
	} else {
		memcpy(grown[*n], &sin6->sin6_addr, 16);
	}
	(*n)++;
	return 0;
}

/* NULL: every address is. */
static void
host_set(uint8_t (*list)[16], size_t n)
{
	uint8_t(*old)[16];

	pthread_rwlock_wrlock(&host.lock);
	old = host.addr;
	host.addr = list;
	host.n = n;
	pthread_rwlock_unlock(&host.lock);
	free(old);
}

int
decide_host_addresses(void)
{
	struct ifaddrs *all = NULL, *i;
	uint8_t(*list)[16] = calloc(1, sizeof(*list));
	size_t n = 0;
	int saved;

	/* one that is no address: a host without any was read, too */
	if (list == NULL || getifaddrs(&all) == -1)
		goto fail;
	for (i = all; i != NULL; i = i->ifa_next) {
		if (host_add(&list, &n, i->ifa_addr) == -1)
			goto fail;
	}
	freeifaddrs(all);
	qsort(list, n, sizeof(*list), addr_order);
	host_set(list, n);
	return 0;
fail:
	saved = errno;
	if (all != NULL)
		freeifaddrs(all);
	free(list);
	host_set(NULL, 0);
	errno = saved;
	return -1;
}

static void
preset(struct net_ruling *r)
{
	memset(r, 0, sizeof(*r));
	r->v = (struct verdict){ .decision = DECISION_DENY,
		.rule = UINT32_MAX,
		.rule_name = "default-deny-network",
		.message = "" };
	r->said = DECISION_DENY;
}

static void
deny(struct net_ruling *r, const char *reason)
{
	r->v.decision = DECISION_DENY;
	r->reason = reason;
}

/* What the rules say is done. Of a name, and its addresses, that is what happens
 * when an operator has approved. */
static void
settle(struct net_ruling *r, int ret, bool look_up)
{
	r->said = r->v.decision;
	if (ret == -1) {
		r->said = DECISION_DENY;
		deny(r, "it could not be decided");
	} else if (r->v.decision == DECISION_APPROVE) {
		r->v.decision = look_up ? DECISION_ALLOW : DECISION_APPROVE;
	} else if (!net_ruling_allows(r)) {
		r->said = DECISION_DENY;
		r->v.decision = DECISION_DENY;
	}
}

/* Numbers in any base: inet_aton(3) takes them for an address, or a part. */
static bool
is_number(const char *label, size_t len)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	bool hex = len >= 2 && label[0] == '0' &&
	    (label[1] == 'x' || label[1] == 'X');
	size_t i;

	for (i = hex ? 2 : 0; i < len; i++) {
		if (memchr(digits, label[i], hex ? 22 : 10) == NULL)
			return false;
	}
	return true;
}

/* NULL, or what is wrong with the name of a host. */
static const char *
name_fault(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789-_"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = name == NULL ? 0 : strnlen(name, NET_NAME_MAX + 2), n;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NET_NAME_MAX)
		return "no name of a host: its length";
	for (;;) {
		n = strspn(name, ok);
		n = n < len ? n : len;
		if (n == 0 || n > LABEL_MAX || (n < len && name[n] != '.'))
			return "no name of a host: its labels";
		if (n == len)
			break;
		name += n + 1;
		len -= n + 1;
	}
	return is_number(name, n) ? "an address, not the name of a host" : NULL;
}

void
decide_name(const struct image *im, const char *name, struct net_ruling *r)
{
	const struct net_query q = { .host = name };
	const char *fault = name_fault(name);

	preset(r);
	if (fault != NULL)
		deny(r, fault);
	else
		settle(r, image_eval_network_any(im, &q, false, &r->v), true);
}

/* Words for an event; the client gets none of them. */
static const char *
class_reason(const char *class)
{
	static const char *const reasons[][2] = {
#define CLASS(name) { name, name " address, which no rule names by cidrs" }
		CLASS("broadcast"),
		CLASS("host"),
		CLASS("link-local"),
		CLASS("loopback"),
		CLASS("metadata"),
		CLASS("multicast"),
		CLASS("private"),
		CLASS("reserved"),
		CLASS("session"),
		CLASS("shared"),
		CLASS("unspecified"),
#undef CLASS
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reasons[i][0], class) == 0)
			return reasons[i][1];
	}
	return "address that no rule names by cidrs";
}

void
decide_answer(const struct image *im, const char *name, const uint8_t addr[16],
    struct net_ruling *r)
{
	const struct net_query q = { .host = name, .addr = addr };
	const char *class = addr_class(addr), *fault = name_fault(name);
	struct verdict v;

	preset(r);
	if (fault != NULL) {
		deny(r, fault);
		return;
	}
	settle(r, image_eval_network_any(im, &q, false, &r->v), true);
	if (class == NULL || r->said == DECISION_DENY)
		return;
	if (image_eval_network_any(im, &q, true, &v) == -1 ||
	    v.decision == DECISION_DENY) {
		deny(r, class_reason(class));
		return;
	}
	r->v = v;
	r->reason = NULL;
	settle(r, 0, true);
}

static void
decide_as(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, const char *class, struct net_ruling *r)
{
	const struct net_query q = { .host = name, .addr = addr, .port = port };
	const char *fault = name == NULL ? NULL : name_fault(name);
	struct net_selectors s;

	preset(r);
	if (port == 0)
		fault = "no port";
	if (fault != NULL) {
		deny(r, fault);
		return;
	}
	settle(r, image_eval_network(im, &q, &r->v), false);
	/* an approval is for what could be approved */
	if (r->said == DECISION_DENY)
		return;
	image_network_selectors(im, &r->v, addr, &s);
	if (class != NULL && !s.naming)
		deny(r, class_reason(class));
	else if (name == NULL && !s.cidrs && (s.domains || s.ports))
		deny(r,
		    "address that no name was looked up for, and the rule "
		    "has no cidrs");
}

void
decide_connect(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *r)
{
	decide_as(im, name, addr, port, addr_class(addr), r);
}

void
decide_own(const struct image *im, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *r)
{
	decide_as(im, name, addr, port, "host", r);
}
