/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and kills descendants by /proc/PID/stat. The text holds a name that
 * its process chose: only what stands behind the last ')' is read. Whoever
 * was signalled cannot fork any more, and the children of the dead fall to the
 * nearest subreaper, so that nothing leaves the tree between two passes.
 */
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define TREE_PENDING                                                           \
	28 /* the field of pending signals, counted from the state */
#define TREE_PROCS_MAX 4194304 /* PID_MAX_LIMIT of the kernel */

/* A decimal number that is a pid: 0 when it is not. */
static pid_t
tree_pid(const char *text, char **end)
{
	long n;

	*end = (char *)(uintptr_t)text;
	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtol(text, end, 10);
	if (errno != 0 || n < 0 || n > TREE_PROCS_MAX)
		return 0;
	return (pid_t)n;
}

/* Is SIGKILL among the signals that wait for it? Then it is on the way out of a
 * wait in the kernel that nothing ends but what is waited for. */
static bool
tree_is_doomed(const char *state)
{
	const char *p = state;
	int i;

	for (i = 0; i < TREE_PENDING && p != NULL; i++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	return p != NULL &&
	    (strtoull(p, NULL, 10) & (1U << (SIGKILL - 1))) != 0;
}

/* " S ppid pgrp ..." of proc_pid_stat(5). */
static int
tree_parse(char *text, struct tree_node *node)
{
	char *p, *end;

	p = strrchr(text, ')');
	if (p == NULL || p[1] != ' ' || p[2] == '\0' || p[3] != ' ')
		return -1;
	node->state = p[2];
	node->doomed = tree_is_doomed(p + 2);
	node->ppid = tree_pid(p + 4, &end);
	if (end == p + 4 || *end != ' ')
		return -1;
	p = end + 1;
	node->pgid = tree_pid(p, &end);
	return end == p || *end != ' ' ? -1 : 0;
}

static int
tree_read(int proc_fd, const char *name, struct tree_node *node)
{
	char path[32], text[1024];
	ssize_t n;
	char *end;
	int fd;

	node->pid = tree_pid(name, &end);
	if (node->pid <= 0 || *end != '\0')
		return -1;
	snprintf(path, sizeof(path), "%d/stat", (int)node->pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	/* a NUL in a name would hide the rest: strrchr then finds nothing */
	return tree_parse(text, node);
}

static int
tree_add(struct tree *t, const struct tree_node *node)
{
	struct tree_node *p;
	size_t cap;

	if (t->n == t->cap) {
		cap = t->cap == 0 ? 64 : t->cap * 2;
		if (cap > TREE_PROCS_MAX)
			return -1;
		p = reallocarray(t->node, cap, sizeof(*p));
		if (p == NULL)
			return -1;
		t->node = p;
		t->cap = cap;
	}
	t->node[t->n++] = *node;
	return 0;
}

static int
tree_compare(const void *a, const void *b)
{
	const struct tree_node *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int
tree_scan(struct tree *t, int proc_fd)
{
	struct tree_node node;
	struct dirent *de;
	DIR *dir;
	int fd;

	t->n = 0;
	fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return -1;
	}
	while ((de = readdir(dir)) != NULL) {
		memset(&node, 0, sizeof(node));
		if (tree_read(proc_fd, de->d_name, &node) == 0 &&
		    tree_add(t, &node) == -1)
			break;
	}
	closedir(dir);
	if (t->n > 0)
		qsort(t->node, t->n, sizeof(t->node[0]), tree_compare);
	return 0;
}

static bool
tree_is_beneath(const struct tree *t, const struct tree_node *node, pid_t root)
{
	struct tree_node key;
	size_t depth;

	/* pids are reused while /proc is read: a circle must not hang us */
	for (depth = 0; node != NULL && depth < t->n; depth++) {
		if (node->ppid == root)
			return true;
		memset(&key, 0, sizeof(key));
		key.pid = node->ppid;
		node = bsearch(&key, t->node, t->n, sizeof(key), tree_compare);
	}
	return false;
}

pid_t
tree_top(const struct tree *t, const struct tree_node *node)
{
	struct tree_node key;
	size_t depth;

	for (depth = 0; node != NULL && depth < t->n; depth++) {
		if (node->ppid == getpid())
			return node->pid;
		memset(&key, 0, sizeof(key));
		key.pid = node->ppid;
		node = bsearch(&key, t->node, t->n, sizeof(key), tree_compare);
	}
	return 0;
}

size_t
tree_signal(const struct tree *t, pid_t root, int signo)
{
	const struct tree_node *node;
	size_t i, n = 0;
	pid_t last = 0;

	for (i = 0; i < t->n; i++) {
		node = &t->node[i];
		if (node->pid <= 1 || node->pid == root || node->state == 'Z' ||
		    node->state == 'X' ||
		    (signo == SIGSTOP && node->state == 'T') ||
		    !tree_is_beneath(t, node, root))
			continue;
		n++;
		init_kill(node->pid, signo);
		/*
		 * The group in one stroke, with children born since the scan:
		 * groups never reach over the leader's session, but for the
		 * moment before its setsid(2), when it is in root's. Once a
		 * group: the kernel walks all of it each time.
		 */
		if (node->pgid > 1 && node->pgid != root && node->pgid != last)
			init_kill(-node->pgid, signo);
		last = node->pgid;
	}
	return n;
}

ssize_t
tree_children(int proc_fd, pid_t *pids, size_t max)
{
	char path[64], text[65536], *p, *end;
	ssize_t n, len = 0;
	size_t count = 0;
	pid_t pid;
	int fd;

	snprintf(path, sizeof(path), "%d/task/%d/children", (int)getpid(),
	    (int)getpid());
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	while ((size_t)len < sizeof(text) - 1) {
		n = read(fd, text + len, sizeof(text) - 1 - (size_t)len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	text[len] = '\0';
	for (p = text; count < max; p = end + 1) {
		pid = tree_pid(p, &end);
		/* a number that the buffer cut off has no blank behind it */
		if (end == p || *end != ' ')
			break;
		if (pid > 1)
			pids[count++] = pid;
	}
	return (ssize_t)count;
}

void
tree_free(struct tree *t)
{
	free(t->node);
	memset(t, 0, sizeof(*t));
}
