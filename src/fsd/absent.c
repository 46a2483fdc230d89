/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of which the kernel was told that they are not there, for the time that
 * it may believe so. Nothing else knows of them, and another policy may say
 * something else: that they are redirected, or none of the session's business.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "node.h"

#define ABSENT_MAX 16384

struct absent {
	fuse_ino_t parent; /* perhaps another node by now, which does no harm */
	uint64_t until_ms;
	char *text;
};

/* In the order in which they end. */
static struct {
	pthread_mutex_t lock;
	struct absent at[ABSENT_MAX];
	size_t first;
	size_t n;
} absent = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
drop_first(void)
{
	free(absent.at[absent.first].text);
	absent.first = (absent.first + 1) % ABSENT_MAX;
	absent.n--;
}

bool
absent_add(const struct node *parent, const char *text, unsigned seconds)
{
	struct absent *a;
	uint64_t t = clock_ms();
	bool ok;

	pthread_mutex_lock(&absent.lock);
	while (absent.n > 0 && absent.at[absent.first].until_ms < t)
		drop_first();
	a = &absent.at[(absent.first + absent.n) % ABSENT_MAX];
	ok = absent.n < ABSENT_MAX && (a->text = strdup(text)) != NULL;
	if (ok) {
		a->parent = node_number(parent);
		a->until_ms = t + ((uint64_t)seconds + 1) * 1000;
		absent.n++;
	}
	pthread_mutex_unlock(&absent.lock);
	return ok;
}

/* One of them, to be freed. */
static bool
take(struct absent *a)
{
	bool some;

	pthread_mutex_lock(&absent.lock);
	some = absent.n > 0;
	if (some) {
		*a = absent.at[absent.first];
		absent.at[absent.first].text = NULL;
		drop_first();
	}
	pthread_mutex_unlock(&absent.lock);
	return some;
}

void
absent_forget(void)
{
	struct absent a;

	while (take(&a)) {
		(void)fuse_lowlevel_notify_inval_entry(fsd.session, a.parent,
		    a.text, strlen(a.text));
		free(a.text);
	}
}
