/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that the kernel has in its memory from an earlier opening: whether they
 * are still those of the file. They are when its time of change and its size are
 * what they were at an opening before, and were read since: until then the
 * kernel may not have let go of what it had. What was changed too shortly before
 * that to tell, or on a file system that is not known to tell, is read again. A
 * reader of kept bytes asks fsd for none: the event then says so, as of files
 * that the kernel reads itself. Who opens a file that has changed sees its size
 * at once, which an mmap(2) goes by. Of what is written by memory that maps a
 * file no time tells: what somebody has open to be written is not kept. (On tmpfs
 * one of another session, or outside, that came and went meanwhile is not seen.)
 */
#include <fcntl.h>
#include <string.h>

#include "backing.h"
#include "decide.h"
#include "handle.h"
#include "node.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* May bytes be kept of it at all? Where each reading is wanted, or exact
 * numbers are (sandbox.fuse.passthrough: off), none are. */
static bool
is_keepable(const struct handle *h, int flags)
{
	const struct node *n = h->node;

	return (flags & O_ACCMODE) == O_RDONLY && !fsd.close_fails &&
	    n->top == NULL && n->id.dev == node_workspace()->id.dev &&
	    fsd.proc.conf.passthrough != PASSTHROUGH_OFF &&
	    policy_image() != NULL && !image_audits_files(policy_image());
}

bool
kept_open(struct handle *h, int flags)
{
	struct seen *s = &h->node->seen;
	struct statx stx;
	bool mapped, same, busy = false;

	/* elsewhere nothing is written, and no bytes are counted */
	if (h->node->view != VIEW_WORKSPACE)
		return true;
	if (h->mode == HANDLE_THROUGH || !is_keepable(h, flags) ||
	    backing_stat(h->fd, &stx) == -1)
		return false;
	mapped = atomic_exchange(&h->node->mapped, false);
	if (mapped && backing_is_written(h->fd)) {
		atomic_store(&h->node->mapped, true);
		busy = true;
	}
	pthread_mutex_lock(&lock);
	same = !mapped && s->any && s->size == stx.stx_size &&
	    memcmp(&s->ctime, &stx.stx_ctime, sizeof(s->ctime)) == 0;
	s->any = same;
	pthread_mutex_unlock(&lock);
	if (!same) {
		h->seen.any = !busy && !backing_is_recent(&stx) &&
		    (mapped || !backing_is_written(h->fd));
		h->seen.size = stx.stx_size;
		h->seen.ctime = stx.stx_ctime;
		watch_opened(h->node, &stx);
		return false;
	}
	h->kept = true;
	h->kept_size = stx.stx_size;
	h->more_read = true;
	return true;
}

void
kept_read(struct handle *h)
{
	/* of handles that read at once one does it, or each the same */
	if (!h->seen.any)
		return;
	pthread_mutex_lock(&lock);
	if (h->seen.any)
		h->node->seen = h->seen;
	h->seen.any = false;
	pthread_mutex_unlock(&lock);
}
