/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of channels share: a channel's end whose far end is for raw
 * bytes, and handlers that note what came through.
 */
#ifndef CHAN_T_H
#define CHAN_T_H

#include <sys/socket.h>

#include <dirent.h>
#include <unistd.h>

#include "chan.h"
#include "t.h"

static struct {
	int calls;
	int closes;
	enum msg_type type;
	uint32_t id;
	void *arg;
	bool lost;
	int taken;  /* descriptor, or -1 */
	int answer; /* what the handler returns */
	char why[64];
} seen;

static inline int
on_any(struct chan *ch, struct imsg *im)
{
	(void)ch;
	seen.calls++;
	seen.type = im->type;
	seen.id = im->id;
	seen.arg = im->arg;
	seen.lost = im->lost;
	if (seen.taken == -2)
		seen.taken = imsg_take_fd(im, 0);
	return seen.answer;
}

static inline void
on_close(struct chan *ch, const char *why)
{
	(void)ch;
	seen.closes++;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
}

/* clang-format off */
static const struct handler handlers[] = {
#define MSG(N, n, from, to, fds, st, fl, fields) { MSG_##N, on_any },
#include "msg.def"
#undef MSG
	{ MSG_NONE, NULL },
};
/* clang-format on */

static inline int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* The end of role me whose far end, *far, is for raw bytes. */
static inline struct chan *
half(enum role me, enum role peer, enum msg_state state, int *far)
{
	struct chan *ch;
	int fds[2];

	CHECK(chan_pair(fds) == 0);
	ch = chan_new(fds[0], me, peer, handlers, NULL);
	ch->state = state;
	ch->on_close = on_close;
	*far = fds[1];
	memset(&seen, 0, sizeof(seen));
	seen.taken = -1;
	return ch;
}

/* As if a question of that type had been sent. */
static inline uint32_t
ask_as(struct chan *ch, enum msg_type type, void *arg)
{
	uint32_t id = chan_request(ch, arg);

	ch->pending[ch->npending - 1].type = type;
	return id;
}

static inline void
whole(enum role a, enum role b, struct chan **ca, struct chan **cb)
{
	int fd;

	*ca = half(a, b, ST_ANY, &fd);
	*cb = chan_new(fd, b, a, handlers, NULL);
}

static inline void
raw(int fd, const void *data, size_t len, const int *fds, int nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 64)];
	} control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;

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
	CHECK(sendmsg(fd, &mh, MSG_NOSIGNAL) == (ssize_t)len);
}

static inline void
raw_msg(int fd, uint32_t type, uint32_t flags, uint32_t id, uint32_t len,
    size_t body, const int *fds, int nfds)
{
	uint8_t data[AGENTSH_MSG_MAX + 64];
	uint32_t header[4] = { type, flags, id, len };

	memset(data, 0, sizeof(data));
	memcpy(data, header, sizeof(header));
	raw(fd, data, sizeof(header) + body, fds, nfds);
}

#endif
