/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of POST .../exec, from words and options, or from --json, whose
 * keys are checked one by one: a misspelt one would be lost in silence.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jsonout.h"
#include "tty.h"
#include "units.h"

/* Standard input to its end. */
static char *
read_stdin(size_t *len)
{
	size_t cap = 65536;
	ssize_t n;
	char *p, *bigger;

	*len = 0;
	p = xcalloc(cap, 1);
	while ((n = read(STDIN_FILENO, p + *len, cap - *len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			say("standard input: %s", strerror(errno));
			goto fail;
		}
		*len += (size_t)n;
		if (*len > CLI_MAX_STDIN) {
			say("standard input is larger than %d bytes",
			    CLI_MAX_STDIN);
			goto fail;
		}
		if (*len == cap) {
			cap *= 2;
			bigger = realloc(p, cap);
			if (bigger == NULL) {
				say("out of memory");
				goto fail;
			}
			p = bigger;
		}
	}
	return p;
fail:
	free(p);
	return NULL;
}

static int
put_stdin(struct jsonout *o)
{
	size_t len;
	char *p;

	p = read_stdin(&len);
	if (p == NULL)
		return -1;
	jo_strn(o, "stdin", p, len);
	free(p);
	return 0;
}

/* A string of the base request, where no option replaces it. */
static int
put_text(struct jsonout *o, const struct jval *base, const char *key,
    const char *option)
{
	const struct jval *v = jv_at(base, key);

	if (option != NULL)
		jo_str(o, key, option);
	else if (v != NULL && v->type == J_STRING)
		jo_strn(o, key, v->str, v->len);
	else if (v != NULL && v->type != J_NULL) {
		say("--json: %s is not a string", key);
		return -1;
	}
	return 0;
}

static int
put_args(struct jsonout *o, const struct args *a, const struct jval *base)
{
	const struct jval *v = jv_at(base, "args");
	int i;

	if (v != NULL && v->type != J_ARRAY && v->type != J_NULL) {
		say("--json: args is not an array");
		return -1;
	}
	jo_open_array(o, "args");
	for (i = 1; i < a->argc; i++)
		jo_str(o, NULL, a->argv[i]);
	for (v = v == NULL ? NULL : v->child; v != NULL; v = v->next) {
		if (v->type != J_STRING) {
			say("--json: args has a member that is not a string");
			return -1;
		}
		jo_strn(o, NULL, v->str, v->len);
	}
	jo_close_array(o);
	return 0;
}

/* Does an --env from number i on set the variable? */
static bool
env_later(const struct args *a, size_t i, const char *key)
{
	size_t n = strlen(key);

	for (; i < a->nenv; i++)
		if (strncmp(a->env[i], key, n) == 0 && a->env[i][n] == '=')
			return true;
	return false;
}

/* Which terminal it is: that of the caller. */
static const char *
env_term(const struct args *a, const struct exec_plan *p)
{
	const char *term = getenv("TERM");

	if (!p->pty || term == NULL || term[0] == '\0' ||
	    env_later(a, 0, "TERM"))
		return NULL;
	return term;
}

static void
put_size(struct jsonout *o)
{
	uint16_t rows, cols;

	tty_size(&rows, &cols);
	jo_str(o, "type", "start");
	jo_num(o, "rows", rows);
	jo_num(o, "cols", cols);
}

static int
put_env(struct jsonout *o, const struct args *a, const struct exec_plan *p,
    const struct jval *base)
{
	const char *term = env_term(a, p);
	const struct jval *v = jv_at(base, "env");
	const char *eq;
	size_t i;
	char *key;

	if (v != NULL && v->type != J_OBJECT && v->type != J_NULL) {
		say("--json: env is not an object");
		return -1;
	}
	if (v == NULL && a->nenv == 0 && term == NULL)
		return 0;
	jo_open(o, "env");
	if (term != NULL)
		jo_str(o, "TERM", term);
	for (v = v == NULL ? NULL : v->child; v != NULL; v = v->next) {
		if (v->type != J_STRING) {
			say("--json: a member of env is not a string");
			return -1;
		}
		if (!env_later(a, 0, v->key))
			jo_strn(o, v->key, v->str, v->len);
	}
	for (i = 0; i < a->nenv; i++) {
		eq = strchr(a->env[i], '=');
		if (eq == NULL || eq == a->env[i]) {
			say("--env %s: not NAME=VALUE", a->env[i]);
			return -1;
		}
		key = xstrdup(a->env[i]);
		key[eq - a->env[i]] = '\0';
		/* one key twice is not JSON: the last one counts */
		if (!env_later(a, i + 1, key))
			jo_str(o, key, eq + 1);
		free(key);
	}
	jo_close(o);
	return 0;
}

static int
put_timeout(struct jsonout *o, const struct args *a, const struct jval *base)
{
	const char *s = a->opt[OPT_TIMEOUT];
	char text[32];
	uint64_t ms;

	if (s == NULL)
		s = jv_str(base, "timeout");
	if (s == NULL)
		return put_text(o, base, "timeout", NULL);
	if (units_duration(s, &ms) == -1 || ms == 0) {
		say("timeout %s is not a duration such as 30s", s);
		return -1;
	}
	snprintf(text, sizeof(text), "%llums", (unsigned long long)ms);
	jo_str(o, "timeout", text);
	return 0;
}

static int
check_keys(const struct jval *base)
{
	static const char *const known[] = { "command", "args", "argv0",
		"timeout", "working_dir", "env", "stdin", "include_events",
		"stream_output" };
	const struct jval *v;
	size_t i;

	if (base->type != J_OBJECT) {
		say("--json: not an object");
		return -1;
	}
	for (v = base->child; v != NULL; v = v->next) {
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strcmp(known[i], v->key) == 0)
				break;
		if (i == sizeof(known) / sizeof(known[0])) {
			say("--json: unknown key %s", v->key);
			return -1;
		}
	}
	if (jv_str(base, "command") == NULL) {
		say("--json: command is missing, or not a string");
		return -1;
	}
	return 0;
}

static int
put_all(struct jsonout *o, const struct args *a, const struct exec_plan *p,
    const struct jval *base)
{
	bool own_events = a->opt[OPT_EVENTS] != NULL ||
	    jv_at(base, "include_events") == NULL;

	jo_open(o, NULL);
	if (put_text(o, base, "command", a->argc > 0 ? a->argv[0] : NULL) ==
		-1 ||
	    put_args(o, a, base) == -1 ||
	    put_text(o, base, "argv0", a->opt[OPT_ARGV0]) == -1 ||
	    put_timeout(o, a, base) == -1 ||
	    put_text(o, base, "working_dir", a->opt[OPT_WORKING_DIR]) == -1 ||
	    put_env(o, a, p, base) == -1)
		return -1;
	if (p->pty)
		put_size(o);
	else if (put_text(o, base, "include_events",
		     own_events ? p->events : NULL) == -1)
		return -1;
	if (a->opt[OPT_STDIN] == NULL) {
		if (put_text(o, base, "stdin", NULL) == -1)
			return -1;
	} else if (put_stdin(o) == -1)
		return -1;
	jo_close(o);
	return 0;
}

/* stream_output is --stream. */
static int
take_stream(const struct args *a, struct exec_plan *p, const struct jval *base)
{
	if (!jv_true(base, "stream_output"))
		return 0;
	if (p->json || a->opt[OPT_EVENTS] != NULL) {
		say("--json: stream_output excludes --output json and "
		    "--events");
		return -1;
	}
	p->stream = true;
	p->events = "none";
	return 0;
}

/* The body, to be freed; NULL after a message. */
struct jsonout *
exec_request(const struct args *a, struct exec_plan *p)
{
	const char *text = a->opt[OPT_REQUEST], *why;
	struct json *base = NULL;
	struct jsonout *o;

	if (text != NULL) {
		base = json_parse(text, strlen(text), &why);
		if (base == NULL) {
			say("--json: %s", why);
			return NULL;
		}
	}
	o = jo_new();
	if ((base != NULL &&
		(check_keys(base->root) == -1 ||
		    take_stream(a, p, base->root) == -1)) ||
	    put_all(o, a, p, base == NULL ? NULL : base->root) == -1) {
		jo_free(o);
		o = NULL;
	}
	json_free(base);
	return o;
}
