/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files by which programs find names, as a session with a network sees them:
 * netd is asked, and nobody else. Each is a file of ours, mounted over that of the
 * host; what the host does not have, or hides from the session's user, stays away.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"
#include "path.h"

#define NSSWITCH "/etc/nsswitch.conf"
#define NSSWITCH_MAX 65536
/* the only place of ours that a link of the host's /etc may lead to */
#define RUN "/run"
#define LOOK_TRIES 1000

struct netfile {
	const char *path;
	const char *text;
};

/* The host's, but for the line that says who is asked for names: services of
 * the host are in none of a session's directories. NULL: there is none. */
char *
netfiles_collect(void)
{
	static const char hosts[] = "hosts: files dns\n";
	static char text[NSSWITCH_MAX];
	const char *line, *end;
	char *out;
	size_t n = 0;
	ssize_t len;
	int fd;

	fd = open(NSSWITCH, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return NULL;
	do {
		len = read(fd, text + n, sizeof(text) - 1 - n);
		n += len > 0 ? (size_t)len : 0;
	} while (len > 0 || (len == -1 && errno == EINTR));
	close(fd);
	out = len == -1 ? NULL : malloc(n + sizeof(hosts) + 1);
	if (out == NULL)
		return NULL;
	text[n] = '\0';
	n = 0;
	for (line = text; *line != '\0'; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (strncmp(line + strspn(line, " \t"), "hosts:", 6) == 0)
			continue;
		memcpy(out + n, line, (size_t)(end - line));
		n += (size_t)(end - line);
	}
	if (n > 0 && out[n - 1] != '\n')
		out[n++] = '\n';
	memcpy(out + n, hosts, sizeof(hosts));
	return out;
}

/* A new file beneath dir, whose parents are made too. */
static int
make_file(int dir, const char *path)
{
	char part[AGENTSH_PATH_MAX + 1];
	const char *slash;

	for (slash = strchr(path, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdirat(dir, part, 0755) == -1 && errno != EEXIST)
			return -1;
	}
	return openat(dir, path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
}

/* The text as a mount that nobody can write to. The kernel clones what is in a
 * mount of this namespace only, and attaches what has a name, so the file is in
 * /run until that is done. */
static int
text_mount(int run, const char *name, const char *text)
{
	size_t len = strlen(text);
	int fd, mnt = -1, saved;

	fd = make_file(run, name);
	if (fd == -1)
		return -1;
	if (write(fd, text, len) == (ssize_t)len)
		mnt = mnt_copy(run, name,
		    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			MOUNT_ATTR_RDONLY);
	saved = errno;
	close(fd);
	errno = saved;
	return mnt;
}

/* Where the path leads to in the session. */
static int
look_up(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd, tries = LOOK_TRIES;

	/* a "..", while anybody on the machine renames or mounts something */
	do {
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	} while (fd == -1 && errno == EAGAIN && --tries > 0);
	return fd;
}

/* resolv.conf leads to /run on many hosts, and a session's own is empty. */
static int
make_target(int root, int run, const char *path)
{
	char text[AGENTSH_PATH_MAX + 1], full[AGENTSH_PATH_MAX + 1];
	char dir[32];
	ssize_t len;
	int link, fd;

	link = mnt_lookup(root, path, O_PATH | O_NOFOLLOW);
	if (link == -1)
		return -1;
	len = readlinkat(link, "", text, sizeof(text) - 1);
	close(link);
	if (len == -1)
		return -1;
	text[len] = '\0';
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path),
	    path);
	if (path_join(full, sizeof(full), dir, text) == -1 ||
	    !path_is_beneath(full, RUN) || strcmp(full, RUN) == 0) {
		errno = ENOENT;
		return -1;
	}
	fd = make_file(run, full + strlen(RUN) + 1);
	if (fd == -1)
		return -1;
	close(fd);
	return look_up(root, path);
}

static int
show(int root, int run, const struct netfile *f, struct aerr *e)
{
	static const char name[] = ".netfile";
	struct stat st;
	int at, mnt, r;

	at = look_up(root, f->path);
	if (at == -1 && errno == ENOENT)
		at = make_target(root, run, f->path);
	if (at == -1 && errno == EAGAIN)
		return make_error(e, "find %s", f->path);
	if (at == -1 || fstat(at, &st) == -1 || !S_ISREG(st.st_mode)) {
		log_debug("the host's %s is not there", f->path);
		if (at != -1)
			close(at);
		return 0;
	}
	mnt = text_mount(run, name, f->text);
	if (mnt == -1)
		return make_error(e, "make %s", f->path);
	r = move_mount(mnt, "", at, "",
	    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	if (r == -1)
		return make_error(e, "mount %s", f->path);
	close(mnt);
	close(at);
	if (unlinkat(run, name, 0) == -1)
		return make_error(e, "%s of the session", RUN);
	return 0;
}

int
netfiles_mount(int root, const char *hostname, const char *nsswitch,
    struct aerr *e)
{
	char hosts[256];
	const struct netfile files[] = {
		{ "/etc/resolv.conf", "nameserver " NS_RESOLVER "\n" },
		{ "/etc/hosts", hosts },
		{ NSSWITCH, nsswitch },
	};
	size_t i;
	int run;

	snprintf(hosts, sizeof(hosts),
	    "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n"
	    "::1\tlocalhost ip6-localhost ip6-loopback\n",
	    hostname);
	run = mnt_lookup(root, RUN, O_RDONLY | O_DIRECTORY);
	if (run == -1)
		return make_error(e, "%s of the session", RUN);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].text != NULL &&
		    show(root, run, &files[i], e) == -1)
			return -1;
	}
	close(run);
	return 0;
}
