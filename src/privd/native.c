/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens on a session's native mounts, by fanotify(7): fsd serves nothing there
 * and would not hear of them. The marks are on the session's own mounts, so that
 * what others do with the same files is not heard; to set them takes a right of
 * the host, which maker has and pid 1 of the session has not. Pid 1 hands over
 * its mounts before they are attached, and waits. fsd only reads.
 */
#include <sys/fanotify.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"

#define NATIVE_WAIT_MS 5000

_Static_assert(PLAN_MAX < 256, "a row is a byte of the message");

int
native_hand_over(int sock, const int *mnt, size_t n)
{
	char ctl[CMSG_SPACE(sizeof(int) * NATIVE_MAX)] = { 0 };
	uint8_t rows[NATIVE_MAX + 1] = { 0 };
	struct iovec iov = { rows, 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	int fds[NATIVE_MAX];
	size_t i, k = 0;

	for (i = 0; i < n && k < NATIVE_MAX; i++) {
		if (mnt[i] == -1)
			continue;
		rows[k + 1] = (uint8_t)i;
		fds[k++] = mnt[i];
	}
	rows[0] = (uint8_t)k;
	iov.iov_len = k + 1;
	if (k > 0) {
		mh.msg_control = ctl;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * k);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * k);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * k);
	}
	if (sendmsg(sock, &mh, MSG_NOSIGNAL) == -1)
		return -1;
	errno = EPIPE;
	if (read(sock, rows, 1) != 1)
		return -1;
	close(sock);
	return 0;
}

/* The rows of the plan and their mounts; their number, or -1. */
static int
take(int sock, uint8_t rows[NATIVE_MAX], int mnt[NATIVE_MAX])
{
	char ctl[CMSG_SPACE(sizeof(int) * NATIVE_MAX)];
	uint8_t n;
	struct iovec iov[2] = { { &n, 1 }, { rows, NATIVE_MAX } };
	struct msghdr mh = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = ctl,
		.msg_controllen = sizeof(ctl) };
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct cmsghdr *cm;
	ssize_t len;

	if (poll(&p, 1, NATIVE_WAIT_MS) != 1)
		return -1;
	len = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	if (len < 1 || n > NATIVE_MAX || len != n + 1)
		return -1;
	if (n == 0)
		return 0;
	cm = CMSG_FIRSTHDR(&mh);
	if (cm == NULL || cm->cmsg_len != CMSG_LEN(sizeof(int) * n))
		return -1;
	memcpy(mnt, CMSG_DATA(cm), sizeof(int) * n);
	return n;
}

/* A group that hears of opens on one mount, or -1 with errno. */
static int
watch(int mnt)
{
	int fd, saved;

	/* by file handles: fsd, which its sandbox keeps from the session's
	 * mounts, is not handed the files. The queue has a bound, as the
	 * session's user can stop fsd; what goes over it is told of */
	fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC |
		FAN_NONBLOCK,
	    O_RDONLY);
	if (fd == -1)
		return -1;
	if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN, mnt,
		".") == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static const char *
watch_all(struct chan *privd, const struct plan *plan, const uint8_t *rows,
    const int *mnt, int n)
{
	struct msg_make_native m = { 0 };
	int fds[NATIVE_MAX], i;

	for (i = 0; i < n; i++) {
		fds[i] = rows[i] < plan->n ? watch(mnt[i]) : -1;
		if (fds[i] == -1) {
			log_info("reads of native mounts are not counted: %s",
			    strerror(errno));
			return "uncounted"; /* maker ends */
		}
	}
	for (i = 0; i < n; i++) {
		memcpy(m.path, plan->row[rows[i]].path,
		    sizeof(plan->row[rows[i]].path));
		msg_send_make_native(privd, 0, &m, &fds[i]);
	}
	return "counted";
}

int
native_watch(struct chan *privd, int sock, const struct plan *plan, bool wanted)
{
	struct msg_make_reads m = { 0 };
	uint8_t rows[NATIVE_MAX];
	int mnt[NATIVE_MAX], n;
	const char *reads = "uncounted";

	n = take(sock, rows, mnt);
	if (n == -1)
		return 0; /* pid 1 failed, and says why */
	if (n == 0)
		reads = "none";
	else if (wanted)
		reads = watch_all(privd, plan, rows, mnt, n);
	(void)snprintf(m.native_reads, sizeof(m.native_reads), "%s", reads);
	if (msg_send_make_reads(privd, 0, &m, NULL) == -1 ||
	    chan_drain(privd, NATIVE_WAIT_MS) == -1)
		return -1;
	(void)send(sock, "", 1, MSG_NOSIGNAL);
	return 0;
}
