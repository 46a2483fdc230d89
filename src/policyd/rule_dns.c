/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_redirects: names that resolve to an address of the policy's.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ipport.h"
#include "parse.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

int
rule_dns_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *to = schema_value(map, KEY_DNS_resolve_to);
	struct redirect_part *d = &r->redirect;

	if (redirect_parse(p, schema_value(map, KEY_DNS_match),
		schema_value(map, KEY_DNS_visibility),
		schema_value(map, KEY_DNS_on_failure), r) == -1)
		return -1;
	if (inet_pton(AF_INET, to->text, d->addr + 12) == 1)
		memcpy(d->addr, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, to->text, d->addr) != 1)
		return parse_error(p, to,
		    "resolve_to: \"%.64s\" is no address of IPv4 or IPv6",
		    to->text);
	r->message = strdup("");
	return r->message == NULL ? parse_no_memory(p, map) : 0;
}

bool
rule_dns_covers(const struct rule *a, const struct rule *b, uint32_t *budget)
{
	return redirect_covers(a, b, budget);
}

void
rule_dns_print(struct printer *o, const struct rule *r)
{
	const struct redirect_part *d = &r->redirect;
	char text[INET6_ADDRSTRLEN];

	print_raw(o, KEY_DNS_match, d->match);
	ipport_addr_text(d->addr, text);
	print_raw(o, KEY_DNS_resolve_to, text);
	print_plain(o, KEY_DNS_visibility, schema_word(SET_TELL, (int)d->tell));
	print_plain(o, KEY_DNS_on_failure, schema_word(SET_FAIL, (int)d->fail));
}

void
rule_dns_free(struct rule *r)
{
	redirect_free(r);
}
