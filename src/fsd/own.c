/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is agentsh's own, as far as it lies in the workspace or in a mount: where
 * the workspace is the user's home, or what lies in it. The policies and the
 * configuration of a user's own server, its log and what it remembers are not
 * changed by a session, whatever its policy says, by which it would make its next
 * one.
 *
 * And what agentsh checkpoint keeps, if it is told no other place: beside the usual
 * trash. It has other names there than in the workspace, by which the policy would
 * know it, and goes back by the user's hand: so no session gets to it, nor among the
 * host's files.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "node.h"
#include "own.h"
#include "path.h"

#define OWN_MAX 24
#define STORE "/checkpoints"

static struct {
	struct own_place {
		char path[AGENTSH_PATH_MAX + 1]; /* as the session sees it */
		bool hidden;
	} place[OWN_MAX];
	size_t n;
	bool there; /* the checkpoints */
	struct ident id;
} own;

static void
add(const char *path, bool hidden)
{
	if (own.n == OWN_MAX || strlen(path) >= sizeof(own.place[0].path))
		fatalx("agentsh's own files lie too deep");
	memcpy(own.place[own.n].path, path, strlen(path) + 1);
	own.place[own.n++].hidden = hidden;
}

/* One place of the host. */
static void
add_host(const char *host, const char *workspace, bool hidden)
{
	char path[2 * AGENTSH_PATH_MAX + 2];

	/* a mount is where it is on the host */
	if (mounts_top(host, NULL) != fsd.mount) {
		add(host, hidden);
	} else if (path_is_beneath(host, workspace)) {
		snprintf(path, sizeof(path), "%s%s", fsd.mount,
		    host + strlen(workspace));
		add(path, hidden);
	} else if (path_is_beneath(workspace, host)) {
		add(fsd.mount, hidden);
	}
	/* elsewhere nothing is changed */
	if (hidden)
		add(host, true);
}

/* Where the first part of a path that is there really is, through links; with the
 * rest of it. false: it is that place itself. */
static bool
find_real(const char *host, char *real, size_t size)
{
	char part[AGENTSH_PATH_MAX + 1], name[32];
	size_t len = strlen(host);
	ssize_t n = -1;
	int fd;

	while (len > 1 && n == -1) {
		memcpy(part, host, len);
		part[len] = '\0';
		fd = openat(fsd.root_fd, part + 1, O_PATH | O_CLOEXEC);
		if (fd != -1) {
			snprintf(name, sizeof(name), "proc/self/fd/%d", fd);
			n = readlinkat(fsd.root_fd, name, real, size - 1);
			close(fd);
			break;
		}
		while (len > 1 && host[--len] != '/')
			;
	}
	if (n <= 1 || (size_t)n + strlen(host + len) >= size)
		return false;
	memcpy(real + n, host + len, strlen(host + len) + 1);
	return path_is_clean(real) && strcmp(real, host) != 0;
}

static void
add_place(const char *host, const char *workspace, bool hidden)
{
	char real[PATH_MAX];

	if (!path_is_clean(host))
		return;
	add_host(host, workspace, hidden);
	if (find_real(host, real, sizeof(real)))
		add_host(real, workspace, hidden);
}

/* By the object too: a link may be on the way. */
static void
find_store(const char *path)
{
	struct statx stx;
	int fd;

	fd = openat(fsd.root_fd, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	own.there = backing_stat(fd, &stx) == 0;
	if (own.there)
		backing_ident(&own.id, &stx);
	close(fd);
}

void
own_start(const char *usual, const char *config, const char *workspace)
{
	const struct conf *c = &fsd.proc.conf;
	const char *const places[] = { config, c->policy_dir, c->state_dir,
		c->log_dir, c->trust_store, c->manifest_path };
	const char *slash = strrchr(usual, '/');
	char path[AGENTSH_PATH_MAX + 32];
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		add_place(places[i], workspace, false);
	if (!path_is_clean(usual) || slash == usual)
		return;
	snprintf(path, sizeof(path), "%.*s" STORE, (int)(slash - usual), usual);
	add_place(path, workspace, true);
	find_store(path);
}

bool
own_turns_aside(enum file_op op)
{
	return op == FILE_OP_RENAME || op == FILE_OP_SYMLINK ||
	    op == FILE_OP_LINK || op == FILE_OP_CREATE || op == FILE_OP_MKNOD;
}

bool
own_guards(enum file_op op, bool changes, const char *path)
{
	const struct own_place *p;

	for (p = own.place; p < own.place + own.n; p++) {
		if (path_is_beneath(path, p->path) && (changes || p->hidden))
			return true;
		if (changes && own_turns_aside(op) &&
		    path_is_beneath(p->path, path))
			return true;
	}
	return false;
}

bool
own_is_hidden(const struct statx *stx)
{
	return own.there && backing_same(&own.id, stx);
}
