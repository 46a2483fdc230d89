/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of sessiond about events. Of a session that runs, the index says
 * which lines; the lines go as they are from the log into a sealed memfd. All
 * that an id has had is read from its file: see past.c.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eventd.h"
#include "fdio.h"
#include "log.h"
#include "path.h"

#define QUERY_CHUNK 1024       /* entries read at a time */
#define QUERY_RUN (256U << 10) /* bytes copied at a time */
#define QUERY_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* A look through the index of one session. */
struct scan {
	struct query *q;
	const struct evlog *log;
	uint64_t command; /* 0: any */
	uint64_t run_at;  /* neighbouring lines, not yet copied */
	uint64_t run_len;
};

static char copy[QUERY_RUN];

static void
query_types(struct query *q, const char *list)
{
	const char *s = list, *end;
	size_t i, len;

	q->any_type = list[0] == '\0';
	for (; *s != '\0'; s = *end == ',' ? end + 1 : end) {
		end = s + strcspn(s, ",");
		len = (size_t)(end - s);
		for (i = 0; i < EV_MAX; i++) {
			if (strlen(event_rows[i].name) == len &&
			    memcmp(event_rows[i].name, s, len) == 0)
				q->types[i / 64] |= 1ULL << i % 64;
		}
	}
}

bool
query_has_type(const struct query *q, const char *name, size_t len)
{
	size_t i;

	if (q->any_type)
		return true;
	for (i = 0; i < EV_MAX; i++) {
		if (strlen(event_rows[i].name) == len &&
		    memcmp(event_rows[i].name, name, len) == 0)
			return (q->types[i / 64] & 1ULL << i % 64) != 0;
	}
	return false;
}

static int
query_decision(const char *word)
{
	int d;

	if (word[0] == '\0')
		return -1;
	for (d = 0; d < DECISION_MAX; d++) {
		if (strcmp(word, decision_name((enum decision)d)) == 0)
			break;
	}
	return d;
}

int
query_take(struct query *q, size_t len)
{
	if (q->skip > 0) {
		q->skip--;
		return 0;
	}
	if (q->count >= q->limit || q->bytes + len > QUERY_MAX_BYTES)
		return -1;
	q->count++;
	q->bytes += len;
	return 1;
}

void
query_answer(struct query *q, enum event_answer answer)
{
	struct msg_event_result m = { .answer = answer };

	if (answer == EVENTS_FOUND) {
		m.count = q->count;
		m.bytes = q->bytes;
	} else if (ftruncate(q->out_fd, 0) == -1) {
		/* nothing rather than a part that looks whole */
		fatal("memfd");
	}
	if (fcntl(q->out_fd, F_ADD_SEALS, QUERY_SEALS) == -1)
		fatal("seal");
	msg_send_event_result(q->ch, q->request, &m, &q->out_fd);
	close(q->out_fd);
}

/* Copies the pending run of lines. 0 or -1. */
static int
scan_copy(struct scan *s)
{
	size_t want;
	ssize_t n;

	while (s->run_len > 0) {
		want = s->run_len < sizeof(copy) ? (size_t)s->run_len :
						   sizeof(copy);
		n = pread(s->log->log.fd, copy, want, (off_t)s->run_at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || write_all(s->q->out_fd, copy, (size_t)n) == -1)
			return -1;
		s->run_at += (uint64_t)n;
		s->run_len -= (uint64_t)n;
	}
	return 0;
}

static bool
scan_match(const struct scan *s, const struct evlog_entry *e)
{
	const struct query *q = s->q;

	if (s->command != 0 && e->command != s->command)
		return false;
	if (!q->any_type &&
	    (q->types[e->type / 64] & 1ULL << e->type % 64) == 0)
		return false;
	return q->decision == -1 || e->decision == q->decision;
}

/* One entry: 1 go on, 0 enough, -1 error. */
static int
scan_entry(struct scan *s, const struct evlog_entry *e)
{
	int r;

	if (!scan_match(s, e))
		return 1;
	if ((r = query_take(s->q, e->len)) != 1)
		return r == 0;
	if (s->run_len == 0 || s->run_at + s->run_len != e->offset ||
	    s->run_len >= QUERY_RUN) {
		if (scan_copy(s) == -1)
			return -1;
		s->run_at = e->offset;
	}
	s->run_len += e->len;
	return 1;
}

static int
scan_log(const struct evlog *log, struct query *q)
{
	static struct evlog_entry e[QUERY_CHUNK];
	struct scan s = { .q = q, .log = log };
	uint64_t first, end;
	size_t n, i;
	int r = 1;

	s.command = evlog_hash(q->command_id);
	evlog_range(log, s.command, &first, &end);
	while (r == 1 && first < end && q->count < q->limit) {
		n = end - first < QUERY_CHUNK ? (size_t)(end - first) :
						QUERY_CHUNK;
		if (evlog_entries(log, q->descending ? end - n : first, e, n) ==
		    -1)
			return -1;
		for (i = 0; i < n && r == 1; i++)
			r = scan_entry(&s, &e[q->descending ? n - 1 - i : i]);
		if (q->descending)
			end -= n;
		else
			first += n;
	}
	return r == -1 ? -1 : scan_copy(&s);
}

static void
query_running(struct query *q, uint64_t session)
{
	struct esess *s = esess_find(session);

	if (s == NULL || s->log.log.fd == -1) {
		query_answer(q, EVENTS_NO_LOG);
		return;
	}
	esess_sync(s);
	if (scan_log(&s->log, q) == -1) {
		log_warn("reading the events of session %s", s->id);
		query_answer(q, EVENTS_FAILED);
		return;
	}
	query_answer(q, EVENTS_FOUND);
}

int
eventd_on_event_query(struct chan *ch, struct imsg *im)
{
	struct msg_event_query m;
	struct query q = { .ch = ch, .request = im->id };

	if (msg_get_event_query(im, &m) == -1)
		return -1;
	/* sessiond keeps to this */
	if (m.session == 0 &&
	    (!session_id_is_valid(m.session_id) ||
		past_count() >= EVENT_QUERIES_FILE))
		return -1;
	q.out_fd = memfd_create("agentsh-events",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (q.out_fd == -1)
		fatal("memfd");
	snprintf(q.command_id, sizeof(q.command_id), "%s", m.command_id);
	query_types(&q, m.type);
	q.decision = query_decision(m.decision);
	q.skip = m.offset;
	q.limit = m.limit == 0 || m.limit > QUERY_MAX_EVENTS ?
	    QUERY_MAX_EVENTS :
	    m.limit;
	q.descending = m.descending != 0;
	if (m.session != 0)
		query_running(&q, m.session);
	else
		past_start(&q, m.uid, m.session_id);
	return 0;
}
