/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others change in the workspace. The kernel may keep names and attributes
 * for long (op_name.c), because every directory whose entries it keeps is
 * watched by inotify(7), and it is told to forget what somebody else changed.
 * Our own changes are heard of as well: of names it is told only where the host
 * and the graph disagree, and of attributes of files not when it knows them
 * (told.c); of others always, which costs it one question.
 * What is not watched, as past the bound, is kept for a second only.
 */
#include <sys/inotify.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backing.h"
#include "clock.h"
#include "decide.h"
#include "handle.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "serve.h"

#define WATCH_MAX 8192 /* directories of one session */
#define WATCH_PART 4   /* of what the user may watch, for one session */
#define WATCH_BUCKETS 4096
#define WATCH_PAUSE_MS 20 /* what comes meanwhile is heard at once */
#define WATCH_SEEN 512	  /* told of once in a pause */
#define WATCH_AGAIN 64

#define MASK_NAME (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define MASK_ATTR (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE)

LIST_HEAD(watch_list, node);

static struct {
	pthread_mutex_t lock; /* of what was told */
	int fd;
	/* by the graph's lock */
	struct watch_list by_wd[WATCH_BUCKETS];
	unsigned n;
	unsigned max;
	bool full;
	/* the watching thread's alone */
	const struct node *seen[WATCH_SEEN];
	struct node *again[WATCH_AGAIN];
	size_t nagain;
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

static unsigned
user_bound(void)
{
	char text[32] = "";
	ssize_t n;
	int fd;

	fd = openat(fsd.root_fd, "proc/sys/fs/inotify/max_user_watches",
	    O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n <= 0 ? 0 : (unsigned)strtoul(text, NULL, 10);
}

void
watch_init(void)
{
	/* other machines change it, and inotify does not say so */
	if (backing_is_remote(fsd.work_fd) || mounts_are_remote())
		return;
	watch.max = user_bound() / WATCH_PART;
	if (watch.max > WATCH_MAX)
		watch.max = WATCH_MAX;
	/* a watch is set by a path: the descriptor's own name */
	if (watch.max == 0 || fchdir(fsd.self_fd) == -1)
		return;
	watch.fd = inotify_init1(IN_CLOEXEC);
	if (watch.fd == -1)
		log_info("no watch of the workspace (%s): names and attributes"
			 " are kept for a second",
		    strerror(errno));
}

static struct watch_list *
bucket(int wd)
{
	return &watch.by_wd[(unsigned)wd % WATCH_BUCKETS];
}

void
watch_unlink(struct node *n)
{
	LIST_REMOVE(n, by_wd);
	watch.n--;
}

void
watch_end(const struct node *n)
{
	/* it may be gone with its directory */
	(void)inotify_rm_watch(watch.fd, n->wd);
}

static void
tell_full(const char *why)
{
	unsigned n;
	bool first;

	node_lock();
	first = !watch.full;
	watch.full = true;
	n = watch.max = watch.n;
	node_unlock();
	if (first)
		log_info("%u directories of the workspace are watched and no"
			 " more (%s): names and attributes in others are kept"
			 " for a second",
		    n, why);
}

/* Counts one watch more, where it is wanted and may be. */
static bool
reserve(const struct node *n)
{
	bool may, full;

	node_lock();
	may = n->wd == 0 && watch.n < watch.max;
	full = n->wd == 0 && !may && !watch.full;
	watch.n += may;
	node_unlock();
	if (full)
		tell_full("the bound of a session");
	return may;
}

bool
watch_dir(struct node *n)
{
	char name[16];
	bool is_new;
	int fd, wd = -1, error;

	if (watch.fd == -1 || n->type != S_IFDIR || n->view != VIEW_WORKSPACE ||
	    !reserve(n))
		return false;
	fd = node_use(n);
	if (fd != -1) {
		backing_name(name, fd);
		wd = inotify_add_watch(watch.fd, name,
		    MASK_NAME | MASK_ATTR | IN_ONLYDIR | IN_EXCL_UNLINK);
		error = errno;
		node_done(n);
	} else {
		error = errno;
	}
	node_lock();
	is_new = wd != -1 && n->wd == 0;
	if (is_new) {
		n->wd = wd;
		LIST_INSERT_HEAD(bucket(wd), n, by_wd);
	} else {
		watch.n--;
	}
	node_unlock();
	if (wd == -1 && error == ENOSPC)
		tell_full("the bound of the user, inotify(7)");
	return is_new;
}

/* Holds the node that is watched by this. */
static struct node *
node_by_wd(int wd)
{
	struct node *n;

	node_lock();
	LIST_FOREACH(n, bucket(wd), by_wd) {
		if (n->wd == wd) {
			n->holds++;
			break;
		}
	}
	node_unlock();
	return n;
}

/* Its attributes, and a directory's list of entries. */
static int
tell(const struct node *n)
{
	return fuse_lowlevel_notify_inval_inode(fsd.session, node_number(n),
	    n->type == S_IFDIR ? 0 : -1, 0);
}

static bool
is_told(const struct node *n)
{
	return watch.fd != -1 && n->type == S_IFREG &&
	    n->view == VIEW_WORKSPACE;
}

void
watch_told(struct node *n, const struct stat *st)
{
	uint64_t now;

	if (!is_told(n))
		return;
	now = clock_ms();
	pthread_mutex_lock(&watch.lock);
	told_answer(&n->told, attr_asker(), now, st);
	pthread_mutex_unlock(&watch.lock);
}

void
watch_wrote(struct node *n)
{
	uint64_t now;

	if (!is_told(n))
		return;
	now = clock_ms();
	pthread_mutex_lock(&watch.lock);
	told_write(&n->told, attr_asker(), now);
	pthread_mutex_unlock(&watch.lock);
}

void
watch_opened(struct node *n, const struct statx *stx)
{
	struct told t;
	struct stat st;

	pthread_mutex_lock(&watch.lock);
	t = n->told;
	pthread_mutex_unlock(&watch.lock);
	backing_attr(&st, stx);
	if (!t.any || !told_holds(&t, clock_ms(), &st))
		(void)tell(n);
}

/* Was it our own change, which the kernel knows of? */
static bool
knows(struct node *n, uint32_t mask)
{
	struct told t;
	struct stat st;
	struct statx stx;

	/* of what the kernel writes nothing is seen */
	if (!is_told(n) || n->writers > 0)
		return false;
	pthread_mutex_lock(&watch.lock);
	t = n->told;
	pthread_mutex_unlock(&watch.lock);
	if ((mask & IN_ATTRIB) == 0 && told_holds(&t, clock_ms(), NULL))
		return true;
	if (!t.any || node_stat(n, NULL, &stx) != 0)
		return false;
	backing_attr(&st, &stx);
	return told_holds(&t, clock_ms(), &st);
}

static void
forget_attr(struct node *n, uint32_t mask)
{
	const struct node **seen;

	if (knows(n, mask))
		return;
	seen = &watch.seen[((uintptr_t)n / sizeof(*n)) % WATCH_SEEN];
	if (*seen == n)
		return;
	*seen = n;
	if (tell(n) != -ENOENT)
		return;
	/* an answer that is on its way has what was there before */
	if (watch.nagain < WATCH_AGAIN) {
		node_hold(n, false);
		watch.again[watch.nagain++] = n;
	}
}

static void
forget_again(void)
{
	struct node *n;

	while (watch.nagain > 0) {
		n = watch.again[--watch.nagain];
		(void)tell(n);
		node_release(n, false);
	}
}

/* Does the name mean on the host what it means in the graph? */
static bool
name_agrees(struct node *dir, const char *text)
{
	struct statx stx;
	struct node *n;
	int fd, rc;
	bool agrees;

	fd = node_use(dir);
	if (fd == -1)
		return false;
	rc = statx(fd, text, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
	    STATX_INO | STATX_BTIME, &stx);
	agrees = rc == 0 || errno == ENOENT;
	node_done(dir);
	n = node_by_name(dir, text);
	if (n == NULL)
		return agrees && rc == -1;
	agrees = agrees && rc == 0 && backing_same(&n->id, &stx);
	node_release(n, false);
	return agrees;
}

/* What is beneath a directory that was moved has other paths, and others
 * decisions perhaps. */
static void
check_moved(struct node *dir, const char *text)
{
	struct node *n;

	n = node_by_name(dir, text);
	if (n == NULL)
		return;
	policy_forget_beneath(n);
	node_release(n, false);
}

/* A name came, went, or means something else. */
static void
check_name(struct node *dir, const char *text)
{
	struct claim c;
	bool agrees;

	/* an operation of ours is seen as a whole */
	claim_one(&c, CLAIM_LOOK, dir, text);
	agrees = name_agrees(dir, text);
	claim_end(&c);
	/* the kernel waits for whoever uses the directory, and he for a claim
	 * perhaps: it has ended */
	if (!agrees)
		(void)fuse_lowlevel_notify_inval_entry(fsd.session,
		    node_number(dir), text, strlen(text));
}

static void
check_attr(struct node *dir, const char *text, uint32_t mask)
{
	struct node *n;

	n = node_by_name(dir, text);
	if (n == NULL)
		return;
	forget_attr(n, mask);
	if ((mask & IN_ATTRIB) != 0)
		attr_closed(n);
	node_release(n, false);
}

/* The watch is over: its directory is gone, or was taken off its place. */
static void
unwatch(struct node *n)
{
	struct statx stx;

	node_lock();
	if (n->wd != 0)
		watch_unlink(n);
	n->wd = 0;
	node_unlock();
	if (node_stat(n, NULL, &stx) != 0 || stx.stx_nlink != 0)
		policy_forget();
}

static void
hear(const struct inotify_event *ev)
{
	struct node *n;

	if ((ev->mask & IN_Q_OVERFLOW) != 0) {
		log_debug("more changes of the workspace than are heard");
		policy_forget();
		return;
	}
	n = node_by_wd(ev->wd);
	if (n == NULL)
		return;
	if ((ev->mask & IN_IGNORED) != 0) {
		unwatch(n);
	} else if ((ev->mask & MASK_NAME) != 0) {
		check_name(n, ev->name);
		if ((ev->mask & (IN_ISDIR | IN_MOVED_TO)) ==
		    (IN_ISDIR | IN_MOVED_TO))
			check_moved(n, ev->name);
		forget_attr(n, ev->mask);
	} else if ((ev->mask & MASK_ATTR) != 0) {
		if (ev->len == 0) {
			forget_attr(n, ev->mask);
			attr_closed(n);
		} else
			check_attr(n, ev->name, ev->mask);
	}
	node_release(n, false);
}

static void *
watch_thread(void *arg)
{
	static char data[64 * 1024]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	static const struct timespec pause = { 0, WATCH_PAUSE_MS * 1000000L };
	const struct inotify_event *ev;
	ssize_t n;
	char *p;

	(void)arg;
	while ((n = read(watch.fd, data, sizeof(data))) > 0 ||
	    (n == -1 && errno == EINTR)) {
		memset(watch.seen, 0, sizeof(watch.seen));
		for (p = data; p < data + n; p += sizeof(*ev) + ev->len) {
			ev = (const struct inotify_event *)(void *)p;
			hear(ev);
		}
		nanosleep(&pause, NULL);
		forget_again();
	}
	/* what the kernel keeps for long would not be true any more */
	fatal("the workspace is not watched any more");
}

int
watch_start(void)
{
	if (watch.fd == -1)
		return 0;
	(void)watch_dir(node_workspace());
	mounts_watch();
	return thread_start(watch_thread, NULL);
}
