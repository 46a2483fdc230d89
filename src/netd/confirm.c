/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a connection be? By the names that its address was given for, and by what
 * its client says of the server it means. A name that the address was not given
 * for counts when netd finds the address by it, or when the rules allow the
 * address whatever its name.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "conn.h"
#include "names.h"

static void
set_name(struct conn *c, const char *name)
{
	size_t len = strnlen(name, NET_NAME_MAX);

	memmove(c->name, name, len);
	c->name[len] = '\0';
}

bool
confirm_may(const struct net_ruling *r)
{
	return net_ruling_allows(r) || r->v.decision == DECISION_APPROVE;
}

int
confirm_address(struct conn *c)
{
	const char *name[NAMES_OF_MAX];
	struct net_ruling r, other;
	size_t i, n = names_of(c->s->names, c->addr, clock_ms(), name);

	set_name(c, n > 0 ? name[0] : "");
	decide_connect(&c->s->image, n > 0 ? name[0] : NULL, c->addr, c->port,
	    &r);
	for (i = 1; i < n && !net_ruling_allows(&r); i++) {
		decide_connect(&c->s->image, name[i], c->addr, c->port, &other);
		/* what is allowed needs nobody's approval */
		if (net_ruling_allows(&other) ||
		    (confirm_may(&other) && !confirm_may(&r))) {
			r = other;
			set_name(c, name[i]);
		}
	}
	if (conn_rule(c, &r) == -1)
		return conn_refuse(c, "out of memory");
	return confirm_may(&r) ? 0 : conn_refuse(c, NULL);
}

static bool
is_bound(struct conn *c, const char *said)
{
	const char *name[NAMES_OF_MAX];
	size_t i, n = names_of(c->s->names, c->addr, clock_ms(), name);

	for (i = 0; i < n; i++) {
		if (strcmp(name[i], said) == 0)
			return true;
	}
	return false;
}

/* The name that it said is none of the address. An operator may still allow the
 * address, and is then told of that and not of the name. 0 or -1. */
static int
ask_for_address(struct conn *c)
{
	struct net_ruling r;

	decide_connect(&c->s->image, NULL, c->addr, c->port, &r);
	if (c->dialled || !confirm_may(&r))
		return conn_refuse(c, "address that is not one of the name");
	set_name(c, "");
	return conn_rule(c, &r) == 0 ? 0 : conn_refuse(c, "out of memory");
}

static void
resolved(struct conn *c, const uint8_t (*addr)[16], size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (memcmp(addr[i], c->addr, sizeof(c->addr)) == 0)
			break;
	}
	if (i == n && ask_for_address(c) == -1) {
		conn_end(c, EPERM);
		return;
	}
	conn_resume(c);
}

static void
resolve_done(void *arg, const uint8_t (*addr)[16], size_t n)
{
	struct conn *c = arg;

	c->resolve = NULL;
	resolved(c, addr, n);
}

int
confirm_said(struct conn *c, const char *name, bool is_addr,
    const uint8_t addr[16])
{
	struct net_ruling r;
	bool unnamed = c->name[0] == '\0';

	/* an address says no more than where it goes */
	if (is_addr && memcmp(addr, c->addr, sizeof(c->addr)) == 0)
		return 0;
	if (!is_addr && strcmp(name, c->name) == 0)
		return 0;
	if (c->dialled && (c->redirected != NULL || dial_redirects(c, name)))
		return conn_refuse(c, "another name after a redirect");
	decide_connect(&c->s->image, name, c->addr, c->port, &r);
	if (conn_rule(c, &r) == -1)
		return conn_refuse(c, "out of memory");
	set_name(c, name);
	if (!confirm_may(&r))
		return conn_refuse(c, NULL);
	if (c->dialled && !net_ruling_allows(&r))
		return conn_refuse(c, "approval that comes too late");
	if (is_addr)
		return conn_refuse(c, "Host is another address");
	if (is_bound(c, name))
		return 0;
	/* where an operator has to allow the address, what the client calls it
	 * does not do so in his place; unless it is the address that he allowed
	 */
	decide_connect(&c->s->image, NULL, c->addr, c->port, &r);
	if (net_ruling_allows(&r) || (c->dialled && unnamed && confirm_may(&r)))
		return 0;
	c->resolve = resolve_start(c->s, name, resolve_done, c);
	if (c->resolve == NULL)
		return conn_refuse(c, "out of memory");
	if (c->state == CONN_LOOK)
		conn_wait(c, CONN_RESOLVE, tcp_limits.dial_ms);
	return 1;
}
