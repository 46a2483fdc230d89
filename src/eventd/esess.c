/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions and their rings. A quiet session sleeps on the wake descriptors of
 * its rings; a busy one is read every EVENTD_POLL_MS, so that producers need
 * not wake us for each record and a hostile one cannot keep us busy. While the
 * disk takes nothing, nothing is read: the rings fill, and the session waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "eventd.h"
#include "log.h"
#include "path.h"
#include "profile.h"

/* Records of one batch: what a ring can hold, of each ring. */
#define BATCH_BYTES ((size_t)EVENTD_MAX_RINGS * (RING_SIZE + EVENT_MAX))
/* A record has 20 bytes at least. */
#define BATCH_MAX (BATCH_BYTES / 20)
#define EARLY_NS 60000000000ULL

struct batch_item {
	uint64_t time_ns;
	uint32_t len;
	size_t at; /* in data */
};

static TAILQ_HEAD(, esess) sessions = TAILQ_HEAD_INITIALIZER(sessions);

static struct {
	uint8_t data[BATCH_BYTES];
	size_t used;
	struct batch_item item[BATCH_MAX];
	struct batch_item scratch[BATCH_MAX];
	size_t n;
	struct erec rec;
} batch;

static size_t nclosed, nending, nstalled;

static void esess_run(struct esess *);

struct esess *
esess_find(uint64_t session)
{
	struct esess *s;

	TAILQ_FOREACH(s, &sessions, entry) {
		if (s->session == session)
			return s;
	}
	return NULL;
}

struct esess *
esess_find_id(uint32_t uid, const char *id)
{
	struct esess *s;

	TAILQ_FOREACH(s, &sessions, entry) {
		if (s->state != ESESS_CLOSED && s->uid == uid &&
		    strcmp(s->id, id) == 0)
			return s;
	}
	return NULL;
}

static void
ring_drop(struct ering *er)
{
	if (er->ev_wake != NULL)
		event_free(er->ev_wake);
	er->ev_wake = NULL;
	ring_unmap(&er->ring);
}

static void
drop_rings(struct esess *s)
{
	size_t i;

	for (i = 0; i < s->nrings; i++)
		ring_drop(&s->ring[i]);
	s->nrings = 0;
}

static void
esess_free(struct esess *s)
{
	TAILQ_REMOVE(&sessions, s, entry);
	drop_rings(s);
	if (s->timer != NULL)
		event_free(s->timer);
	evlog_close(&s->log);
	free(s);
}

/* privd shall end the session: its events cannot be had. */
static void
esess_break(struct esess *s, const char *why)
{
	if (s->broken)
		return;
	s->broken = true;
	log_warnx("session %s: %s", s->id, why);
	if (s->state == ESESS_OPEN)
		eventd_tell_broken(s->session, why);
}

static void
esess_log(struct esess *s, const struct erec *r)
{
	if (evlog_put(&s->log, r, s->prefix, ++s->seq, s->id) == -1)
		fatalx("out of memory: an event would be lost");
}

/* An event of our own, encoded as a producer's would be. */
static void
log_own(struct esess *s, const struct buf *b)
{
	if (b->bad || erec_decode(&batch.rec, b->data, b->len) == -1)
		fatalx("an event of our own is malformed");
	esess_log(s, &batch.rec);
}

/* --- batches */

/* A time that is not of the session's life is a lie or a stepped clock. The
 * producers run before agentshd opens the session here. */
static uint64_t
believable(const struct esess *s, uint64_t t, uint64_t now)
{
	if (t > now)
		return now;
	return t < s->opened_ns - EARLY_NS ? s->opened_ns : t;
}

/* Takes what one ring holds into the batch. 0, or -1: malformed. */
static int
batch_take(struct esess *s, struct ering *er, uint64_t now)
{
	struct batch_item *it;
	struct event_head head;
	struct buf b;
	size_t len, taken = 0;
	int r;

	/* a producer that writes as fast as we read gets its turn again later */
	while (taken < RING_SIZE && batch.n < BATCH_MAX) {
		r = ring_get(&er->ring, batch.data + batch.used, EVENT_MAX,
		    &len);
		if (r != 1)
			return r;
		buf_read_from(&b, batch.data + batch.used, len);
		if (ev_get_head(&b, &head) == -1)
			return -1;
		it = &batch.item[batch.n];
		it->time_ns = believable(s, head.time_ns, now);
		batch.n++;
		it->at = batch.used;
		it->len = (uint32_t)len;
		batch.used += len;
		taken += len;
	}
	return 0;
}

/* Merges the sorted [a, b) and [b, c) of from into to; equal times keep order. */
static void
batch_merge(const struct batch_item *from, struct batch_item *to, size_t a,
    size_t b, size_t c)
{
	size_t i = a, j = b, k;

	for (k = a; k < c; k++) {
		if (i < b && (j >= c || from[i].time_ns <= from[j].time_ns))
			to[k] = from[i++];
		else
			to[k] = from[j++];
	}
}

/* By time, and equal times in the order they came in, which qsort(3) does not
 * promise. */
static struct batch_item *
batch_sort(void)
{
	struct batch_item *from = batch.item, *to = batch.scratch, *swap;
	size_t width, a, b, c;

	for (width = 1; width < batch.n; width *= 2) {
		for (a = 0; a < batch.n; a = c) {
			b = a + width < batch.n ? a + width : batch.n;
			c = b + width < batch.n ? b + width : batch.n;
			batch_merge(from, to, a, b, c);
		}
		swap = from;
		from = to;
		to = swap;
	}
	return from;
}

/* Reads the rings once and puts their records in order: their number. */
static size_t
esess_drain(struct esess *s)
{
	const struct batch_item *sorted, *it;
	uint64_t now = clock_epoch_ns();
	size_t i;

	batch.n = batch.used = 0;
	for (i = 0; i < s->nrings; i++) {
		if (s->ring[i].ring.size == 0)
			continue;
		if (batch_take(s, &s->ring[i], now) == -1) {
			ring_drop(&s->ring[i]);
			esess_break(s, "a producer wrote a malformed record");
		}
	}
	sorted = batch_sort();
	for (i = 0; i < batch.n; i++) {
		it = &sorted[i];
		if (erec_decode(&batch.rec, batch.data + it->at, it->len) ==
		    -1) {
			esess_break(s, "a producer wrote a malformed event");
			continue;
		}
		batch.rec.head.time_ns = it->time_ns;
		esess_log(s, &batch.rec);
	}
	return batch.n;
}

static int
esess_flush(struct esess *s)
{
	int r = evlog_flush(&s->log);

	if (r == -1 && !s->stalled && nstalled++ == 0)
		log_warn(
		    "cannot write events: sessions wait until it is possible");
	if (r == 0 && s->stalled && --nstalled == 0)
		log_info("events are written again");
	s->stalled = r == -1;
	return r;
}

/* --- sleeping and waking */

static void
esess_timer(struct esess *s, unsigned ms)
{
	struct timeval tv = clock_timeval(ms);

	/* its events would never be written: a producer would wait for ever */
	if (event_add(s->timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

void
esess_sync(struct esess *s)
{
	if (s->state == ESESS_CLOSED || s->log.log.fd == -1)
		return;
	if (esess_flush(s) == 0 && (esess_drain(s) == 0 || esess_flush(s) == 0))
		return;
	esess_timer(s, EVENTD_RETRY_MS);
}

static void
esess_sleep(struct esess *s)
{
	size_t i;

	for (i = 0; i < s->nrings; i++) {
		if (s->ring[i].ring.size != 0 &&
		    !ring_may_sleep(&s->ring[i].ring)) {
			esess_timer(s, 0);
			return;
		}
	}
	for (i = 0; i < s->nrings; i++) {
		if (s->ring[i].ev_wake != NULL &&
		    event_add(s->ring[i].ev_wake, NULL) == -1)
			fatalx("a ring cannot be waited for");
	}
}

static void
wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ering *er = arg;
	struct esess *s = er->sess;
	uint64_t count;
	size_t i;

	(void)what;
	if (read((int)fd, &count, sizeof(count)) == -1 && errno != EAGAIN)
		log_warn("wake descriptor");
	for (i = 0; i < s->nrings; i++) {
		if (s->ring[i].ev_wake != NULL)
			event_del(s->ring[i].ev_wake);
	}
	esess_timer(s, EVENTD_POLL_MS);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	esess_run(arg);
}

/* --- life of a session */

static void
forget_oldest(void)
{
	struct esess *s;

	TAILQ_FOREACH(s, &sessions, entry) {
		if (s->state == ESESS_CLOSED) {
			esess_free(s);
			nclosed--;
			return;
		}
	}
}

static void
write_end(struct esess *s)
{
	enum event_type type = EV_SESSION_DESTROYED;
	struct buf b;

	if (s->reason == SESS_EXPIRED_IDLE || s->reason == SESS_EXPIRED_LIFE)
		type = EV_SESSION_EXPIRED;
	buf_init(&b, EVENT_MAX);
	ev_begin(&b, type, NULL, 0);
	ev_str(&b, EVF_REASON, sess_reason_name(s->reason));
	if (s->detail[0] != '\0')
		ev_str(&b, EVF_ERROR, s->detail);
	log_own(s, &b);
	buf_free(&b);
}

/* All is written; the log can still be asked about. */
static void
esess_closed(struct esess *s)
{
	/* the newest at the end of the list */
	TAILQ_REMOVE(&sessions, s, entry);
	TAILQ_INSERT_TAIL(&sessions, s, entry);
	s->state = ESESS_CLOSED;
	nending--;
	event_free(s->timer);
	s->timer = NULL;
	if (++nclosed > EVENTD_MAX_CLOSED)
		forget_oldest();
}

/* One turn: write, read, write; then sleep, come again, or be closed. */
static void
esess_run(struct esess *s)
{
	size_t n;

	if (s->state == ESESS_CLOSED)
		return;
	if (esess_flush(s) == -1) {
		esess_timer(s, EVENTD_RETRY_MS);
		return;
	}
	n = s->state == ESESS_ENDING ? 0 : esess_drain(s);
	/* the disk is everybody's */
	if (s->state == ESESS_OPEN &&
	    s->log.offset - s->log.start > eventd.p.conf.max_log)
		esess_break(s, "its events are over audit.max_session_size");
	if (s->state == ESESS_CLOSING) {
		write_end(s);
		drop_rings(s);
		s->state = ESESS_ENDING;
	}
	if (esess_flush(s) == -1) {
		esess_timer(s, EVENTD_RETRY_MS);
		return;
	}
	if (s->state == ESESS_OPEN && n == 0)
		esess_sleep(s);
	else if (s->state == ESESS_OPEN)
		esess_timer(s, EVENTD_POLL_MS);
	else
		esess_closed(s);
}

static void
put_mounts(struct buf *b, const char *name)
{
	static struct profile p;
	const struct profile_mount *m;
	char text[sizeof(m->path) + sizeof(m->policy) + 8];
	size_t i;

	if (name[0] == '\0' ||
	    !profile_find(eventd.p.conf.mount_profiles, name, &p))
		return;
	ev_str(b, EVF_PROFILE, name);
	for (i = 0; i < p.n; i++) {
		m = &p.mount[i];
		snprintf(text, sizeof(text), "%s %s %s", m->rw ? "rw" : "ro",
		    m->policy[0] != '\0' ? m->policy : p.policy, m->path);
		ev_str(b, EVF_MOUNTS, text);
	}
}

void
esess_open(const struct msg_event_open *m)
{
	struct esess *s;
	struct buf b;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		fatal("session");
	s->session = m->session;
	s->uid = m->uid;
	snprintf(s->id, sizeof(s->id), "%s", m->session_id);
	snprintf(s->prefix, sizeof(s->prefix), "ev-%012" PRIx64 "-%" PRIu64 "-",
	    (uint64_t)(eventd.run & 0xffffffffffffULL), m->session);
	s->opened_ns = clock_epoch_ns();
	s->log.log.fd = s->log.index.fd = -1;
	s->timer = evtimer_new(eventd.base, timer_cb, s);
	if (s->timer == NULL)
		fatalx("out of memory");
	TAILQ_INSERT_TAIL(&sessions, s, entry);
	/* one that ended may still have half a line for the file of this id, and
	 * those that end meanwhile are not to be more than there are now */
	if (nstalled > 0) {
		esess_break(s, "no events can be written at this moment");
		return;
	}
	if (!session_id_is_valid(s->id) ||
	    evlog_open(&s->log, eventd.p.dir_fd[DIR_LOG], m->uid, s->id) ==
		-1) {
		log_warn("log of session %s", s->id);
		esess_break(s, "its event log cannot be written");
		return;
	}
	buf_init(&b, EVENT_MAX);
	ev_begin(&b, EV_SESSION_CREATED, NULL, 0);
	ev_u64(&b, EVF_UID, m->uid);
	ev_str(&b, EVF_POLICY, m->policy);
	if (m->warning[0] != '\0')
		ev_str(&b, EVF_WARNING, m->warning);
	ev_str(&b, EVF_WORKSPACE, m->workspace);
	put_mounts(&b, m->profile);
	log_own(s, &b);
	buf_free(&b);
	esess_timer(s, 0);
}

int
esess_add_ring(struct esess *s, enum role role, const int fds[3], uint32_t size)
{
	struct ering *er = &s->ring[s->nrings];

	if (s->nrings >= EVENTD_MAX_RINGS ||
	    ring_map(&er->ring, fds, size) == -1) {
		esess_break(s, "its ring cannot be mapped");
		return -1;
	}
	er->sess = s;
	er->role = role;
	er->ev_wake = event_new(eventd.base, er->ring.wake_fd,
	    EV_READ | EV_PERSIST, wake_cb, er);
	if (er->ev_wake == NULL)
		fatalx("out of memory");
	s->nrings++;
	/* the next turn reads it, then sleeps on it too */
	esess_timer(s, 0);
	return 0;
}

void
esess_policy(struct esess *s, const struct msg_event_policy *m)
{
	struct buf b;

	if (s->log.log.fd == -1)
		return; /* never had a log */
	/* what was decided before comes before; while the disk takes nothing
	 * the rings wait */
	if (esess_flush(s) == 0)
		(void)esess_drain(s);
	buf_init(&b, EVENT_MAX);
	ev_begin(&b, m->changed ? EV_POLICY_CHANGED : EV_POLICY_RELOAD_FAILED,
	    NULL, 0);
	ev_str(&b, EVF_POLICY, m->policy);
	if (m->text[0] != '\0')
		ev_str(&b, m->changed ? EVF_WARNING : EVF_ERROR, m->text);
	log_own(s, &b);
	buf_free(&b);
	esess_timer(s, 0);
}

void
esess_close(struct esess *s, uint32_t reason, const char *detail)
{
	s->reason = reason;
	snprintf(s->detail, sizeof(s->detail), "%s", detail);
	if (s->log.log.fd == -1) {
		esess_free(s); /* never had a log */
		return;
	}
	if (++nending > EVENTD_MAX_ENDING)
		fatalx("the events of too many sessions cannot be written");
	s->state = ESESS_CLOSING;
	esess_run(s);
}

size_t
esess_close_all(void)
{
	struct esess *s;
	size_t lost = 0;

	do {
		TAILQ_FOREACH(s, &sessions, entry) {
			if (s->state == ESESS_OPEN)
				break;
		}
		/* frees it, or another one, or neither */
		if (s != NULL)
			esess_close(s, SESS_SHUTDOWN, "");
	} while (s != NULL);
	TAILQ_FOREACH(s, &sessions, entry) {
		if (s->log.log.fd != -1 && !evlog_is_flushed(&s->log))
			lost++;
	}
	return lost;
}
