/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of what the kernel knows: what names mean while they come, go and
 * change places; descriptors that are closed past a bound and opened again by a
 * name, never as another object; what ends with the last reference.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../src/fsd/backing.h"
#include "../../src/fsd/handle.h"
#include "t.h"

#define IDLE 8 /* descriptors that nodes may keep */

struct fsd fsd;

/* fixed.c, mounts.c and watch.c have no part in this. */
void
fixed_init(struct node *n, enum view view, const char *path, int fd)
{
	struct statx stx;

	if (backing_stat(fd, &stx) == -1)
		exit(1);
	backing_ident(&n->id, &stx);
	n->view = view;
	n->type = S_IFDIR;
	n->fixed = path;
	n->fd = fd;
	n->holds = 1;
	n->users = 1;
}

void
fixed_ways_init(void)
{
}

void
mounts_init(void)
{
}

void
watch_unlink(struct node *n)
{
	n->wd = 0;
}

void
watch_end(const struct node *n)
{
	(void)n;
}

static void
make(const char *name)
{
	int fd = openat(fsd.work_fd, name, O_CREAT | O_EXCL | O_RDWR, 0644);

	if (fd == -1)
		exit(1);
	close(fd);
}

/* As a lookup does: the node, with one lookup more. */
static struct node *
look(struct node *parent, const char *name)
{
	struct statx stx;
	struct node *n = NULL;
	int fd, pfd = node_use(parent);

	if (pfd == -1)
		return NULL;
	fd = backing_open(pfd, name, &stx);
	if (fd != -1)
		n = node_enter(parent, name, fd, &stx);
	node_done(parent);
	return n;
}

/* The node that a name means, or NULL. */
static struct node *
meant(const char *name)
{
	struct node *n = node_by_name(node_workspace(), name);

	if (n != NULL)
		node_release(n, false);
	return n;
}

static const char *
path_of(struct node *n)
{
	static char path[AGENTSH_PATH_MAX + 1];

	return node_path(n, path) == -1 ? "" : path;
}

static void
moves(void)
{
	struct node *w = node_workspace(), *a, *b;

	make("a");
	make("b");
	a = look(w, "a");
	b = look(w, "b");
	CHECK(a != NULL && b != NULL && a != b);
	CHECK(look(w, "a") == a);
	CHECK_STR(path_of(a), "/w/a");
	name_moved(w, "a", w, "c", false);
	CHECK(meant("a") == NULL && meant("c") == a);
	CHECK_STR(path_of(a), "/w/c");
	name_moved(w, "c", w, "b", true);
	CHECK(meant("b") == a && meant("c") == b);
	CHECK_STR(path_of(b), "/w/c");
	/* what is replaced has its path, and is found by it no more */
	name_moved(w, "b", w, "c", false);
	CHECK(meant("b") == NULL && meant("c") == a);
	CHECK_STR(path_of(b), "/w/c");
	name_add(b, w, "b");
	CHECK(meant("b") == b && !node_has_aliases(b));
	CHECK_STR(path_of(b), "/w/b");
	/* one that is not known takes the place of one that is */
	name_moved(w, "x", w, "b", false);
	CHECK(meant("b") == NULL);
	/* to itself */
	name_moved(w, "c", w, "c", false);
	CHECK(meant("c") == a);
	node_forget(a, 2);
	CHECK(meant("c") == NULL);
	node_forget(b, 1);
	unlinkat(fsd.work_fd, "a", 0);
	unlinkat(fsd.work_fd, "b", 0);
}

static void
aliases(void)
{
	struct node *w = node_workspace(), *n;

	make("one");
	n = look(w, "one");
	name_add(n, w, "two");
	CHECK(node_has_aliases(n));
	CHECK(meant("one") == n && meant("two") == n);
	name_gone(w, "one");
	CHECK(!node_has_aliases(n));
	CHECK_STR(path_of(n), "/w/two");
	name_gone(w, "two");
	name_gone(w, "two");
	CHECK_STR(path_of(n), "/w/two");
	/* who holds it keeps it */
	node_hold(n, false);
	node_forget(n, 1);
	CHECK_STR(path_of(n), "/w/two");
	node_release(n, false);
	unlinkat(fsd.work_fd, "one", 0);
}

static size_t
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	if (d == NULL)
		exit(1);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
descriptors(void)
{
	struct node *w = node_workspace(), *n[4 * IDLE], *gone, *other;
	size_t before = count_fds(), i;
	char name[32];

	make("gone");
	gone = look(w, "gone");
	unlinkat(fsd.work_fd, "gone", 0);
	name_gone(w, "gone");
	for (i = 0; i < 4 * IDLE; i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		make(name);
		n[i] = look(w, name);
		CHECK(n[i] != NULL);
	}
	CHECK(count_fds() - before <= IDLE + 1);
	for (i = 0; i < 4 * IDLE; i++) {
		CHECK(node_use(n[i]) != -1);
		node_done(n[i]);
	}
	/* nothing would open that again */
	CHECK(node_use(gone) != -1);
	node_done(gone);
	/* another object has the name */
	CHECK_INT(n[0]->fd, -1);
	unlinkat(fsd.work_fd, "f0", 0);
	CHECK(node_use(n[0]) == -1 && errno == ESTALE);
	make("f0");
	CHECK(node_use(n[0]) == -1 && errno == ESTALE);
	other = look(w, "f0");
	CHECK(other != n[0] && meant("f0") == other);
	node_forget(other, 1);
	node_forget(gone, 1);
	for (i = 0; i < 4 * IDLE; i++)
		node_forget(n[i], 1);
	CHECK_INT(count_fds(), before);
}

/* By directories that have lost theirs, too. */
static void
deep(void)
{
	struct node *w = node_workspace(), *d, *e, *f, *n[2 * IDLE];
	char name[32];
	size_t i;

	if (mkdirat(fsd.work_fd, "d", 0755) == -1 ||
	    mkdirat(fsd.work_fd, "d/e", 0755) == -1)
		exit(1);
	make("d/e/f");
	d = look(w, "d");
	e = look(d, "e");
	f = look(e, "f");
	for (i = 0; i < 2 * IDLE; i++) {
		snprintf(name, sizeof(name), "g%zu", i);
		make(name);
		n[i] = look(w, name);
	}
	CHECK(d->fd == -1 && e->fd == -1 && f->fd == -1);
	CHECK_STR(path_of(f), "/w/d/e/f");
	CHECK(node_is_beneath(f, d) && !node_is_beneath(d, f));
	/* the kernel may forget them while something beneath is known */
	node_forget(d, 1);
	node_forget(e, 1);
	CHECK(node_use(f) != -1);
	node_done(f);
	node_forget(f, 1);
	CHECK(meant("d") == NULL);
	for (i = 0; i < 2 * IDLE; i++)
		node_forget(n[i], 1);
}

static void
bound(void)
{
	struct node *w = node_workspace(), *n[IDLE + IDLE / 4];
	char name[32];
	size_t i;

	/* in use they cannot be closed */
	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		snprintf(name, sizeof(name), "h%zu", i);
		make(name);
		n[i] = look(w, name);
		CHECK(n[i] != NULL && node_use(n[i]) != -1);
	}
	make("more");
	CHECK(look(w, "more") == NULL && errno == EMFILE);
	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		node_done(n[i]);
	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		node_forget(n[i], 1);
	w = look(w, "more");
	CHECK(w != NULL);
	node_forget(w, 1);
}

static void
empty(int at)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	struct dirent *de;

	if (d == NULL)
		exit(1);
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' ||
		    unlinkat(dirfd(d), de->d_name, 0) == 0)
			continue;
		fd = openat(dirfd(d), de->d_name, O_RDONLY | O_CLOEXEC);
		empty(fd);
		close(fd);
		(void)unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

int
main(void)
{
	char dir[] = "/tmp/t_graph.XXXXXX";

	if (mkdtemp(dir) == NULL)
		return 1;
	fsd.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fsd.work_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fsd.self_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fsd.root_fd == -1 || fsd.work_fd == -1 || fsd.self_fd == -1)
		return 1;
	memcpy(fsd.mount, "/w", sizeof("/w"));
	backing_init();
	node_init(IDLE);
	T_RUN(moves);
	T_RUN(aliases);
	T_RUN(descriptors);
	T_RUN(deep);
	T_RUN(bound);
	empty(fsd.work_fd);
	return rmdir(dir) == -1 ? 1 : done_testing();
}
