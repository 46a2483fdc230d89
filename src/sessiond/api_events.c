/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes that read: events of a session, output of a command.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/keyvalq_struct.h>

#include "answer.h"
#include "event.h"
#include "http.h"
#include "log.h"
#include "path.h"
#include "sessiond.h"

#define EVENTS_LIMIT 200
#define EVENTS_LIMIT_MAX 5000
#define OUTPUT_LIMIT 65536
#define OUTPUT_COPIES 4 /* as it is, as text, in base64 */
#define OUTPUT_LIMIT_MAX 10485760

/* A question whose client waits. */
struct events_wait {
	struct request *rq;
	struct event_query *query;
};

/* Digits only. 0 or -1. */
static int
param_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return *end != '\0' || errno != 0 || *value > max ? -1 : 0;
}

static bool
events_types_are_known(const char *list)
{
	size_t i, n;

	for (;;) {
		n = strcspn(list, ",");
		for (i = 0; i < EV_MAX; i++) {
			if (strlen(event_rows[i].name) == n &&
			    memcmp(event_rows[i].name, list, n) == 0)
				break;
		}
		if (i == EV_MAX)
			return false;
		if (list[n] == '\0')
			return true;
		list += n + 1;
	}
}

static bool
events_decision_is_known(const char *word)
{
	int i;

	for (i = 0; i < DECISION_MAX; i++) {
		if (strcmp(word, decision_name((enum decision)i)) == 0)
			return true;
	}
	return false;
}

/* One parameter of the query. NULL, or what is wrong. */
static const char *
events_param(struct msg_event_query *q, const char *key, const char *value,
    bool *known)
{
	uint64_t n;

	*known = true;
	if (strcmp(key, "command_id") == 0) {
		if (strlen(value) > AGENTSH_CMDID_MAX)
			return "is not the id of a command";
		snprintf(q->command_id, sizeof(q->command_id), "%s", value);
	} else if (strcmp(key, "type") == 0) {
		if (strlen(value) >= sizeof(q->type) ||
		    !events_types_are_known(value))
			return "names an event that does not exist";
		snprintf(q->type, sizeof(q->type), "%s", value);
	} else if (strcmp(key, "decision") == 0) {
		if (!events_decision_is_known(value))
			return "must be allow, deny or audit";
		snprintf(q->decision, sizeof(q->decision), "%s", value);
	} else if (strcmp(key, "limit") == 0) {
		if (param_number(value, EVENTS_LIMIT_MAX, &n) == -1 || n == 0)
			return "must be a number from 1 to 5000";
		q->limit = (uint32_t)n;
	} else if (strcmp(key, "offset") == 0) {
		if (param_number(value, UINT32_MAX, &n) == -1)
			return "must be a number";
		q->offset = (uint32_t)n;
	} else if (strcmp(key, "order") == 0) {
		if (strcmp(value, "asc") != 0 && strcmp(value, "desc") != 0)
			return "must be asc or desc";
		q->descending = strcmp(value, "desc") == 0;
	} else
		*known = false;
	return NULL;
}

static const char *
events_earlier(const char *value, bool *known, bool *earlier)
{
	*known = true;
	*earlier = strcmp(value, "true") == 0;
	return *earlier || strcmp(value, "false") == 0 ?
	    NULL :
	    "must be true or false";
}

static void
events_done(struct event_set *set, void *arg)
{
	struct events_wait *w = arg;
	struct request *rq = w->rq;
	yajl_gen g = NULL;
	size_t i;

	free(w);
	if (set == NULL || (g = json_new()) == NULL) {
		http_error(rq, 500, "the events cannot be read");
		event_set_free(set);
		return;
	}
	if (set->refused || set->no_log) {
		yajl_gen_free(g);
		if (set->refused)
			http_error(rq, 429, "%s", SHARE_TEXT);
		else
			http_error(rq, 404, "session not found");
		event_set_free(set);
		return;
	}
	yajl_gen_array_open(g);
	for (i = 0; i < set->n; i++)
		json_raw(g, set->line[i].text, set->line[i].len);
	yajl_gen_array_close(g);
	event_set_free(set);
	http_reply(rq, 200, g);
}

static void
events_client_gone(struct request *rq, void *arg)
{
	struct events_wait *w = arg;

	(void)rq;
	event_query_cancel(w->query);
	free(w);
}

static void
events_ask(struct request *rq, const struct msg_event_query *q)
{
	struct events_wait *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	w->rq = rq;
	if ((w->query = event_query_start(q, rq->uid, events_done, w)) ==
	    NULL) {
		free(w);
		http_error(rq, 503, "too many requests are waiting");
		return;
	}
	http_wait(rq, events_client_gone, w);
}

/* The parameters into keys; answers itself when they cannot be read. */
static int
params_of(struct request *rq, struct evkeyvalq *keys)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(rq->ev);
	const char *query = evhttp_uri_get_query(uri);

	TAILQ_INIT(keys);
	if (query == NULL || query[0] == '\0')
		return 0;
	if (evhttp_parse_query_str(query, keys) == 0)
		return 0;
	http_error(rq, 400, "malformed parameters");
	return -1;
}

/* Whose events: of the session, or all that its id has had. Answers itself when
 * there can be none that the client may see. */
static int
events_target(struct request *rq, struct msg_event_query *q, bool earlier)
{
	struct session *s;
	uint32_t uid = rq->uid;
	const char *id;

	if (session_name_split(rq->id, &uid, &id) == -1 ||
	    !session_uid_is_visible(uid, rq->uid)) {
		http_error(rq, 404, "session not found");
		return -1;
	}
	s = session_find(uid, id);
	if (s != NULL && session_is_visible(s, rq->uid) && !earlier) {
		q->session = s->number;
		return 0;
	}
	/* none of that id, if so, is eventd's to say */
	q->uid = uid;
	snprintf(q->session_id, sizeof(q->session_id), "%s", id);
	return 0;
}

static void
events_route(struct request *rq, bool search)
{
	struct msg_event_query q = { .limit = EVENTS_LIMIT, .descending = 1 };
	struct evkeyvalq keys;
	struct evkeyval *kv;
	const char *why;
	bool known, earlier = false;

	if (params_of(rq, &keys) == -1)
		return;
	TAILQ_FOREACH(kv, &keys, next) {
		if (search && strcmp(kv->key, "session_id") == 0) {
			/* a longer one is no session's, and stays that */
			snprintf(rq->id, sizeof(rq->id), "%s",
			    strlen(kv->value) < sizeof(rq->id) ? kv->value :
								 ":");
			continue;
		}
		why = strcmp(kv->key, "earlier") == 0 ?
		    events_earlier(kv->value, &known, &earlier) :
		    events_param(&q, kv->key, kv->value, &known);
		if (known && why == NULL)
			continue;
		http_error(rq, 400, "parameter \"%.64s\" %s", kv->key,
		    known ? why : "is not supported by this build");
		evhttp_clear_headers(&keys);
		return;
	}
	evhttp_clear_headers(&keys);
	if (search && rq->id[0] == '\0') {
		http_error(rq, 400, "parameter \"session_id\" is required");
		return;
	}
	if (events_target(rq, &q, earlier) == 0)
		events_ask(rq, &q);
}

void
api_history(struct request *rq)
{
	events_route(rq, false);
}

void
api_events_search(struct request *rq)
{
	events_route(rq, true);
}

struct output_query {
	const char *stream;
	uint64_t offset;
	uint64_t limit;
};

static void
output_send(struct request *rq, struct command *cmd,
    const struct output_query *q)
{
	struct stream *st = &cmd->stream[strcmp(q->stream, "stderr") == 0];
	uint64_t left = st->spooled > q->offset ? st->spooled - q->offset : 0;
	uint64_t want = left < q->limit ? left : q->limit;
	uint32_t uid = rq->uid;
	char *data;
	yajl_gen g;
	long n;

	/* until it is in the connection's buffer, which is charged then */
	if (!share_take(uid, OUTPUT_COPIES * want)) {
		http_error(rq, 429, "%s", SHARE_TEXT);
		return;
	}
	data = malloc((size_t)want + 1);
	g = json_new();
	if (data == NULL || g == NULL ||
	    (n = spool_read(st, q->offset, data, (size_t)want)) == -1) {
		share_give(uid, OUTPUT_COPIES * want);
		free(data);
		if (g != NULL)
			yajl_gen_free(g);
		http_error(rq, 500, "the output cannot be read");
		return;
	}
	yajl_gen_map_open(g);
	json_put_str(g, "command_id", cmd->id);
	json_put_str(g, "stream", stream_name(st));
	json_put_u64(g, "offset", q->offset);
	json_put_u64(g, "limit", q->limit);
	json_put_u64(g, "total_bytes", st->total);
	json_put_bool(g, "truncated", st->total > st->spooled);
	json_key(g, "data");
	if (json_text(g, data, (size_t)n)) {
		json_key(g, "data_base64");
		json_base64(g, data, (size_t)n);
	}
	json_put_bool(g, "has_more", q->offset + (uint64_t)n < st->spooled);
	yajl_gen_map_close(g);
	free(data);
	share_give(uid, OUTPUT_COPIES * want);
	http_reply(rq, 200, g);
}

static const char *
output_param(struct output_query *q, const char *key, const char *value)
{
	if (strcmp(key, "stream") == 0) {
		if (strcmp(value, "stdout") != 0 &&
		    strcmp(value, "stderr") != 0)
			return "must be stdout or stderr";
		q->stream = strcmp(value, "stdout") == 0 ? "stdout" : "stderr";
	} else if (strcmp(key, "offset") == 0) {
		if (param_number(value, INT64_MAX, &q->offset) == -1)
			return "must be a number";
	} else if (strcmp(key, "limit") == 0) {
		if (param_number(value, OUTPUT_LIMIT_MAX, &q->limit) == -1 ||
		    q->limit == 0)
			return "must be a number from 1 to 10485760";
	} else
		return "is not supported by this build";
	return NULL;
}

void
api_output(struct request *rq)
{
	struct output_query q = { .stream = "stdout", .limit = OUTPUT_LIMIT };
	struct session *s = session_of(rq);
	struct evkeyvalq keys;
	struct evkeyval *kv;
	struct command *cmd;
	const char *why;

	if (s == NULL || params_of(rq, &keys) == -1)
		return;
	TAILQ_FOREACH(kv, &keys, next) {
		if ((why = output_param(&q, kv->key, kv->value)) == NULL)
			continue;
		http_error(rq, 400, "parameter \"%.64s\" %s", kv->key, why);
		evhttp_clear_headers(&keys);
		return;
	}
	evhttp_clear_headers(&keys);
	if ((cmd = command_find(s, rq->command_id)) == NULL)
		http_error(rq, 404, "output not found");
	else
		output_send(rq, cmd, &q);
}
