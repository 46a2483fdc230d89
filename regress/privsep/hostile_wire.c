/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hostile peer's messages: which are tried, and how they are written. The
 * far ends are ours, so that the gate of chan.c is not in the way.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off */
const char *const files[ROLE_MAX] = {
#define PROC(id, name, user, scope, title) [ROLE_##id] = name,
#include "proc.def"
#undef PROC
};

const struct edge edges[] = {
#define CHAN(x, y, scope, what) { ROLE_##x, ROLE_##y },
#include "chan.def"
#undef CHAN
};
/* clang-format on */

const size_t nedges = COUNT(edges);

const char *const when_names[WHEN_MAX] = { "before the start",
	"after the start", "as an answer", "as init" };

void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
raw(int fd, uint32_t type, uint32_t id, size_t body, uint8_t fill,
    const int *fds, int nfds)
{
	static uint8_t data[2 * AGENTSH_MSG_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 16)];
	} control;
	struct iovec iov = { data, MSG_HEADER_LEN + body };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	uint32_t header[4] = { type, 0, id, (uint32_t)(MSG_HEADER_LEN + body) };

	memcpy(data, header, sizeof(header));
	memset(data + MSG_HEADER_LEN, fill, body);
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * (size_t)nfds);
	}
	if (sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 &&
	    errno == EPERM && nfds > 0) {
		/* where no message brings any the kernel takes none (chan_join):
		 * it is as if the victim had refused it */
		header[0] = MSG_NONE;
		header[3] = MSG_HEADER_LEN;
		iov.iov_len = MSG_HEADER_LEN;
		memcpy(data, header, sizeof(header));
		mh.msg_control = NULL;
		mh.msg_controllen = 0;
		(void)sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static int
fd_of_kind(char kind)
{
	int sv[2];

	switch (kind) {
	case 's':
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) ==
		    -1)
			die("socketpair");
		close(sv[1]);
		return sv[0];
	case 'd':
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 'c':
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 'a':
		return (int)syscall(SYS_pidfd_open, getpid(), 0);
	default:
		return memfd_create("hostile", MFD_CLOEXEC);
	}
}

static const char *
kinds_of(uint32_t type)
{
	return type != MSG_NONE && type < MSG_MAX ? msg_rows[type].fds : "";
}

bool
trial_is_legal(const struct trial *t)
{
	enum msg_state state = t->when == WHEN_START ? ST_START : ST_RUN;

	/* what has no start is in one state, whenever */
	if (t->victim == ROLE_MAKER || t->victim == ROLE_READCONF)
		state = ST_START;
	if (t->victim == ROLE_CTL || t->peer == ROLE_MAKER ||
	    t->peer == ROLE_READCONF)
		state = ST_RUN;
	return t->wrong == -1 &&
	    msg_gate(t->victim, t->peer, state, t->type, t->body, t->nfds) ==
	    NULL;
}

void
trial_send(int fd, const struct trial *t, uint32_t asked)
{
	const char *kinds = kinds_of(t->type);
	uint32_t flags = t->type != MSG_NONE && t->type < MSG_MAX ?
	    msg_rows[t->type].flags :
	    M_EVT;
	uint32_t id = 1;
	int fds[8], i;
	char kind;

	for (i = 0; i < t->nfds; i++) {
		kind = (size_t)i < strlen(kinds) ? kinds[i] : 'm';
		/* a directory is refused but where it is wanted */
		if (i == t->wrong)
			kind = kind == 'd' ? 's' : 'd';
		/* the gate cannot tell these from pidfds */
		if (kind == 'a' && t->fill != 0)
			kind = 'm';
		fds[i] = fd_of_kind(kind);
	}
	if ((flags & M_EVT) != 0)
		id = 0;
	else if ((flags & M_REP) != 0 && asked != 0)
		id = asked;
	raw(fd, t->type, id, t->body, t->fill, fds, t->nfds);
	/* a row may be heard with indifference: then this ends it */
	if (trial_is_legal(t))
		raw(fd, MSG_NONE, 0, 0, 0, NULL, 0);
	for (i = 0; i < t->nfds; i++)
		close(fds[i]);
}

/* The next size of many: 0 to 64, then around each power of two, up to what
 * fits into no channel. */
static size_t
next_size(size_t size)
{
	size_t power = 128;

	if (size < 65)
		return size + 1;
	while (size > power)
		power *= 2;
	if (size == power)
		return power + 1;
	return size == power - 1 ? power : power - 1;
}

/* A row of this channel in many sizes, but those around its bounds, at the
 * time when it may come: else it is refused for that, whatever its size. */
static void
each_size_of_row(struct trial *t, void (*fn)(const struct trial *))
{
	const struct msg_row *row = &msg_rows[t->type];

	t->nfds = (int)strlen(row->fds);
	t->fill = 0;
	t->body = row->min;
	if (!trial_is_legal(t))
		return;
	for (t->body = 1; t->body <= AGENTSH_MSG_MAX + 1;
	     t->body = next_size(t->body)) {
		if (t->body + 1 < row->min || t->body > row->max + 1 ||
		    (t->body > row->min + 1 && t->body < row->max))
			fn(t);
	}
}

/* A row of this channel: all sizes around the bounds, all numbers of
 * descriptors, each descriptor of a wrong kind. */
static void
each_of_row(struct trial *t, void (*fn)(const struct trial *))
{
	const struct msg_row *row = &msg_rows[t->type];
	size_t sizes[6] = { row->min, 0, row->max, row->max + 1, row->min + 1,
		row->min > 0 ? row->min - 1 : 0 };
	int want = (int)strlen(row->fds);
	size_t i, j;

	for (i = 0; i < COUNT(sizes); i++) {
		for (j = 0; sizes[j] != sizes[i]; j++)
			continue;
		if (j < i)
			continue;
		t->body = sizes[i];
		t->nfds = want;
		t->fill = 0;
		fn(t);
		if (t->body >= row->min && t->body <= row->max) {
			t->fill = 0xff;
			fn(t);
		}
		/* together with the size, only the number's neighbours */
		t->fill = 0;
		t->nfds = want + 1;
		fn(t);
		if (want > 0) {
			t->nfds = want - 1;
			fn(t);
		}
	}
	t->body = row->min;
	for (t->nfds = 0; t->nfds <= AGENTSH_MSG_FDS + 1; t->nfds++) {
		if (t->nfds < want - 1 || t->nfds > want + 1)
			fn(t);
	}
	t->nfds = want;
	for (t->wrong = 0; t->wrong < want; t->wrong++) {
		if (row->fds[t->wrong] != '*')
			fn(t);
	}
	t->wrong = -1;
}

static void
each_of_other(struct trial *t, bool thin, void (*fn)(const struct trial *))
{
	const struct msg_row *row = t->type != MSG_NONE && t->type < MSG_MAX ?
	    &msg_rows[t->type] :
	    NULL;
	size_t sizes[3] = { row != NULL ? row->min : 8, 0,
		row != NULL ? row->max : AGENTSH_MSG_MAX - MSG_HEADER_LEN };
	int counts[3] = { (int)strlen(kinds_of(t->type)), 0, AGENTSH_MSG_FDS };
	size_t i, j;

	t->fill = 0;
	for (i = 0; i < COUNT(sizes); i++) {
		for (j = 0; j < COUNT(counts); j++) {
			t->body = sizes[i];
			t->nfds = counts[j];
			if ((i > 0 && t->body == sizes[0]) ||
			    (j > 0 && t->nfds == counts[0]))
				continue;
			/* thin: the plainest, and by turns another one */
			if (!thin || (i * 3 + j == t->type % 9) ||
			    (i + j == 0 && t->type % 9 != 0))
				fn(t);
		}
	}
}

static void (*chosen_fn)(const struct trial *);

/*
 * With sanitizers, where a process takes some ten times as long to start: all
 * that reaches a handler, and of what the gate refuses, which t_gate_all tries
 * in full under them, a quarter. Without them, all of it.
 */
static void
choose(const struct trial *t)
{
#ifdef __SANITIZE_ADDRESS__
	size_t number = 7 * (size_t)t->type + 3 * t->body + (size_t)t->nfds +
	    (size_t)(t->wrong + 1) + t->fill;

	if (number % 4 != 0 && !trial_is_legal(t) &&
	    getenv("HOSTILE_ALL") == NULL)
		return;
#endif
	chosen_fn(t);
}

void
trial_each(const struct trial *first, bool thin, bool sizes,
    void (*fn)(const struct trial *))
{
	struct trial t = *first;
	const struct msg_row *row;

	chosen_fn = fn;
	fn = choose;
	t.wrong = -1;
	for (t.type = 0; t.type < MSG_MAX + 2; t.type++) {
		row = t.type != 0 && t.type < MSG_MAX ? &msg_rows[t.type] :
							NULL;
		if (row != NULL && (row->from >> t.peer & 1) == 1 &&
		    (row->to >> t.victim & 1) == 1) {
			each_of_row(&t, fn);
			if (sizes)
				each_size_of_row(&t, fn);
		} else
			each_of_other(&t, thin, fn);
	}
	t.type = UINT32_MAX;
	each_of_other(&t, thin, fn);
}

bool
is_closed(int fd)
{
	static char drop[AGENTSH_MSG_MAX];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while (poll(&pfd, 1, WAIT_MS) == 1) {
		n = recv(fd, drop, sizeof(drop), MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return true;
	}
	return false;
}

int
wait_end(pid_t pid, int ms)
{
	struct pollfd pfd = { .events = POLLIN };
	int st = -1, r;

	pfd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pfd.fd == -1)
		die("pidfd_open");
	do {
		r = poll(&pfd, 1, ms);
	} while (r == -1 && errno == EINTR);
	if (r != 1)
		kill(pid, SIGKILL);
	if (waitpid(pid, &st, 0) != pid || r != 1)
		st = -1;
	close(pfd.fd);
	return st;
}

const char *
ending(int st)
{
	static char text[64];

	if (st == -1)
		return "did not end";
	if (WIFSIGNALED(st))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(st));
	else
		snprintf(text, sizeof(text), "status %d", WEXITSTATUS(st));
	return text;
}

void
trial_print(const struct trial *t)
{
	printf("#   %s from %s to %s, %s, body %zu of 0x%02x, %d descriptors",
	    msg_name(t->type), files[t->peer], files[t->victim],
	    when_names[t->when], t->body, t->fill, t->nfds);
	if (t->wrong != -1)
		printf(", number %d of the wrong kind", t->wrong);
	printf(", %s\n", trial_is_legal(t) ? "a row" : "not a row");
	fflush(stdout);
}

void
trial_name(char *dst, size_t size, const struct trial *t)
{
	snprintf(dst, size, "t.%u.%u.%u.%u.%zu.%d.%d.%u", (unsigned)t->victim,
	    (unsigned)t->peer, (unsigned)t->when, t->type, t->body, t->nfds,
	    t->wrong + 1, (unsigned)t->fill);
}

bool
trial_parse(const char *name, struct trial *t)
{
	unsigned long v[8];
	char *end;
	size_t i;

	if (*name++ != 't' || *name != '.')
		return false;
	for (i = 0; i < COUNT(v); i++) {
		if (*++name == '\0')
			return false;
		v[i] = strtoul(name, &end, 10);
		name = end;
		if (i + 1 < COUNT(v) ? *name != '.' :
				       *name != '\0' && *name != ' ')
			return false;
	}
	t->victim = (enum role)v[0];
	t->peer = (enum role)v[1];
	t->when = (enum when)v[2];
	t->type = (uint32_t)v[3];
	t->body = v[4];
	t->nfds = (int)v[5];
	t->wrong = (int)v[6] - 1;
	t->fill = (uint8_t)v[7];
	return t->victim < ROLE_MAX && t->peer < ROLE_MAX &&
	    t->when < WHEN_MAX && t->nfds <= 8;
}
