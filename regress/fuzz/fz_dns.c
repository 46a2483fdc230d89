/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a message of DNS, as a query of a process and as the reply of a
 * name server to the question in it. What is made of a reply for a client can
 * be read back, and says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/netd/dnsmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_name(const char *name)
{
	size_t n = strlen(name);

	if (n > NET_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n ||
	    name[0] == '.' || (n > 0 && name[n - 1] == '.'))
		abort();
}

static void
refuse(const struct dns_query *q, int rcode)
{
	struct dns_answer a = { .rcode = (enum dns_rcode)rcode,
		.max = q->udp_size,
		.ede = 15,
		.ede_text = "because" };
	uint8_t msg[DNS_QUERY_MAX];
	size_t n = dnsmsg_answer(msg, sizeof(msg), q, &a);

	if (n < 12 || n > q->udp_size || (msg[0] << 8 | msg[1]) != q->id ||
	    (msg[3] & 15) != (rcode & 15))
		abort();
}

static void
answer(const struct dns_query *q, const struct dns_reply *r, size_t max)
{
	static struct dns_reply again;
	static uint8_t msg[DNS_MSG_MAX];
	struct dns_answer a = { .rcode = r->rcode,
		.reply = r,
		.ttl_max = 3600,
		.max = max,
		.ede = -1 };
	size_t i, n = dnsmsg_answer(msg, sizeof(msg), q, &a);

	if (n == 0 || n > max)
		abort();
	if (dnsmsg_reply(msg, n, q->id, q->name, q->type, &again) == -1)
		abort();
	if (max == DNS_MSG_MAX && again.truncated)
		abort();
	if (!again.truncated) {
		if (again.n != r->n || again.rcode != r->rcode)
			abort();
		for (i = 0; i < r->n; i++)
			if (again.record[i].type != r->record[i].type ||
			    again.record[i].ttl > 3600 ||
			    memcmp(again.record[i].addr, r->record[i].addr,
				16) != 0 ||
			    strcmp(again.record[i].target,
				r->record[i].target) != 0)
				abort();
	}
	dnsmsg_reply_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_reply r;
	struct dns_query q;
	uint8_t *msg, ask[DNS_QUERY_MAX];
	size_t i;
	int rcode = dnsmsg_query(data, size, &q);

	check_name(q.name);
	if (rcode == -1 && size >= 12 && (data[2] & 0x80) == 0)
		abort();
	if (rcode != -1)
		refuse(&q, rcode == DNS_NOERROR ? DNS_NXDOMAIN : rcode);
	if (size < 12)
		return 0;
	/* the same bytes as an answer: whose question is it? */
	msg = malloc(size);
	if (msg == NULL)
		abort();
	memcpy(msg, data, size);
	msg[2] &= 0x01;
	msg[3] &= 0xb0;
	memset(msg + 6, 0, 6);
	rcode = dnsmsg_query(msg, size < DNS_QUERY_MAX ? size : DNS_QUERY_MAX,
	    &q);
	free(msg);
	if (q.name[0] == '\0' || rcode == DNS_REFUSED)
		return 0;
	if (dnsmsg_ask(ask, q.id, q.name, q.type) == 0)
		abort();
	if (dnsmsg_reply(data, size, q.id, q.name, q.type, &r) == 0) {
		if (r.n > DNS_RECORDS_MAX ||
		    ((r.truncated || r.rcode == DNS_SERVFAIL) && r.n != 0))
			abort();
		for (i = 0; i < r.n; i++)
			check_name(r.record[i].target);
		if (!r.truncated) {
			answer(&q, &r, DNS_MSG_MAX);
			answer(&q, &r, 512);
		}
	}
	dnsmsg_reply_free(&r);
	return 0;
}
