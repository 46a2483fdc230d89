/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the questions of the commands' filter, one at a time, and hands each to
 * the function that its row in sandbox.def names. Nothing here waits for a
 * process of the session: who asks waits for us, and can be killed while it
 * does.
 */
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include <event2/event.h>

#include "execd.h"
#include "log.h"
#include "notify.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* clang-format off */
static const struct {
	int nr;
	void (*asked)(const struct seccomp_notif *);
} notified[] = {
#define NOTIFY(call, asked, reason) { SYS_##call, asked },
#define NOTIFY_WHEN(call, gate, asked, reason) { SYS_##call, asked },
#define NOTIFY_SIGNAL(call, arg, asked, reason) { SYS_##call, asked },
#define NOTIFY_OWNER(call, arg, value, asked, reason) { SYS_##call, asked },
#include "sandbox.def"
	{ SYS_ptrace, ptrace_asked },
	{ SYS_socket, socket_refused },
	{ SYS_socketpair, socket_refused },
};
/* clang-format on */

static struct {
	int listener;
	unsigned paused;
	struct event *asked;
} notify = { .listener = -1 };

bool
notify_is_valid(uint64_t id)
{
	return ioctl(notify.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void
send_answer(const struct seccomp_notif_resp *resp)
{
	if (ioctl(notify.listener, SECCOMP_IOCTL_NOTIF_SEND, resp) == -1 &&
	    errno != ENOENT)
		fatal("an answer to the filter");
}

void
notify_answer(uint64_t id, int error)
{
	struct seccomp_notif_resp resp;

	memset(&resp, 0, sizeof(resp));
	resp.id = id;
	if (error == 0)
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		resp.error = -error;
	send_answer(&resp);
}

void
notify_return(uint64_t id, int64_t value)
{
	struct seccomp_notif_resp resp;

	memset(&resp, 0, sizeof(resp));
	resp.id = id;
	resp.val = value;
	send_answer(&resp);
}

void
notify_pause(void)
{
	if (notify.paused++ == 0)
		event_del(notify.asked);
}

void
notify_resume(void)
{
	if (--notify.paused == 0 && event_add(notify.asked, NULL) == -1)
		fatalx("event");
}

static void
asked_cb(evutil_socket_t fd, short what, void *arg)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct seccomp_notif req;
	size_t i;

	(void)what;
	(void)arg;
	memset(&req, 0, sizeof(req));
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) == -1) {
		if (errno != ENOENT && errno != EINTR)
			fatal("a question of the filter");
		/* nobody is left who could ask */
		if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) != 0)
			event_del(notify.asked);
		return;
	}
	/* also of what would be asked about */
	if (callrefused_error(req.data.nr) != 0) {
		call_refused(&req);
		return;
	}
	for (i = 0; i < sizeof(notified) / sizeof(notified[0]); i++) {
		if (notified[i].nr == req.data.nr) {
			notified[i].asked(&req);
			return;
		}
	}
	call_refused(&req);
}

void
notify_start(int listener)
{
	uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;

	notify.listener = listener;
	/* since Linux 6.6; without it an answer takes longer */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == -1)
		log_debug("no synchronous wake-up for the filter");
	notify.asked = event_new(execd.base, listener, EV_READ | EV_PERSIST,
	    asked_cb, NULL);
	if (notify.asked == NULL || event_add(notify.asked, NULL) == -1)
		fatalx("event");
}
