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

ssize_t
target_text(int dir_fd, const char *name, char *buf, size_t size)
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

	if (target_text(dir_fd, "stat", buf, sizeof(buf)) == -1)
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
	im->word[IMPRINT_ARGS] = field[STAT_ARG_START];
	im->word[IMPRINT_ARGS_END] = field[STAT_ARG_END];
	/* zero or one is what the kernel writes for those who may not see it */
	if (im->word[0] <= 1 || im->word[IMPRINT_ARGS] == 0)
		return -1;
	*ppid = (pid_t)field[STAT_PPID];
	return 0;
}

int
target_open(struct target *t, pid_t tid)
{
	char name[16];

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	snprintf(name, sizeof(name), "%d", (int)tid);
	t->dir_fd = openat(execd.proc_fd, name,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* the imprint last: whose that is has had the number until then */
	if (t->dir_fd == -1 || number_of_target(t) == -1 ||
	    target_imprint(t->dir_fd, &t->imprint, &t->ppid) == -1)
		return -1;
	t->inner_ppid = number_inner(t->ppid);
	return 0;
}

int
target_word(int dir_fd, const char *title, int base, uint64_t *n)
{
	char buf[4096];
	const char *s;

	if (target_text(dir_fd, "status", buf, sizeof(buf)) == -1)
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
#define WORDS_FIRST 1024  /* bytes */

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

/* Of its memory, what was read last: words mostly follow each other there. */
struct piece {
	uint64_t addr;
	size_t len;
	char bytes[TARGET_PAGE];
};

/* Room for n bytes more; *room is what bytes has. 0 or -1. */
static int
words_grow(struct words *w, size_t *room, size_t n)
{
	size_t want = *room;
	char *bytes;

	while (want - w->len < n)
		want = want == 0 ? WORDS_FIRST : 2 * want;
	if (want == *room)
		return 0;
	bytes = realloc(w->bytes, want);
	if (bytes == NULL)
		return -1;
	w->bytes = bytes;
	*room = want;
	return 0;
}

/* Appends the string at this address. 0 or an errno; then nothing is appended
 * as far as w->len says. */
static int
read_word(const struct target *t, uint64_t addr, struct piece *p,
    size_t max_bytes, size_t *room, struct words *w)
{
	size_t start = w->len, at, n;
	const char *end = NULL;
	ssize_t got;

	while (end == NULL) {
		if (addr < p->addr || addr - p->addr >= p->len) {
			n = TARGET_PAGE - (size_t)(addr % TARGET_PAGE);
			p->addr = addr;
			p->len = 0;
			got = read_memory(t, addr, p->bytes, n);
			if (got == -1) {
				w->len = start;
				return errno;
			}
			p->len = (size_t)got;
		}
		at = (size_t)(addr - p->addr);
		end = memchr(p->bytes + at, '\0', p->len - at);
		n = end != NULL ? (size_t)(end - p->bytes) + 1 - at :
				  p->len - at;
		if (n > max_bytes - w->len) {
			w->len = start;
			return E2BIG;
		}
		if (words_grow(w, room, n) == -1) {
			w->len = start;
			return ENOMEM;
		}
		memcpy(w->bytes + w->len, p->bytes + at, n);
		w->len += n;
		addr += n;
	}
	return 0;
}

/* The strings at these addresses, as many as fit. */
static int
read_words(const struct target *t, const uint64_t *addr, size_t n,
    size_t max_bytes, struct words *w)
{
	struct piece p = { .len = 0 };
	size_t room = 0, i;
	char *s;
	int err = 0;

	for (i = 0; err == 0 && i < n; i++) {
		err = read_word(t, addr[i], &p, max_bytes, &room, w);
		w->n += err == 0;
	}
	for (i = 0, s = w->bytes; i < w->n; i++, s += strlen(s) + 1)
		w->v[i] = s;
	return err;
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
	if (w->v == NULL) {
		free(p);
		return ENOMEM;
	}
	err_words = read_words(t, p, n, max_bytes, w);
	free(p);
	if (w->n == 0 && err_words == 0) {
		w->bytes = calloc(1, 1);
		if (w->bytes == NULL)
			return ENOMEM;
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
