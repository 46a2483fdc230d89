/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The normal form of a policy: what it says, in the order of schema.def, in
 * one way of writing it. What is printed parses back to the same rules.
 */
#include <stdio.h>
#include <string.h>

#include "parse.h"
#include "utf8.h"

#define PRINT_MAX (16 * YDOC_MAX_BYTES)

static void
put(struct printer *o, const char *s)
{
	buf_put(o->out, s, strlen(s));
}

static void
put_indent(struct printer *o)
{
	unsigned i;

	for (i = 0; i < o->indent; i++)
		put(o, o->item && i + 2 == o->indent ? "-" : " ");
	o->item = false;
}

static void
put_key(struct printer *o, enum schema_key key, const char *after)
{
	put_indent(o);
	put(o, schema_name(key));
	put(o, after);
}

/* A scalar in double quotes; escaped: no variable is seen in it. */
static void
put_quoted(struct printer *o, const char *s, bool escaped)
{
	char piece[8];

	if (!utf8_is_valid(s, strlen(s)))
		o->bad = true;
	put(o, "\"");
	for (; *s != '\0'; s++) {
		if (escaped && s[0] == '$' && s[1] == '{')
			put(o, "${DOLLAR}");
		else if (*s == '"' || *s == '\\') {
			snprintf(piece, sizeof(piece), "\\%c", *s);
			put(o, piece);
		} else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			snprintf(piece, sizeof(piece), "\\x%02x",
			    (unsigned char)*s);
			put(o, piece);
		} else {
			buf_put(o->out, s, 1);
		}
	}
	put(o, "\"");
}

void
print_text(struct printer *o, enum schema_key key, const char *s)
{
	put_key(o, key, ": ");
	put_quoted(o, s, true);
	put(o, "\n");
}

void
print_raw(struct printer *o, enum schema_key key, const char *s)
{
	put_key(o, key, ": ");
	put_quoted(o, s, false);
	put(o, "\n");
}

void
print_plain(struct printer *o, enum schema_key key, const char *s)
{
	put_key(o, key, ": ");
	put(o, s);
	put(o, "\n");
}

void
print_number(struct printer *o, enum schema_key key, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	print_plain(o, key, text);
}

static void
print_time(struct printer *o, enum schema_key key, uint64_t ms)
{
	char text[32];

	if (ms % 1000 == 0)
		snprintf(text, sizeof(text), "%llus",
		    (unsigned long long)ms / 1000);
	else
		snprintf(text, sizeof(text), "%llums", (unsigned long long)ms);
	print_plain(o, key, text);
}

void
print_items(struct printer *o, enum schema_key key)
{
	put_key(o, key, ":\n");
}

static void
begin_item(struct printer *o)
{
	o->indent += 4;
	o->item = true;
	put_indent(o);
	o->indent -= 4;
}

void
print_item(struct printer *o, const char *s)
{
	begin_item(o);
	put(o, s);
	put(o, "\n");
}

void
print_quoted(struct printer *o, const char *s)
{
	begin_item(o);
	put_quoted(o, s, false);
	put(o, "\n");
}

void
print_list(struct printer *o, enum schema_key key, char *const *v, size_t n)
{
	size_t i;

	print_items(o, key);
	for (i = 0; i < n; i++) {
		begin_item(o);
		put_quoted(o, v[i], true);
		put(o, "\n");
	}
}

void
print_raw_list(struct printer *o, enum schema_key key, const struct words *w)
{
	size_t i;

	if (w->n == 0) {
		print_plain(o, key, "[]");
		return;
	}
	print_items(o, key);
	for (i = 0; i < w->n; i++)
		print_quoted(o, w->v[i]);
}

void
print_ops(struct printer *o, enum schema_key key, const char *const *names,
    uint32_t n, uint32_t ops)
{
	const char *comma = "";
	uint32_t i;

	if (ops == (1U << n) - 1)
		return;
	put_key(o, key, ": [");
	for (i = 0; i < n; i++) {
		if ((ops & (1U << i)) == 0)
			continue;
		put(o, comma);
		put(o, names[i]);
		comma = ", ";
	}
	put(o, "]\n");
}

void
print_named(struct printer *o, enum schema_key key, const struct words *w,
    bool expanded)
{
	const char *equals;
	size_t i;

	if (w->n == 0)
		return;
	put_key(o, key, ":\n");
	o->indent += 2;
	for (i = 0; i < w->n; i++) {
		equals = strchr(w->v[i], '=');
		if (equals == NULL)
			continue;
		put_indent(o);
		put(o, "\"");
		buf_put(o->out, w->v[i], (size_t)(equals - w->v[i]));
		put(o, "\": ");
		put_quoted(o, equals + 1, expanded);
		put(o, "\n");
	}
	o->indent -= 2;
}

void
print_open(struct printer *o, enum schema_key key)
{
	put_key(o, key, ":\n");
	o->indent += 2;
}

void
print_close(struct printer *o)
{
	o->indent -= 2;
}

void
print_answer(struct printer *o, const struct rule *r, enum schema_key message,
    enum schema_key timeout)
{
	if (r->message[0] != '\0')
		print_raw(o, message, r->message);
	if (r->timeout_ms != 0)
		print_time(o, timeout, r->timeout_ms);
}

static void
print_rules(struct printer *o, const struct rulekind *kind,
    const struct rules *rules)
{
	size_t i;

	if (rules->n == 0)
		return;
	print_items(o, kind->list);
	o->indent = 4;
	for (i = 0; i < rules->n; i++) {
		o->item = true;
		print_raw(o, kind->name, rules->rule[i].name);
		kind->print(o, &rules->rule[i]);
	}
	o->indent = 0;
}

static void
print_environment(struct printer *o, const struct policy *p)
{
	static const enum schema_key keys[5] = {
		KEY_ENV_allow,
		KEY_ENV_deny,
		KEY_ENV_max_bytes,
		KEY_ENV_max_keys,
		KEY_ENV_block_iteration,
	};

	if (p->env.given) {
		print_open(o, KEY_TOP_env_policy);
		env_print(o, &p->env, keys);
		print_close(o);
	}
	print_named(o, KEY_TOP_env_inject, &p->env_inject, true);
	if (p->wrappers_add.n == 0 && p->wrappers_remove.n == 0)
		return;
	print_open(o, KEY_TOP_transparent_commands);
	print_raw_list(o, KEY_TRANSPARENT_add, &p->wrappers_add);
	print_raw_list(o, KEY_TRANSPARENT_remove, &p->wrappers_remove);
	print_close(o);
}

static void
print_limits(struct printer *o, const struct policy *p)
{
	const struct {
		enum schema_key key;
		uint64_t value;
		bool time;
	} rows[] = {
		{ KEY_LIMITS_command_timeout, p->command_timeout_ms, true },
		{ KEY_LIMITS_session_timeout, p->session_timeout_ms, true },
		{ KEY_LIMITS_idle_timeout, p->idle_timeout_ms, true },
		{ KEY_LIMITS_max_memory_mb, p->limits.max_memory_mb, false },
		{ KEY_LIMITS_memory_swap_max_mb, p->limits.memory_swap_max_mb,
		    false },
		{ KEY_LIMITS_cpu_quota_percent, p->limits.cpu_quota_percent,
		    false },
		{ KEY_LIMITS_disk_read_bps_max, p->limits.disk_read_bps_max,
		    false },
		{ KEY_LIMITS_disk_write_bps_max, p->limits.disk_write_bps_max,
		    false },
		{ KEY_LIMITS_net_bandwidth_mbps, p->limits.net_bandwidth_mbps,
		    false },
		{ KEY_LIMITS_pids_max, p->limits.pids_max, false },
	};
	bool open = false;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].value == 0)
			continue;
		if (!open)
			print_open(o, KEY_TOP_resource_limits);
		open = true;
		if (rows[i].time)
			print_time(o, rows[i].key, rows[i].value);
		else
			print_number(o, rows[i].key, rows[i].value);
	}
	if (open)
		print_close(o);
}

int
policy_print(const struct policy *p, struct buf *out)
{
	struct printer o = { .out = out };
	size_t i;

	buf_init(out, PRINT_MAX);
	print_plain(&o, KEY_TOP_version, "1");
	print_raw(&o, KEY_TOP_name, p->name);
	if (p->allow_unenforced)
		print_plain(&o, KEY_TOP_allow_unenforced, "true");
	if (p->reads_allowed || p->unprotected) {
		print_open(&o, KEY_TOP_defaults);
		if (p->reads_allowed)
			print_plain(&o, KEY_DEFAULTS_reads, "allow");
		if (p->unprotected)
			print_plain(&o, KEY_DEFAULTS_protected, "off");
		print_close(&o);
	}
	for (i = 0; i < RULEKINDS; i++)
		print_rules(&o, &rulekinds[i], &p->family[rulekinds[i].family]);
	print_environment(&o, p);
	print_limits(&o, p);
	if (!o.bad && !out->bad)
		return 0;
	buf_free(out);
	return -1;
}
