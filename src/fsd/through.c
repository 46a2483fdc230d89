/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the kernel reads and writes itself (passthrough): what is written
 * to, and what is large. fusereg registers the descriptor that was opened as
 * the caller wanted. Of one file all handles are so, or none is: the first one
 * decides. A new file of one who makes only small ones stays fsd's (habit.c).
 * What is moved so nobody sees: of writing, what the file has grown by
 * is known while one handle alone writes; the events say that there may have
 * been more.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backing.h"
#include "clock.h"
#include "habit.h"
#include "handle.h"
#include "log.h"
#include "node.h"
#include "serve.h"

/* Read only: smaller ones are as fast in the kernel's memory. */
#define THROUGH_MIN (1024 * 1024)
/* New: what is larger, or is written in more parts, was worth it. */
#define FRESH_SIZE_MAX (64 * 1024)
#define FRESH_WRITES_MAX 16

static struct {
	pthread_mutex_t lock;
	struct chan *ch;
	bool on;
	bool told;
} through = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct answer {
	bool done;
	uint32_t backing;
	uint32_t error;
};

void
through_init(void)
{
	/* of those who open files, not of the loop */
	through.ch = fsd.proc.peer[ROLE_FUSEREG];
	fsd.proc.peer[ROLE_FUSEREG] = NULL;
}

bool
through_start(bool offered)
{
	const char *why = NULL;

	if (fsd.proc.conf.passthrough == PASSTHROUGH_OFF)
		why = "it is switched off";
	else if (fsd.close_fails)
		why = "the workspace is on a network file system";
	else if (through.ch == NULL && fsd.proc.mode == MODE_USER)
		why = "only root's agentshd may use it";
	else if (through.ch == NULL || !offered)
		why = "Linux 6.9 or later is needed, with FUSE passthrough";
	through.on = why == NULL;
	if (why != NULL && fsd.proc.conf.passthrough == PASSTHROUGH_REQUIRED)
		fatalx("sandbox.fuse.passthrough: required: %s", why);
	return through.on;
}

bool
through_is_on(void)
{
	return through.on;
}

const char *
through_detail(void)
{
	return through.on ? "passthrough" : "fsd";
}

int
through_on_reg_opened(struct chan *ch, struct imsg *im)
{
	struct msg_reg_opened m;
	struct answer *a = im->arg;

	(void)ch;
	if (msg_get_reg_opened(im, &m) == -1 || a == NULL)
		return -1;
	a->done = true;
	a->backing = m.backing;
	a->error = m.error;
	return 0;
}

/* The number by which the kernel knows the file, or 0: it shall not. */
static uint32_t
ask(int fd)
{
	static const struct msg_reg_open m;
	struct answer a = { 0 };
	uint32_t id;

	id = chan_request(through.ch, &a);
	if (id == 0 || msg_send_reg_open(through.ch, id, &m, &fd) == -1)
		return 0;
	while (!a.done) {
		/* its end is the end of the session */
		if (chan_step(through.ch, -1) == -1)
			return 0;
	}
	if (a.error == 0)
		return a.backing;
	/* not of one file alone */
	if (a.error != EACCES && a.error != EROFS && !through.told) {
		through.told = true;
		log_info("a file is not read and written by the kernel: %s",
		    strerror((int)a.error));
	}
	return 0;
}

static void
give_back(struct node *n)
{
	struct msg_reg_close m = { .backing = n->backing };

	n->backing = 0;
	if (msg_send_reg_close(through.ch, 0, &m, NULL) == 0)
		(void)chan_drain(through.ch, -1);
}

/* Is it to be written anew, from its beginning? What is opened for less, as a
 * data base is, stays open and is written to for long. */
static bool
is_fresh(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY && (flags & O_APPEND) == 0 &&
	    (flags & (O_TRUNC | O_EXCL)) != 0;
}

static bool
is_wanted(const struct handle *h, const struct statx *stx)
{
	/* other file systems in the workspace may be on other machines */
	if (!through.on || h->node->id.dev != node_workspace()->id.dev ||
	    stx->stx_nlink == 0)
		return false;
	if (h->fresh && habit_is_small(h->actor.pid, clock_ms()))
		return false;
	return h->writes || stx->stx_size >= THROUGH_MIN;
}

/* What can be known of what was moved since the last time; h is through. */
static void
count(struct handle *h)
{
	struct node *n = h->node;
	struct statx stx;

	if (h->reads && !h->told) {
		h->told = true;
		h->more_read = true;
	}
	if (!h->writes || backing_stat(h->fd, &stx) == -1)
		return;
	if (n->writer == h && stx.stx_size > n->base)
		atomic_fetch_add(&h->nwritten, stx.stx_size - n->base);
	if (n->writer == h)
		n->base = stx.stx_size;
	if (h->doubt ||
	    memcmp(&h->ctime, &stx.stx_ctime, sizeof(h->ctime)) != 0)
		h->more_written = true;
	h->doubt = false;
	h->ctime = stx.stx_ctime;
}

static void
begin(struct handle *h, const struct statx *stx)
{
	struct node *n = h->node;

	h->mode = HANDLE_THROUGH;
	n->through++;
	if (!h->writes)
		return;
	if (h->maps)
		atomic_store(&n->mapped, true);
	h->ctime = stx->stx_ctime;
	h->doubt = stx->stx_size > 0 && backing_is_recent(stx);
	if (n->writers++ == 0) {
		n->writer = h;
		n->base = stx->stx_size;
	} else if (n->writer != NULL) {
		/* whose bytes come now cannot be told */
		count(n->writer);
		n->writer = NULL;
	}
}

void
through_begin(struct handle *h, int flags)
{
	struct node *n = h->node;
	struct statx stx;

	/* fusereg may do it for the workspace alone */
	if (!through.on || n->view != VIEW_WORKSPACE || n->top != NULL)
		return;
	h->reads = (flags & O_ACCMODE) != O_WRONLY;
	h->writes = (flags & O_ACCMODE) != O_RDONLY;
	h->fresh = is_fresh(flags);
	if (backing_stat(h->fd, &stx) == -1)
		memset(&stx, 0, sizeof(stx));
	pthread_mutex_lock(&through.lock);
	if (n->through == 0 && n->cached == 0 && is_wanted(h, &stx))
		n->backing = ask(h->fd);
	if (n->backing != 0) {
		begin(h, &stx);
	} else {
		h->mode = HANDLE_CACHED;
		n->cached++;
	}
	pthread_mutex_unlock(&through.lock);
}

/* As far as it is known: who is not alone may have written anything. */
static bool
became_large(const struct handle *h)
{
	const struct node *n = h->node;

	if (h->mode == HANDLE_CACHED)
		return h->nwrites > FRESH_WRITES_MAX;
	return n->writer != h || n->base > FRESH_SIZE_MAX;
}

void
through_end(struct handle *h)
{
	struct node *n = h->node;

	if (h->mode == HANDLE_PLAIN)
		return;
	pthread_mutex_lock(&through.lock);
	if (h->fresh)
		habit_made(h->actor.pid, clock_ms(), became_large(h));
	if (h->mode == HANDLE_CACHED) {
		n->cached--;
	} else {
		if (h->writes)
			n->writers--;
		if (n->writer == h)
			n->writer = NULL;
		if (--n->through == 0)
			give_back(n);
	}
	pthread_mutex_unlock(&through.lock);
}

bool
through_is_direct(const struct handle *h)
{
	/* Before it writes to pages the kernel asks for capabilities of each
	 * file, which is a request more; and nobody reads these, nor maps them. */
	return h->mode == HANDLE_CACHED && through.on && h->fresh && !h->reads;
}

void
through_reply(const struct handle *h)
{
	/* the handle keeps it from changing */
	if (h->mode == HANDLE_THROUGH)
		device_backing(h->node->backing);
}

void
through_count(struct handle *h)
{
	if (h->mode == HANDLE_PLAIN)
		return;
	pthread_mutex_lock(&through.lock);
	if (h->mode == HANDLE_THROUGH)
		count(h);
	pthread_mutex_unlock(&through.lock);
}

void
through_settle(struct node *n)
{
	if (!through.on)
		return;
	pthread_mutex_lock(&through.lock);
	if (n->writer != NULL)
		count(n->writer);
	pthread_mutex_unlock(&through.lock);
}

void
through_resized(struct node *n)
{
	struct statx stx;

	if (!through.on)
		return;
	pthread_mutex_lock(&through.lock);
	if (n->writer != NULL && backing_stat(n->writer->fd, &stx) == 0)
		n->base = stx.stx_size;
	pthread_mutex_unlock(&through.lock);
}
