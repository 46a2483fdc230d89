/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of DNS. A query is what one of the session's processes sent, a reply
 * what a name server did: both are hostile. What goes out is made from scratch;
 * no byte of a query is in what is sent upstream but its name and its type.
 */
#ifndef DNSMSG_H
#define DNSMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd.h"

#define DNS_QUERY_MAX 1232 /* bytes of a query, and of an answer by UDP */
#define DNS_MSG_MAX 65535  /* bytes of a message by TCP */
#define DNS_RECORDS_MAX 64 /* of an answer; the rest is left out */
#define DNS_ALIASES_MAX 16 /* CNAMEs one after the other */
#define DNS_TEXT_MAX 512 /* of a record as words, with a NUL; the rest is cut */
#define DNS_QUESTION_MAX 259 /* a name, type and class as they are sent */

/* clang-format off */
enum dns_type {
#define DNSTYPE(name, number, how, reason) DNS_##name = number,
#include "dnstype.def"
#undef DNSTYPE
};
/* clang-format on */

enum dns_how {
	DNS_HOW_REFUSE,
	DNS_HOW_NONE,
	DNS_HOW_ASK
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16
};

struct dns_query {
	uint16_t id;
	uint16_t type;
	char name[NET_NAME_MAX + 1]; /* "" when it is malformed */
	uint8_t question[DNS_QUESTION_MAX];
	size_t question_len; /* as it was sent: its case is answered */
	bool recursion, edns;
	uint16_t udp_size; /* the largest answer that it can take */
};

/* Of ldns, which dns_reply and dns_record hold on to. */
struct ldns_struct_rr;

struct dns_record {
	struct ldns_struct_rr *rr;
	uint16_t type;
	uint32_t ttl;
	uint8_t addr[16];	       /* A and AAAA */
	char target[NET_NAME_MAX + 1]; /* CNAME: the name it leads to */
};

struct dns_reply {
	enum dns_rcode rcode;
	bool truncated; /* and nothing else of it is true */
	size_t n;
	/* the aliases in their order, then what they lead to */
	struct dns_record record[DNS_RECORDS_MAX];
};

enum dns_how dns_type_how(uint16_t type);
/* "A", or "TYPE257" in room of its own for what is not in the table. */
const char *dns_type_name(uint16_t type, char room[16]);
const char *dns_rcode_name(enum dns_rcode);

/*
 * What a client sent. DNS_NOERROR, or what it is to be answered with, q filled as
 * far as an answer needs it; -1: it deserves none.
 */
int dnsmsg_query(const uint8_t *msg, size_t len, struct dns_query *q);
/* The bytes of a question to a name server. 0: name is none. */
size_t dnsmsg_ask(uint8_t msg[DNS_QUERY_MAX], uint16_t id, const char *name,
    uint16_t type);
/* What came back. 0; -1: it is no answer to that question. With an answer that
 * is one but malformed the rcode is SERVFAIL. To be freed in any case. */
int dnsmsg_reply(const uint8_t *msg, size_t len, uint16_t id, const char *name,
    uint16_t type, struct dns_reply *r);
/* Empty, of static or zeroed memory. */
void dnsmsg_reply_free(struct dns_reply *);
/* dnstext.c: what it says, printable. */
void dnsmsg_text(const struct dns_record *, char text[DNS_TEXT_MAX]);
/* Adds an address that a name has. 0, or -1 when it is full. */
int dnsmsg_add_address(struct dns_reply *, const char *name,
    const uint8_t addr[16], uint32_t ttl);

struct dns_answer {
	enum dns_rcode rcode;
	const struct dns_reply *reply; /* NULL: no records */
	const bool *keep;	       /* which of them; NULL: all */
	uint32_t ttl_max;
	size_t max; /* bytes; more is answered as truncated */
	int ede;    /* RFC 8914, told to who understands it; -1: none */
	const char *ede_text; /* NULL: none */
};

/* The answer to q in msg. Its length, or 0 when it cannot be made. */
size_t dnsmsg_answer(uint8_t *msg, size_t size, const struct dns_query *q,
    const struct dns_answer *a);

#endif
