/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room in the trash: one at a time counts, of the threads here and of the other
 * processes of the user, and what does not fit is not put there. Once a session,
 * and when it is full, what is too old goes.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "log.h"
#include "serve.h"
#include "trash.h"
#include "trashing.h"

#define LOCK_WAIT_MS 5000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* with trash_lock() */

int
trash_claim(void)
{
	if (!trash_is_there())
		return -1;
	pthread_mutex_lock(&lock);
	if (trash_lock(&trash_ours()->t, LOCK_WAIT_MS) == 0)
		return 0;
	pthread_mutex_unlock(&lock);
	return -1;
}

void
trash_unclaim(void)
{
	trash_unlock(&trash_ours()->t);
	pthread_mutex_unlock(&lock);
}

/* What was deleted before that time may go. */
static int64_t
expired(void)
{
	const struct trash_own *own = trash_ours();
	int64_t now = time(NULL);

	if (own->ttl_s == 0 || (int64_t)own->ttl_s > now)
		return 0;
	return now - (int64_t)own->ttl_s;
}

/* Once a session: what is too old goes, and what has grown too large. */
static void *
expire_thread(void *arg)
{
	const struct trash_own *own = trash_ours();
	struct trash_sum sum, gone = { 0 };

	(void)arg;
	if (trash_claim() == -1)
		return NULL;
	if (trash_count(&own->t, expired(), &sum, NULL) == -1 ||
	    trash_fit(&own->t, own->quota, &sum, &gone) == -1)
		log_warn("the trash cannot be counted");
	if (gone.files > 0)
		log_info("the trash was over its quota: %llu that had been"
			 " written to in it are gone",
		    (unsigned long long)gone.files);
	trash_unclaim();
	return NULL;
}

void
trash_expire(void)
{
	if (trash_is_there())
		(void)thread_start(expire_thread, NULL);
}

static bool
is_full(const struct trash_sum *sum, uint64_t bytes, uint64_t files)
{
	const struct trash_own *own = trash_ours();

	return sum->files > own->files - files || bytes > own->quota ||
	    sum->bytes > own->quota - bytes;
}

int
trash_reserve(uint64_t bytes, uint64_t files)
{
	const struct trash_own *own = trash_ours();
	struct trash_sum sum;
	int rc = 0;

	if (trash_claim() == -1)
		return -1;
	if (trash_sum_get(&own->t, &sum) == -1)
		rc = trash_count(&own->t, 0, &sum, NULL);
	if (rc == 0 && is_full(&sum, bytes, files) && sum.oldest < expired())
		rc = trash_count(&own->t, expired(), &sum, NULL);
	if (rc == 0 && is_full(&sum, bytes, files)) {
		errno = EDQUOT;
		rc = -1;
	}
	if (rc == 0) {
		sum.bytes += bytes;
		sum.files += files;
		rc = trash_sum_put(&own->t, &sum);
	}
	trash_unclaim();
	return rc;
}

void
trash_give_back(uint64_t bytes)
{
	const struct trash_own *own = trash_ours();
	struct trash_sum sum;

	if (trash_claim() == -1)
		return;
	if (trash_sum_get(&own->t, &sum) == 0) {
		sum.bytes -= bytes < sum.bytes ? bytes : sum.bytes;
		sum.files -= sum.files > 0;
		(void)trash_sum_put(&own->t, &sum);
	}
	trash_unclaim();
}
