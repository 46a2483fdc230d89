/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a process of the session. What it says of itself is not believed:
 * numbers and parents come from /proc, words from its memory, with bounds, and
 * whoever uses them asks the kernel afterwards whether the process is still
 * the one that asked.
 */
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "target.h"

#define TARGET_PAGE 4096 /* or a multiple: no read crosses one */

/* Fields of proc_pid_stat(5), counted from the state, which is the third. */
enum {
	STAT_PPID = 1,
	STAT_START_CODE = 23,
	STAT_START_STACK = 25,
	STAT_START_BRK = 44,
	STAT_ARG_START = 45,
	STAT_ARG_END = 46,
	STAT_FIELDS
};

static ssize_t
read_file(int dir_fd, const char *name, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	return n;
}

int
target_imprint(int dir_fd, struct imprint *im, pid_t *ppid)
{
	uint64_t field[STAT_FIELDS] = { 0 };
	char buf[2048];
	char *s;
	size_t i;

	if (read_file(dir_fd, "stat", buf, sizeof(buf)) == -1)
		return -1;
	/* the name may hold anything, but ends with the last parenthesis */
	s = strrchr(buf, ')');
	if (s == NULL || s[1] != ' ' || s[2] == '\0')
		return -1;
	s += 3; /* behind the state */
	for (i = 1; i < STAT_FIELDS; i++) {
		if (*s != ' ')
			return -1;
		errno = 0;
		field[i] = strtoull(s + 1, &s, 10);
		if (errno != 0)
			return -1;
	}
	im->word[0] = field[STAT_START_CODE];
	im->word[1] = field[STAT_START_STACK];
	im->word[2] = field[STAT_START_BRK];
	im->word[3] = field[STAT_ARG_START];
	im->word[4] = field[STAT_ARG_END];
	/* zero or one is what the kernel writes for those who may not see it */
	if (im->word[0] <= 1 || im->word[3] == 0)
		return -1;
	*ppid = (pid_t)field[STAT_PPID];
	return 0;
}

/* The number after a title: the last of the line. 0: there is none. */
static uint32_t
last_number(const char *buf, const char *title)
{
	const char *s = strstr(buf, title);
	unsigned long n = 0;
	char *end;

	if (s == NULL)
		return 0;
	for (s += strlen(title); *s == '\t' || *s == ' '; s = end) {
		n = strtoul(s, &end, 10);
		if (end == s)
			break;
	}
	return (uint32_t)n;
}

static uint32_t
inner_number(pid_t pid)
{
	char name[32], buf[4096];

	snprintf(name, sizeof(name), "%d/status", (int)pid);
	if (read_file(execd.proc_fd, name, buf, sizeof(buf)) == -1)
		return 0;
	return last_number(buf, "\nNStgid:");
}

int
target_open(struct target *t, pid_t tid)
{
	char name[16], buf[4096];

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	snprintf(name, sizeof(name), "%d", (int)tid);
	t->dir_fd = openat(execd.proc_fd, name,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->dir_fd == -1 ||
	    target_imprint(t->dir_fd, &t->imprint, &t->ppid) == -1 ||
	    read_file(t->dir_fd, "status", buf, sizeof(buf)) == -1)
		return -1;
	/* a newline in the name is shown as \n, proc_pid_status(5) */
	t->tgid = (pid_t)last_number(buf, "\nTgid:");
	t->inner_tid = last_number(buf, "\nNSpid:");
	t->inner_tgid = last_number(buf, "\nNStgid:");
	if (t->tgid <= 1 || t->inner_tgid == 0 || t->inner_tid == 0)
		return -1;
	t->inner_ppid = inner_number(t->ppid);
	return 0;
}

int
target_word(int dir_fd, const char *title, int base, uint64_t *n)
{
	char buf[4096];
	const char *s;

	if (read_file(dir_fd, "status", buf, sizeof(buf)) == -1)
		return -1;
	s = strstr(buf, title);
	if (s == NULL)
		return -1;
	*n = strtoull(s + strlen(title), NULL, base);
	return 0;
}

void
target_close(struct target *t)
{
	if (t->dir_fd != -1)
		close(t->dir_fd);
	t->dir_fd = -1;
}

/* What is there of size bytes: 0 is not possible, -1 with errno. */
static ssize_t
read_memory(const struct target *t, uint64_t addr, void *dst, size_t size)
{
	struct iovec to = { .iov_base = dst, .iov_len = size };
	struct iovec from = { .iov_base = (void *)(uintptr_t)addr,
		.iov_len = size };
	ssize_t n;

	n = process_vm_readv(t->tid, &to, 1, &from, 1, 0);
	if (n == 0) {
		errno = EFAULT;
		return -1;
	}
	return n;
}

int
target_read(const struct target *t, uint64_t addr, void *dst, size_t size)
{
	ssize_t n;

	if (size == 0)
		return 0;
	n = read_memory(t, addr, dst, size);
	if (n == -1)
		return errno;
	return (size_t)n == size ? 0 : EFAULT;
}

/* Nothing that agentshd starts may call process_vm_writev(2). */
int
target_write(const struct target *t, uint64_t addr, const void *src,
    size_t size)
{
	int fd = openat(t->dir_fd, "mem", O_WRONLY | O_CLOEXEC), err = 0;

	if (fd == -1)
		return errno;
	if (lseek(fd, (off_t)addr, SEEK_SET) == -1 ||
	    write(fd, src, size) != (ssize_t)size)
		err = EFAULT;
	close(fd);
	return err;
}

int
target_string(const struct target *t, uint64_t addr, char *dst, size_t size)
{
	size_t len = 0, want;
	ssize_t n;

	while (len < size) {
		want = TARGET_PAGE - (size_t)((addr + len) % TARGET_PAGE);
		if (want > size - len)
			want = size - len;
		n = read_memory(t, addr + len, dst + len, want);
		if (n == -1)
			return errno;
		if (memchr(dst + len, '\0', (size_t)n) != NULL)
			return 0;
		len += (size_t)n;
	}
	return ENAMETOOLONG;
}

#define POINTERS_FIRST 32 /* as much as most have */

/* The pointers up to the NULL, their number in *n; *p is to be freed. 0, E2BIG
 * or another errno. */
static int
read_pointers(const struct target *t, uint64_t addr, uint64_t **p, size_t *n)
{
	size_t have = 0, want = POINTERS_FIRST;
	uint64_t *more;
	ssize_t got;

	for (*n = 0; have <= TARGET_ARGC_MAX;) {
		more = reallocarray(*p, have + want, sizeof(**p));
		if (more == NULL)
			return ENOMEM;
		*p = more;
		got = read_memory(t, addr + have * sizeof(**p), *p + have,
		    want * sizeof(**p));
		if (got == -1)
			return errno;
		if ((size_t)got < sizeof(**p))
			return EFAULT;
		have += (size_t)got / sizeof(**p);
		for (; *n < have; (*n)++) {
			if ((*p)[*n] == 0)
				return 0;
		}
		want = TARGET_ARGC_MAX + 1 - have;
	}
	return E2BIG;
}

/* The strings at these addresses, as many as fit. */
static int
read_words(const struct target *t, const uint64_t *p, size_t n,
    size_t max_bytes, struct words *w)
{
	int err = 0;

	while (w->n < n) {
		err = target_string(t, p[w->n], w->bytes + w->len,
		    max_bytes - w->len);
		if (err != 0)
			return err == ENAMETOOLONG ? E2BIG : err;
		w->v[w->n++] = w->bytes + w->len;
		w->len += strlen(w->bytes + w->len) + 1;
	}
	return 0;
}

int
target_argv(const struct target *t, uint64_t addr, size_t max_words,
    size_t max_bytes, struct words *w)
{
	uint64_t *p = NULL;
	size_t n = 0;
	int err = 0, err_words;

	memset(w, 0, sizeof(*w));
	if (addr != 0)
		err = read_pointers(t, addr, &p, &n);
	if (err != 0 && err != E2BIG) {
		free(p);
		return err;
	}
	if (n > max_words) {
		n = max_words;
		err = E2BIG;
	}
	w->v = calloc(n + 2, sizeof(*w->v));
	w->bytes = calloc(1, max_bytes);
	if (w->v == NULL || w->bytes == NULL) {
		free(p);
		return ENOMEM;
	}
	err_words = read_words(t, p, n, max_bytes, w);
	free(p);
	if (w->n == 0 && err_words == 0) {
		w->v[w->n++] = w->bytes; /* one empty word */
		w->len = 1;
	}
	return err_words != 0 ? err_words : err;
}

int
words_copy(struct words *w, const char *const *v, size_t n)
{
	size_t i, len;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < n; i++)
		w->len += strlen(v[i]) + 1;
	w->v = calloc(n + 1, sizeof(*w->v));
	w->bytes = malloc(w->len + 1);
	if (w->v == NULL || w->bytes == NULL) {
		words_free(w);
		return -1;
	}
	for (w->len = 0; w->n < n; w->n++) {
		len = strlen(v[w->n]) + 1;
		memcpy(w->bytes + w->len, v[w->n], len);
		w->v[w->n] = w->bytes + w->len;
		w->len += len;
	}
	return 0;
}

void
words_free(struct words *w)
{
	free(w->bytes);
	free(w->v);
	memset(w, 0, sizeof(*w));
}
