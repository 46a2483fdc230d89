/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a channel keeps for a peer that does not read at once: in order, within
 * bounds, with its descriptors, and the sender hears when it is written.
 */
#include <sys/mman.h>

#include "chan_t.h"
#include "log.h"

/* A peer that does not read: in order, bounded, then over; nothing leaks. */
static void
queue(void)
{
	struct msg_sess_destroy m = { 0, 0 };
	struct chan *a, *b;
	int i, n, before = open_fds();

	whole(ROLE_SESSIOND, ROLE_PRIVD, &a, &b);
	for (n = 0; a->nqueue < 100; n++)
		CHECK_INT(msg_send_sess_destroy(a, 0, &m, NULL), 0);
	CHECK_INT(chan_flush(a), 1);
	for (i = 0; i < n; i++) {
		while (chan_step(b, 0) == 0)
			CHECK(chan_flush(a) != -1);
	}
	CHECK_INT(seen.calls, n);
	CHECK_INT(chan_flush(a), 0);
	CHECK_INT(a->nqueue, 0);
	while (msg_send_sess_destroy(a, 0, &m, NULL) == 0)
		continue;
	CHECK_INT(a->nqueue, CHAN_MAX_QUEUE);
	CHECK_INT(seen.closes, 1);
	CHECK_STR(seen.why, "the peer does not read");
	chan_free(a);
	chan_free(b);
	CHECK_INT(open_fds(), before);
}

/* A queued message owns copies: the sender may close its descriptor at once. */
static void
queue_descriptors(void)
{
	struct msg_policy_image m = {};
	struct chan *a, *b;
	int fd, i, n, before = open_fds();

	whole(ROLE_PRIVD, ROLE_FSD, &a, &b);
	b->state = ST_START;
	for (n = 0; a->nqueue < 10; n++) {
		fd = memfd_create("t", MFD_CLOEXEC);
		CHECK_INT(msg_send_policy_image(a, 0, &m, &fd), 0);
		close(fd);
	}
	for (i = 0; i < n; i++) {
		memset(b->once, 0, sizeof(b->once));
		while (chan_step(b, 0) == 0)
			CHECK(chan_flush(a) != -1);
	}
	CHECK_INT(seen.calls, n);
	chan_free(a);
	chan_free(b);
	CHECK_INT(open_fds(), before);
	/* freed with a full queue */
	whole(ROLE_PRIVD, ROLE_FSD, &a, &b);
	while (a->nqueue < 10) {
		fd = memfd_create("t", MFD_CLOEXEC);
		CHECK_INT(msg_send_policy_image(a, 0, &m, &fd), 0);
		close(fd);
	}
	chan_free(a);
	chan_free(b);
	CHECK_INT(open_fds(), before);
}

static int drained; /* calls; each sends one more, up to three */

static void
on_drained(struct chan *ch)
{
	static const struct msg_sess_destroy m;
	size_t before = seen.calls;

	CHECK_INT(ch->nqueue, 0);
	if (++drained > 3)
		return;
	/* more than the kernel takes, so that it is queued again */
	do {
		CHECK_INT(msg_send_sess_destroy(ch, 0, &m, NULL), 0);
	} while (ch->nqueue == 0 && before == (size_t)seen.calls);
}

/* Who has much to say hears when the queue is empty, and may go on at once. */
static void
drained_and_on(void)
{
	struct msg_sess_destroy m = { 0, 0 };
	struct chan *a, *b;
	int r;

	whole(ROLE_SESSIOND, ROLE_PRIVD, &a, &b);
	a->on_drained = on_drained;
	drained = 0;
	CHECK_INT(msg_send_sess_destroy(a, 0, &m, NULL), 0);
	CHECK_INT(chan_flush(a), 0);
	CHECK_INT(drained, 0); /* nothing was queued */
	while (a->nqueue < 1)
		CHECK_INT(msg_send_sess_destroy(a, 0, &m, NULL), 0);
	CHECK_INT(chan_flush(a), 1);
	CHECK_INT(drained, 0);
	while (drained < 4) {
		if (chan_step(b, 0) == 1)
			continue;
		/* what was sent from within counts as left */
		r = chan_flush(a);
		CHECK_INT(r, a->nqueue > 0);
	}
	CHECK_INT(drained, 4);
	chan_free(a);
	chan_free(b);
}

static void
drain(void)
{
	struct msg_sess_destroy m = { 0, 0 };
	struct chan *a, *b;

	whole(ROLE_SESSIOND, ROLE_PRIVD, &a, &b);
	while (a->nqueue < 1)
		CHECK_INT(msg_send_sess_destroy(a, 0, &m, NULL), 0);
	CHECK_INT(chan_drain(a, 1), -1);
	CHECK(!a->closed);
	while (chan_step(b, 0) == 1)
		continue;
	CHECK_INT(chan_drain(a, 1000), 0);
	chan_free(b);
	CHECK_INT(msg_send_sess_destroy(a, 0, &m, NULL), -1);
	CHECK_INT(seen.closes, 1);
	chan_free(a);
}

int
main(void)
{
	log_init("t_chan_queue");
	log_set_verbose(0);
	/* a peer's end is the point here; its log lines are not */
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	T_RUN(queue);
	T_RUN(queue_descriptors);
	T_RUN(drained_and_on);
	T_RUN(drain);
	return done_testing();
}
