/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a file of a policy changed, or one that vouches for it? The directories
 * are looked at from time to time: that also sees what comes through links,
 * mounts and networks, where nobody is told of changes. What changed is said
 * when two looks agree, so that a file is not read while it is written.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "fnv.h"
#include "log.h"
#include "policyd.h"

#define STALE_MIN_MS 1000
#define STALE_MAX_ENTRIES 10000 /* of a directory */

static struct {
	struct proc *p;
	struct event *timer;
	uint64_t told; /* what privd knows */
	uint64_t seen; /* at the last look */
} stale;

static uint64_t
hash_number(uint64_t h, uint64_t v)
{
	size_t i;

	for (i = 0; i < sizeof(v); i++)
		h = fnv_step(h, (unsigned char)(v >> 8 * i));
	return h;
}

/* Which file it is, and when it was changed last. */
static uint64_t
hash_file(int dir, const char *name, uint64_t h)
{
	struct stat st;

	h = fnv_str(h, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return hash_number(h, (uint64_t)errno);
	h = hash_number(h, st.st_dev);
	h = hash_number(h, st.st_ino);
	h = hash_number(h, st.st_mode);
	h = hash_number(h, (uint64_t)st.st_size);
	h = hash_number(h, (uint64_t)st.st_mtim.tv_sec);
	h = hash_number(h, (uint64_t)st.st_mtim.tv_nsec);
	h = hash_number(h, (uint64_t)st.st_ctim.tv_sec);
	return hash_number(h, (uint64_t)st.st_ctim.tv_nsec);
}

/* Of all its entries, in whatever order they come; hidden ones are editors'. */
static uint64_t
hash_dir(int dir, uint64_t kind)
{
	const struct dirent *de;
	uint64_t sum = 0;
	size_t n = 0;
	DIR *d;
	int fd;

	if (dir == -1)
		return 0;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return hash_number(kind, (uint64_t)errno);
	}
	while (n++ < STALE_MAX_ENTRIES && (de = readdir(d)) != NULL) {
		if (de->d_name[0] != '.')
			sum += hash_file(dir, de->d_name,
			    hash_number(FNV_INIT, kind));
	}
	closedir(d);
	return sum;
}

static uint64_t
look(void)
{
	static const enum dir_kind kinds[] = { DIR_POLICY, DIR_POLICY_DEFAULT,
		DIR_TRUST };
	const char *manifest = stale.p->conf.manifest_path;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		sum += hash_dir(stale.p->dir_fd[kinds[i]], kinds[i]);
	if (manifest[0] != '\0')
		sum += hash_file(stale.p->dir_fd[DIR_MANIFEST],
		    strrchr(manifest, '/') + 1, FNV_INIT);
	return sum;
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct msg_policy_stale m;
	uint64_t now = look();

	(void)fd;
	(void)what;
	(void)arg;
	if (now == stale.seen && now != stale.told) {
		stale.told = now;
		msg_send_policy_stale(stale.p->privd, 0, &m, NULL);
	}
	stale.seen = now;
}

void
stale_start(struct proc *p, struct event_base *base)
{
	uint64_t ms = p->conf.reload_interval_ms;
	struct timeval tv;

	if (ms == 0)
		return;
	if (ms < STALE_MIN_MS)
		ms = STALE_MIN_MS;
	stale.p = p;
	stale.told = stale.seen = look();
	tv = clock_timeval(ms);
	stale.timer = event_new(base, -1, EV_PERSIST, timer_cb, NULL);
	if (stale.timer == NULL || event_add(stale.timer, &tv) == -1)
		fatalx("no memory to look for changed policies");
}
