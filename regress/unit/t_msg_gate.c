/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate, exhaustively: every receiver, every sender, every state, every
 * number, sizes around each bound, every descriptor count. Exactly the rows of
 * msg.def pass; the expectation is written from the table a second time, by
 * other means than the gate's.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <unistd.h>

#include "gate_t.h"
#include "t.h"

static void
everything(void)
{
	static const enum msg_state states[] = { ST_START, ST_RUN };
	struct want w[MSG_MAX] = { 0 };
	size_t sizes[10], i, s;
	unsigned long tried = 0, passed = 0, wrong = 0;
	int me, peer, nfds;
	uint32_t type;
	bool ok;

	want_table(w);
	for (type = 0; type < MSG_MAX + 3; type++) {
		sizes[0] = 0;
		sizes[1] = 1;
		sizes[2] = type < MSG_MAX ? w[type].min : 8;
		sizes[3] = sizes[2] - 1; /* wraps at 0: far too much */
		sizes[4] = sizes[2] + 1;
		sizes[5] = type < MSG_MAX ? w[type].max : 8;
		sizes[6] = sizes[5] - 1;
		sizes[7] = sizes[5] + 1;
		sizes[8] = AGENTSH_MSG_MAX;
		sizes[9] = SIZE_MAX;
		for (me = 0; me < ROLE_MAX; me++)
			for (peer = 0; peer < ROLE_MAX; peer++)
				for (s = 0; s < 2; s++)
					for (i = 0; i < 10; i++)
						for (nfds = -1; nfds <=
						     AGENTSH_MSG_FDS + 1;
						     nfds++) {
							ok = msg_gate(me, peer,
								 states[s],
								 type, sizes[i],
								 nfds) == NULL;
							tried++;
							passed += ok;
							wrong += ok !=
							    expect(w, me, peer,
								states[s], type,
								sizes[i], nfds);
						}
	}
	CHECK_INT(wrong, 0);
	CHECK(passed > 0);
	printf("# %lu combinations, %lu passed\n", tried, passed);
}

/* Every 32-bit number outside of the table is refused. */
static void
unknown_numbers(void)
{
	uint64_t type;
	int me, peer;

	for (type = MSG_MAX; type <= UINT32_MAX; type = type * 5 / 4 + 1)
		for (me = 0; me < ROLE_MAX; me++)
			for (peer = 0; peer < ROLE_MAX; peer++)
				CHECK(msg_gate(me, peer, ST_ANY, (uint32_t)type,
					  0, 0) != NULL);
	CHECK(msg_gate(ROLE_PRIVD, ROLE_SESSIOND, ST_ANY, UINT32_MAX, 0, 0) !=
	    NULL);
	CHECK_STR(msg_name(UINT32_MAX), "UNKNOWN");
	CHECK_STR(msg_name(MSG_MAX), "UNKNOWN");
}

/* It has a question, and each that it has goes the other way. */
static void
check_answer(enum msg_type answer)
{
	const struct msg_row *a = &msg_rows[answer], *q;
	size_t i, n = 0;

	for (i = 0; i < MSG_MAX; i++) {
		if (!msg_answers(answer, (enum msg_type)i))
			continue;
		q = &msg_rows[i];
		CHECK((q->flags & M_REQ) != 0);
		CHECK(q->from == a->to && q->to == a->from);
		n++;
	}
	CHECK(n > 0);
}

/* What the table itself promises. */
static void
table_is_sane(void)
{
	static const uint32_t kinds = M_REQ | M_REP | M_EVT;
	const struct msg_row *r;
	uint32_t edge[ROLE_MAX] = { 0 }, kind;
	int from, to;
	size_t i, k;

#define CHAN(a, b, scope, what)                                                \
	edge[ROLE_##a] |= R_##b;                                               \
	edge[ROLE_##b] |= R_##a;
#include "chan.def"
#undef CHAN
	for (i = 1; i < MSG_MAX; i++) {
		r = &msg_rows[i];
		kind = r->flags & kinds;
		CHECK(kind == M_REQ || kind == M_REP || kind == M_EVT);
		CHECK((r->flags & M_MORE) == 0 || kind == M_REP);
		CHECK((r->flags & M_BARE) == 0 || r->fds[0] != '\0');
		if (kind == M_REP)
			check_answer((enum msg_type)i);
		CHECK(r->from != 0 && r->to != 0);
		CHECK(r->max + MSG_HEADER_LEN <= AGENTSH_MSG_MAX);
		for (k = 0; r->fds[k] != '\0'; k++)
			CHECK(strchr("smdca*", r->fds[k]) != NULL);
		/* a message travels only where chan.def has a channel */
		for (from = 0; from < ROLE_MAX; from++)
			for (to = 0; to < ROLE_MAX; to++)
				if ((r->from >> from & 1) == 1 &&
				    (r->to >> to & 1) == 1 &&
				    (edge[from] >> to & 1) == 0)
					t_fail(r->name, (int)i,
					    "no channel for it");
	}
	CHECK(msg_table_hash() != 0);
	CHECK(msg_table_hash() == msg_table_hash());
}

static void
kinds(void)
{
	static const char letters[] = "smdca";
	int fd[5], sv[2], i, k, a[3];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) == 0);
	fd[0] = sv[0];
	fd[1] = memfd_create("t", MFD_CLOEXEC);
	fd[2] = open("/", O_RDONLY | O_DIRECTORY);
	fd[3] = open("/dev/null", O_RDWR);
	fd[4] = eventfd(0, 0);
	for (i = 0; i < 5; i++)
		for (k = 0; letters[k] != '\0'; k++) {
			/* a pidfd may be a regular file, so `a` takes those too */
			if (letters[k] == 'a' && letters[i] == 'm')
				continue;
			CHECK(msg_fd_is(fd[i], letters[k]) == (i == k));
		}
	for (i = 0; i < 5; i++) {
		CHECK(msg_fd_is(fd[i], '*'));
		CHECK(!msg_fd_is(fd[i], 'x'));
		CHECK(!msg_fd_is(fd[i], '\0'));
	}
	a[0] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	CHECK(pipe(&a[1]) == 0);
	CHECK(a[0] == -1 || msg_fd_is(a[0], 'a'));
	for (k = 0; letters[k] != '\0'; k++)
		CHECK(!msg_fd_is(a[1],
		    letters[k])); /* a pipe is nothing asked for */
	CHECK(!msg_fd_is(-1, '*'));
	CHECK(!msg_fd_is(12345, 'm'));
	for (i = 0; i < 5; i++)
		close(fd[i]);
	close(sv[1]);
}

static void
take(void)
{
	struct imsg im = { .fds = { 10, 11, 12, 13 }, .nfds = 2 };

	CHECK_INT(imsg_take_fd(&im, 1), 11);
	CHECK_INT(im.fds[1], -1);
	CHECK_INT(imsg_take_fd(&im, 1), -1);
	CHECK_INT(imsg_take_fd(&im, 2), -1);
	CHECK_INT(imsg_take_fd(&im, -1), -1);
	CHECK_INT(im.fds[2], 12);
	CHECK_INT(im.fds[0], 10);
}

int
main(void)
{
	T_RUN(everything);
	T_RUN(unknown_numbers);
	T_RUN(table_is_sane);
	T_RUN(kinds);
	T_RUN(take);
	return done_testing();
}
