/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that an operator has to allow: who waits, and for what.
 */
#include "tcp_hello_t.h"

/* Waits until the operator was asked so often. */
static bool
asked(int n)
{
	int i;

	for (i = 0; i < 5000 && tt.asked < n; i++)
		usleep(1000);
	return tt.asked == n;
}

/* Who has only nothing more to say still waits. */
static void
half_closed(void)
{
	int c, s;

	tt.client_there = true;
	c = client_of(19);
	say(c, "x");
	CHECK(asked(6));
	shutdown(c, SHUT_WR);
	usleep(50000);
	tt.say = APPROVAL_GRANTED;
	s = arrived(19, 5000);
	CHECK(s != -1);
	hears(s, "x");
	CHECK_INT(rest_of(s, NULL, 0), 0);
	say(s, "yes");
	close(s);
	hears(c, "yes");
	close(c);
	CHECK(next_event().allowed);
	/* until it is gone, of which nothing tells */
	tt.say = APPROVAL_NONE;
	c = client_of(19);
	say(c, "x");
	shutdown(c, SHUT_WR);
	CHECK(asked(7));
	usleep(50000);
	tt.client_there = false;
	CHECK_STR(next_event().error, "Software caused connection abort");
	close(c);
}

static void
approvals(void)
{
	struct seen e;
	int c;

	serve(19, 9000, "p.ask", NULL);
	tt.say = APPROVAL_NONE;
	tt.owner_later = true;
	c = client_of(19);
	say(c, "x");
	CHECK(asked(1));
	CHECK_STR(tt.place, "p.ask:9000");
	CHECK(arrived(19, 100) == -1);
	tt.say = APPROVAL_GRANTED;
	CHECK(served(19, 5000));
	tt.owner_later = false;
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.domain, "p.ask");
	/* as the client names it */
	serve(19, 443, "p.ask", "q.ask");
	CHECK(tls(19, "q.ask", false, 4096).allowed);
	CHECK_STR(tt.place, "q.ask:443");
	CHECK(asked(2));
	/* one name is allowed without */
	serve(19, 443, "p.ask", "a.ok");
	CHECK(tls(19, "a.ok", false, 4096).allowed);
	CHECK(asked(2));
	tt.say = APPROVAL_DENIED;
	e = tls(19, "p.ask", false, 4096);
	CHECK(!e.allowed);
	CHECK_STR(e.reason, "an operator said no");
	CHECK(asked(3));
	tt.say = APPROVAL_OFF;
	CHECK_STR(tls(19, "p.ask", false, 4096).reason,
	    "approvals are switched off");
	/* the client does not wait any more */
	tt.say = APPROVAL_NONE;
	serve(19, 9000, "p.ask", NULL);
	c = client_of(19);
	say(c, "x");
	CHECK(asked(4));
	setsockopt(c, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
	close(c);
	CHECK_STR(next_event().error, "Software caused connection abort");
	c = client_of(19);
	say(c, "x");
	CHECK(asked(5));
	close(c);
	CHECK_STR(next_event().error, "Software caused connection abort");
	half_closed();
	/* what comes meanwhile is looked at afterwards */
	serve(19, 8080, "p.ask", NULL);
	c = client_of(19);
	say(c, "GET /");
	CHECK(asked(8));
	say(c, " HTTP/1.1\r\nHost: q.no\r\n\r\n");
	usleep(20000);
	tt.say = APPROVAL_GRANTED;
	CHECK(rest_of(c, NULL, 0) == 0);
	close(c);
	CHECK_STR(next_event().domain, "q.no");
	CHECK((c = arrived(19, 100)) == -1 || close(c) == 0);
	tt.say = APPROVAL_GRANTED;
	CHECK(arrived(19, 100) == -1);
}

/* A client of the address that stands for a name. */
static int
held_client(const char *name)
{
	uint8_t addr[16];

	CHECK_INT(held_address(tt.s.held, name, addr), 0);
	CHECK(held_name(tt.s.held, addr) != NULL);
	return dial_at(0x7f020000 | (uint32_t)(addr[14] << 8 | addr[15]),
	    tt.port);
}

/* Nobody is asked about a name before an operator is. */
static void
held(void)
{
	uint8_t hello[4096];
	int lookups = tt.lookups, n = tt.asked;
	struct seen e;
	int c, s;

	tt.held_port = 9000;
	tt.say = APPROVAL_NONE;
	serve(21, 9000, NULL, NULL);
	host[21].also = "h.ask";
	c = held_client("h.ask");
	say(c, "x");
	CHECK(asked(n + 1));
	usleep(20000);
	CHECK_STR(tt.place, "h.ask:9000");
	CHECK_INT(tt.lookups, lookups);
	tt.say = APPROVAL_GRANTED;
	hears(s = arrived(21, 5000), "x");
	CHECK_INT(tt.lookups, lookups + 1);
	say(s, "y");
	hears(c, "y");
	close(s);
	close(c);
	CHECK_STR(next_event().domain, "h.ask");
	/* denied, or one that has no address */
	tt.say = APPROVAL_DENIED;
	c = held_client("h.ask");
	say(c, "x");
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().reason, "an operator said no");
	tt.say = APPROVAL_GRANTED;
	c = held_client("nowhere.ask");
	say(c, "x");
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().error, "No route to host");
	/* the name that is asked about is the one that is meant */
	tt.held_port = 443;
	c = held_client("h.ask");
	put(c, hello, hello_of("g.ask", false, hello, sizeof(hello)));
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().reason, "another name than was looked up");
	/* one that no rule lets happen any more, and an address of no name */
	tt.held_port = 9000;
	c = held_client("h.no");
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().domain, "h.no");
	c = dial_at(0x7f02ff01, tt.port);
	CHECK(is_reset(c));
	close(c);
	CHECK(!next_event().allowed);
	/* nor by what a client says to an address that it knows */
	serve(23, 443, "a.ok", NULL);
	lookups = tt.lookups;
	e = tls(23, "g.ask", false, 4096);
	CHECK(!e.allowed);
	CHECK_STR(e.reason, "name that was not looked up before");
	CHECK_INT(tt.lookups, lookups);
}

int
main(void)
{
	start_worker();
	T_RUN(approvals);
	T_RUN(held);
	stop_worker();
	return done_testing();
}
