/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as words, for events. What they hold is from a name server, and whose it
 * is wrote what he likes: what cannot be printed is told as \DDD.
 */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "dnsmsg.h"

static void
add(char text[DNS_TEXT_MAX], const char *s, size_t len)
{
	size_t at = strlen(text), room = DNS_TEXT_MAX - 1 - at;

	if (len > room)
		len = room;
	memcpy(text + at, s, len);
	text[at + len] = '\0';
}

static void
add_part(char text[DNS_TEXT_MAX], const ldns_rdf *rdf)
{
	char *s = ldns_rdf2str(rdf);
	size_t len;

	if (s == NULL)
		return;
	len = strlen(s);
	/* as names are everywhere else */
	if (ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME && len > 1)
		len--;
	if (text[0] != '\0')
		add(text, " ", 1);
	add(text, s, len);
	free(s);
}

void
dnsmsg_text(const struct dns_record *rec, char text[DNS_TEXT_MAX])
{
	size_t i, n;

	text[0] = '\0';
	switch (rec->type) {
	case DNS_A:
		(void)inet_ntop(AF_INET, rec->addr + 12, text, DNS_TEXT_MAX);
		return;
	case DNS_AAAA:
		(void)inet_ntop(AF_INET6, rec->addr, text, DNS_TEXT_MAX);
		return;
	case DNS_CNAME:
		add(text, rec->target, strlen(rec->target));
		return;
	default:
		n = ldns_rr_rd_count(rec->rr);
		for (i = 0; i < n; i++)
			add_part(text, ldns_rr_rdf(rec->rr, i));
	}
}
