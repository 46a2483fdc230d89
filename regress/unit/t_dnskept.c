/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of name servers that are kept: for how long, how many, and which are
 * not.
 */
#include <stdlib.h>
#include <string.h>

#include "t.h"

#include "../../src/netd/dns.h"
#include "../../src/netd/dnskept.h"

static const uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 1 };
static struct dns_kept *d;
static struct dns_reply r;

/* An answer with an address for each ttl, to 0. */
static void
add(const char *name, uint64_t now, const uint32_t *ttl)
{
	for (; *ttl != 0; ttl++) {
		if (dnsmsg_add_address(&r, name, addr, *ttl) == -1)
			abort();
	}
	dnskept_add(d, name, DNS_A, &r, now);
	dnsmsg_reply_free(&r);
}

static bool
has(const char *name, uint64_t now)
{
	return dnskept_find(d, name, DNS_A, now) != NULL;
}

static void
start(void)
{
	dnskept_free(d);
	d = dnskept_new();
	if (d == NULL)
		abort();
}

static void
ttl(void)
{
	const struct dns_reply *k;

	start();
	add("a.test", 5000, (uint32_t[]){ 60, 10, 0 });
	k = dnskept_find(d, "a.test", DNS_A, 5999);
	CHECK(k != NULL && k->n == 2 && k->rcode == DNS_NOERROR);
	CHECK_INT(k->record[0].ttl, 60);
	CHECK_INT(k->record[1].ttl, 10);
	CHECK(memcmp(k->record[1].addr, addr, 16) == 0);
	k = dnskept_find(d, "a.test", DNS_A, 14999);
	CHECK(k != NULL && k->record[0].ttl == 51 && k->record[1].ttl == 1);
	/* the shortest counts */
	CHECK(!has("a.test", 15000));
	CHECK(!has("a.test", 5000));
	add("a.test", 5000, (uint32_t[]){ DNS_KEEP_MAX + 1000, 0 });
	CHECK(has("a.test", 5000 + DNS_KEEP_MAX * 1000 - 1));
	CHECK(!has("a.test", 5000 + DNS_KEEP_MAX * 1000));
}

static void
which(void)
{
	start();
	add("a.test", 1, (uint32_t[]){ 60, 0 });
	CHECK(dnskept_find(d, "a.test", DNS_AAAA, 1) == NULL);
	CHECK(dnskept_find(d, "b.test", DNS_A, 1) == NULL);
	/* in its place */
	add("a.test", 2000, (uint32_t[]){ 60, 60, 60, 0 });
	CHECK_INT(dnskept_find(d, "a.test", DNS_A, 2000)->n, 3);
	/* nothing is kept of what has no records, or is an error */
	add("a.test", 3000, (uint32_t[]){ 0 });
	CHECK(!has("a.test", 3000));
	if (dnsmsg_add_address(&r, "a.test", addr, 0) == -1)
		abort();
	dnskept_add(d, "a.test", DNS_A, &r, 1);
	CHECK(!has("a.test", 1));
	r.record[0].ttl = 60;
	r.rcode = DNS_NXDOMAIN;
	dnskept_add(d, "a.test", DNS_A, &r, 1);
	CHECK(!has("a.test", 1));
	dnsmsg_reply_free(&r);
}

static void
many(void)
{
	char name[32];
	int i;

	start();
	for (i = 0; i <= DNS_KEPT; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		add(name, 1, (uint32_t[]){ 60, 0 });
		/* which is used all the time */
		CHECK(has("n0.test", 1));
	}
	CHECK(!has("n1.test", 1));
	CHECK(has("n2.test", 1));
	CHECK(has(name, 1));
	dnskept_free(d);
}

int
main(void)
{
	T_RUN(ttl);
	T_RUN(which);
	T_RUN(many);
	return done_testing();
}
