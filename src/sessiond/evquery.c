/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to eventd. An answer is a file of lines, one JSON object each;
 * they go to clients as they are, once it is sure that they are JSON.
 */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "event.h"
#include "fdio.h"
#include "log.h"
#include "sessiond.h"

#define EVQUERY_BYTES_MAX (64U << 20) /* of one answer */

#define EVQUERY_USER_MAX 2 /* questions that eventd works on, one user's */
#define EVQUERY_COPIES 3   /* the lines, what is parsed of them, the answer */

struct event_query {
	TAILQ_ENTRY(event_query) entry;
	struct msg_event_query msg;
	uint32_t uid; /* whose share the answer takes */
	bool asked;
	void (*done)(struct event_set *, void *); /* NULL: cancelled */
	void *arg;
};

/* In the order they came; few are asked at a time, since each answer is a file
 * in memory, and the users take turns. */
static TAILQ_HEAD(, event_query) queries = TAILQ_HEAD_INITIALIZER(queries);
static size_t nasked, nasked_files;

static const struct json_field info_fields[] = {
	{ "type", JSON_STRING, offsetof(struct event_info, type), 0,
	    JSON_REQUIRED },
	{ "path", JSON_STRING, offsetof(struct event_info, path), 0, 0 },
	{ "remote", JSON_STRING, offsetof(struct event_info, remote), 0, 0 },
	{ "domain", JSON_STRING, offsetof(struct event_info, domain), 0, 0 },
	{ "operation", JSON_STRING, offsetof(struct event_info, operation), 0,
	    0 },
	{ "policy.effective_decision", JSON_STRING,
	    offsetof(struct event_info, effective), 0, 0 },
	{ "policy.decision", JSON_STRING, offsetof(struct event_info, decision),
	    0, 0 },
	{ "fields.error", JSON_STRING, offsetof(struct event_info, error), 0,
	    0 },
	{ "fields.to_command", JSON_STRING,
	    offsetof(struct event_info, to_command), 0, 0 },
	{ "fields.target", JSON_STRING, offsetof(struct event_info, target), 0,
	    0 },
	{ "fields.trash_token", JSON_STRING,
	    offsetof(struct event_info, trash_token), 0, 0 },
	{ "policy.rule", JSON_STRING, offsetof(struct event_info, rule), 0, 0 },
	{ "policy.message", JSON_STRING, offsetof(struct event_info, message),
	    0, 0 },
	{ "fields.blocked", JSON_BOOL, offsetof(struct event_info, blocked), 0,
	    0 },
};

#define NINFO (sizeof(info_fields) / sizeof(info_fields[0]))

/* What eventd works on: of this user, and of them what it reads from files. */
static size_t
event_query_asked(uint32_t uid, size_t *nfiles)
{
	struct event_query *q;
	size_t n = 0;

	*nfiles = 0;
	TAILQ_FOREACH(q, &queries, entry) {
		if (!q->asked || q->uid != uid)
			continue;
		n++;
		*nfiles += q->msg.session == 0;
	}
	return n;
}

/* The question of whose user has the fewest under way, the oldest of them. */
static struct event_query *
event_query_next(void)
{
	struct event_query *q, *best = NULL;
	size_t n, nfiles, least = EVQUERY_USER_MAX;

	TAILQ_FOREACH(q, &queries, entry) {
		if (q->asked ||
		    (n = event_query_asked(q->uid, &nfiles)) >= least)
			continue;
		/* a file takes long: never all the turns of a user, or of all */
		if (q->msg.session == 0 &&
		    (nfiles > 0 || nasked_files >= EVENT_QUERIES_FILE))
			continue;
		best = q;
		if ((least = n) == 0)
			break;
	}
	return best;
}

static void
event_query_pump(void)
{
	struct chan *eventd = sessiond.proc.peer[ROLE_EVENTD];
	struct event_query *q;
	uint32_t id;

	while (nasked < EVENT_QUERIES_MAX && (q = event_query_next()) != NULL) {
		if ((id = chan_request(eventd, q)) == 0)
			return;
		if (msg_send_event_query(eventd, id, &q->msg, NULL) == -1) {
			chan_forget(eventd, q);
			return;
		}
		q->asked = true;
		nasked++;
		nasked_files += q->msg.session == 0;
	}
}

struct event_query *
event_query_start(const struct msg_event_query *m, uint32_t uid,
    void (*done)(struct event_set *, void *), void *arg)
{
	struct event_query *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->msg = *m;
	q->uid = uid;
	q->done = done;
	q->arg = arg;
	TAILQ_INSERT_TAIL(&queries, q, entry);
	event_query_pump();
	return q;
}

static void
event_query_free(struct event_query *q)
{
	nasked -= q->asked;
	nasked_files -= q->asked && q->msg.session == 0;
	TAILQ_REMOVE(&queries, q, entry);
	free(q);
}

/* One that eventd works on is waited for all the same. */
void
event_query_cancel(struct event_query *q)
{
	q->done = NULL;
	if (!q->asked)
		event_query_free(q);
}

/* The list of the answer an event belongs to. */
static enum event_bucket
event_bucket_of(const char *type)
{
	size_t i;

	for (i = 0; i < EV_MAX; i++) {
		if (strcmp(event_rows[i].name, type) == 0)
			return event_rows[i].bucket;
	}
	return BUCKET_OTHER;
}

static int
event_line_parse(struct event_line *line)
{
	char err[128];

	if (json_scan(info_fields, NINFO, line->text, line->len, &line->info,
		err, sizeof(err)) == -1) {
		log_warnx("eventd: a line that is no event: %s", err);
		return -1;
	}
	line->bucket = event_bucket_of(line->info.type);
	line->blocked = line->info.blocked == JSON_TRUE ||
	    (line->info.effective != NULL &&
		strcmp(line->info.effective, "deny") == 0);
	return 0;
}

static int
event_set_split(struct event_set *set, size_t len)
{
	struct event_line *bigger;
	char *p = set->text, *end = set->text + len, *nl;
	size_t cap = 0;

	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL;
	     p = nl + 1) {
		if (set->n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			bigger = reallocarray(set->line, cap, sizeof(*bigger));
			if (bigger == NULL)
				return -1;
			set->line = bigger;
		}
		memset(&set->line[set->n], 0, sizeof(*set->line));
		set->line[set->n].text = p;
		set->line[set->n].len = (size_t)(nl - p);
		if (event_line_parse(&set->line[set->n++]) == -1)
			return -1;
	}
	/* a last line without its end was cut */
	if (p < end)
		set->incomplete = true;
	return 0;
}

/* NULL on an error. What is over the user's share is refused instead. */
static struct event_set *
event_set_read(int fd, uint64_t bytes, uint32_t uid)
{
	struct event_set *set = calloc(1, sizeof(*set));
	size_t len = bytes > EVQUERY_BYTES_MAX ? EVQUERY_BYTES_MAX :
						 (size_t)bytes;

	if (set == NULL)
		return NULL;
	if (!share_take(uid, EVQUERY_COPIES * (uint64_t)len)) {
		set->incomplete = set->refused = true;
		return set;
	}
	set->uid = uid;
	set->charged = EVQUERY_COPIES * (uint64_t)len;
	if ((set->text = malloc(len + 1)) == NULL)
		goto fail;
	set->incomplete = len < bytes;
	if (read_at(fd, set->text, len, 0) == -1 ||
	    event_set_split(set, len) == -1)
		goto fail;
	return set;
fail:
	event_set_free(set);
	return NULL;
}

void
event_set_free(struct event_set *set)
{
	size_t i;

	if (set == NULL)
		return;
	for (i = 0; i < set->n; i++)
		json_release(info_fields, NINFO, &set->line[i].info);
	share_give(set->uid, set->charged);
	free(set->line);
	free(set->text);
	free(set);
}

static struct event_set *
event_set_of(const struct msg_event_result *m, int fd, uint32_t uid)
{
	struct event_set *set;

	if (m->answer == EVENTS_FOUND)
		return event_set_read(fd, m->bytes, uid);
	if (m->answer != EVENTS_NO_LOG ||
	    (set = calloc(1, sizeof(*set))) == NULL)
		return NULL;
	set->no_log = true;
	return set;
}

int
sessiond_on_event_result(struct chan *ch, struct imsg *im)
{
	struct event_query *q = im->arg;
	struct msg_event_result m;
	void (*done)(struct event_set *, void *);
	void *arg;
	uint32_t uid;

	(void)ch;
	if (msg_get_event_result(im, &m) == -1 || q == NULL ||
	    m.answer >= EVENTS_ANSWER_MAX)
		return -1;
	/* a session that runs has a log */
	if (m.answer == EVENTS_NO_LOG && q->msg.session != 0)
		m.answer = EVENTS_FAILED;
	done = q->done;
	arg = q->arg;
	uid = q->uid;
	event_query_free(q);
	if (done != NULL)
		done(event_set_of(&m, im->fds[0], uid), arg);
	event_query_pump();
	return 0;
}
