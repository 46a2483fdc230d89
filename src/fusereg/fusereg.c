/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fusereg: registers files of one session with the kernel, so that it reads and
 * writes them itself (FUSE passthrough). It has the session's user and, of all
 * rights, CAP_SYS_ADMIN, which the kernel asks for; with these it also does the
 * reading and writing. It hears fsd, which it does not believe: a file can be
 * registered once and then opened by fsd's word in any way, so only what its
 * user may read and write is, and Landlock, which the kernel asks when it opens
 * the file again, keeps to the workspace. Taken over, it has the one right.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include <event2/event.h>

#include "check.h"
#include "fusereg.h"
#include "log.h"
#include "proc.h"
#include "sandbox.h"

/* Each keeps a file open that no table of descriptors counts. */
#define REG_MAX 16384

static struct {
	struct proc p;
	struct event_base *base;
	int work_fd;
	int trash_fd;
	int device_fd;
	size_t n;
} reg = { .work_fd = -1, .trash_fd = -1, .device_fd = -1 };

static int
reg_on_reg_root(struct chan *ch, struct imsg *im)
{
	(void)ch;
	reg.work_fd = imsg_take_fd(im, 0);
	reg.trash_fd = imsg_take_fd(im, 1);
	return 0;
}

static int
reg_on_reg_device(struct chan *ch, struct imsg *im)
{
	(void)ch;
	reg.device_fd = imsg_take_fd(im, 0);
	proc_ready(&reg.p, "");
	return 0;
}

static int
reg_on_reg_open(struct chan *ch, struct imsg *im)
{
	struct fusereg_map map = { .fd = im->fds[0] };
	struct msg_reg_opened reply = { 0 };
	int id;

	reply.error = (uint32_t)reg_check_file(im->fds[0]);
	if (reply.error == 0 && reg.n >= REG_MAX)
		reply.error = ENFILE;
	if (reply.error == 0) {
		id = ioctl(reg.device_fd, FUSEREG_OPEN, &map);
		if (id <= 0)
			reply.error = id == 0 ? EINVAL : (uint32_t)errno;
		else
			reply.backing = (uint32_t)id;
	}
	if (reply.error == 0)
		reg.n++;
	msg_send_reg_opened(ch, im->id, &reply, NULL);
	return 0;
}

static int
reg_on_reg_close(struct chan *ch, struct imsg *im)
{
	struct msg_reg_close m;

	(void)ch;
	if (msg_get_reg_close(im, &m) == -1)
		return -1;
	/* the files of a connection that has ended are gone with it */
	if (ioctl(reg.device_fd, FUSEREG_CLOSE, &m.backing) == -1)
		return errno == ENOENT ? -1 : 0;
	reg.n--;
	return 0;
}

static const struct handler reg_handlers[] = {
	{ MSG_REG_ROOT, reg_on_reg_root },
	{ MSG_REG_DEVICE, reg_on_reg_device },
	{ MSG_REG_OPEN, reg_on_reg_open },
	{ MSG_REG_CLOSE, reg_on_reg_close },
	{ MSG_NONE, NULL },
};

int
main(int argc, char **argv)
{
	struct sandbox_dir dirs[2];

	proc_start(&reg.p, ROLE_FUSEREG, reg_handlers, argc, argv);
	if (reg.work_fd == -1 || reg.p.peer[ROLE_FSD] == NULL)
		fatalx("agentshd has sent no workspace or no channel");
	reg.base = event_base_new();
	if (reg.base == NULL)
		fatalx("no event loop");
	/* a file that has another name in the workspace may have been opened by
	 * the one that went to the trash */
	dirs[0].fd = reg.work_fd;
	dirs[1].fd = reg.trash_fd;
	dirs[0].access = dirs[1].access = SANDBOX_RW;
	sandbox_enter(ROLE_FUSEREG, dirs, 2);
	proc_watch(&reg.p, reg.base);
	event_base_dispatch(reg.base);
	fatalx("the event loop ended");
}
