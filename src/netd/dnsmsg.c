/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of DNS (RFC 1035, 6891, 8914). Queries have one question and perhaps
 * an OPT, and are read here; the records of replies, with their pointers into
 * the message, are read by ldns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "dnsmsg.h"

#define HEADER 12
#define ROOM_TYPE_CLASS 4
#define OPT_SIZE 11	 /* an OPT without options */
#define UDP_SIZE_MIN 512 /* RFC 1035, 2.3.4 */
#define RECORDS_READ 256 /* of an answer, before what is left is no matter */
#define EDE_TEXT_MAX 200
#define EDE_OPTION 15

#define FLAG_QR 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_TC 0x0200
#define FLAG_RD 0x0100
#define FLAG_Z 0x0040

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* clang-format off */
static const struct {
	const char *name;
	uint16_t number;
	enum dns_how how;
} types[] = {
#define DNSTYPE(name, number, how, reason) { #name, number, DNS_HOW_##how },
#include "dnstype.def"
#undef DNSTYPE
};
/* clang-format on */

#define NTYPES (sizeof(types) / sizeof(types[0]))

enum dns_how
dns_type_how(uint16_t type)
{
	size_t i;

	for (i = 0; i < NTYPES; i++)
		if (types[i].number == type)
			return types[i].how;
	return DNS_HOW_REFUSE;
}

const char *
dns_type_name(uint16_t type, char room[16])
{
	size_t i;

	for (i = 0; i < NTYPES; i++)
		if (types[i].number == type)
			return types[i].name;
	snprintf(room, 16, "TYPE%u", type);
	return room;
}

const char *
dns_rcode_name(enum dns_rcode rcode)
{
	switch (rcode) {
	case DNS_NOERROR:
		return "NOERROR";
	case DNS_FORMERR:
		return "FORMERR";
	case DNS_SERVFAIL:
		return "SERVFAIL";
	case DNS_NXDOMAIN:
		return "NXDOMAIN";
	case DNS_NOTIMP:
		return "NOTIMP";
	case DNS_REFUSED:
		return "REFUSED";
	case DNS_BADVERS:
		return "BADVERS";
	}
	return "SERVFAIL";
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* One byte of a name, in lower case; 0: not one of a host's or service's. */
static char
name_byte(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		c == '_' ?
	    (char)c :
	    '\0';
}

/*
 * A name as it is sent, without pointers, as text; of the root it is "". What it
 * takes of the bytes; 0: it is malformed, or has other bytes than names of hosts
 * and services have.
 */
static size_t
name_read(const uint8_t *p, size_t len, char text[NET_NAME_MAX + 1])
{
	size_t at = 0, n = 0, label;

	for (;;) {
		if (at >= len || (label = p[at++]) > 63 || label > len - at)
			return 0;
		if (label == 0)
			break;
		if (n + label + (n > 0) > NET_NAME_MAX)
			return 0;
		if (n > 0)
			text[n++] = '.';
		for (; label > 0; label--)
			if ((text[n++] = name_byte(p[at++])) == '\0')
				return 0;
	}
	text[n] = '\0';
	return at;
}

/* The other way; text is a name as in netd.h. 0: it is none. */
static size_t
name_write(uint8_t to[NET_NAME_MAX + 2], const char *text)
{
	size_t label, n = 0;

	if (strlen(text) > NET_NAME_MAX)
		return 0;
	for (;; text++) {
		label = strcspn(text, ".");
		if (label == 0 || label > 63)
			return 0;
		to[n++] = (uint8_t)label;
		for (; label > 0; label--, text++)
			if ((to[n++] = (uint8_t)name_byte((uint8_t)*text)) ==
			    '\0')
				return 0;
		if (*text == '\0')
			break;
	}
	to[n++] = 0;
	return n;
}

/* What is behind the question of a query: nothing, or one OPT. */
static int
query_opt(const uint8_t *p, size_t len, bool opt, struct dns_query *q)
{
	if (!opt)
		return len == 0 ? DNS_NOERROR : DNS_FORMERR;
	if (len < OPT_SIZE || p[0] != 0 || get16(p + 1) != LDNS_RR_TYPE_OPT ||
	    get16(p + 9) != len - OPT_SIZE)
		return DNS_FORMERR;
	/* options, such as the client's subnet, are not looked at */
	q->edns = true;
	q->udp_size = get16(p + 3);
	if (q->udp_size < UDP_SIZE_MIN)
		q->udp_size = UDP_SIZE_MIN;
	if (q->udp_size > DNS_QUERY_MAX)
		q->udp_size = DNS_QUERY_MAX;
	return p[6] == 0 ? DNS_NOERROR : DNS_BADVERS;
}

int
dnsmsg_query(const uint8_t *msg, size_t len, struct dns_query *q)
{
	uint16_t flags;
	size_t n;
	int rcode;

	memset(q, 0, sizeof(*q));
	q->udp_size = UDP_SIZE_MIN;
	if (len < HEADER || (get16(msg + 2) & FLAG_QR) != 0)
		return -1;
	q->id = get16(msg);
	flags = get16(msg + 2);
	q->recursion = (flags & FLAG_RD) != 0;
	if ((flags & FLAG_OPCODE) != 0)
		return DNS_NOTIMP;
	if ((flags & (FLAG_TC | FLAG_Z | 0xf)) != 0 || len > DNS_QUERY_MAX ||
	    get16(msg + 4) != 1 || get16(msg + 6) != 0 || get16(msg + 8) != 0 ||
	    get16(msg + 10) > 1)
		return DNS_FORMERR;
	n = name_read(msg + HEADER, len - HEADER, q->name);
	if (n == 0 || len - HEADER - n < ROOM_TYPE_CLASS) {
		q->name[0] = '\0';
		return DNS_FORMERR;
	}
	q->question_len = n + ROOM_TYPE_CLASS;
	memcpy(q->question, msg + HEADER, q->question_len);
	q->type = get16(msg + HEADER + n);
	n += HEADER + ROOM_TYPE_CLASS;
	rcode = query_opt(msg + n, len - n, get16(msg + 10) == 1, q);
	if (rcode != DNS_NOERROR)
		return rcode;
	if (get16(msg + n - 2) != LDNS_RR_CLASS_IN || q->name[0] == '\0')
		return DNS_REFUSED;
	return DNS_NOERROR;
}

size_t
dnsmsg_ask(uint8_t msg[DNS_QUERY_MAX], uint16_t id, const char *name,
    uint16_t type)
{
	size_t n = name_write(msg + HEADER, name);

	if (n == 0)
		return 0;
	memset(msg, 0, HEADER);
	put16(msg, id);
	put16(msg + 2, FLAG_RD);
	put16(msg + 4, 1);
	put16(msg + HEADER + n, type);
	put16(msg + HEADER + n + 2, LDNS_RR_CLASS_IN);
	return HEADER + n + ROOM_TYPE_CLASS;
}

void
dnsmsg_reply_free(struct dns_reply *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		ldns_rr_free(r->record[i].rr);
	memset(r, 0, sizeof(*r));
}

static bool
rdf_name(const ldns_rdf *f, char text[NET_NAME_MAX + 1])
{
	size_t len;

	if (f == NULL || ldns_rdf_get_type(f) != LDNS_RDF_TYPE_DNAME)
		return false;
	len = ldns_rdf_size(f);
	return name_read(ldns_rdf_data(f), len, text) == len;
}

/* What netd looks at of a record; false: there is something odd about it. */
static bool
record_read(struct dns_record *rec, ldns_rr *rr)
{
	char target[NET_NAME_MAX + 1];
	size_t n = ldns_rr_rd_count(rr), want;
	const ldns_rdf *first = n > 0 ? ldns_rr_rdf(rr, 0) : NULL;
	const ldns_rdf *last = n > 0 ? ldns_rr_rdf(rr, n - 1) : NULL;

	if (n == 0)
		return false;
	rec->rr = rr;
	rec->type = (uint16_t)ldns_rr_get_type(rr);
	rec->ttl = ldns_rr_ttl(rr);
	if (rec->ttl > INT32_MAX) /* RFC 2181, 8 */
		rec->ttl = 0;
	switch (rec->type) {
	case DNS_A:
		if (n != 1 || ldns_rdf_size(first) != 4)
			return false;
		memcpy(rec->addr, mapped, sizeof(mapped));
		memcpy(rec->addr + 12, ldns_rdf_data(first), 4);
		return true;
	case DNS_AAAA:
		if (n != 1 || ldns_rdf_size(first) != 16)
			return false;
		memcpy(rec->addr, ldns_rdf_data(first), 16);
		return true;
	case DNS_CNAME:
		return n == 1 && rdf_name(first, rec->target) &&
		    rec->target[0] != '\0';
	case DNS_PTR:
	case DNS_MX:
	case DNS_SRV:
		want = rec->type == DNS_PTR ? 1 : rec->type == DNS_MX ? 2 : 4;
		return n == want && rdf_name(last, target);
	case DNS_TXT:
		return true;
	default:
		return false;
	}
}

/* Takes rr when it is of use: 1, 0 when it is not, -1 when it is odd. */
static int
record_take(struct dns_reply *r, ldns_rr *rr, const char *owner, uint16_t type)
{
	struct dns_record *rec = &r->record[r->n];
	char name[NET_NAME_MAX + 1];

	if (ldns_rr_get_type(rr) != (ldns_rr_type)type ||
	    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
	    !rdf_name(ldns_rr_owner(rr), name) || strcmp(name, owner) != 0 ||
	    r->n == DNS_RECORDS_MAX)
		return 0;
	memset(rec, 0, sizeof(*rec));
	if (!record_read(rec, rr)) {
		memset(rec, 0, sizeof(*rec));
		return type == DNS_CNAME ? -1 : 0;
	}
	r->n++;
	return 1;
}

/* Follows the aliases from name on, and takes what they lead to. */
static int
follow(struct dns_reply *r, ldns_rr **rr, size_t n, const char *name,
    uint16_t type)
{
	size_t i, aliases;
	int taken;

	for (aliases = 0; type != DNS_CNAME; aliases++) {
		for (i = 0, taken = 0; i < n && taken == 0; i++) {
			if (rr[i] == NULL)
				continue;
			taken = record_take(r, rr[i], name, DNS_CNAME);
			if (taken == 1)
				rr[i] = NULL;
		}
		if (taken == 0)
			break;
		if (taken == -1 || aliases == DNS_ALIASES_MAX)
			return -1;
		name = r->record[r->n - 1].target;
	}
	for (i = 0; i < n; i++)
		if (rr[i] != NULL && record_take(r, rr[i], name, type) == 1) {
			rr[i] = NULL;
			if (type == DNS_CNAME) /* a name has one */
				break;
		}
	return 0;
}

static int
reply_records(const uint8_t *msg, size_t len, size_t at, const char *name,
    uint16_t type, struct dns_reply *r)
{
	ldns_rr *rr[RECORDS_READ] = { NULL };
	size_t i, n = get16(msg + 6);
	int ret = -1;

	if (n > RECORDS_READ)
		n = RECORDS_READ;
	for (i = 0; i < n; i++)
		if (ldns_wire2rr(&rr[i], msg, len, &at, LDNS_SECTION_ANSWER) !=
		    LDNS_STATUS_OK) {
			rr[i] = NULL;
			goto end;
		}
	ret = follow(r, rr, n, name, type);
end:
	for (i = 0; i < n; i++)
		ldns_rr_free(rr[i]);
	return ret;
}

int
dnsmsg_reply(const uint8_t *msg, size_t len, uint16_t id, const char *name,
    uint16_t type, struct dns_reply *r)
{
	char asked[NET_NAME_MAX + 1];
	uint16_t flags;
	size_t n;

	memset(r, 0, sizeof(*r));
	if (len < HEADER || get16(msg) != id || get16(msg + 4) != 1)
		return -1;
	flags = get16(msg + 2);
	if ((flags & FLAG_QR) == 0 || (flags & FLAG_OPCODE) != 0)
		return -1;
	n = name_read(msg + HEADER, len - HEADER, asked);
	if (n == 0 || len - HEADER - n < ROOM_TYPE_CLASS ||
	    strcmp(asked, name) != 0 || get16(msg + HEADER + n) != type ||
	    get16(msg + HEADER + n + 2) != LDNS_RR_CLASS_IN)
		return -1;
	r->truncated = (flags & FLAG_TC) != 0;
	if (r->truncated)
		return 0;
	switch (flags & 0xf) {
	case DNS_NOERROR:
	case DNS_NXDOMAIN: /* aliases may lead to a name that is not there */
		r->rcode = (enum dns_rcode)(flags & 0xf);
		break;
	default:
		r->rcode = DNS_SERVFAIL;
		return 0;
	}
	if (reply_records(msg, len, HEADER + n + ROOM_TYPE_CLASS, name, type,
		r) == -1) {
		dnsmsg_reply_free(r);
		r->rcode = DNS_SERVFAIL;
	}
	return 0;
}

static ldns_rdf *
dname_new(const char *name)
{
	uint8_t wire[NET_NAME_MAX + 2];
	size_t n = name_write(wire, name);

	return n == 0 ?
	    NULL :
	    ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, (uint16_t)n, wire);
}

int
dnsmsg_add_address(struct dns_reply *r, const char *name,
    const uint8_t addr[16], uint32_t ttl)
{
	bool v4 = memcmp(addr, mapped, sizeof(mapped)) == 0;
	struct dns_record *rec = &r->record[r->n];
	ldns_rdf *owner, *a;
	ldns_rr *rr;

	if (r->n == DNS_RECORDS_MAX)
		return -1;
	owner = dname_new(name);
	a = ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA,
	    v4 ? 4 : 16, v4 ? addr + 12 : addr);
	rr = ldns_rr_new();
	if (owner == NULL || a == NULL || rr == NULL) {
		ldns_rdf_deep_free(owner);
		ldns_rdf_deep_free(a);
		ldns_rr_free(rr);
		return -1;
	}
	ldns_rr_set_owner(rr, owner);
	ldns_rr_set_type(rr, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, ttl);
	if (!ldns_rr_push_rdf(rr, a)) {
		ldns_rdf_deep_free(a);
		ldns_rr_free(rr);
		return -1;
	}
	memset(rec, 0, sizeof(*rec));
	if (!record_read(rec, rr)) {
		ldns_rr_free(rr);
		return -1;
	}
	r->n++;
	return 0;
}

static int
push_question(ldns_pkt *pkt, const struct dns_query *q)
{
	ldns_rr *rr;
	ldns_rdf *owner;
	size_t n = q->question_len;

	if (n == 0)
		return 0;
	rr = ldns_rr_new();
	owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME,
	    (uint16_t)(n - ROOM_TYPE_CLASS), q->question);
	if (rr == NULL || owner == NULL) {
		ldns_rr_free(rr);
		ldns_rdf_deep_free(owner);
		return -1;
	}
	ldns_rr_set_owner(rr, owner);
	ldns_rr_set_question(rr, true);
	ldns_rr_set_type(rr, (ldns_rr_type)get16(q->question + n - 4));
	ldns_rr_set_class(rr, (ldns_rr_class)get16(q->question + n - 2));
	if (!ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, rr)) {
		ldns_rr_free(rr);
		return -1;
	}
	return 0;
}

static int
push_records(ldns_pkt *pkt, const struct dns_answer *a)
{
	const struct dns_record *rec;
	ldns_rr *rr;
	size_t i;

	for (i = 0; a->reply != NULL && i < a->reply->n; i++) {
		if (a->keep != NULL && !a->keep[i])
			continue;
		rec = &a->reply->record[i];
		rr = ldns_rr_clone(rec->rr);
		if (rr == NULL)
			return -1;
		ldns_rr_set_ttl(rr,
		    rec->ttl < a->ttl_max ? rec->ttl : a->ttl_max);
		if (!ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr)) {
			ldns_rr_free(rr);
			return -1;
		}
	}
	return 0;
}

/* The OPT of an answer, at most OPT_SIZE + 6 + EDE_TEXT_MAX bytes. */
static size_t
put_opt(uint8_t *p, const struct dns_answer *a)
{
	size_t text = 0, n = OPT_SIZE;

	memset(p, 0, OPT_SIZE);
	put16(p + 1, LDNS_RR_TYPE_OPT);
	put16(p + 3, DNS_QUERY_MAX);
	p[5] = (uint8_t)(a->rcode >> 4);
	if (a->ede < 0)
		return n;
	if (a->ede_text != NULL)
		text = strnlen(a->ede_text, EDE_TEXT_MAX);
	put16(p + 9, (unsigned)(6 + text));
	put16(p + n, EDE_OPTION);
	put16(p + n + 2, (unsigned)(2 + text));
	put16(p + n + 4, (unsigned)a->ede);
	if (text > 0)
		memcpy(p + n + 6, a->ede_text, text);
	return n + 6 + text;
}

/* The message without its OPT, in memory of ldns. */
static uint8_t *
answer_wire(const struct dns_query *q, const struct dns_answer *a, bool records,
    size_t *len)
{
	ldns_pkt *pkt = ldns_pkt_new();
	uint8_t *wire = NULL;

	if (pkt == NULL)
		return NULL;
	ldns_pkt_set_id(pkt, q->id);
	ldns_pkt_set_qr(pkt, true);
	ldns_pkt_set_rd(pkt, q->recursion);
	ldns_pkt_set_ra(pkt, true);
	ldns_pkt_set_tc(pkt, !records);
	ldns_pkt_set_rcode(pkt, (uint8_t)(a->rcode & 0xf));
	if (push_question(pkt, q) == -1 ||
	    (records && push_records(pkt, a) == -1) ||
	    ldns_pkt2wire(&wire, pkt, len) != LDNS_STATUS_OK)
		wire = NULL;
	ldns_pkt_free(pkt);
	return wire;
}

size_t
dnsmsg_answer(uint8_t *msg, size_t size, const struct dns_query *q,
    const struct dns_answer *a)
{
	uint8_t opt[OPT_SIZE + 6 + EDE_TEXT_MAX], *wire;
	size_t len, nopt = q->edns ? put_opt(opt, a) : 0;

	if (size > a->max)
		size = a->max;
	wire = answer_wire(q, a, true, &len);
	if (wire != NULL && len + nopt > size) {
		free(wire);
		wire = answer_wire(q, a, false, &len);
	}
	if (wire == NULL || len + nopt > size || len < HEADER) {
		free(wire);
		return 0;
	}
	memcpy(msg, wire, len);
	free(wire);
	if (nopt > 0) {
		memcpy(msg + len, opt, nopt);
		put16(msg + 10, 1);
	}
	return len + nopt;
}
