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
#include "held.h"
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

void
confirm_decide(struct conn *c, struct net_ruling *r)
{
	if (c->held) {
		decide_name(&c->s->image, c->name, r);
		if (net_ruling_asks(r) && !c->approved)
			r->v.decision = DECISION_APPROVE;
	} else {
		decide_connect(&c->s->image,
		    c->name[0] == '\0' ? NULL : c->name, c->addr, c->port, r);
	}
}

int
confirm_held(struct conn *c, const char *name)
{
	struct net_ruling r;

	c->held = true;
	set_name(c, name);
	confirm_decide(c, &r);
	if (conn_rule(c, &r) == -1)
		return conn_refuse(c, "out of memory");
	return confirm_may(&r) ? 0 : conn_refuse(c, NULL);
}

int
confirm_address(struct conn *c)
{
	const char *name[NAMES_OF_MAX], *held;
	struct net_ruling r, other;
	size_t i, n;

	held = held_name(c->s->held, c->addr);
	if (held != NULL)
		return confirm_held(c, held);
	/* a rule for addresses is not about the name that it stood for */
	if (held_stood(c->s->held, c->addr))
		return conn_refuse(c,
		    "address of a name that is not held any more");
	n = names_of(c->s->names, c->addr, clock_ms(), name);
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
ask_for_address(struct conn *c, const char *why)
{
	struct net_ruling r;

	decide_connect(&c->s->image, NULL, c->addr, c->port, &r);
	if (c->settled || !confirm_may(&r))
		return conn_refuse(c, why);
	set_name(c, "");
	return conn_rule(c, &r) == 0 ? 0 : conn_refuse(c, "out of memory");
}

static void
resolved(void *arg, const uint8_t (*addr)[16], size_t n)
{
	struct conn *c = arg;
	size_t i;

	c->resolve = NULL;
	for (i = 0; i < n; i++) {
		if (memcmp(addr[i], c->addr, sizeof(c->addr)) == 0)
			break;
	}
	if (i == n &&
	    ask_for_address(c, "address that is not one of the name") == -1) {
		conn_end(c, EPERM);
		return;
	}
	conn_resume(c);
}

/* A name that is the same says nothing new, and an address no more than where it
 * goes. */
static bool
is_known(const struct conn *c, const char *name, const uint8_t *addr)
{
	return addr != NULL ? memcmp(addr, c->addr, sizeof(c->addr)) == 0 :
			      strcmp(name, c->name) == 0;
}

/* The name decides from now on, as far as it still can. 0 or -1. */
static int
take_name(struct conn *c, const char *name)
{
	struct net_ruling r;

	/* which an operator is asked about */
	if (c->held)
		return conn_refuse(c, "another name than was looked up");
	/* where it has gone was settled by the name before */
	if (c->settled && (c->redirected != NULL || dial_redirects(c, name)))
		return conn_refuse(c, "another name after a redirect");
	decide_connect(&c->s->image, name, c->addr, c->port, &r);
	if (conn_rule(c, &r) == -1)
		return conn_refuse(c, "out of memory");
	set_name(c, name);
	if (!confirm_may(&r))
		return conn_refuse(c, NULL);
	if (c->settled && !net_ruling_allows(&r))
		return conn_refuse(c, "approval that comes too late");
	return 0;
}

/* Is it enough to know the address? Where an operator has to allow that, what the
 * client calls it does not do so in his place; unless it is what he allowed, before
 * there was a name. */
static bool
is_free(const struct conn *c, bool unnamed)
{
	struct net_ruling r;

	decide_connect(&c->s->image, NULL, c->addr, c->port, &r);
	return net_ruling_allows(&r) ||
	    (c->settled && unnamed && confirm_may(&r));
}

/* Is the address one of the name's? 1: later, or -1. */
static int
find_out(struct conn *c, const char *name)
{
	/* nobody hears of it before an operator was asked */
	if (!net_ruling_allows(&c->ruling))
		return ask_for_address(c, "name that was not looked up before");
	c->resolve = resolve_start(c->s, name, resolved, c);
	if (c->resolve == NULL)
		return conn_refuse(c, RESOLVE_TOO_MANY);
	if (c->state == CONN_LOOK)
		conn_wait(c, CONN_RESOLVE, tcp_limits.dial_ms);
	return 1;
}

int
confirm_said(struct conn *c, const char *name, const uint8_t *addr)
{
	bool unnamed = c->name[0] == '\0';

	if (is_known(c, name, addr))
		return 0;
	if (take_name(c, name) == -1)
		return -1;
	if (addr != NULL)
		return conn_refuse(c, "Host is another address");
	return is_bound(c, name) || is_free(c, unnamed) ? 0 : find_out(c, name);
}
