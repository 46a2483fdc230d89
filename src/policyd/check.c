/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a policy file whole, and compiles one for nothing but its errors.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "policy.h"
#include "policycheck.h"
#include "policyfile.h"

static int
file_error(struct aerr *e, const char *name, const char *what)
{
	ydoc_class(e, what);
	snprintf(e->message, sizeof(e->message), "%s: %s", name, what);
	return -1;
}

int
policy_read(int fd, const char *name, uint8_t **text, size_t *len,
    struct aerr *e)
{
	struct stat st;
	uint8_t *p;
	size_t got = 0;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return file_error(e, name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return file_error(e, name, "not a regular file");
	if (st.st_size > YDOC_MAX_BYTES)
		return file_error(e, name, "larger than 4 MiB");
	/* one more, to notice that it grew */
	p = malloc(YDOC_MAX_BYTES + 1);
	if (p == NULL)
		return file_error(e, name, "out of memory");
	while (got <= YDOC_MAX_BYTES) {
		n = read(fd, p + got, YDOC_MAX_BYTES + 1 - got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			file_error(e, name, strerror(errno));
			free(p);
			return -1;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*text = p;
	*len = got;
	return 0;
}

/* The values of who runs the command, for a session at /workspace. */
static void
own_vars(struct vars *v, char uid[16])
{
	const char *home = getenv("HOME"), *user = getenv("USER");

	snprintf(uid, 16, "%u", (unsigned)getuid());
	v->project_root = "/workspace";
	v->home = home != NULL && path_is_clean(home) ? home : "/nonexistent";
	v->user = user != NULL && user[0] != '\0' ? user : "nobody";
	v->uid = uid;
}

int
policy_show_file(const char *path, struct warnings *w, struct buf *show,
    struct aerr *e)
{
	struct compiled out;
	struct policy p;
	struct vars vars;
	uint8_t *text = NULL;
	char uid[16];
	size_t len = 0;
	int fd, ret;

	/* not for ever on a FIFO */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return file_error(e, path, strerror(errno));
	ret = policy_read(fd, path, &text, &len, e);
	close(fd);
	if (ret == -1)
		return -1;
	own_vars(&vars, uid);
	ret = policy_build(path, text, len, &vars, false, &p, &out, e);
	free(text);
	if (ret == -1)
		return -1;
	if (show != NULL && policy_print(&p, show) == -1)
		ret = file_error(e, path, "too long, or not in UTF-8");
	if (ret == 0) {
		*w = p.warnings;
		memset(&p.warnings, 0, sizeof(p.warnings));
	}
	policy_free(&p);
	compiled_free(&out);
	return ret;
}

int
policy_check_file(const char *path, struct warnings *w, struct aerr *e)
{
	return policy_show_file(path, w, NULL, e);
}
