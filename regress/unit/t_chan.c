/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels: what passes arrives with its descriptors, everything else ends the
 * channel before a handler runs, and no descriptor is ever lost or kept.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chan_t.h"
#include "log.h"

/* One raw message that must end the channel without a handler's call. */
static void
refused(struct chan *ch, int far, const char *why)
{
	CHECK_INT(chan_step(ch, 1000), -1);
	CHECK_INT(seen.calls, 0);
	CHECK_INT(seen.closes, 1);
	CHECK_STR(seen.why, why);
	CHECK(ch->closed);
	CHECK_INT(chan_step(ch, 0), -1);
	CHECK_INT(seen.closes, 1);
	chan_free(ch);
	close(far);
}

static void
there_and_back(void)
{
	struct msg_sess_destroy m = { 7, SESS_EXPIRED_IDLE };
	struct chan *a, *b;

	whole(ROLE_SESSIOND, ROLE_PRIVD, &a, &b);
	CHECK_INT(chan_step(b, 0), 0);
	CHECK_INT(msg_send_sess_destroy(a, 0, &m, NULL), 0);
	CHECK_INT(chan_step(b, 1000), 1);
	CHECK_INT(seen.calls, 1);
	CHECK_INT(seen.type, MSG_SESS_DESTROY);
	CHECK_INT(chan_step(b, 0), 0);
	chan_free(a);
	chan_free(b);
}

static void
descriptor_passes(void)
{
	struct msg_policy_compiled m = { .name = "x",
		.plan = (const uint8_t *)"" };
	struct chan *a, *b;
	int fd, before = open_fds();

	whole(ROLE_POLICYD, ROLE_PRIVD, &a, &b);
	fd = memfd_create("t", MFD_CLOEXEC);
	CHECK(write(fd, "word", 4) == 4);
	/* answers to nobody's question are refused, so ask first */
	CHECK(ask_as(b, MSG_POLICY_COMPILE, &seen) == 1);
	seen.taken = -2;
	CHECK_INT(msg_send_policy_compiled(a, 1, &m, &fd), 0);
	CHECK_INT(chan_step(b, 1000), 1);
	CHECK(seen.arg == &seen);
	CHECK(seen.taken >= 0 && seen.taken != fd);
	CHECK_INT(lseek(seen.taken, 0, SEEK_END), 4);
	CHECK((fcntl(seen.taken, F_GETFD) & FD_CLOEXEC) != 0);
	close(seen.taken);
	close(fd);
	chan_free(a);
	chan_free(b);
	CHECK_INT(open_fds(), before);
}

static void
descriptor_not_taken(void)
{
	struct chan *ch;
	int far, fd, before = open_fds();

	fd = memfd_create("t", MFD_CLOEXEC);
	ch = half(ROLE_FSD, ROLE_PRIVD, ST_START, &far);
	raw_msg(far, MSG_POLICY_IMAGE, 0, 0, 16, 0, &fd, 1);
	CHECK_INT(chan_step(ch, 1000), 1);
	CHECK_INT(seen.calls, 1);
	chan_free(ch);
	close(far);
	close(fd);
	CHECK_INT(open_fds(), before);
}

static void
bad_headers(void)
{
	struct chan *ch;
	int far;
	size_t n;

	for (n = 1; n < MSG_HEADER_LEN; n++) {
		ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
		raw(far, "0123456789abcdef", n, NULL, 0);
		refused(ch, far, "short header");
	}
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 1, 0, 28, 12, NULL, 0);
	refused(ch, far, "bad header");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 29, 12, NULL, 0);
	refused(ch, far, "bad header");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 27, 12, NULL, 0);
	refused(ch, far, "bad header");
}

static void
gate_refuses(void)
{
	struct chan *ch;
	int far;

	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_NONE, 0, 0, 16, 0, NULL, 0);
	refused(ch, far, "unknown type");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_MAX, 0, 0, 16, 0, NULL, 0);
	refused(ch, far, "unknown type");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, UINT32_MAX, 0, 0, 16, 0, NULL, 0);
	refused(ch, far, "unknown type");
	ch = half(ROLE_PRIVD, ROLE_EVENTD, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 28, 12, NULL, 0);
	refused(ch, far, "not from this peer");
	ch = half(ROLE_EVENTD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 28, 12, NULL, 0);
	refused(ch, far, "not to this process");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_START, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 28, 12, NULL, 0);
	refused(ch, far, "not in this state");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 27, 11, NULL, 0);
	refused(ch, far, "size");
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 29, 13, NULL, 0);
	refused(ch, far, "size");
}

/* What the log says of a refusal names both ends' business. */
static void
refusal_is_named(void)
{
	char text[512] = "";
	struct chan *ch;
	int far, saved = dup(STDERR_FILENO);
	int log = memfd_create("log", MFD_CLOEXEC);

	fflush(stderr);
	CHECK(dup2(log, STDERR_FILENO) == STDERR_FILENO);
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_MAX, 0, 0, 16, 0, NULL, 0);
	refused(ch, far, "unknown type");
	fflush(stderr);
	CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
	CHECK(pread(log, text, sizeof(text) - 1, 0) > 0);
	CHECK(strstr(text, "message from sessiond refused: unknown type") !=
	    NULL);
	close(saved);
	close(log);
	CHECK_STR(role_name(ROLE_MAX), "unknown");
}

static void
ids(void)
{
	struct chan *ch;
	int far;

	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 5, 28, 12, NULL, 0);
	refused(ch, far, "request id on an event");
	ch = half(ROLE_EXECD, ROLE_INIT, ST_RUN, &far);
	raw_msg(far, MSG_INIT_RUNNING, 0, 1, 28, 12, NULL, 0);
	refused(ch, far, "answer to no question");
	ch = half(ROLE_FSD, ROLE_EXECD, ST_RUN, &far);
	raw_msg(far, MSG_FS_SYNC, 0, 0, 24, 8, NULL, 0);
	refused(ch, far, "request without id");
}

static void
descriptor_counts(void)
{
	struct chan *ch;
	int far, fd[8], i, n, before = open_fds();

	for (i = 0; i < 8; i++)
		fd[i] = memfd_create("t", MFD_CLOEXEC);
	for (n = 0; n <= 8; n++) {
		if (n == 1)
			continue;
		ch = half(ROLE_FSD, ROLE_PRIVD, ST_START, &far);
		raw_msg(far, MSG_POLICY_IMAGE, 0, 0, 16, 0, fd, n);
		refused(ch, far,
		    n > AGENTSH_MSG_FDS ? "truncated message" :
					  "number of descriptors");
	}
	for (i = 0; i < 8; i++)
		close(fd[i]);
	CHECK_INT(open_fds(), before);
}

static void
descriptor_kinds(void)
{
	struct chan *ch;
	int far, fd[4], i, sv[2], before = open_fds();

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	fd[0] = sv[0];
	fd[1] = open("/", O_RDONLY | O_DIRECTORY);
	fd[2] = open("/dev/null", O_RDWR);
	fd[3] = open("/", O_PATH);
	for (i = 0; i < 4; i++) {
		ch = half(ROLE_FSD, ROLE_PRIVD, ST_START, &far);
		raw_msg(far, MSG_POLICY_IMAGE, 0, 0, 16, 0, &fd[i], 1);
		refused(ch, far, "kind of descriptor");
		close(fd[i]);
	}
	close(sv[1]);
	CHECK_INT(open_fds(), before);
}

static void
truncated_data(void)
{
	struct chan *ch;
	int far;

	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_CREATE_TCP, 0, 1, AGENTSH_MSG_MAX + 20,
	    AGENTSH_MSG_MAX + 4, NULL, 0);
	refused(ch, far, "truncated message");
}

/* chan_step() with room for so many descriptors: where there is less than came the
 * kernel delivers the data all the same. */
static int
step_with(struct chan *ch, rlim_t more)
{
	struct rlimit old, low;
	int r, fd = dup(0);

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	low = old;
	low.rlim_cur = (rlim_t)fd + more;
	close(fd);
	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	r = chan_step(ch, 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	return r;
}

/* Without room for its descriptors a message ends the channel. */
static void
ctrunc(void)
{
	struct chan *ch;
	int far, fd;

	fd = memfd_create("t", MFD_CLOEXEC);
	ch = half(ROLE_FSD, ROLE_PRIVD, ST_START, &far);
	raw_msg(far, MSG_POLICY_IMAGE, 0, 0, 16, 0, &fd, 1);
	CHECK_INT(step_with(ch, 0), -1);
	CHECK_INT(seen.calls, 0);
	CHECK_STR(seen.why, "truncated message");
	chan_free(ch);
	close(far);
	close(fd);
}

/* Unless its row says that the handler refuses what was meant: it is called without
 * any, also when some had come, and the channel goes on. */
static void
bare(void)
{
	struct chan *ch;
	int far, fd[2], many[5], i, before = open_fds();

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	ch = half(ROLE_NETD, ROLE_PRIVD, ST_RUN, &far);
	for (i = 0; i < 3; i++) {
		memset(&seen, 0, sizeof(seen));
		seen.taken = -2;
		raw_msg(far, MSG_NET_LISTEN, 0, 0, 16 + 9, 9, fd, 2);
		CHECK_INT(step_with(ch, (rlim_t)i), 1);
		CHECK_INT(seen.calls, 1);
		CHECK(seen.lost == (i < 2));
		CHECK(seen.lost == (seen.taken == -1));
		if (!seen.lost)
			close(seen.taken);
		CHECK(!ch->closed);
	}
	/* too many of them are no want of room */
	memset(&seen, 0, sizeof(seen));
	CHECK_INT(open_fds(), before + 4);
	for (i = 0; i < 5; i++)
		many[i] = fd[0];
	raw_msg(far, MSG_NET_LISTEN, 0, 0, 16 + 9, 9, many, 5);
	refused(ch, far, "truncated message");
	close(fd[0]);
	close(fd[1]);
	CHECK_INT(open_fds(), before);
}

/* What was not sent was not lost. */
static void
bare_but_malformed(void)
{
	struct chan *ch;
	int far, fd;

	fd = memfd_create("t", MFD_CLOEXEC);
	ch = half(ROLE_NETD, ROLE_PRIVD, ST_RUN, &far);
	raw_msg(far, MSG_NET_LISTEN, 0, 0, 16 + 9, 9, NULL, 0);
	CHECK_INT(step_with(ch, 0), -1);
	CHECK_STR(seen.why, "number of descriptors");
	chan_free(ch);
	close(far);
	/* nor is a message one that has none in its row */
	ch = half(ROLE_NETD, ROLE_PRIVD, ST_RUN, &far);
	raw_msg(far, MSG_NET_CLOSE, 0, 1, 16 + 8, 8, &fd, 1);
	CHECK_INT(step_with(ch, 0), -1);
	CHECK_INT(seen.calls, 0);
	CHECK_STR(seen.why, "truncated message");
	chan_free(ch);
	close(far);
	close(fd);
}

/* Where no message brings any, none can be sent; without that of the kernel, none
 * comes to be closed here. */
static void
none_are_taken(void)
{
	struct chan *ch;
	int pair[2], far, fd, on, i, before = open_fds();
	socklen_t len = sizeof(on);

	fd = memfd_create("t", MFD_CLOEXEC);
	CHECK(chan_join(ROLE_EXECD, ROLE_NETD, pair) == 0);
	for (i = 0; i < 2; i++) {
		/* netd gives execd some, and not the other way round */
		if (getsockopt(pair[i], SOL_SOCKET, SO_PASSRIGHTS, &on, &len) ==
		    -1)
			break;
		CHECK_INT(on, i == 0);
	}
	close(pair[0]);
	close(pair[1]);
	ch = half(ROLE_NETD, ROLE_EXECD, ST_RUN, &far);
	CHECK(!ch->takes_fds);
	raw_msg(far, MSG_NET_FORGET, 0, 0, 24, 8, &fd, 1);
	refused(ch, far, "truncated message");
	close(fd);
	CHECK_INT(open_fds(), before);
}

static void
only_once(void)
{
	struct chan *ch;
	int far;

	ch = half(ROLE_SESSIOND, ROLE_PRIVD, ST_START, &far);
	raw_msg(far, MSG_SYS_START, 0, 0, 16, 0, NULL, 0);
	CHECK_INT(chan_step(ch, 1000), 1);
	CHECK_INT(seen.calls, 1);
	seen.calls = 0;
	raw_msg(far, MSG_SYS_START, 0, 0, 16, 0, NULL, 0);
	refused(ch, far, "sent twice");
}

static void
replies(void)
{
	struct msg_init_spawned spawned = { 9, 4 };
	struct msg_init_running running = { 9, 5 };
	struct chan *a, *b;
	uint32_t id;
	int x;

	whole(ROLE_INIT, ROLE_EXECD, &a, &b);
	b->on_close = on_close;
	id = ask_as(b, MSG_INIT_SPAWN, &x);
	/* M_MORE keeps the question open, the last answer closes it */
	CHECK_INT(msg_send_init_spawned(a, id, &spawned, NULL), 0);
	CHECK_INT(chan_step(b, 1000), 1);
	CHECK(seen.arg == &x);
	CHECK_INT(b->npending, 1);
	CHECK_INT(msg_send_init_running(a, id, &running, NULL), 0);
	CHECK_INT(chan_step(b, 1000), 1);
	CHECK(seen.arg == &x);
	CHECK_INT(b->npending, 0);
	CHECK_INT(msg_send_init_running(a, id, &running, NULL), 0);
	CHECK_INT(chan_step(b, 1000), -1);
	CHECK_STR(seen.why, "answer to no question");
	chan_free(a);
	chan_free(b);
}

/* Who is asked one thing does not answer another: what is remembered of it is of
 * the question's kind. */
static void
other_answers(void)
{
	struct msg_fs_unix_failed failed = { 2 };
	struct msg_fs_synced synced = { 9 };
	struct msg_fs_sync ask = { 9 };
	struct chan *a, *b;
	uint32_t id;
	int x;

	whole(ROLE_FSD, ROLE_EXECD, &a, &b);
	b->on_close = on_close;
	id = chan_request(b, &x);
	CHECK_INT(msg_send_fs_sync(b, id, &ask, NULL), 0);
	CHECK_INT(msg_send_fs_synced(a, id, &synced, NULL), 0);
	CHECK_INT(chan_step(b, 1000), 1);
	CHECK(seen.arg == &x);
	id = chan_request(b, &x);
	CHECK_INT(msg_send_fs_sync(b, id, &ask, NULL), 0);
	seen.calls = 0;
	CHECK_INT(msg_send_fs_unix_failed(a, id, &failed, NULL), 0);
	CHECK_INT(chan_step(b, 1000), -1);
	CHECK_INT(seen.calls, 0);
	CHECK_STR(seen.why, "answer to no question");
	chan_free(a);
	chan_free(b);
}

static void
forgotten_asker(void)
{
	struct msg_init_running running = { 9, 5 };
	struct chan *a, *b;
	uint32_t id;
	int x;

	whole(ROLE_INIT, ROLE_EXECD, &a, &b);
	id = ask_as(b, MSG_INIT_SPAWN, &x);
	chan_forget(b, &x);
	seen.arg = &x;
	CHECK_INT(msg_send_init_running(a, id, &running, NULL), 0);
	CHECK_INT(chan_step(b, 1000), 1);
	CHECK(seen.arg == NULL);
	chan_free(a);
	chan_free(b);
}

static void
request_ids(void)
{
	struct chan *ch;
	uint32_t id, i;
	int far;

	ch = half(ROLE_EXECD, ROLE_INIT, ST_RUN, &far);
	ch->next_id = UINT32_MAX - 1;
	CHECK(chan_request(ch, &far) == UINT32_MAX);
	CHECK_INT(chan_request(ch, &far), 1); /* never 0 */
	ch->next_id = UINT32_MAX - 1;
	CHECK_INT(chan_request(ch, &far), 2); /* never one in use */
	for (i = 3; i < CHAN_MAX_PENDING - 1; i++)
		CHECK(chan_request(ch, &far) != 0);
	id = chan_request(ch, &far);
	CHECK(id != 0);
	CHECK_INT(chan_request(ch, &far), 0);
	chan_free(ch);
	close(far);
}

static void
end_of_file(void)
{
	struct chan *ch;
	int far;

	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	close(far);
	CHECK_INT(chan_step(ch, 1000), -1);
	CHECK_INT(seen.closes, 1);
	CHECK_STR(seen.why, "end of file");
	chan_free(ch);
	/* what was sent before the end still arrives */
	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 28, 12, NULL, 0);
	close(far);
	CHECK_INT(chan_step(ch, 1000), 1);
	CHECK_INT(chan_step(ch, 1000), -1);
	CHECK_INT(seen.calls, 1);
	chan_free(ch);
}

static void
handler_says_no(void)
{
	struct chan *ch;
	int far;

	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	seen.answer = -1;
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 28, 12, NULL, 0);
	CHECK_INT(chan_step(ch, 1000), -1);
	CHECK_INT(seen.calls, 1);
	CHECK_INT(seen.closes, 1);
	CHECK_STR(seen.why, "SESS_DESTROY");
	/* the far end sees the end of file at once */
	CHECK_INT(recv(far, &far, 1, 0), 0);
	chan_free(ch);
}

static void
no_handler(void)
{
	static const struct handler none[] = { { MSG_NONE, NULL } };
	struct chan *ch;
	int far;

	ch = half(ROLE_PRIVD, ROLE_SESSIOND, ST_RUN, &far);
	ch->handlers = none;
	raw_msg(far, MSG_SESS_DESTROY, 0, 0, 28, 12, NULL, 0);
	CHECK_INT(chan_step(ch, 1000), -1);
	CHECK_INT(seen.closes, 1);
	chan_free(ch);
	close(far);
}

/* Our own mistakes never reach the wire. */
static void
unsendable(void)
{
	struct msg_sess_destroy m = { 7, 0 };
	struct chan *ch;
	struct buf b;
	char byte;
	int far;

	ch = half(ROLE_EVENTD, ROLE_PRIVD, ST_RUN, &far);
	CHECK_INT(msg_send_sess_destroy(ch, 0, &m, NULL), -1);
	CHECK_INT(seen.closes, 1);
	CHECK_INT(recv(far, &byte, 1, MSG_DONTWAIT), 0);
	chan_free(ch);
	close(far);
	ch = half(ROLE_SESSIOND, ROLE_PRIVD, ST_RUN, &far);
	buf_init(&b, 12);
	b.bad = true;
	CHECK_INT(chan_send(ch, MSG_SESS_DESTROY, 0, &b, NULL), -1);
	CHECK_INT(chan_send(ch, MSG_SESS_DESTROY, 0, &b, NULL), -1);
	CHECK_INT(seen.closes, 1);
	chan_free(ch);
	close(far);
}

int
main(void)
{
	log_init("t_chan");
	log_set_verbose(0);
	/* refusals are the point here; their log lines are not */
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	T_RUN(there_and_back);
	T_RUN(descriptor_passes);
	T_RUN(descriptor_not_taken);
	T_RUN(bad_headers);
	T_RUN(gate_refuses);
	T_RUN(refusal_is_named);
	T_RUN(ids);
	T_RUN(descriptor_counts);
	T_RUN(descriptor_kinds);
	T_RUN(truncated_data);
	T_RUN(ctrunc);
	T_RUN(bare);
	T_RUN(bare_but_malformed);
	T_RUN(none_are_taken);
	T_RUN(only_once);
	T_RUN(replies);
	T_RUN(other_answers);
	T_RUN(forgotten_asker);
	T_RUN(request_ids);
	T_RUN(end_of_file);
	T_RUN(handler_says_no);
	T_RUN(no_handler);
	T_RUN(unsendable);
	return done_testing();
}
