/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session publish, session unpublish
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "jsonout.h"

/* [ADDRESS:]HOSTPORT:PORT or PORT; the address may be in brackets, and HOSTPORT
 * empty: any that is free. */
struct place {
	char address[64]; /* "": as the server has it */
	uint64_t host_port, port;
};

static int
parse_place(const char *word, struct place *p)
{
	char text[128], *colon, *host = NULL;

	memset(p, 0, sizeof(*p));
	if (strlen(word) >= sizeof(text))
		return -1;
	snprintf(text, sizeof(text), "%s", word);
	colon = strrchr(text, ':');
	if (colon == NULL)
		return parse_num(text, 65535, &p->port);
	*colon = '\0';
	if (parse_num(colon + 1, 65535, &p->port) == -1)
		return -1;
	host = strrchr(text, ':');
	host = host == NULL ? text : host + 1;
	if (*host != '\0' && parse_num(host, 65535, &p->host_port) == -1)
		return -1;
	if (host == text)
		return *host == '\0' ? -1 : 0;
	host[-1] = '\0';
	host = text;
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		host++;
	} else if (strchr(host, ':') != NULL) {
		return -1;
	}
	if (host[0] == '\0' || strlen(host) >= sizeof(p->address))
		return -1;
	snprintf(p->address, sizeof(p->address), "%s", host);
	return 0;
}

/* As it is written to publish it. */
static void
print_row(const struct jval *v)
{
	const char *address = jv_str(v, "address");
	uint64_t host_port = 0, port = 0;
	char *safe;

	if (address == NULL || jv_u64(v, "host_port", &host_port) == -1 ||
	    jv_u64(v, "port", &port) == -1)
		return;
	safe = vis_dup(address);
	printf(strchr(address, ':') != NULL ? "[%s]:%llu:%llu\n" :
					      "%s:%llu:%llu\n",
	    safe, (unsigned long long)host_port, (unsigned long long)port);
	free(safe);
}

static int
show(const struct args *a, const struct call *c)
{
	const struct jval *v = c->json->root;

	if (a->opt[OPT_JSON] != NULL)
		print_body(c);
	else if (v->type == J_ARRAY)
		for (v = v->child; v != NULL; v = v->next)
			print_row(v);
	else
		print_row(v);
	return EXIT_SUCCESS;
}

static struct jsonout *
make_request(const struct place *p)
{
	struct jsonout *o = jo_new();

	jo_open(o, NULL);
	jo_num(o, "port", p->port);
	if (p->host_port != 0)
		jo_num(o, "host_port", p->host_port);
	if (p->address[0] != '\0')
		jo_str(o, "address", p->address);
	jo_close(o);
	return o;
}

int
cmd_session_publish(struct args *a)
{
	struct jsonout *o = NULL;
	const char *text = NULL;
	bool list = a->opt[OPT_LIST] != NULL;
	struct place p;
	struct call c;
	char *sid, *path;
	size_t len = 0;
	int r = EXIT_FAILURE;

	if (list != (a->argc == 1))
		return usage_error(a, "a port or --list is wanted");
	if (!list && (parse_place(a->argv[1], &p) == -1 || p.port == 0))
		return usage_error(a, "%s is not [[ADDRESS:]HOSTPORT:]PORT",
		    a->argv[1]);
	if (!list) {
		o = make_request(&p);
		if ((text = jo_text(o, &len)) == NULL) {
			jo_free(o);
			return EXIT_USAGE;
		}
	}
	sid = url_escape(a->argv[0]);
	path = xasprintf("/api/v1/sessions/%s/ports", sid);
	if (call(a, &c, list ? "GET" : "POST", path, text, len) == 0) {
		if (c.status != (list ? 200 : 201) || c.json == NULL)
			r = call_error(&c);
		else
			r = show(a, &c);
		call_free(&c);
	}
	free(path);
	free(sid);
	if (o != NULL)
		jo_free(o);
	return r;
}

int
cmd_session_unpublish(struct args *a)
{
	struct call c;
	char *sid, *place, *path;
	int r;

	sid = url_escape(a->argv[0]);
	place = url_escape(a->argv[1]);
	path = xasprintf("/api/v1/sessions/%s/ports/%s", sid, place);
	r = call(a, &c, "DELETE", path, NULL, 0);
	free(path);
	free(place);
	free(sid);
	if (r == -1)
		return EXIT_FAILURE;
	if (c.status != 204)
		r = call_error(&c);
	call_free(&c);
	return r;
}
