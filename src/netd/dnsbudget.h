/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a session may say by what it looks up: see dnsbudget.def.
 */
#ifndef DNSBUDGET_H
#define DNSBUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
enum {
#define BUDGET(name, number, reason) DNS_##name = number,
#include "dnsbudget.def"
#undef BUDGET
};
/* clang-format on */

enum dns_excess {
	DNS_WITHIN,
	DNS_TOO_MANY_QUERIES,
	DNS_TOO_MANY_PENDING,
	DNS_TOO_MANY_NAMES,
	DNS_NAME_TOO_LONG,
	DNS_EXCESS_MAX
};

/* Of the configuration; 0: no limit. */
struct dns_limits {
	uint64_t rate;	   /* questions a second */
	uint64_t names;	   /* new names of one domain a minute */
	uint64_t name_max; /* bytes of a name */
};

struct dns_budget;

/* limits is to stay. NULL: out of memory. */
struct dns_budget *dnsbudget_new(const struct dns_limits *limits);
void dnsbudget_free(struct dns_budget *);
/* May one more question be answered? now: clock_ms(). */
bool dnsbudget_question(struct dns_budget *, uint64_t now);
/* May name be looked up, by that rule? DNS_WITHIN, or what is too much.
 */
enum dns_excess dnsbudget_name(struct dns_budget *, uint32_t rule,
    const char *name, uint64_t now);
/* Is it time for an event about that? Then it is none for a while. */
bool dnsbudget_note(struct dns_budget *, enum dns_excess, uint64_t now);
/* Words for the event. */
const char *dns_excess_reason(enum dns_excess);

#endif
