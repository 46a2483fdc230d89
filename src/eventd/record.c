/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record becomes a line of JSON. The bytes are from a producer that runs as
 * the session's user and may be hostile: everything is checked here, and what
 * is written is valid JSON in valid UTF-8 whatever the strings held.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_gen.h>

#include "eventd.h"
#include "log.h"
#include "utf8.h"
#include "vis.h"

enum group {
	GROUP_TOP,
	GROUP_POLICY,
	GROUP_FIELDS,
	GROUP_MAX
};

static const char *const group_names[GROUP_MAX] = { "", "policy", "fields" };

static struct {
	yajl_gen gen;
	struct buf *out;
	enum group group[EVF_MAX];
	const char *key[EVF_MAX]; /* without the group */
	char vis[EVENT_STR_MAX * 4 + 1];
} json;

int
erec_decode(struct erec *r, const void *data, size_t len)
{
	struct buf b;
	enum event_field field;
	const char *str;
	uint64_t num;
	size_t n;
	int rc;

	memset(r->has, 0, sizeof(r->has));
	r->nstrv = 0;
	buf_read_from(&b, data, len);
	if (ev_get_head(&b, &r->head) == -1)
		return -1;
	while ((rc = ev_get_field(&b, &field, &num, &str, &n)) == 1) {
		if (ev_is_many(field)) {
			if (r->nstrv >= sizeof(r->strv) / sizeof(r->strv[0]))
				return -1;
			r->strv[r->nstrv].field = field;
			r->strv[r->nstrv].str = str;
			r->strv[r->nstrv].len = n;
			r->nstrv++;
		} else if (r->has[field])
			return -1;
		r->has[field] = true;
		r->num[field] = num;
		r->str[field] = str;
		r->len[field] = n;
	}
	return rc;
}

uint8_t
erec_decision(const struct erec *r)
{
	const char *name;
	uint8_t d;

	if (!r->has[EVF_DECISION])
		return EVLOG_NO_DECISION;
	for (d = 0; d < DECISION_MAX; d++) {
		name = decision_name((enum decision)d);
		if (strlen(name) == r->len[EVF_DECISION] &&
		    memcmp(name, r->str[EVF_DECISION], strlen(name)) == 0)
			return d;
	}
	return EVLOG_NO_DECISION;
}

static void
json_print(void *arg, const char *s, size_t len)
{
	(void)arg;
	buf_put(json.out, s, len);
}

int
json_init(void)
{
	const char *key;
	size_t f, g, n;

	json.gen = yajl_gen_alloc(NULL);
	if (json.gen == NULL ||
	    !yajl_gen_config(json.gen, yajl_gen_print_callback, json_print,
		NULL))
		return -1;
	for (f = 0; f < EVF_MAX; f++) {
		key = event_field_rows[f].key;
		json.key[f] = key;
		for (g = GROUP_POLICY; g < GROUP_MAX; g++) {
			n = strlen(group_names[g]);
			if (strncmp(key, group_names[g], n) == 0 &&
			    key[n] == '.') {
				json.group[f] = (enum group)g;
				json.key[f] = key + n + 1;
			}
		}
	}
	return 0;
}

static void
json_text(const char *s)
{
	yajl_gen_string(json.gen, (const unsigned char *)s, strlen(s));
}

/* A string from a record. */
static void
json_bytes(const char *s, size_t len)
{
	if (!utf8_is_valid(s, len)) {
		vis_bytes(json.vis, sizeof(json.vis), s, len);
		json_text(json.vis);
		return;
	}
	yajl_gen_string(json.gen, (const unsigned char *)s, len);
}

static void
json_number(uint64_t v)
{
	char text[24];
	int n;

	n = snprintf(text, sizeof(text), "%" PRIu64, v);
	yajl_gen_number(json.gen, text, (size_t)n);
}

static void
json_array(const struct erec *r, enum event_field f)
{
	size_t i;

	yajl_gen_array_open(json.gen);
	for (i = 0; i < r->nstrv; i++) {
		if (r->strv[i].field == f)
			json_bytes(r->strv[i].str, r->strv[i].len);
	}
	yajl_gen_array_close(json.gen);
}

static void
json_counts(const struct erec *r, enum event_field f)
{
	uint64_t num;
	size_t at, i;

	yajl_gen_map_open(json.gen);
	for (i = 0; i < r->nstrv; i++) {
		if (r->strv[i].field != f ||
		    !ev_get_count(r->strv[i].str, r->strv[i].len, &num, &at))
			continue;
		json_bytes(r->strv[i].str + at, r->strv[i].len - at);
		json_number(num);
	}
	yajl_gen_map_close(json.gen);
}

/* The approval of an operation is an object of its own. */
static void
json_approval(const struct erec *r, enum event_field f)
{
	json_text("approval");
	yajl_gen_map_open(json.gen);
	json_text("required");
	yajl_gen_bool(json.gen, 1);
	json_text("mode");
	json_text("enforced");
	json_text("id");
	json_bytes(r->str[f], r->len[f]);
	yajl_gen_map_close(json.gen);
}

static bool
has_group(const struct erec *r, enum group g)
{
	enum event_field f;

	for (f = 0; f < EVF_MAX; f++) {
		if (r->has[f] && json.group[f] == g)
			return true;
	}
	return false;
}

static void
json_fields(const struct erec *r, enum group g)
{
	enum event_field f;

	for (f = 0; f < EVF_MAX; f++) {
		if (!r->has[f] || json.group[f] != g)
			continue;
		if (f == EVF_APPROVAL) {
			json_approval(r, f);
			continue;
		}
		json_text(json.key[f]);
		switch (event_field_rows[f].type) {
		case FT_STR:
			json_bytes(r->str[f], r->len[f]);
			break;
		case FT_U64:
			json_number(r->num[f]);
			break;
		case FT_I64:
			yajl_gen_integer(json.gen, (long long)r->num[f]);
			break;
		case FT_BOOL:
			yajl_gen_bool(json.gen, r->num[f] != 0);
			break;
		case FT_STRV:
			json_array(r, f);
			break;
		case FT_COUNTS:
			json_counts(r, f);
			break;
		}
	}
}

/* RFC 3339 in UTC. */
static void
json_time(uint64_t ns)
{
	char text[80];
	struct tm tm;
	time_t t = (time_t)(ns / 1000000000U);

	gmtime_r(&t, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (unsigned)(ns % 1000000000U));
	json_text(text);
}

int
json_event(struct buf *out, const struct erec *r, const char *prefix,
    uint64_t seq, const char *session_id)
{
	size_t before = out->len;
	char id[80];
	size_t g;

	json.out = out;
	yajl_gen_reset(json.gen, NULL);
	yajl_gen_map_open(json.gen);
	snprintf(id, sizeof(id), "%s%" PRIu64, prefix, seq);
	json_text("id");
	json_text(id);
	json_text("seq");
	json_number(seq);
	json_text("timestamp");
	json_time(r->head.time_ns);
	json_text("type");
	json_text(event_rows[r->head.type].name);
	json_text("session_id");
	json_text(session_id);
	if (r->head.command_id[0] != '\0') {
		json_text("command_id");
		json_bytes(r->head.command_id, strlen(r->head.command_id));
	}
	if (r->head.pid != 0) {
		json_text("pid");
		json_number(r->head.pid);
	}
	json_fields(r, GROUP_TOP);
	for (g = GROUP_POLICY; g < GROUP_MAX; g++) {
		if (!has_group(r, (enum group)g))
			continue;
		json_text(group_names[g]);
		yajl_gen_map_open(json.gen);
		json_fields(r, (enum group)g);
		yajl_gen_map_close(json.gen);
	}
	yajl_gen_map_close(json.gen);
	buf_put(out, "\n", 1);
	if (!out->bad)
		return 0;
	out->bad = false;
	out->len = before;
	return -1;
}
