/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sessions have of netd's connections: how many, how many that say nothing,
 * for how long, and what is told when there are more.
 */
#include "dialled.h"
#include "sockdiag.h"
#include "tcp_t.h"

#define LAST_WORDS 256 /* as in tcp.c */

/* Until four are there, before whom the fifth is not to be taken. */
static void
wait_crowd(void)
{
	const struct relays *r;
	int i;

	for (i = 0; i < 1000; i++) {
		/* with the first of them */
		r = __atomic_load_n(&tt.s.relays, __ATOMIC_ACQUIRE);
		if (r != NULL &&
		    __atomic_load_n(&r->nwaiting, __ATOMIC_RELAXED) >= 4)
			return;
		usleep(10000);
	}
}

static bool
was_told(int n)
{
	bool told;

	pthread_mutex_lock(&tt.lock);
	told = tt.nlimits >= n;
	pthread_mutex_unlock(&tt.lock);
	return told;
}

/* Of so many that were told, the last of them maybe a moment later. */
static const char *
last_limit(int n)
{
	static char text[64];
	int i;

	for (i = 0; i < 1000 && !was_told(n); i++)
		usleep(10000);
	pthread_mutex_lock(&tt.lock);
	CHECK_INT(tt.nlimits, n);
	snprintf(text, sizeof(text), "%s", tt.limit);
	pthread_mutex_unlock(&tt.lock);
	return text;
}

/* More than may wait that say nothing: they give way, and the one that speaks is
 * served, where else it would have to wait for half a minute. */
static void
silence(void)
{
	int c[5], i;

	serve(16, 443, "a.ok", NULL);
	serve(17, 9000, "a.ok", NULL);
	tcp_limits.waiting = 4;
	tcp_limits.crowd_ms = 400;
	for (i = 0; i < 4; i++)
		c[i] = client_of(16);
	wait_crowd();
	c[4] = client_of(17);
	say(c[4], "x");
	CHECK(served(17, 20000));
	for (i = 0; i < 4; i++) {
		CHECK(is_reset(c[i]));
		close(c[i]);
		CHECK_STR(next_event().reason, "client that says nothing");
	}
	close(c[4]);
	CHECK(next_event().allowed);
	tcp_limits.waiting = 256;
	tcp_limits.crowd_ms = 1000;
	CHECK_STR(last_limit(1), "too-many-waiting");
	serve(5, 53, "a.ok", NULL);
	tt.dns_full = true;
	for (i = 0; i < 2; i++) {
		c[0] = client_of(5);
		hears(c[0], "DNS");
		CHECK_INT(rest_of(c[0], NULL, 0), 0);
		close(c[0]);
	}
	/* told once a minute */
	CHECK_STR(last_limit(2), "too-many-dns-connections");
	usleep(50000);
	CHECK_STR(last_limit(2), "too-many-dns-connections");
	CHECK(tt.refused);
	tt.dns_full = false;
}

/* What the kernel kept of where a connection was to go is gone: it is reset, and
 * told of, but for that of somebody who is none of the session. */
static void
lost(void)
{
	struct dialled *table = calloc(DIALLED_SLOTS, sizeof(*table));
	enum steer steer = tt.s.steer;
	int i, c, before = tt.nlimits;

	serve(5, 9000, "a.ok", NULL);
	tt.s.steer = STEER_REDIRECT;
	for (i = 0; i < 2; i++) {
		c = client_of(5);
		CHECK(is_reset(c));
		close(c);
	}
	CHECK_STR(last_limit(before + 1), "destination-lost");
	CHECK(tt.refused);
	tt.s.steer = steer;
	tt.s.relays->noted[TCP_LOST] = 0;
	tt.s.dialled = table;
	tt.s.diag_fd = sockdiag_open();
	c = client_of(5);
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(last_limit(before + 1), "destination-lost");
	tt.owner_later = true;
	c = client_of(5);
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(last_limit(before + 2), "destination-lost");
	tt.owner_later = false;
	tt.s.dialled = NULL;
	close(tt.s.diag_fd);
	free(table);
	c = client_of(5);
	say(c, "x");
	CHECK(served(5, 5000));
	close(c);
	CHECK(next_event().allowed);
}

/* Two sessions have what there is for all of them. */
static void
halves(void)
{
	int c[5], i;

	/* others have six of ten, and two of the rest are to be had */
	tcp_limits.total = 10;
	tcp_total += 6;
	for (i = 0; i < 3; i++)
		c[i] = client_of(17);
	c[3] = arrived(17, 5000);
	c[4] = arrived(17, 5000);
	CHECK(c[3] != -1 && c[4] != -1);
	CHECK(arrived(17, 300) == -1);
	CHECK_STR(last_limit(3), "no-room-in-netd");
	/* one of another session has ended, which nobody tells */
	tcp_total -= 2;
	CHECK(served(17, 5000));
	tcp_total -= 4;
	for (i = 0; i < 5; i++)
		close(c[i]);
	for (i = 0; i < 3; i++)
		CHECK(next_event().allowed);
	tcp_limits.total = 65536;
}

static void
limits(void)
{
	int c[5], s, i;

	serve(16, 443, "a.ok", NULL);
	serve(17, 9000, "a.ok", NULL);
	tcp_limits.waiting = 4;
	tcp_limits.crowd_ms = 60000;
	/* silent ones have the places of those who wait */
	for (i = 0; i < 4; i++)
		c[i] = client_of(16);
	wait_crowd();
	c[4] = client_of(17);
	say(c[4], "x");
	CHECK(arrived(17, 300) == -1);
	for (i = 0; i < 4; i++)
		close(c[i]);
	CHECK(served(17, 5000));
	close(c[4]);
	for (i = 0; i < 4; i++)
		CHECK(served(16, 5000));
	for (i = 0; i < 5; i++)
		CHECK(next_event().allowed);
	tcp_limits.waiting = 256;
	tcp_limits.conns = 1;
	c[0] = client_of(17);
	s = arrived(17, 5000);
	c[1] = client_of(17);
	CHECK(arrived(17, 300) == -1);
	CHECK_STR(last_limit(4), "too-many-connections");
	close(c[0]);
	close(s);
	CHECK(served(17, 5000));
	close(c[1]);
	CHECK(next_event().allowed);
	CHECK(next_event().allowed);
	tcp_limits.conns = 2048;
	/* idle */
	tcp_limits.half_ms = tcp_limits.idle_ms = 200;
	c[0] = client_of(17);
	s = arrived(17, 5000);
	CHECK(is_reset(c[0]));
	CHECK(is_reset(s));
	close(c[0]);
	close(s);
	CHECK_STR(next_event().error, "Connection timed out");
	tcp_limits.idle_ms = 7200000;
	tcp_limits.half_ms = 600000;
	/* a silent one where the client speaks first */
	tcp_limits.hello_ms = 200;
	c[0] = client_of(16);
	CHECK(is_reset(c[0]));
	close(c[0]);
	CHECK_STR(next_event().reason, "client that says nothing");
	tcp_limits.hello_ms = 30000;
}

/* Of many that nobody has taken yet some are told of, and that there were more. */
static void
the_end(void)
{
	int c[LAST_WORDS + 10], s, i, before = tt.nlimits;

	serve(18, 9000, "a.ok", NULL);
	tcp_limits.conns = 1;
	c[0] = client_of(18);
	s = arrived(18, 5000);
	for (i = 1; i < LAST_WORDS + 10; i++)
		c[i] = client_of(18);
	stop_worker();
	CHECK(next_event().allowed);
	for (i = 0; i < LAST_WORDS; i++)
		CHECK_STR(next_event().error,
		    "Software caused connection abort");
	CHECK_INT(tt.nevents, tt.looked);
	CHECK_INT(tt.nlimits, before + 1);
	CHECK_STR(tt.limit, "session-ended");
	for (i = 0; i < LAST_WORDS + 10; i++)
		CHECK(is_reset(c[i]));
	close(s);
}

int
main(void)
{
	start_worker();
	T_RUN(silence);
	T_RUN(halves);
	T_RUN(limits);
	T_RUN(lost);
	T_RUN(the_end);
	return done_testing();
}
