/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budgets of look-ups: questions a second, new names of a domain a minute, and
 * of all domains; how long a name may be.
 */
#include "t.h"

#include "../../src/netd/dnsbudget.h"

static struct dns_limits limits;
static struct dns_budget *b;

static void
start(uint64_t rate, uint64_t names, uint64_t name_max)
{
	dnsbudget_free(b);
	limits = (struct dns_limits){ rate, names, name_max };
	b = dnsbudget_new(&limits);
	if (b == NULL)
		abort();
}

static int
questions(int n, uint64_t now)
{
	int i, yes = 0;

	for (i = 0; i < n; i++)
		yes += dnsbudget_question(b, now);
	return yes;
}

/* How many of the n names, from the first on, may be looked up. */
static int
names(uint32_t rule, const char *suffix, int first, int n, uint64_t now)
{
	char name[100];
	int i, yes = 0;

	for (i = first; i < first + n; i++) {
		snprintf(name, sizeof(name), "n%d%s", i, suffix);
		yes += dnsbudget_name(b, rule, name, now) == DNS_WITHIN;
	}
	return yes;
}

static void
rate(void)
{
	start(10, 0, 0);
	CHECK_INT(questions(100, 5000), 10 * DNS_BURST_SECONDS);
	CHECK_INT(questions(100, 5050), 0);
	CHECK_INT(questions(100, 5100), 1);
	CHECK_INT(questions(100, 6100), 10);
	CHECK_INT(questions(100, 6100 + 3600000), 10 * DNS_BURST_SECONDS);
	CHECK_INT(questions(100, 1000), 0); /* a clock that goes back */
	start(0, 0, 0);
	CHECK_INT(questions(10000, 1), 10000);
}

static void
new_names(void)
{
	start(0, 20, 0);
	CHECK_INT(names(1, ".corp.test", 0, 100, 1000), 20);
	/* those that were are no news, the others still are */
	CHECK_INT(names(1, ".corp.test", 0, 20, 1000), 20);
	CHECK_INT(names(1, ".corp.test", 20, 80, 1000), 0);
	/* more labels are not another domain */
	CHECK_INT(names(1, ".x.y.corp.test", 0, 100, 1000), 0);
	CHECK_INT(names(1, ".b.test", 0, 100, 1000), 20);
	/* another rule is */
	CHECK_INT(names(2, ".z.corp.test", 0, 100, 1000), 20);
	CHECK_INT(names(1, ".corp.test", 20, 80, 60999), 0);
	CHECK_INT(names(1, ".corp.test", 20, 80, 61000), 20);
	/* names of one label are domains of their own */
	start(0, 1, 0);
	CHECK_INT(names(1, "", 0, 5, 1000), 5);
}

static void
of_all_domains(void)
{
	char suffix[32];
	int i, yes = 0;

	start(0, 5, 0);
	for (i = 0; i < 1000; i++) {
		snprintf(suffix, sizeof(suffix), ".d%d.test", i);
		yes += names(1, suffix, 0, 1, 1000);
	}
	CHECK_INT(yes, 5 * DNS_DOMAINS_FACTOR);
}

static void
known_names_are_bounded(void)
{
	uint64_t now = 1000;
	int i;

	start(0, 1000, 0);
	for (i = 0; i < 20; i++, now += 60000)
		CHECK_INT(names(1, ".corp.test", i * 1000, 1000, now), 1000);
	/* the first are forgotten, and cost again */
	CHECK_INT(names(1, ".corp.test", 0, 2000, now), 1000);
}

static void
length(void)
{
	start(0, 0, 20);
	CHECK_INT(dnsbudget_name(b, 1, "12345678901234567.io", 1), DNS_WITHIN);
	CHECK_INT(dnsbudget_name(b, 1, "123456789012345678.io", 1),
	    DNS_NAME_TOO_LONG);
}

static void
notes(void)
{
	start(0, 0, 0);
	CHECK(dnsbudget_note(b, DNS_TOO_MANY_NAMES, 5));
	CHECK(!dnsbudget_note(b, DNS_TOO_MANY_NAMES, 5));
	CHECK(!dnsbudget_note(b, DNS_TOO_MANY_NAMES, 5 + DNS_NOTE_MS - 1));
	/* a flood hides nothing else */
	CHECK(dnsbudget_note(b, DNS_TOO_MANY_QUERIES, 6));
	CHECK(dnsbudget_note(b, DNS_TOO_MANY_NAMES, 5 + DNS_NOTE_MS));
	CHECK_STR(dns_excess_reason(DNS_TOO_MANY_NAMES), "too-many-names");
}

int
main(void)
{
	T_RUN(rate);
	T_RUN(new_names);
	T_RUN(of_all_domains);
	T_RUN(known_names_are_bounded);
	T_RUN(length);
	T_RUN(notes);
	dnsbudget_free(b);
	return done_testing();
}
