/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything is, by run mode, environment and configuration; and the
 * directories there: made with the right owner and mode, and refused when
 * somebody else could write in them.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privd.h"
#include "proc.h"

static void __attribute__((format(printf, 3, 4)))
put_path(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size)
		fatalx("path %s... is too long", dst);
}

/* An absolute path from the environment, or NULL. */
static const char *
env_path(const char *name)
{
	const char *v = secure_getenv(name);

	return v != NULL && v[0] == '/' ? v : NULL;
}

static void
xdg(char *dst, size_t size, const char *name, const char *beneath_home)
{
	const char *v = env_path(name), *home = env_path("HOME");

	if (v != NULL)
		put_path(dst, size, "%s/agentsh", v);
	else if (home != NULL)
		put_path(dst, size, "%s/%s/agentsh", home, beneath_home);
	else
		fatalx("neither %s nor HOME is an absolute path", name);
}

/* For root: what somebody else can write is not run. */
static void
check_helpers(const char *dir)
{
	char path[AGENTSH_PATH_MAX + 32];
	struct stat st;
	size_t i;

	for (i = 0; i <= ROLE_MAX; i++) {
		if (i == ROLE_PRIVD || i == ROLE_CTL)
			continue;
		if (i < ROLE_MAX)
			put_path(path, sizeof(path), "%s/%s", dir,
			    proc_rows[i].file);
		else
			put_path(path, sizeof(path), "%s", dir);
		if (stat(path, &st) == -1)
			fatal("%s", path);
		if (privd.mode == MODE_SERVICE &&
		    (st.st_uid != 0 || (st.st_mode & 022) != 0))
			fatalx("%s must belong to root and be writable by root"
			       " alone",
			    path);
	}
}

void
paths_find(const char *config)
{
	struct paths *p = &privd.paths;
	const char *v;
	char dir[AGENTSH_PATH_MAX];

	v = env_path("AGENTSH_HELPER_DIR");
	put_path(p->helpers, sizeof(p->helpers), "%s",
	    v != NULL ? v : AGENTSH_LIBEXECDIR);
	put_path(p->policy_default, sizeof(p->policy_default), "%s/policies",
	    v != NULL ? v : AGENTSH_DATADIR);
	check_helpers(p->helpers);
	if (config == NULL)
		config = env_path("AGENTSH_CONFIG");
	if (config != NULL)
		put_path(p->config, sizeof(p->config), "%s", config);
	else if (privd.mode == MODE_SERVICE)
		put_path(p->config, sizeof(p->config), "%s/config.yaml",
		    AGENTSH_SYSCONFDIR);
	else {
		xdg(dir, sizeof(dir), "XDG_CONFIG_HOME", ".config");
		put_path(p->config, sizeof(p->config), "%s/config.yaml", dir);
	}
	v = env_path("XDG_RUNTIME_DIR");
	if (privd.mode == MODE_SERVICE)
		put_path(p->run, sizeof(p->run), "/run/agentsh");
	else if (v != NULL)
		put_path(p->run, sizeof(p->run), "%s/agentsh", v);
	else
		put_path(p->run, sizeof(p->run), "/tmp/agentsh-%u",
		    (unsigned)privd.uid);
	put_path(p->lock, sizeof(p->lock), "%s/agentshd.pid", p->run);
}

/* Every parent that is missing, as ours. */
static void
make_parents(const char *path)
{
	char part[AGENTSH_PATH_MAX];
	char *p;

	put_path(part, sizeof(part), "%s", path);
	for (p = strchr(part + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			fatal("mkdir %s", part);
		*p = '/';
	}
}

int
dir_open(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;
	bool made;
	int fd;

	make_parents(path);
	made = mkdir(path, mode) == 0;
	if (!made && errno != EEXIST)
		fatal("mkdir %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		fatal("%s", path);
	/* whatever the umask was; the owner last, he may be another */
	if (made && fchmod(fd, mode) == -1)
		fatal("chmod %s", path);
	if (made && (uid != privd.uid || gid != privd.gid) &&
	    fchown(fd, uid, gid) == -1)
		fatal("chown %s", path);
	if (fstat(fd, &st) == -1)
		fatal("%s", path);
	if (st.st_uid != uid)
		fatalx("%s belongs to uid %u and must belong to uid %u: chown,"
		       " or name another directory in the configuration",
		    path, (unsigned)st.st_uid, (unsigned)uid);
	if ((st.st_mode & 022) != 0)
		fatalx("%s can be written by others: chmod go-w", path);
	return fd;
}

/* The users' trashes: anybody may go through, and only root's group make names
 * that are then their owners' (workspace.c). A user's own server has its own. */
static int
trash_open(const char *path, bool service)
{
	mode_t mode = service ? S_ISVTX | 0771 : 0700;
	struct stat st;
	int fd;

	make_parents(path);
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		fatal("mkdir %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("%s", path);
	if (service && st.st_gid != 0)
		fatalx("%s must have the group of root: chgrp 0", path);
	if (st.st_uid != privd.uid)
		fatalx("%s belongs to uid %u and must belong to uid %u: chown,"
		       " or name another directory in the configuration",
		    path, (unsigned)st.st_uid, (unsigned)privd.uid);
	if (fchmod(fd, mode) == -1)
		fatal("chmod %s", path);
	return fd;
}

/* Policies are only read; there may be none of the operator's own. A user's are
 * often written while the server runs, which must have their place by then; of
 * users the group is often theirs alone, and theirs to write. */
static int
policies_open(const char *path, bool make)
{
	mode_t others = privd.mode == MODE_SERVICE ? 022 : 002;
	struct stat st;
	int fd;

	if (make) {
		make_parents(path);
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			fatal("mkdir %s", path);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		if (errno != ENOENT)
			fatal("%s", path);
		log_debug("no policies in %s", path);
		return -1;
	}
	if (fstat(fd, &st) == -1)
		fatal("%s", path);
	if ((st.st_uid != 0 && st.st_uid != privd.uid) ||
	    (st.st_mode & others) != 0)
		fatalx("%s can be written by others: chown, chmod go-w", path);
	return fd;
}

/* What decides which policies count: it must be there, and be ours. */
static int
trusted_open(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		fatal("%s", path);
	if (fstat(fd, &st) == -1)
		fatal("%s", path);
	if (st.st_uid != privd.uid)
		fatalx("%s belongs to uid %u and must belong to uid %u: chown,"
		       " or name another directory in the configuration",
		    path, (unsigned)st.st_uid, (unsigned)privd.uid);
	if ((st.st_mode & 022) != 0)
		fatalx("%s can be written by others: chmod go-w", path);
	return fd;
}

static void
trust_open(const struct conf *c)
{
	char dir[AGENTSH_PATH_MAX], *slash;

	if (c->signing_mode != SIGNING_OFF)
		privd.dir_fd[DIR_TRUST] = trusted_open(c->trust_store);
	if (c->manifest_path[0] == '\0')
		return;
	put_path(dir, sizeof(dir), "%s", c->manifest_path);
	slash = strrchr(dir, '/');
	/* of /file it is the root */
	slash[slash == dir ? 1 : 0] = '\0';
	privd.dir_fd[DIR_MANIFEST] = trusted_open(dir);
}

/* One agentshd for these sockets: the lock lives as long as we do. */
static void
take_lock(void)
{
	char text[16];
	int fd, n;

	fd = open(privd.paths.lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (fd == -1)
		fatal("%s", privd.paths.lock);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			fatalx("already running (%s is locked)",
			    privd.paths.lock);
		fatal("lock %s", privd.paths.lock);
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == -1 || write(fd, text, (size_t)n) != n)
		fatal("%s", privd.paths.lock);
	privd.lock_fd = fd;
}

void
places_fill(struct conf *c)
{
	char state[AGENTSH_PATH_MAX], dir[AGENTSH_PATH_MAX];

	if (privd.mode == MODE_SERVICE) {
		put_path(state, sizeof(state), "%s", AGENTSH_STATEDIR);
		put_path(dir, sizeof(dir), "%s", AGENTSH_SYSCONFDIR);
	} else {
		xdg(state, sizeof(state), "XDG_STATE_HOME", ".local/state");
		xdg(dir, sizeof(dir), "XDG_CONFIG_HOME", ".config");
	}
	if (c->state_dir[0] == '\0')
		put_path(c->state_dir, sizeof(c->state_dir), "%s/sessions",
		    state);
	if (privd.mode == MODE_USER)
		put_path(privd.paths.trash_usual,
		    sizeof(privd.paths.trash_usual), "%s/trash", state);
	if (c->trash_dir[0] == '\0')
		put_path(c->trash_dir, sizeof(c->trash_dir), "%s/trash", state);
	if (c->policy_dir[0] == '\0')
		put_path(c->policy_dir, sizeof(c->policy_dir), "%s/policies",
		    dir);
	if (c->trust_store[0] == '\0')
		put_path(c->trust_store, sizeof(c->trust_store), "%s/keys",
		    dir);
	if (c->log_dir[0] == '\0' && privd.mode == MODE_SERVICE)
		put_path(c->log_dir, sizeof(c->log_dir), "%s", AGENTSH_LOGDIR);
	else if (c->log_dir[0] == '\0')
		put_path(c->log_dir, sizeof(c->log_dir), "%s/log", state);
	if (c->api_socket[0] == '\0')
		put_path(c->api_socket, sizeof(c->api_socket), "%s/api.sock",
		    privd.paths.run);
	if (c->operator_socket[0] == '\0')
		put_path(c->operator_socket, sizeof(c->operator_socket),
		    "%s/operator.sock", privd.paths.run);
}

static int
open_or_die(const char *path, int flags)
{
	int fd;

	fd = open(path, flags | O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fatal("%s", path);
	return fd;
}

void
dirs_open_policies(bool make)
{
	privd.dir_fd[DIR_POLICY] = policies_open(privd.conf.policy_dir, make);
	privd.dir_fd[DIR_POLICY_DEFAULT] =
	    policies_open(privd.paths.policy_default, false);
	trust_open(&privd.conf);
}

void
dirs_open(void)
{
	const struct cred *front = &privd.user[ROLE_SESSIOND];
	const struct cred *log = &privd.user[ROLE_EVENTD];
	struct conf *c = &privd.conf;
	char path[AGENTSH_PATH_MAX];
	bool service = privd.mode == MODE_SERVICE;

	/* in MODE_USER every helper has our own ids: init() */
	close(dir_open(privd.paths.run, service ? 0755 : 0700, privd.uid,
	    privd.gid));
	take_lock();
	privd.dir_fd[DIR_SPOOL] = dir_open(c->state_dir, 0700, front->uid,
	    front->gid);
	privd.dir_fd[DIR_LOG] = dir_open(c->log_dir, service ? 0750 : 0700,
	    log->uid, log->gid);
	privd.trash_fd = trash_open(c->trash_dir, service);
	dirs_open_policies(!service);
	put_path(path, sizeof(path), "%s/%s", privd.paths.helpers,
	    proc_rows[ROLE_INIT].file);
	privd.init_fd = open_or_die(path, 0);
	privd.host_root_fd = open_or_die("/", O_DIRECTORY);
}
