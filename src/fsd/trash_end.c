/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this session has put into the trash goes with it, where the
 * configuration says so: by the tokens that were given out here, and by nothing
 * that lies in the trash.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "log.h"
#include "record.h"
#include "trash.h"
#include "trashing.h"

static struct {
	pthread_mutex_t lock;
	char (*token)[TRASH_TOKEN + 1];
	size_t n;
	size_t cap;
	bool done;
} mine = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
trash_end_init(void)
{
	/* execd ends with the session's first process, and its end is ours */
	if (fsd.proc.conf.trash_at_end == TRASH_PURGE &&
	    atexit(trash_end_session) != 0)
		fatalx("atexit");
}

void
trash_end_add(const char *token)
{
	char(*more)[TRASH_TOKEN + 1];
	size_t cap;

	if (fsd.proc.conf.trash_at_end != TRASH_PURGE || token[0] == '\0')
		return;
	pthread_mutex_lock(&mine.lock);
	if (mine.n == mine.cap) {
		cap = mine.cap == 0 ? 64 : 2 * mine.cap;
		more = reallocarray(mine.token, cap, sizeof(*more));
		if (more == NULL)
			fatal("what goes to the trash cannot be remembered");
		mine.token = more;
		mine.cap = cap;
	}
	memcpy(mine.token[mine.n++], token, TRASH_TOKEN + 1);
	pthread_mutex_unlock(&mine.lock);
}

/* What was restored meanwhile is not there. */
static void
end_one(const struct trash *t, const char *token, struct trash_act *act)
{
	struct statx stx;
	uint64_t bytes;

	if (statx(t->payload, token, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
		&stx) == -1)
		return;
	bytes = trash_bytes(t, token, &stx);
	if (trash_end(t, token) == -1)
		return;
	act->files++;
	act->bytes += bytes;
}

static void
tell(const struct trash_act *act)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	ev_begin(&b, EV_TRASH_PURGE, "", 0);
	ev_u64(&b, EVF_PURGED, act->files);
	ev_u64(&b, EVF_BYTES, act->bytes);
	ev_str(&b, EVF_REASON, act->what);
	record_event(&b);
}

static void
end_all(const struct trash *t)
{
	struct trash_act act = { .what = "session_end",
		.session = fsd.proc.session_id };
	struct trash_sum sum;
	size_t i;

	for (i = 0; i < mine.n; i++)
		end_one(t, mine.token[i], &act);
	if (act.files == 0)
		return;
	(void)trash_log_add(t, &act);
	tell(&act);
	if (trash_sum_get(t, &sum) == -1)
		return;
	sum.bytes -= act.bytes < sum.bytes ? act.bytes : sum.bytes;
	sum.files -= act.files < sum.files ? act.files : sum.files;
	(void)trash_sum_put(t, &sum);
}

void
trash_end_session(void)
{
	/* each thread comes here, and who leaves ends the process */
	pthread_mutex_lock(&mine.lock);
	if (!mine.done && mine.n > 0 && trash_claim() == 0) {
		end_all(&trash_ours()->t);
		trash_unclaim();
	}
	mine.done = true;
	pthread_mutex_unlock(&mine.lock);
}
