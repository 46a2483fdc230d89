/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd asks execd whose a connection is, and tells it at a command's end that
 * what it did is written down, with an execd that the test plays: what is waited
 * for is what had been asked by then, and for no longer than a tenth of a second.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/netd/netd.h"
#include "../../src/netd/tally.h"
#include "chan.h"
#include "clock.h"
#include "log.h"
#include "sockdiag.h"
#include "t.h"

void
refused_look(struct nsess *n)
{
	(void)n;
}

static struct nsess s;
static struct chan *execd;
static struct {
	uint32_t asked[8]; /* requests of netd */
	size_t nasked;
	int synced;
	struct msg_net_synced sums;
	struct msg_net_whose whose;
	struct owner owner;
	int owners;
	uint64_t forgotten;
} d;

int
sockdiag_inode(int fd, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, uint64_t *inode)
{
	(void)fd, (void)proto, (void)own, (void)far;
	*inode = 77;
	return 0;
}

void
tally_read(const struct nsess *n, uint64_t command, struct tally *sum)
{
	(void)n;
	memset(sum, 0, sizeof(*sum));
	sum->connections = command;
	sum->denied = 2;
	sum->sent = 3;
	sum->received = 4;
}

void
tally_forget(struct nsess *n, uint64_t command)
{
	(void)n;
	d.forgotten = command;
}

static int
on_whose(struct chan *ch, struct imsg *im)
{
	(void)ch;
	if (msg_get_net_whose(im, &d.whose) == -1)
		return -1;
	CHECK_INT(d.whose.inode, 77);
	d.asked[d.nasked++] = im->id;
	return 0;
}

static int
on_synced(struct chan *ch, struct imsg *im)
{
	(void)ch;
	d.synced++;
	return msg_get_net_synced(im, &d.sums);
}

static const struct handler far[] = {
	{ MSG_NET_WHOSE, on_whose },
	{ MSG_NET_SYNCED, on_synced },
	{ MSG_NONE, NULL },
};

static const struct handler near[] = {
	{ MSG_NET_OWNER, whose_on_net_owner },
	{ MSG_NET_SYNC, whose_on_net_sync },
	{ MSG_NET_FORGET, whose_on_net_forget },
	{ MSG_NONE, NULL },
};

static void
begin(void)
{
	int fds[2];

	memset(&d, 0, sizeof(d));
	memset(&s, 0, sizeof(s));
	if (chan_pair(fds) == -1)
		abort();
	s.base = event_base_new();
	s.execd = chan_new(fds[0], ROLE_NETD, ROLE_EXECD, near, &s);
	execd = chan_new(fds[1], ROLE_EXECD, ROLE_NETD, far, NULL);
	CHECK_INT(whose_start(&s), 0);
}

static void
end(void)
{
	whose_stop(&s);
	chan_free(s.execd);
	chan_free(execd);
	event_base_free(s.base);
}

/* All that was sent, and what the loop has to do now. */
static void
settle(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		while (chan_step(s.execd, 0) == 1)
			continue;
		event_base_loop(s.base, EVLOOP_NONBLOCK);
		while (chan_step(execd, 0) == 1)
			continue;
	}
}

static void
owner_cb(void *arg, const struct owner *o)
{
	(void)arg;
	d.owner = *o;
	d.owners++;
}

static void
ask(void)
{
	static const uint8_t addr[16];

	CHECK(whose_ask(&s, IPPROTO_TCP, addr, 1, addr, 2, owner_cb, NULL) !=
	    NULL);
	settle();
}

static void
answer(size_t i)
{
	struct msg_net_owner m = {
		.pid = 9, .command = 5, .command_id = "cmd-5", .exe = "/bin/x"
	};

	msg_send_net_owner(execd, d.asked[i], &m, NULL);
	settle();
}

static void
sync_for(uint64_t command)
{
	struct msg_net_sync m = { .command = command };

	msg_send_net_sync(execd, chan_request(execd, &d), &m, NULL);
	settle();
}

static void
what_was_asked_before(void)
{
	begin();
	ask();
	ask();
	sync_for(5);
	CHECK_INT(d.synced, 0);
	/* others go on asking, and nobody waits for that */
	ask();
	answer(1);
	CHECK_INT(d.synced, 0);
	answer(0);
	CHECK_INT(d.synced, 1);
	CHECK_INT(d.sums.command, 5);
	CHECK_INT(d.sums.connections, 5);
	CHECK_INT(d.sums.denied, 2);
	CHECK_INT(d.sums.sent, 3);
	CHECK_INT(d.sums.received, 4);
	CHECK_INT(d.owners, 2);
	CHECK_INT(d.owner.pid, 9);
	CHECK_INT(d.owner.number, 5);
	CHECK_STR(d.owner.command, "cmd-5");
	/* the one that is open is for who ends now */
	sync_for(6);
	CHECK_INT(d.synced, 1);
	answer(2);
	CHECK_INT(d.synced, 2);
	/* nothing is open */
	sync_for(7);
	CHECK_INT(d.synced, 3);
	end();
}

static void
no_answer(void)
{
	uint64_t began;

	begin();
	ask();
	began = clock_ms();
	sync_for(5);
	while (d.synced == 0 && clock_ms() - began < 60000)
		settle();
	CHECK(clock_ms() - began >= 90);
	CHECK_INT(d.synced, 1);
	end();
}

static void
forget(void)
{
	struct msg_net_forget m = { .command = 8 };
	static const uint8_t addr[16];
	struct whose_ask *a;

	begin();
	msg_send_net_forget(execd, 0, &m, NULL);
	settle();
	CHECK_INT(d.forgotten, 8);
	/* who does not want to know it any more is not waited for */
	a = whose_ask(&s, IPPROTO_TCP, addr, 1, addr, 2, owner_cb, NULL);
	settle();
	sync_for(5);
	CHECK_INT(d.synced, 0);
	whose_forget(a);
	settle();
	CHECK_INT(d.synced, 1);
	answer(0);
	CHECK_INT(d.owners, 0);
	end();
}

/* A port alone can be another's where the kernel rewrites: then it is said where
 * it goes as well. */
static void
by_port(void)
{
	static const uint8_t from[16] = { 1 };
	static const uint8_t to[16] = { 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
	uint8_t end_[16];

	begin();
	CHECK(whose_ask(&s, IPPROTO_TCP, from, 40000, to, 443, owner_cb,
		  NULL) != NULL);
	settle();
	CHECK_INT(d.whose.port, 40000);
	CHECK_INT(d.whose.far_port, 0);
	s.steer = STEER_TPROXY;
	CHECK(whose_ask(&s, IPPROTO_TCP, from, 40001, to, 443, owner_cb,
		  NULL) != NULL);
	settle();
	CHECK_INT(d.whose.port, 40001);
	CHECK_INT(d.whose.far_port, 443);
	memcpy(end_, &d.whose.far_high, 8);
	memcpy(end_ + 8, &d.whose.far_low, 8);
	CHECK(memcmp(end_, to, sizeof(end_)) == 0);
	/* who sends datagrams has not passed execd */
	CHECK(whose_ask(&s, IPPROTO_UDP, from, 40002, to, 443, owner_cb,
		  NULL) != NULL);
	settle();
	CHECK_INT(d.whose.port, 0);
	end();
}

int
main(void)
{
	log_init("t_netwhose");
	log_set_verbose(-1);
	T_RUN(what_was_asked_before);
	T_RUN(no_answer);
	T_RUN(forget);
	T_RUN(by_port);
	return done_testing();
}
