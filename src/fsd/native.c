/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens on the session's native mounts, which fsd does not serve: the kernel
 * tells of them by fanotify(7), afterwards, with the host's number of the process.
 * Whose it is must be found before the process is gone, so this is done at once;
 * what was opened by one that was faster belongs to the only command there is, or
 * is told as nobody's. All of it is the main thread's. Nothing is decided by it.
 */
#include <sys/fanotify.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "node.h"
#include "path.h"
#include "record.h"

#define NATIVE_MAX 16	/* mounts */
#define NATIVE_CACHE 64 /* processes; each holds a descriptor */
#define NATIVE_KEEPERS 4096
#define NATIVE_SYNC_READS 1024 /* before a command's end is reported */
#define NATIVE_READS 16	       /* of the queue, before others have their turn */

/* What a keeper's processes have opened; 0: of processes that were gone. */
struct opener {
	LIST_ENTRY(opener) entry;
	uint32_t keeper;
	uint64_t opened[NATIVE_MAX];
};

struct process {
	uint32_t pid; /* as the host numbers it */
	int fd;	      /* its directory in the host's /proc, O_PATH */
	bool inside;  /* of the session */
	uint32_t keeper;
};

static struct {
	size_t n;
	struct mount {
		char path[257]; /* with a slash at its end */
		int fd;
		struct event *ev;
	} mount[NATIVE_MAX];
	LIST_HEAD(, opener) openers;
	size_t nopeners;
	bool lost;
	struct process cache[NATIVE_CACHE];
	uint8_t buf[65536] __attribute__((aligned(8)));
} native;

/* The number that the innermost pid namespace gives to a process; 0: it is in
 * none of its own. -1: it is gone. */
static int64_t
inner_pid(int dir_fd)
{
	char buf[2048];
	char *s, *end;
	ssize_t n;
	int fd;

	fd = openat(dir_fd, "status", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	s = strstr(buf, "\nNSpid:\t");
	if (s == NULL)
		return 0;
	s += strlen("\nNSpid:\t");
	s[strcspn(s, "\n")] = '\0';
	end = strrchr(s, '\t');
	return end == NULL ? 0 : (int64_t)strtoul(end + 1, NULL, 10);
}

/* Finds out anew. False when it is gone; p is as it was then. */
static bool
find_process(uint32_t pid, struct process *p)
{
	char name[32];
	int64_t inner;
	uint32_t keeper = 0;
	int fd;

	snprintf(name, sizeof(name), "proc/%u", pid);
	fd = openat(fsd.root_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return false;
	inner = inner_pid(fd);
	if (inner == -1 ||
	    (inner > 0 && attr_keeper((uint32_t)inner, &keeper) == -1)) {
		close(fd);
		return false;
	}
	if (p->pid != 0)
		close(p->fd);
	p->pid = pid;
	p->fd = fd;
	p->inside = inner > 0;
	p->keeper = keeper;
	return true;
}

static struct opener *
opener_of(uint32_t keeper, bool make)
{
	struct opener *o;

	LIST_FOREACH(o, &native.openers, entry) {
		if (o->keeper == keeper)
			return o;
	}
	if (!make)
		return NULL;
	if (native.nopeners >= NATIVE_KEEPERS && keeper != 0)
		return opener_of(0, true);
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		fatal("opens on native mounts cannot be counted");
	o->keeper = keeper;
	LIST_INSERT_HEAD(&native.openers, o, entry);
	native.nopeners++;
	return o;
}

static void
count(size_t mount, uint32_t pid)
{
	struct process *p = &native.cache[pid % NATIVE_CACHE];

	/* one that is known, and gone, is the one that was known */
	if ((p->pid != pid || !attr_is_alive(p->fd)) && !find_process(pid, p) &&
	    p->pid != pid) {
		opener_of(0, true)->opened[mount]++;
		return;
	}
	/* others look into the session: execd, at programs. Init has no keeper */
	if (p->inside && p->keeper != 0)
		opener_of(p->keeper, true)->opened[mount]++;
}

/* One read of a mount's queue. False when it was empty. */
static bool
read_some(size_t i)
{
	struct fanotify_event_metadata m;
	const uint8_t *at;
	ssize_t len;

	len = read(native.mount[i].fd, native.buf, sizeof(native.buf));
	if (len == -1 && errno == EINTR)
		return true;
	if (len == -1 && errno != EAGAIN)
		native.lost = true;
	if (len <= 0)
		return false;
	/* what names the file makes an event of any size: the next one may lie
	 * at any address */
	for (at = native.buf; (size_t)len >= sizeof(m);
	     at += m.event_len, len -= (ssize_t)m.event_len) {
		memcpy(&m, at, sizeof(m));
		if (!FAN_EVENT_OK(&m, len))
			break;
		if (m.vers != FANOTIFY_METADATA_VERSION)
			fatalx("fanotify speaks version %u", m.vers);
		if ((m.mask & FAN_Q_OVERFLOW) != 0)
			native.lost = true;
		else
			count(i, (uint32_t)m.pid);
	}
	return true;
}

static void
native_cb(evutil_socket_t fd, short what, void *arg)
{
	size_t i = (size_t)((struct mount *)arg - native.mount);
	int n;

	(void)fd;
	(void)what;
	for (n = 0; n < NATIVE_READS && read_some(i); n++)
		;
}

int
native_on_fs_native(struct chan *ch, struct imsg *im)
{
	struct msg_fs_native m;
	struct mount *mnt = &native.mount[native.n];

	(void)ch;
	if (msg_get_fs_native(im, &m) == -1 || native.n >= NATIVE_MAX ||
	    !path_is_clean(m.path))
		return -1;
	snprintf(mnt->path, sizeof(mnt->path), "%s/", m.path);
	mnt->fd = imsg_take_fd(im, 0);
	mnt->ev = event_new(fsd.base, mnt->fd, EV_READ | EV_PERSIST, native_cb,
	    mnt);
	if (mnt->ev == NULL || event_add(mnt->ev, NULL) == -1)
		fatal("opens on native mounts");
	native.n++;
	return 0;
}

static void
tell(struct opener *o, const struct actor *a)
{
	size_t i;

	for (i = 0; i < native.n; i++) {
		if (o->opened[i] > 0)
			summary_opened(a, native.mount[i].path, o->opened[i]);
		o->opened[i] = 0;
	}
}

/* Those of nobody: of the only command, as it is the only one since the last
 * one that ended was told of them. */
static void
tell_gone(const struct actor *a, bool only)
{
	struct opener *o = opener_of(0, false);
	uint64_t n = 0;
	size_t i;

	if (o == NULL)
		return;
	if (only) {
		tell(o, a);
		return;
	}
	for (i = 0; i < native.n; i++) {
		n += o->opened[i];
		o->opened[i] = 0;
	}
	if (n > 0)
		summary_unknown(a, n, false);
}

void
native_sync(uint64_t command)
{
	struct opener *o;
	struct actor a;
	uint32_t keeper;
	size_t i, n, left = NATIVE_SYNC_READS;

	if (native.n == 0)
		return;
	for (i = 0; i < native.n; i++) {
		while (left > 0 && read_some(i))
			left--;
	}
	/* others open files faster than they can be counted */
	if (left == 0)
		native.lost = true;
	n = attr_command(command, &keeper, &a);
	if (keeper == 0)
		return;
	o = opener_of(keeper, false);
	if (o != NULL)
		tell(o, &a);
	tell_gone(&a, n == 1);
	if (native.lost)
		summary_unknown(&a, 0, true);
	/* whose they were is not known: all that run are told */
	if (n == 1)
		native.lost = false;
}

void
native_forget(uint64_t command)
{
	struct opener *o;
	struct actor a;
	uint32_t keeper;

	(void)attr_command(command, &keeper, &a);
	o = keeper == 0 ? NULL : opener_of(keeper, false);
	if (o == NULL)
		return;
	LIST_REMOVE(o, entry);
	native.nopeners--;
	free(o);
}
