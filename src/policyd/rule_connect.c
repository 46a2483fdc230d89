/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect_redirects: connections that go to another place, over the network
 * or to a unix socket, with or without another name for TLS.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "units.h"

/* host:1, 10.0.0.1:1 or [fd00::1]:1, from text into *to. */
static int
parse_place(struct parser *p, const struct ynode *v, const char *text,
    char **to)
{
	const char *colon = strrchr(text, ':');
	const char *what = "must be host:port";
	char host[256], *normal;
	struct in6_addr a;
	uint64_t port;
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);

	if (len == 0 || len >= sizeof(host) ||
	    units_int(colon + 1, 10, &port) == -1 || port == 0 || port > 65535)
		return parse_error(p, v, "redirect_to: %.256s: %s", text, what);
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[') {
		host[len - 1] = host[len - 1] == ']' ? '\0' : 'x';
		if (inet_pton(AF_INET6, host + 1, &a) != 1)
			return parse_error(p, v,
			    "redirect_to: %.256s: no address of IPv6 in the "
			    "brackets",
			    text);
		*to = strdup(text);
		return *to == NULL ? parse_no_memory(p, v) : 0;
	}
	if (strpbrk(host, "*?[]{},") != NULL)
		return parse_error(p, v,
		    "redirect_to: %.256s: is one place, without globs", text);
	normal = domain_normal(host, &what);
	if (normal == NULL)
		return parse_error(p, v, "redirect_to: %.256s: %s", text, what);
	if (asprintf(to, "%s:%u", normal, (unsigned)port) == -1)
		*to = NULL;
	free(normal);
	return *to == NULL ? parse_no_memory(p, v) : 0;
}

static int
parse_sni(struct parser *p, const struct ynode *tls, struct redirect_part *d)
{
	const struct ynode *sni = schema_value(tls, KEY_TLS_sni);
	const char *what = "";

	if (schema_choice(schema_value(tls, KEY_TLS_mode), SET_TLS, 0) == 0) {
		if (sni != NULL)
			return parse_error(p, sni->key,
			    "sni: without mode rewrite_sni");
		return 0;
	}
	if (sni == NULL)
		return parse_error(p, tls,
		    "sni: missing in tls with mode rewrite_sni");
	d->sni = domain_normal(sni->text, &what);
	if (d->sni != NULL && strpbrk(d->sni, "*?[]{},") != NULL) {
		what = "is one name, without globs";
		free(d->sni);
		d->sni = NULL;
	}
	if (d->sni == NULL)
		return parse_error(p, sni, "sni: %.256s: %s", sni->text, what);
	return 0;
}

int
rule_connect_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *to = schema_value(map, KEY_CONNECT_redirect_to);
	const struct ynode *to_unix = schema_value(map,
	    KEY_CONNECT_redirect_to_unix);
	const struct ynode *tls = schema_value(map, KEY_CONNECT_tls);
	struct redirect_part *d = &r->redirect;
	char *text = NULL;
	int ret;

	if (redirect_parse(p, schema_value(map, KEY_CONNECT_match),
		schema_value(map, KEY_CONNECT_visibility),
		schema_value(map, KEY_CONNECT_on_failure), r) == -1)
		return -1;
	if ((to == NULL) == (to_unix == NULL))
		return parse_error(p, to == NULL ? map : to_unix->key,
		    "redirect_to: exactly one of redirect_to and "
		    "redirect_to_unix");
	if (to != NULL) {
		if (value_expand(p, to, "redirect_to", &text) == -1)
			return -1;
		ret = parse_place(p, to, text, &d->to);
		free(text);
		if (ret == -1)
			return -1;
	}
	if (to_unix != NULL &&
	    value_path(p, to_unix, "redirect_to_unix", &d->to_unix) == -1)
		return -1;
	if (tls != NULL && parse_sni(p, tls, d) == -1)
		return -1;
	return rule_answer(p, schema_value(map, KEY_CONNECT_message), NULL,
	    FAMILY_CONNECT, r);
}

bool
rule_connect_covers(const struct rule *a, const struct rule *b,
    uint32_t *budget)
{
	return redirect_covers(a, b, budget);
}

void
rule_connect_print(struct printer *o, const struct rule *r)
{
	const struct redirect_part *d = &r->redirect;

	print_raw(o, KEY_CONNECT_match, d->match);
	if (d->to != NULL)
		print_text(o, KEY_CONNECT_redirect_to, d->to);
	if (d->to_unix != NULL)
		print_text(o, KEY_CONNECT_redirect_to_unix, d->to_unix);
	if (d->sni != NULL) {
		print_open(o, KEY_CONNECT_tls);
		print_plain(o, KEY_TLS_mode, "rewrite_sni");
		print_raw(o, KEY_TLS_sni, d->sni);
		print_close(o);
	}
	print_plain(o, KEY_CONNECT_visibility,
	    schema_word(SET_TELL, (int)d->tell));
	if (r->message[0] != '\0')
		print_raw(o, KEY_CONNECT_message, r->message);
	print_plain(o, KEY_CONNECT_on_failure,
	    schema_word(SET_FAIL, (int)d->fail));
}

void
rule_connect_free(struct rule *r)
{
	redirect_free(r);
}
