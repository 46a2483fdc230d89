/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events out of the files: of sessions that are over, also before this eventd
 * was started. There is no index of them; a file is read in pieces, one at a
 * time, and between two pieces the rings and other questions get their turn.
 * Memory does not grow with the file. The lines are what an eventd has written,
 * but a crash or a full disk may have cut one, so each is parsed before it
 * counts.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "eventd.h"
#include "fdio.h"
#include "json.h"
#include "log.h"

/* Bytes of a piece. More than a line can have: a record of EVENT_MAX, of which
 * every byte is escaped. */
#define PAST_PIECE (1U << 20)

struct past {
	TAILQ_ENTRY(past) entry;
	struct query q;
	int fd;
	uint64_t low; /* of the file, [low, high) is still to be looked at */
	uint64_t high;
};

static TAILQ_HEAD(, past) pasts = TAILQ_HEAD_INITIALIZER(pasts);
static size_t npasts;
static struct event *past_timer;
static char piece[PAST_PIECE];

/* What a question can ask of a line. */
struct past_info {
	char *type;
	char *command_id;
	char *decision;
};

static const struct json_field past_fields[] = {
	{ "type", JSON_STRING, offsetof(struct past_info, type), 0,
	    JSON_REQUIRED },
	{ "command_id", JSON_STRING, offsetof(struct past_info, command_id), 0,
	    0 },
	{ "policy.decision", JSON_STRING, offsetof(struct past_info, decision),
	    0, 0 },
};

#define NPAST (sizeof(past_fields) / sizeof(past_fields[0]))

static const char *
past_decision(const struct query *q)
{
	return q->decision < DECISION_MAX ?
	    decision_name((enum decision)q->decision) :
	    "no decision";
}

/* Cheap: can it match at all? Most lines need not be parsed. */
static bool
past_may_match(const struct query *q, const char *line, size_t len)
{
	static const char type[] = "\"type\":\"";
	const char *p, *end;

	if (q->command_id[0] != '\0' &&
	    memmem(line, len, q->command_id, strlen(q->command_id)) == NULL)
		return false;
	if (q->decision != -1 &&
	    memmem(line, len, past_decision(q), strlen(past_decision(q))) ==
		NULL)
		return false;
	if (q->any_type)
		return true;
	/* nothing before it in a line is of a producer's making */
	if ((p = memmem(line, len, type, sizeof(type) - 1)) == NULL)
		return false;
	p += sizeof(type) - 1;
	end = memchr(p, '"', len - (size_t)(p - line));
	return end != NULL && query_has_type(q, p, (size_t)(end - p));
}

static bool
past_match(const struct query *q, const char *line, size_t len)
{
	struct past_info info = { 0 };
	char err[128];
	bool r;

	if (!past_may_match(q, line, len))
		return false;
	r = json_scan(past_fields, NPAST, line, len, &info, err, sizeof(err)) ==
		0 &&
	    query_has_type(q, info.type, strlen(info.type)) &&
	    (q->command_id[0] == '\0' ||
		(info.command_id != NULL &&
		    strcmp(info.command_id, q->command_id) == 0)) &&
	    (q->decision == -1 ||
		(info.decision != NULL &&
		    strcmp(info.decision, past_decision(q)) == 0));
	json_release(past_fields, NPAST, &info);
	return r;
}

/* A line with its newline: 1 go on, 0 enough, -1 error. */
static int
past_line(struct past *p, const char *line, size_t len)
{
	int r;

	if (!past_match(&p->q, line, len - 1))
		return 1;
	if ((r = query_take(&p->q, len)) != 1)
		return r == 0;
	if (write_all(p->q.out_fd, line, len) == -1)
		return -1;
	return p->q.count < p->q.limit;
}

/* A piece from the begin on; 1 there is more, 0 that was all, -1 error. */
static int
past_forward(struct past *p, size_t n)
{
	const char *s = piece, *end = piece + n, *nl;
	int r = 1;

	if (read_at(p->fd, piece, n, p->low) == -1)
		return -1;
	while (r == 1 && s < end &&
	    (nl = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		r = past_line(p, s, (size_t)(nl + 1 - s));
		s = nl + 1;
	}
	/* without any newline it is no line of ours, or the end was cut */
	p->low += s == piece ? n : (size_t)(s - piece);
	return r;
}

/* The same from the end on. */
static int
past_backward(struct past *p, size_t n)
{
	const char *s, *nl;
	size_t end; /* of the lines that are not looked at, a newline's place */
	int r = 1;

	if (read_at(p->fd, piece, n, p->high - n) == -1)
		return -1;
	p->high -= n;
	if ((nl = memrchr(piece, '\n', n)) == NULL)
		return 1;
	end = (size_t)(nl - piece);
	while (r == 1 && (nl = memrchr(piece, '\n', end)) != NULL) {
		s = nl + 1;
		r = past_line(p, s, (size_t)(piece + end + 1 - s));
		end = (size_t)(nl - piece);
	}
	if (r == 1 && p->high == p->low)
		r = past_line(p, piece, end + 1);
	else if (end + 1 < n)
		p->high += end + 1; /* its begin is in the next piece */
	return r;
}

static int
past_step(struct past *p)
{
	size_t n = p->high - p->low < PAST_PIECE ? (size_t)(p->high - p->low) :
						   PAST_PIECE;

	if (n == 0)
		return 0;
	return p->q.descending ? past_backward(p, n) : past_forward(p, n);
}

static void
past_free(struct past *p)
{
	TAILQ_REMOVE(&pasts, p, entry);
	npasts--;
	close(p->fd);
	free(p);
}

static void
past_again(void)
{
	struct timeval now = { 0 };

	if (!TAILQ_EMPTY(&pasts) && event_add(past_timer, &now) == -1)
		fatalx("a timer cannot be set");
}

/* One piece of one question. */
static void
past_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct past *p = TAILQ_FIRST(&pasts);
	int r;

	(void)fd;
	(void)what;
	(void)arg;
	if (p == NULL)
		return;
	r = past_step(p);
	if (r == 1) {
		TAILQ_REMOVE(&pasts, p, entry);
		TAILQ_INSERT_TAIL(&pasts, p, entry);
	} else {
		if (r == -1)
			log_warn("reading a log of an earlier session");
		query_answer(&p->q, r == -1 ? EVENTS_FAILED : EVENTS_FOUND);
		past_free(p);
	}
	past_again();
}

size_t
past_count(void)
{
	return npasts;
}

void
past_drop_all(void)
{
	struct past *p;

	while ((p = TAILQ_FIRST(&pasts)) != NULL) {
		close(p->q.out_fd);
		past_free(p);
	}
}

void
past_start(const struct query *q, uint32_t uid, const char *session_id)
{
	struct query refused = *q;
	struct esess *s = esess_find_id(uid, session_id);
	struct past *p;
	struct stat st;
	bool none;

	if (s != NULL)
		esess_sync(s);
	if (past_timer == NULL)
		past_timer = evtimer_new(eventd.base, past_timer_cb, NULL);
	p = calloc(1, sizeof(*p));
	if (p == NULL || past_timer == NULL)
		fatalx("out of memory");
	p->q = *q;
	p->fd = evlog_open_file(eventd.p.dir_fd[DIR_LOG], uid, session_id);
	if (p->fd == -1 || fstat(p->fd, &st) == -1) {
		none = errno == ENOENT;
		if (!none)
			log_warn("log of session %s of uid %u", session_id,
			    uid);
		query_answer(&refused, none ? EVENTS_NO_LOG : EVENTS_FAILED);
		if (p->fd != -1)
			close(p->fd);
		free(p);
		return;
	}
	p->high = (uint64_t)st.st_size;
	TAILQ_INSERT_TAIL(&pasts, p, entry);
	npasts++;
	past_again();
}
