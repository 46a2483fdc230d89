/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of DNS: which queries are taken and what the others are answered
 * with; which records of a reply are of use; what a client gets of them.
 */
#include <arpa/inet.h>

#include "t.h"

#include "../../src/netd/dnsmsg.h"

static uint8_t msg[4096];
static size_t len;

static void
put(const void *p, size_t n)
{
	memcpy(msg + len, p, n);
	len += n;
}

static void
put16(unsigned v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, 2);
}

static void
put_name(const char *name)
{
	uint8_t n;

	for (; *name != '\0'; name += n + (name[n] == '.')) {
		n = (uint8_t)strcspn(name, ".");
		put(&n, 1);
		put(name, n);
	}
	put("", 1);
}

static void
head(unsigned id, unsigned flags, unsigned qd, unsigned an, unsigned ns,
    unsigned ar)
{
	len = 0;
	put16(id);
	put16(flags);
	put16(qd);
	put16(an);
	put16(ns);
	put16(ar);
}

static void
question(const char *name, unsigned type)
{
	put_name(name);
	put16(type);
	put16(1);
}

static void
record(const char *name, unsigned type, unsigned ttl, const void *data,
    size_t n)
{
	put_name(name);
	put16(type);
	put16(1);
	put16(ttl >> 16);
	put16(ttl & 0xffff);
	put16((unsigned)n);
	put(data, n);
}

static void
alias(const char *name, const char *target)
{
	size_t at;

	record(name, DNS_CNAME, 30, "", 0);
	at = len;
	put_name(target);
	msg[at - 1] = (uint8_t)(len - at);
}

static void
address(const char *name, const char *text)
{
	uint8_t a[4];

	inet_pton(AF_INET, text, a);
	record(name, DNS_A, 60, a, 4);
}

static int
query(struct dns_query *q)
{
	uint8_t *copy = malloc(len); /* exact, for ASan */
	int ret;

	memcpy(copy, msg, len);
	ret = dnsmsg_query(copy, len, q);
	free(copy);
	return ret;
}

static int
reply(const char *name, uint16_t type, struct dns_reply *r)
{
	uint8_t *copy = malloc(len);
	int ret;

	memcpy(copy, msg, len);
	ret = dnsmsg_reply(copy, len, 7, name, type, r);
	free(copy);
	return ret;
}

static void
plain_query(void)
{
	struct dns_query q;

	head(0xabcd, 0x0120, 1, 0, 0, 0);
	question("Api.Corp-1._x.TEST", DNS_A);
	CHECK_INT(query(&q), DNS_NOERROR);
	CHECK_STR(q.name, "api.corp-1._x.test");
	CHECK_INT(q.id, 0xabcd);
	CHECK_INT(q.type, DNS_A);
	CHECK(q.recursion && !q.edns);
	CHECK_INT(q.udp_size, 512);
	CHECK_INT(q.question_len, len - 12);
	CHECK(memcmp(q.question, msg + 12, len - 12) == 0);
}

static void
edns(void)
{
	struct dns_query q;
	size_t at;

	head(1, 0x0100, 1, 0, 0, 1);
	question("a.test", DNS_AAAA);
	at = len;
	/* size 4096, with a client's subnet and one that nobody knows */
	put("\0\0\x29\x10\0\0\0\x80\0\0\x14"
	    "\0\x08\0\x08\0\1\x20\0\xc0\0\2\1"
	    "\xff\xf0\0\4abcd",
	    11 + 20);
	CHECK_INT(query(&q), DNS_NOERROR);
	CHECK(q.edns);
	CHECK_INT(q.udp_size, DNS_QUERY_MAX);
	msg[at + 3] = 0; /* a size of 0 is 512 */
	CHECK_INT(query(&q), DNS_NOERROR);
	CHECK_INT(q.udp_size, 512);
	msg[at + 6] = 1; /* a version there is not */
	CHECK_INT(query(&q), DNS_BADVERS);
	msg[at + 6] = 0;
	msg[at + 10]++; /* longer than what is there */
	CHECK_INT(query(&q), DNS_FORMERR);
	msg[at + 10] -= 2;
	CHECK_INT(query(&q), DNS_FORMERR);
	msg[at + 10]++;
	msg[at + 2] = 250; /* TSIG */
	CHECK_INT(query(&q), DNS_FORMERR);
	msg[at] = 1;
	CHECK_INT(query(&q), DNS_FORMERR);
}

static void
odd_queries(void)
{
	struct dns_query q;
	char label[65];
	size_t i;

	static const struct {
		unsigned flags, qd, an, ns, ar;
		int want;
	} heads[] = {
		{ 0x8100, 1, 0, 0, 0, -1 },
		{ 0x0900, 1, 0, 0, 0, DNS_NOTIMP }, /* inverse query */
		{ 0x2900, 1, 0, 0, 0, DNS_NOTIMP }, /* update */
		{ 0x0300, 1, 0, 0, 0, DNS_FORMERR },
		{ 0x0103, 1, 0, 0, 0, DNS_FORMERR },
		{ 0x0140, 1, 0, 0, 0, DNS_FORMERR },
		{ 0x0100, 0, 0, 0, 0, DNS_FORMERR },
		{ 0x0100, 2, 0, 0, 0, DNS_FORMERR },
		{ 0x0100, 1, 1, 0, 0, DNS_FORMERR },
		{ 0x0100, 1, 0, 1, 0, DNS_FORMERR },
		{ 0x0100, 1, 0, 0, 1, DNS_FORMERR },
		{ 0x0100, 1, 0, 0, 2, DNS_FORMERR },
	};
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		head(1, heads[i].flags, heads[i].qd, heads[i].an, heads[i].ns,
		    heads[i].ar);
		question("a.test", DNS_A);
		CHECK_INT(query(&q), heads[i].want);
	}
	static const char *const names[] = { "a b.test", "a@b.test", "*.test",
		"a\x80.test", "a/b", "\xc3\xa9.test", "a\"b" };
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		head(1, 0x0100, 1, 0, 0, 0);
		question(names[i], DNS_A);
		CHECK_INT(query(&q), DNS_FORMERR);
		CHECK_STR(q.name, "");
	}
	head(1, 0x0100, 1, 0, 0, 0);
	put("\4a.ub\4test\0\0\1\0\1", 15); /* a dot, and a NUL, in a label */
	CHECK_INT(query(&q), DNS_FORMERR);
	head(1, 0x0100, 1, 0, 0, 0);
	put("\4a\0ub\4test\0\0\1\0\1", 15);
	CHECK_INT(query(&q), DNS_FORMERR);
	head(1, 0x0100, 1, 0, 0, 0);
	put("\1a\xc0\x0c\0\1\0\1", 8); /* a pointer */
	CHECK_INT(query(&q), DNS_FORMERR);
	head(1, 0x0100, 1, 0, 0, 0);
	question("", DNS_A); /* the root */
	CHECK_INT(query(&q), DNS_REFUSED);
	head(1, 0x0100, 1, 0, 0, 0);
	question("a.test", DNS_A);
	put("x", 1); /* more than there should be */
	CHECK_INT(query(&q), DNS_FORMERR);
	msg[--len - 1] = 3; /* CHAOS */
	CHECK_INT(query(&q), DNS_REFUSED);
	for (i = len - 1; i >= 12; i--) {
		len = i;
		CHECK_INT(query(&q), DNS_FORMERR);
	}
	len = 11;
	CHECK_INT(query(&q), -1);
	/* 253 bytes are a name, 254 are none */
	memset(label, 'x', 63);
	label[63] = '\0';
	head(1, 0x0100, 1, 0, 0, 0);
	for (i = 0; i < 3; i++)
		put("\x3f", 1), put(label, 63);
	put("\x3d", 1), put(label, 61), put("\0\0\1\0\1", 5);
	CHECK_INT(query(&q), DNS_NOERROR);
	CHECK_INT(strlen(q.name), 253);
	len -= 5;
	msg[len - 62]++;
	put("x\0\0\1\0\1", 6);
	CHECK_INT(query(&q), DNS_FORMERR);
}

static void
asked(void)
{
	uint8_t out[DNS_QUERY_MAX];
	char name[300];
	size_t n;

	n = dnsmsg_ask(out, 0x1234, "a.test", DNS_TXT);
	head(0x1234, 0x0100, 1, 0, 0, 0);
	question("a.test", DNS_TXT);
	CHECK_INT(n, len);
	CHECK(memcmp(out, msg, len) == 0);
	CHECK_INT(dnsmsg_ask(out, 1, "", DNS_A), 0);
	CHECK_INT(dnsmsg_ask(out, 1, "a..b", DNS_A), 0);
	CHECK_INT(dnsmsg_ask(out, 1, "a.b.", DNS_A), 0);
	CHECK_INT(dnsmsg_ask(out, 1, "a b", DNS_A), 0);
	memset(name, 'x', sizeof(name));
	name[64] = '\0';
	CHECK_INT(dnsmsg_ask(out, 1, name, DNS_A), 0);
	name[63] = '\0';
	CHECK(dnsmsg_ask(out, 1, name, DNS_A) > 0);
}

static void
chains(void)
{
	static struct dns_reply r;

	/* in any order, with what has nothing to do with it */
	head(7, 0x8180, 1, 6, 1, 0);
	question("A.test", DNS_A);
	address("c.test", "203.0.113.1");
	alias("b.test", "C.Test");
	address("other.test", "203.0.113.9");
	alias("a.test", "b.test");
	address("c.test", "203.0.113.2");
	record("c.test", DNS_TXT, 1, "\1x", 2);
	address("a.test", "203.0.113.8"); /* authority: not read */
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.rcode, DNS_NOERROR);
	CHECK_INT(r.n, 4);
	CHECK_STR(r.record[0].target, "b.test");
	CHECK_STR(r.record[1].target, "c.test");
	CHECK_INT(r.record[2].addr[15], 1);
	CHECK_INT(r.record[3].addr[15], 2);
	CHECK_INT(r.record[3].ttl, 60);
	dnsmsg_reply_free(&r);
	/* asked for the alias itself: one, and not what is behind it */
	msg[12 + 8 + 1] = DNS_CNAME;
	CHECK_INT(reply("a.test", DNS_CNAME, &r), 0);
	CHECK_INT(r.n, 1);
	CHECK_STR(r.record[0].target, "b.test");
	dnsmsg_reply_free(&r);

	head(7, 0x8180, 1, 2, 0, 0); /* a circle */
	question("a.test", DNS_A);
	alias("a.test", "b.test");
	alias("b.test", "a.test");
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.n, 2);
	dnsmsg_reply_free(&r);

	head(7, 0x8180, 1, 1, 0, 0); /* to what is no name */
	question("a.test", DNS_A);
	alias("a.test", "b c.test");
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.rcode, DNS_SERVFAIL);
	CHECK_INT(r.n, 0);
	dnsmsg_reply_free(&r);

	head(7, 0x8183, 1, 1, 0, 0); /* to a name that is not there */
	question("a.test", DNS_A);
	alias("a.test", "b.test");
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.rcode, DNS_NXDOMAIN);
	CHECK_INT(r.n, 1);
	dnsmsg_reply_free(&r);
}

static void
long_chain(void)
{
	static struct dns_reply r;
	char from[16], to[16];
	int i, n;

	for (n = DNS_ALIASES_MAX; n <= DNS_ALIASES_MAX + 1; n++) {
		head(7, 0x8180, 1, (unsigned)n, 0, 0);
		question("n0", DNS_A);
		for (i = 0; i < n; i++) {
			snprintf(from, sizeof(from), "n%d", i);
			snprintf(to, sizeof(to), "n%d", i + 1);
			alias(from, to);
		}
		CHECK_INT(reply("n0", DNS_A, &r), 0);
		CHECK_INT(r.rcode,
		    n > DNS_ALIASES_MAX ? DNS_SERVFAIL : DNS_NOERROR);
		dnsmsg_reply_free(&r);
	}
}

static void
not_the_answer(void)
{
	static struct dns_reply r;

	head(7, 0x8180, 1, 1, 0, 0);
	question("a.test", DNS_A);
	address("a.test", "203.0.113.1");
	CHECK_INT(reply("b.test", DNS_A, &r), -1);
	CHECK_INT(reply("a.test", DNS_AAAA, &r), -1);
	msg[1] = 8; /* another id */
	CHECK_INT(reply("a.test", DNS_A, &r), -1);
	msg[1] = 7;
	msg[2] = 1; /* a query */
	CHECK_INT(reply("a.test", DNS_A, &r), -1);
	msg[2] = 0x91; /* another kind */
	CHECK_INT(reply("a.test", DNS_A, &r), -1);
	msg[2] = 0x81;
	msg[5] = 0;
	CHECK_INT(reply("a.test", DNS_A, &r), -1);
	msg[5] = 1;
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.n, 1);
	dnsmsg_reply_free(&r);
	msg[2] |= 2; /* cut short */
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK(r.truncated);
	CHECK_INT(r.n, 0);
	dnsmsg_reply_free(&r);
	msg[2] &= ~2;
	msg[3] = 0x85; /* refused */
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.rcode, DNS_SERVFAIL);
	CHECK_INT(r.n, 0);
	dnsmsg_reply_free(&r);
	msg[3] = 0x80;
	len--; /* in the middle of a record */
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK_INT(r.rcode, DNS_SERVFAIL);
	dnsmsg_reply_free(&r);
}

static void
odd_records(void)
{
	static struct dns_reply r;

	head(7, 0x8180, 1, 4, 0, 0);
	question("a.test", DNS_MX);
	record("a.test", DNS_MX, 9, "\0\1\1m\4test", 9 + 0);
	msg[len - 9] = 0; /* a name cut short makes it malformed */
	CHECK_INT(reply("a.test", DNS_MX, &r), 0);
	CHECK_INT(r.rcode, DNS_SERVFAIL);
	dnsmsg_reply_free(&r);

	head(7, 0x8180, 1, 3, 0, 0);
	question("a.test", DNS_MX);
	record("a.test", DNS_MX, 9, "\0\1\1m\4test", 10);
	record("a.test", DNS_MX, 9, "\0\1\1 \4test", 10); /* no name */
	record("a.test", DNS_MX, 9, "\0\1", 3);		  /* none: RFC 7505 */
	CHECK_INT(reply("a.test", DNS_MX, &r), 0);
	CHECK_INT(r.rcode, DNS_NOERROR);
	CHECK_INT(r.n, 2);
	dnsmsg_reply_free(&r);

	head(7, 0x8180, 1, 2, 0, 0); /* an address of five bytes */
	question("a.test", DNS_A);
	record("a.test", DNS_A, 9, "12345", 5);
	address("a.test", "203.0.113.1");
	CHECK_INT(reply("a.test", DNS_A, &r), 0);
	CHECK(r.n <= 1);
	dnsmsg_reply_free(&r);
}

/* Many, so that they do not fit. */
static void
truncation(void)
{
	static struct dns_reply r, back;
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 0 };
	uint8_t out[DNS_MSG_MAX];
	struct dns_query q;
	struct dns_answer a = { .reply = &r, .ttl_max = 30, .ede = -1 };
	bool keep[DNS_RECORDS_MAX] = { [3] = true, [5] = true };
	size_t n;

	head(7, 0x0100, 1, 0, 0, 0);
	question("A.Test", DNS_A);
	CHECK_INT(query(&q), DNS_NOERROR);
	for (; addr[15] < 60; addr[15]++)
		CHECK_INT(dnsmsg_add_address(&r, "a.test", addr, 3600), 0);
	a.max = q.udp_size;
	n = dnsmsg_answer(out, sizeof(out), &q, &a);
	CHECK_INT(n, 12 + 12);
	CHECK((out[2] & 2) != 0);
	CHECK(memcmp(out + 12, q.question, q.question_len) == 0);
	a.max = sizeof(out);
	n = dnsmsg_answer(out, sizeof(out), &q, &a);
	/* with pointers in place of names */
	CHECK_INT(n, 12 + 12 + 60 * 16);
	CHECK_INT(dnsmsg_reply(out, n, 7, "a.test", DNS_A, &back), 0);
	CHECK_INT(back.n, 60);
	CHECK_INT(back.record[59].ttl, 30);
	CHECK_INT(back.record[59].addr[15], 59);
	dnsmsg_reply_free(&back);
	a.keep = keep;
	a.max = 512;
	n = dnsmsg_answer(out, sizeof(out), &q, &a);
	CHECK_INT(dnsmsg_reply(out, n, 7, "a.test", DNS_A, &back), 0);
	CHECK_INT(back.n, 2);
	CHECK_INT(back.record[1].addr[15], 5);
	dnsmsg_reply_free(&back);
	CHECK_INT(dnsmsg_add_address(&r, "a..test", addr, 1), -1);
	for (; r.n < DNS_RECORDS_MAX;)
		CHECK_INT(dnsmsg_add_address(&r, "a.test", addr, 1), 0);
	CHECK_INT(dnsmsg_add_address(&r, "a.test", addr, 1), -1);
	dnsmsg_reply_free(&r);
}

static void
told(void)
{
	uint8_t out[512];
	struct dns_query q;
	struct dns_answer a = { .rcode = DNS_NXDOMAIN,
		.max = sizeof(out),
		.ede = 15,
		.ede_text = "no" };
	size_t n;

	head(9, 0x0000, 1, 0, 0, 1);
	question("a.test", DNS_A);
	put("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
	CHECK_INT(query(&q), DNS_NOERROR);
	n = dnsmsg_answer(out, sizeof(out), &q, &a);
	CHECK_INT(n, 12 + 12 + 11 + 8);
	CHECK_INT(out[2], 0x80); /* recursion was not asked for */
	CHECK_INT(out[3], 0x83);
	CHECK_INT(out[11], 1);
	CHECK(memcmp(out + 24,
		  "\0\0\x29\x04\xd0\0\0\0\0\0\x08\0\x0f\0\4\0\x0fno", 19) == 0);
	a.rcode = DNS_BADVERS;
	a.ede = -1;
	n = dnsmsg_answer(out, sizeof(out), &q, &a);
	CHECK_INT(n, 12 + 12 + 11);
	CHECK_INT(out[3] & 15, 0);
	CHECK_INT(out[24 + 5], 1);
	q.edns = false;
	n = dnsmsg_answer(out, sizeof(out), &q, &a);
	CHECK_INT(n, 12 + 12);
	q.question_len = 0;
	CHECK_INT(dnsmsg_answer(out, sizeof(out), &q, &a), 12);
	CHECK_INT(dnsmsg_answer(out, 11, &q, &a), 0);
}

static void
type_names(void)
{
	char room[16];

	CHECK_STR(dns_type_name(28, room), "AAAA");
	CHECK_STR(dns_type_name(65280, room), "TYPE65280");
	CHECK_INT(dns_type_how(1), DNS_HOW_ASK);
	CHECK_INT(dns_type_how(65), DNS_HOW_NONE);
	CHECK_INT(dns_type_how(10), DNS_HOW_REFUSE);  /* NULL */
	CHECK_INT(dns_type_how(252), DNS_HOW_REFUSE); /* AXFR */
	CHECK_INT(dns_type_how(255), DNS_HOW_REFUSE); /* ANY */
}

int
main(void)
{
	T_RUN(plain_query);
	T_RUN(edns);
	T_RUN(odd_queries);
	T_RUN(asked);
	T_RUN(chains);
	T_RUN(long_chain);
	T_RUN(not_the_answer);
	T_RUN(odd_records);
	T_RUN(truncation);
	T_RUN(told);
	T_RUN(type_names);
	return done_testing();
}
