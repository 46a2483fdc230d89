/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate that every process runs, without a gap: each end of each channel of
 * chan.def, each number, each size up to two bytes more than the row's and
 * around the channel's own, each count of descriptors up to one more than the
 * limit, each state. First by the function that decides; then by real sockets
 * and the whole way of a message to its handler. Nothing but the rows of
 * msg.def comes through, and all of them do.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>

#include "chan_t.h"
#include "gate_t.h"
#include "log.h"

#define MAX_FDS (AGENTSH_MSG_FDS + 1)
#define MAX_BODY (AGENTSH_MSG_MAX - MSG_HEADER_LEN)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const enum msg_state states[] = { ST_START, ST_RUN, ST_ANY };

/* Numbers that are no row. */
static const uint32_t unknown[] = { MSG_NONE, MSG_MAX, MSG_MAX + 1, 0xff, 0x100,
	0xffff, 0x10000, 0x7fffffff, 0x80000000, 0x10000 + 1, UINT32_MAX };

/* clang-format off */
static const struct {
	enum role a, b;
} edges[] = {
#define CHAN(x, y, scope, what) { ROLE_##x, ROLE_##y },
#include "chan.def"
#undef CHAN
};
/* clang-format on */

static struct want want[MSG_MAX];
static int kinds[256]; /* a descriptor of each kind */
static uint8_t message[2 * AGENTSH_MSG_MAX];
static unsigned long tried, passed;

/* The sizes that are tried of a number, one after the other; false: no more. */
static bool
next_size(uint32_t type, size_t *size)
{
	size_t last = type != MSG_NONE && type < MSG_MAX ? want[type].max + 2 :
							   66;

	if (*size == SIZE_MAX)
		*size = 0;
	else if (*size < last ||
	    (*size >= MAX_BODY - 2 && *size < MAX_BODY + 2))
		(*size)++;
	else if (*size < MAX_BODY - 2)
		*size = MAX_BODY - 2;
	else
		return false;
	return true;
}

static void
gate_edge(enum role me, enum role peer, uint32_t type)
{
	size_t size = SIZE_MAX, i;
	int nfds;
	bool ok;

	while (next_size(type, &size)) {
		for (nfds = 0; nfds <= MAX_FDS; nfds++) {
			for (i = 0; i < COUNT(states); i++) {
				ok = msg_gate(me, peer, states[i], type, size,
					 nfds) == NULL;
				tried++;
				passed += ok;
				if (ok !=
				    expect(want, (int)me, (int)peer,
					(int)states[i], type, size, nfds))
					t_fail(msg_name(type), (int)size,
					    ok ? "passed" : "refused");
			}
		}
	}
}

/* One message, by itself, as a peer would write it. */
static void
put(int fd, uint32_t type, uint32_t id, size_t body, int nfds)
{
	const char *letters = type < MSG_MAX && type != MSG_NONE ?
	    msg_rows[type].fds :
	    "";
	uint32_t header[4] = { type, 0, id, (uint32_t)(MSG_HEADER_LEN + body) };
	int fds[MAX_FDS], i;

	for (i = 0; i < nfds; i++)
		fds[i] =
		    kinds[(size_t)i < strlen(letters) && letters[i] != '*' ?
			    (uint8_t)letters[i] :
			    'm'];
	memcpy(message, header, sizeof(header));
	raw(fd, message, MSG_HEADER_LEN + body, fds, nfds);
}

struct trial {
	enum role me, peer;
	enum msg_state state;
	struct chan *ch; /* kept while nothing is refused */
	int far;
};

static enum msg_type
question_of(uint32_t answer)
{
	uint32_t q;

	for (q = 1; q < MSG_MAX; q++) {
		if (msg_answers((enum msg_type)answer, (enum msg_type)q))
			break;
	}
	return (enum msg_type)q;
}

static void
wire_one(struct trial *t, uint32_t type, size_t body, int nfds)
{
	uint32_t flags = type < MSG_MAX ? msg_rows[type].flags : 0, id = 0;
	bool ok,
	    fine = expect(want, (int)t->me, (int)t->peer, (int)t->state, type,
		body, nfds);
	int r;

	if (t->ch == NULL)
		t->ch = half(t->me, t->peer, t->state, &t->far);
	seen.calls = seen.closes = 0;
	memset(t->ch->once, 0, sizeof(t->ch->once));
	/* so that only the gate can be what refuses */
	if ((flags & M_REP) != 0) {
		t->ch->npending = 0;
		id = chan_request(t->ch, NULL);
		t->ch->pending[0].type = question_of(type);
	} else if ((flags & M_REQ) != 0)
		id = 1;
	put(t->far, type, id, body, nfds);
	r = chan_step(t->ch, 0);
	ok = r == 1 && seen.calls == 1 && seen.closes == 0 && !t->ch->closed &&
	    seen.type == (enum msg_type)type;
	tried++;
	passed += ok;
	if (ok != fine ||
	    (!ok &&
		(r != -1 || seen.calls != 0 || seen.closes != 1 ||
		    !t->ch->closed)))
		t_fail(msg_name(type), (int)body,
		    ok ? "came through" : "did not come through");
	if (!ok) {
		chan_free(t->ch);
		close(t->far);
		t->ch = NULL;
	}
}

static void
wire_edge(enum role me, enum role peer, uint32_t type)
{
	struct trial t = { .me = me, .peer = peer };
	bool row = type != MSG_NONE && type < MSG_MAX &&
	    (want[type].from >> peer & 1) == 1 &&
	    (want[type].to >> me & 1) == 1;
	size_t size, i, few[] = { 0, 1, 8, 0, 0, 0, 0, MAX_BODY, MAX_BODY + 1 };
	int nfds;

	if (type < MSG_MAX) {
		few[3] = want[type].min;
		few[4] = want[type].min + 1;
		few[5] = want[type].max;
		few[6] = want[type].max + 1;
	}
	for (i = 0; i < 2; i++) {
		t.state = states[i];
		/* every size where it is a row; the gate is asked first for its
		 * sender, so that of others a few tell as much */
		size = SIZE_MAX;
		while (row && next_size(type, &size))
			wire_one(&t, type, size, want[type].nfds);
		for (size = 0; size < COUNT(few); size++) {
			for (nfds = 0; nfds <= MAX_FDS; nfds++)
				wire_one(&t, type, few[size], nfds);
		}
		if (t.ch != NULL) {
			chan_free(t.ch);
			close(t.far);
			t.ch = NULL;
		}
	}
}

static void
each(void (*fn)(enum role me, enum role peer, uint32_t type))
{
	uint32_t type;
	size_t i, k;

	tried = passed = 0;
	for (i = 0; i < COUNT(edges); i++) {
		for (type = 1; type < MSG_MAX; type++) {
			fn(edges[i].a, edges[i].b, type);
			fn(edges[i].b, edges[i].a, type);
		}
		for (k = 0; k < COUNT(unknown); k++) {
			fn(edges[i].a, edges[i].b, unknown[k]);
			fn(edges[i].b, edges[i].a, unknown[k]);
		}
	}
	CHECK(passed > 0);
	printf("# %lu tried, %lu passed\n", tried, passed);
}

static void
gate(void)
{
	each(gate_edge);
}

static void
wire(void)
{
	int before = open_fds();

	each(wire_edge);
	CHECK_INT(open_fds(), before);
}

int
main(void)
{
	int sv[2];

	log_init("t_gate_all");
	log_set_verbose(0);
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	want_table(want);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) == -1)
		return 1;
	kinds['s'] = sv[0];
	kinds['m'] = memfd_create("t", MFD_CLOEXEC);
	kinds['d'] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	kinds['c'] = open("/dev/null", O_RDWR | O_CLOEXEC);
	kinds['a'] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	T_RUN(gate);
	T_RUN(wire);
	return done_testing();
}
