/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets: whether one may be made in the session's files, and those of
 * the host that a rule or a redirect of the policy names. execd, which asks for
 * those, sees no tree but the session's; it gets the socket's inode, which it can
 * do nothing with but connect or send as the session's user.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "fsd.h"
#include "log.h"
#include "path.h"

#define BINDS_MAX 64 /* that are approved and not made yet */

/* Sockets that an operator has approved: execd tells of each before it lets the
 * call go on. One that another process makes first has no address, and nobody
 * gets to it. */
static struct {
	pthread_mutex_t lock;
	char *path[BINDS_MAX];
	size_t next;
} binds = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
note_bind(const char *path)
{
	char *copy = strdup(path);

	if (copy == NULL)
		fatal("a socket");
	pthread_mutex_lock(&binds.lock);
	free(binds.path[binds.next]);
	binds.path[binds.next] = copy;
	binds.next = (binds.next + 1) % BINDS_MAX;
	pthread_mutex_unlock(&binds.lock);
}

/* Once. */
static bool
take_bind(const char *path)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&binds.lock);
	for (i = 0; i < BINDS_MAX && !found; i++) {
		if (binds.path[i] == NULL || strcmp(binds.path[i], path) != 0)
			continue;
		free(binds.path[i]);
		binds.path[i] = NULL;
		found = true;
	}
	pthread_mutex_unlock(&binds.lock);
	return found;
}

int
socket_on_fs_bind(struct chan *ch, struct imsg *im)
{
	static const struct msg_fs_bind_noted noted;
	struct msg_fs_bind m;

	if (msg_get_fs_bind(im, &m) == -1)
		return -1;
	note_bind(m.path);
	msg_send_fs_bind_noted(ch, im->id, &noted, NULL);
	return 0;
}

void
ask_socket(struct ruling *r, const char *path)
{
	const struct image *im = policy_image();
	struct verdict v;

	if (im == NULL || !image_has_unix_rules(im))
		return; /* a file like others */
	snprintf(r->path, sizeof(r->path), "%s", path);
	if (image_eval_unix(im, UNIX_OP_BIND, path, strlen(path), &v) == -1) {
		refuse(r, "policy-evaluation-failed", "");
		return;
	}
	if (v.decision == DECISION_ALLOW || v.decision == DECISION_AUDIT ||
	    (v.decision == DECISION_APPROVE && take_bind(path)))
		return;
	r->op = FILE_OP_MKNOD;
	refuse(r, v.rule_name, v.message);
}

/* Sockets of our own: who reaches them can make sessions, or approve. */
static bool
is_own(const struct stat *st)
{
	const struct conf *c = &fsd.proc.conf;
	const char *const own[] = { c->api_socket, c->operator_socket };
	struct stat is;
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (own[i][0] == '/' &&
		    fstatat(fsd.root_fd, own[i] + 1, &is, 0) == 0 &&
		    is.st_dev == st->st_dev && is.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* Or of a server beside ours. */
#define SYSTEM_RUN "/run/agentsh"

static bool
is_named(enum unix_op op, const char *path)
{
	struct verdict v;

	return policy_image() != NULL && path_is_clean(path) &&
	    image_eval_unix(policy_image(), op, path, strlen(path), &v) == 0 &&
	    image_names_socket(policy_image(), &v, path);
}

/* The host's socket at a path, and where it really is. 0 or an errno; *fd may be
 * open all the same. */
static int
open_socket(const char *path, int *fd, char real[AGENTSH_PATH_MAX + 1])
{
	char name[16];
	struct stat st;
	ssize_t n;

	*fd = openat(fsd.root_fd, path + 1, O_PATH | O_CLOEXEC);
	if (*fd == -1)
		return errno;
	if (fstat(*fd, &st) == -1 || !S_ISSOCK(st.st_mode))
		return ECONNREFUSED;
	backing_name(name, *fd);
	n = readlinkat(fsd.self_fd, name, real, AGENTSH_PATH_MAX);
	if (n <= 0)
		return EACCES;
	real[n] = '\0';
	return is_own(&st) || path_is_beneath(real, SYSTEM_RUN) ? EACCES : 0;
}

/* By its real path: no link that somebody may have made leads past the rule. */
static int
open_named(enum unix_op op, const char *path, int *fd,
    char real[AGENTSH_PATH_MAX + 1])
{
	int error;

	if (!is_named(op, path))
		return EACCES;
	error = open_socket(path, fd, real);
	return error != 0 || is_named(op, real) ? error : EACCES;
}

/* The path of a redirect has no link in it. */
static int
open_redirect(const char *path, int *fd)
{
	char real[AGENTSH_PATH_MAX + 1];
	int error;

	if (policy_image() == NULL || !path_is_clean(path) ||
	    !image_redirects_to(policy_image(), path))
		return EACCES;
	error = open_socket(path, fd, real);
	return error != 0 || strcmp(real, path) == 0 ? error : ELOOP;
}

int
socket_on_fs_socket(struct chan *ch, struct imsg *im)
{
	struct msg_fs_socket_opened opened = { 0 };
	struct msg_fs_socket_failed failed = { 0 };
	struct msg_fs_socket m;
	int fd = -1;

	if (msg_get_fs_socket(im, &m) == -1 || m.op >= UNIX_OP_MAX)
		return -1;
	policy_enter();
	failed.error = (uint32_t)open_named((enum unix_op)m.op, m.path, &fd,
	    opened.path);
	policy_leave();
	if (failed.error == 0)
		msg_send_fs_socket_opened(ch, im->id, &opened, &fd);
	else
		msg_send_fs_socket_failed(ch, im->id, &failed, NULL);
	if (fd != -1)
		close(fd);
	return 0;
}

int
socket_on_fs_unix(struct chan *ch, struct imsg *im)
{
	static const struct msg_fs_unix_opened opened;
	struct msg_fs_unix_failed failed = { 0 };
	struct msg_fs_unix m;
	int fd = -1;

	if (msg_get_fs_unix(im, &m) == -1)
		return -1;
	policy_enter();
	failed.error = (uint32_t)open_redirect(m.path, &fd);
	policy_leave();
	if (failed.error == 0)
		msg_send_fs_unix_opened(ch, im->id, &opened, &fd);
	else
		msg_send_fs_unix_failed(ch, im->id, &failed, NULL);
	if (fd != -1)
		close(fd);
	return 0;
}
