/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of git, which are protected: git writes new ones beside them and
 * renames. Where the two differ in harmless settings only, the rename may
 * happen, and so may the removal of settings that are all harmless. The names
 * are claimed by the caller; that the bytes stay as they were read is seen to
 * here.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backing.h"
#include "clock.h"
#include "decide.h"
#include "gitconf.h"
#include "handle.h"
#include "node.h"
#include "ops.h"

#define WAIT_STEPS 200 /* of 5 ms, for who has it open to let it go */
/* no lease is taken away sooner, proc_sys_fs(5): lease-break-time */
#define LEASE_MS 1000

/* Would the protected set alone keep it from happening, for what it says of
 * settings of git? */
static bool
is_protected(enum file_op op, const char *path)
{
	struct verdict v;

	return policy_image() != NULL &&
	    image_eval_file(policy_image(), op, path, strlen(path), &v) == 0 &&
	    v.decision == DECISION_DENY &&
	    image_is_git_config(policy_image(), &v);
}

/* The bytes of a plain file with one name, in buf. -1: it is none. */
static ssize_t
read_settings(int dir_fd, const char *text, char *buf)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = -1;
	int fd;

	fd = openat(dir_fd, text,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_size <= GITCONF_MAX) {
		while (len <= GITCONF_MAX &&
		    (n = read(fd, buf + len, GITCONF_MAX + 1 - len)) > 0)
			len += (size_t)n;
	}
	close(fd);
	return n == 0 && len <= GITCONF_MAX ? (ssize_t)len : -1;
}

/* It is frozen, and so who opens it from now on finds it; who has it open is
 * waited for. */
static bool
await_writers(struct node *n)
{
	static const struct timespec step = { 0, 5000000 };
	unsigned i, opens;

	for (i = 0;; i++) {
		node_lock();
		opens = n->opens;
		node_unlock();
		if (opens == 0)
			return true;
		if (i == WAIT_STEPS)
			return false;
		nanosleep(&step, NULL);
	}
}

bool
gitsettings_begin_write(struct node *n)
{
	/* counted first: who freezes says it first and counts then */
	node_hold(n, true);
	if (!atomic_load(&n->frozen))
		return true;
	node_release(n, true);
	return false;
}

void
gitsettings_end_write(struct node *n)
{
	node_release(n, true);
}

void
gitsettings_refuse(struct ruling *r, enum file_op op, struct node *n)
{
	ruling_init(r);
	refuse_node(r, op, n, "protected-git",
	    "settings of git that were compared stay as they are");
}

/* A lease makes the kernel say so when somebody opens the file meanwhile, by a
 * signal that would end us. */
void
gitsettings_init(void)
{
	signal(SIGIO, SIG_IGN);
}

/*
 * Can something still be stored by those whom await_writers() does not know: another
 * session, somebody outside, and a mapping, which outlives the handle it came of
 * where the kernel moves the bytes itself? Who writes keeps a file from being
 * leased for reading, fcntl(2), and who comes to write waits for the end of the
 * lease, which is when the file has its new name. Where a file cannot be leased
 * at all that only matters with such mappings.
 */
static bool
is_written(struct settings *s, int dir_fd, const char *text)
{
	static const struct timespec step = { 0, 5000000 };
	unsigned i;

	s->fd = openat(dir_fd, text,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (s->fd == -1)
		return true;
	for (i = 0; i < WAIT_STEPS; i++) {
		s->since_ms = clock_ms();
		s->leased = fcntl(s->fd, F_SETLEASE, F_RDLCK) == 0;
		if (s->leased)
			return backing_stat(s->fd, &s->stx) == -1;
		if (errno != EAGAIN)
			return through_is_on() ||
			    backing_stat(s->fd, &s->stx) == -1;
		nanosleep(&step, NULL);
	}
	return true;
}

bool
gitsettings_hold(const struct settings *s)
{
	struct statx stx;

	bool leased = s->leased && clock_ms() - s->since_ms < LEASE_MS;

	/* one that somebody waits for may have ended later */
	if (s->leased && !leased)
		leased = fcntl(s->fd, F_GETLEASE) == F_RDLCK;
	return leased == s->leased && backing_stat(s->fd, &stx) == 0 &&
	    stx.stx_nlink == 1 && backing_same(&s->node->id, &stx) &&
	    stx.stx_size == s->stx.stx_size &&
	    memcmp(&stx.stx_mtime, &s->stx.stx_mtime, sizeof(stx.stx_mtime)) ==
	    0;
}

void
gitsettings_done(struct settings *s, bool stays)
{
	if (s->node == NULL)
		return;
	if (!stays && !s->was)
		atomic_store(&s->node->frozen, false);
	if (s->leased)
		(void)fcntl(s->fd, F_SETLEASE, F_UNLCK);
	if (s->fd != -1)
		close(s->fd);
	s->node = NULL;
}

/* old NULL: there are none; new NULL: they go. */
static bool
compare(int old_fd, const char *old, int new_fd, const char *new)
{
	char *a = malloc(GITCONF_MAX + 1), *b = malloc(GITCONF_MAX + 1);
	ssize_t na = 0, nb = 0;
	bool ok = a != NULL && b != NULL;

	if (ok && old != NULL)
		na = read_settings(old_fd, old, a);
	if (ok && new != NULL)
		nb = read_settings(new_fd, new, b);
	ok = ok && na != -1 && nb != -1 &&
	    (new == NULL ? gitconf_may_go(a, (size_t)na) :
			   gitconf_is_harmless(a, (size_t)na, b, (size_t)nb));
	free(a);
	free(b);
	return ok;
}

bool
gitsettings_may_rename(struct settings *s, struct node *n, int from_fd,
    const char *from, int to_fd, const char *to, bool to_exists,
    const char *to_path)
{
	if (n == NULL || n->type != S_IFREG || node_has_aliases(n) ||
	    !is_protected(FILE_OP_RENAME, to_path))
		return false;
	s->node = n;
	s->was = atomic_exchange(&n->frozen, true);
	return await_writers(n) && !is_written(s, from_fd, from) &&
	    compare(to_fd, to_exists ? to : NULL, from_fd, from);
}

bool
gitsettings_may_remove(struct node *parent, const char *text, const char *path)
{
	bool ok = false;
	int fd;

	if (!is_protected(FILE_OP_DELETE, path))
		return false;
	fd = node_use_at(parent);
	if (fd != -1) {
		ok = compare(fd, text, -1, NULL);
		node_done(parent);
	}
	return ok;
}
