/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of what lies beneath a directory that is renamed: each name is asked
 * for at both paths, and whoever asks hears of what went meanwhile, which is not
 * the same as what is denied.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/fsd/decide.h"
#include "../../src/fsd/ops.h"
#include "t.h"

static char top[] = "/tmp/t_beneath.XXXXXX";
static int top_fd;
static void (*meanwhile)(const char *path); /* somebody else, at each name */
static unsigned asked;
static bool approve; /* all but what is denied */

void
ask_use(struct ruling *r, mode_t type, enum view view, const char *path,
    size_t len)
{
	(void)r, (void)type, (void)view, (void)path, (void)len;
}

void
ask_made(struct ruling *r, mode_t type, enum view view, const char *path,
    size_t len)
{
	(void)type, (void)view;
	CHECK_INT(strlen(path), len);
	CHECK(strncmp(path, "/to/", 4) == 0);
	asked++;
	if (approve && r->decision != DECISION_DENY)
		r->decision = DECISION_APPROVE;
	if (strstr(path, "/no") != NULL)
		refuse(r, "rule", "");
	else if (meanwhile != NULL)
		meanwhile(path);
}

void
ask_other_name(struct ruling *r, mode_t type, enum view view, const char *old,
    const char *new)
{
	(void)r, (void)type, (void)view, (void)new;
	CHECK(strncmp(old, "/from/", 6) == 0);
}

void
refuse(struct ruling *r, const char *rule, const char *message)
{
	(void)message;
	r->decision = DECISION_DENY;
	r->rule = rule;
}

bool
ruling_denies(const struct ruling *r)
{
	return r->decision != DECISION_ALLOW;
}

static void
make(const char *name)
{
	int fd = openat(top_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	CHECK(fd != -1);
	close(fd);
}

/* Is all of d seen, and by which rule is it denied ("": by none)? */
static void
walk(bool all, const char *rule)
{
	struct ruling r;

	memset(&r, 0, sizeof(r));
	r.decision = DECISION_ALLOW;
	r.rule = "";
	asked = 0;
	CHECK(ask_beneath(&r, VIEW_WORKSPACE, top_fd, "d", "/from", "/to") ==
	    all);
	CHECK_STR(r.rule, rule);
	meanwhile = NULL;
}

static void
names(void)
{
	CHECK_INT(mkdirat(top_fd, "d", 0755), 0);
	walk(true, "");
	CHECK_INT(asked, 0);
	CHECK_INT(mkdirat(top_fd, "d/e", 0755), 0);
	make("d/a");
	make("d/e/b");
	walk(true, "");
	CHECK_INT(asked, 3);
	make("d/e/no");
	walk(true, "rule");
	approve = true;
	walk(true, "rule");
	CHECK_INT(unlinkat(top_fd, "d/e/no", 0), 0);
	walk(true, "");
	CHECK_INT(asked, 3);
	approve = false;
}

/* The first of the two is asked for, and the other has gone then. */
static void
file_goes(const char *path)
{
	if (strcmp(path, "/to/e/b") == 0)
		CHECK_INT(unlinkat(top_fd, "d/e/c", 0), 0);
	if (strcmp(path, "/to/e/c") == 0)
		CHECK_INT(unlinkat(top_fd, "d/e/b", 0), 0);
}

static void
dir_goes(const char *path)
{
	if (strcmp(path, "/to/e") == 0)
		CHECK_INT(renameat(top_fd, "d/e", top_fd, "e"), 0);
}

static void
dir_is_replaced(const char *path)
{
	if (strcmp(path, "/to/e") != 0)
		return;
	dir_goes(path);
	CHECK_INT(symlinkat("/", top_fd, "d/e"), 0);
}

static void
what_goes(void)
{
	make("d/e/c");
	meanwhile = file_goes;
	walk(false, "rename-unreadable");
	CHECK_INT(unlinkat(top_fd, "d/a", 0), 0);
	meanwhile = dir_goes;
	walk(false, "rename-unreadable");
	CHECK_INT(renameat(top_fd, "e", top_fd, "d/e"), 0);
	(void)unlinkat(top_fd, "d/e/b", 0);
	(void)unlinkat(top_fd, "d/e/c", 0);
	meanwhile = dir_is_replaced;
	walk(false, "rename-unreadable");
	CHECK_INT(unlinkat(top_fd, "d/e", 0), 0);
	CHECK_INT(unlinkat(top_fd, "d", AT_REMOVEDIR), 0);
	walk(false, "rename-unreadable");
}

static void
deep(void)
{
	char name[400] = "d";
	size_t len = 1;
	int i;

	CHECK_INT(mkdirat(top_fd, name, 0755), 0);
	for (i = 0; i < 130; i++) {
		memcpy(name + len, "/x", sizeof("/x"));
		len += 2;
		CHECK_INT(mkdirat(top_fd, name, 0755), 0);
	}
	/* denied, but nothing has gone */
	walk(true, "rename-too-deep");
	for (; i >= 0; i--) {
		CHECK_INT(unlinkat(top_fd, name, AT_REMOVEDIR), 0);
		len -= 2 * (i > 0);
		name[len] = '\0';
	}
}

int
main(void)
{
	if (mkdtemp(top) == NULL ||
	    (top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return 99;
	T_RUN(names);
	T_RUN(what_goes);
	T_RUN(deep);
	(void)unlinkat(top_fd, "e", AT_REMOVEDIR);
	close(top_fd);
	CHECK_INT(rmdir(top), 0);
	return done_testing();
}
