/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that were decided, on their way. Pid 1 of the session sends them: the
 * kernel lets it reach nobody outside, and execd, which is outside, may signal
 * nobody at all. What is held here goes to it as a descriptor; who waits for
 * its answer holds none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "execd.h"
#include "log.h"
#include "signal_call.h"

#define ROOM 64 /* on their way, before others wait for their turn */
#define ERROR_MAX 4095

struct sending {
	LIST_ENTRY(sending) entry;
	sigsent *done;
	void *arg;
};

static struct {
	LIST_HEAD(, sending) list;
	size_t n;
} sends = { .list = LIST_HEAD_INITIALIZER(sends.list) };

bool
sigsend_has_room(void)
{
	return sends.n < ROOM;
}

int
sigsend(const struct msg_init_signal *m, int fd, sigsent *done, void *arg)
{
	struct chan *init = execd.p.peer[ROLE_INIT];
	struct sending *s = calloc(1, sizeof(*s));
	uint32_t id;

	if (s == NULL)
		fatal("a signal");
	id = chan_request(init, s);
	if (id == 0) {
		free(s);
		return EAGAIN;
	}
	s->done = done;
	s->arg = arg;
	LIST_INSERT_HEAD(&sends.list, s, entry);
	sends.n++;
	/* without pid 1 the session is over, and so is who waits */
	(void)msg_send_init_signal(init, id, m, &fd);
	return 0;
}

void
sigsend_ended(void *arg, int err)
{
	(void)arg;
	if (err != 0 && err != ESRCH)
		fatalx("who may not go on is not ended: %s", strerror(err));
}

void
sigsend_end(int fd, sigsent *done, void *arg)
{
	static const struct msg_init_signal m = { .signo = SIGKILL,
		.info = (const uint8_t *)"" };
	int err = sigsend(&m, fd, done, arg);

	if (err != 0)
		fatalx("who may not go on is not ended: %s", strerror(err));
}

int
signal_on_init_signalled(struct chan *ch, struct imsg *im)
{
	struct msg_init_signalled m;
	struct sending *s = im->arg;

	(void)ch;
	if (msg_get_init_signalled(im, &m) == -1 || m.error > ERROR_MAX)
		return -1;
	LIST_REMOVE(s, entry);
	sends.n--;
	s->done(s->arg, (int)m.error);
	free(s);
	siggroup_resume();
	return 0;
}
