/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of sessiond about the events of one session. The index says which
 * lines; the lines go as they are from the log into a sealed memfd.
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

#define QUERY_CHUNK 1024       /* entries read at a time */
#define QUERY_RUN (256U << 10) /* bytes copied at a time */
#define QUERY_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

struct query {
	const struct evlog *log;
	uint64_t command;		    /* 0: any */
	uint64_t types[(EV_MAX + 63) / 64]; /* a bit a type */
	bool any_type;
	int decision; /* -1: any; DECISION_MAX: one that no event has */
	uint32_t skip;
	uint32_t limit;
	bool descending;

	int out_fd;
	uint64_t run_at; /* neighbouring lines, not yet copied */
	uint64_t run_len;
	uint32_t count;
	uint64_t bytes;
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

static bool
query_match(const struct query *q, const struct evlog_entry *e)
{
	if (q->command != 0 && e->command != q->command)
		return false;
	if (!q->any_type &&
	    (q->types[e->type / 64] & 1ULL << e->type % 64) == 0)
		return false;
	return q->decision == -1 || e->decision == q->decision;
}

/* Copies the pending run of lines. 0 or -1. */
static int
query_copy(struct query *q)
{
	size_t want;
	ssize_t n;

	while (q->run_len > 0) {
		want = q->run_len < sizeof(copy) ? (size_t)q->run_len :
						   sizeof(copy);
		n = pread(q->log->log.fd, copy, want, (off_t)q->run_at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || write_all(q->out_fd, copy, (size_t)n) == -1)
			return -1;
		q->run_at += (uint64_t)n;
		q->run_len -= (uint64_t)n;
	}
	return 0;
}

/* One entry: 1 go on, 0 enough, -1 error. */
static int
query_entry(struct query *q, const struct evlog_entry *e)
{
	if (!query_match(q, e))
		return 1;
	if (q->skip > 0) {
		q->skip--;
		return 1;
	}
	if (q->count >= q->limit || q->bytes + e->len > QUERY_MAX_BYTES)
		return 0;
	if (q->run_len == 0 || q->run_at + q->run_len != e->offset ||
	    q->run_len >= QUERY_RUN) {
		if (query_copy(q) == -1)
			return -1;
		q->run_at = e->offset;
	}
	q->run_len += e->len;
	q->count++;
	q->bytes += e->len;
	return 1;
}

static int
query_scan(struct query *q)
{
	static struct evlog_entry e[QUERY_CHUNK];
	uint64_t first, end;
	size_t n, i;
	int r = 1;

	evlog_range(q->log, q->command, &first, &end);
	while (r == 1 && first < end && q->count < q->limit) {
		n = end - first < QUERY_CHUNK ? (size_t)(end - first) :
						QUERY_CHUNK;
		if (evlog_entries(q->log, q->descending ? end - n : first, e,
			n) == -1)
			return -1;
		for (i = 0; i < n && r == 1; i++)
			r = query_entry(q, &e[q->descending ? n - 1 - i : i]);
		if (q->descending)
			end -= n;
		else
			first += n;
	}
	return r == -1 ? -1 : query_copy(q);
}

int
eventd_on_event_query(struct chan *ch, struct imsg *im)
{
	struct msg_event_query m;
	struct msg_event_result result = { 0 };
	struct query q = { 0 };
	struct esess *s;
	int fds[1];

	if (msg_get_event_query(im, &m) == -1)
		return -1;
	q.out_fd = memfd_create("agentsh-events",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (q.out_fd == -1)
		fatal("memfd");
	query_types(&q, m.type);
	q.command = evlog_hash(m.command_id);
	q.decision = query_decision(m.decision);
	q.skip = m.offset;
	q.limit = m.limit == 0 || m.limit > QUERY_MAX_EVENTS ?
	    QUERY_MAX_EVENTS :
	    m.limit;
	q.descending = m.descending != 0;
	s = esess_find(m.session);
	if (s != NULL && s->log.log.fd != -1) {
		esess_sync(s);
		q.log = &s->log;
		if (query_scan(&q) == -1) {
			log_warn("reading the events of session %s", s->id);
			/* nothing rather than a part that looks whole */
			if (ftruncate(q.out_fd, 0) == -1)
				fatal("memfd");
			q.count = 0;
			q.bytes = 0;
		}
	}
	if (fcntl(q.out_fd, F_ADD_SEALS, QUERY_SEALS) == -1)
		fatal("seal");
	result.count = q.count;
	result.bytes = q.bytes;
	fds[0] = q.out_fd;
	msg_send_event_result(ch, im->id, &result, fds);
	close(q.out_fd);
	return 0;
}
