/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the session that wants to execute something, read from outside:
 * its memory, its /proc directory, the files it names. All of it is hostile.
 */
#ifndef TARGET_H
#define TARGET_H

#include <sys/stat.h>
#include <sys/types.h>

#include "agentsh.h"

/* What xargs(1) and linkers make by default is below. */
#define TARGET_ARGC_MAX 65536

/*
 * Where the kernel put the parts of a program when it was executed, at random;
 * a fork inherits it, and nothing but an exec changes it (the commands' filter
 * refuses PR_SET_MM). Two processes with the same came of one exec.
 */
struct imprint {
	uint64_t word[5];
};
/* of which these are addresses of its words, and behind them */
#define IMPRINT_ARGS 3
#define IMPRINT_ARGS_END 4

struct target {
	pid_t tid; /* by the host's numbers */
	pid_t tgid;
	pid_t ppid;
	uint32_t inner_tid; /* by the session's */
	uint32_t inner_tgid;
	uint32_t inner_ppid; /* 0: not a process of the session */
	int dir_fd;	     /* /proc/TID, O_PATH: dies with the process */
	struct imprint imprint;
};

/* Strings that follow each other, each with its NUL, as the kernel lays them
 * out for a new program. */
struct words {
	char *bytes;
	size_t len;
	const char **v; /* ends with NULL; into bytes */
	size_t n;
};

/* An executable file as the target names it. */
struct file {
	int fd; /* O_PATH, or -1 */
	struct stat st;
	bool nameless; /* no name in the session's tree leads to it */
	char name[AGENTSH_PATH_MAX + 1]; /* absolute, without symbolic links */
	/* "", or the first name on the way to it that the system gave it, where
	 * a link led there that somebody else may have made */
	char own[AGENTSH_PATH_MAX + 1];
};

/* target.c */
/* 0, or -1: it is gone, or cannot be looked at. target_close() is due. */
int target_open(struct target *, pid_t tid);
void target_close(struct target *);
/* A file of a directory in /proc, with a NUL: its length, or -1. */
ssize_t target_text(int dir_fd, const char *name, char *buf, size_t size);
/* The number behind a title, with its newline, in a process's status, by its
 * directory in /proc. 0 or -1. */
int target_word(int dir_fd, const char *title, int base, uint64_t *);
/* Of the process with this directory in /proc. 0 or -1. */
int target_imprint(int dir_fd, struct imprint *, pid_t *ppid);
/* A string of its memory, terminated: 0, or an errno. */
int target_string(const struct target *, uint64_t addr, char *dst, size_t size);
/* size bytes of its memory: 0, or an errno. */
int target_read(const struct target *, uint64_t addr, void *dst, size_t size);
/* Into its memory: 0, or an errno. */
int target_write(const struct target *, uint64_t addr, const void *src,
    size_t size);
/* The words of its argv: 0, E2BIG over a limit, with the words up to there, or
 * another errno. At most TARGET_ARGC_MAX words, and some bytes. NULL is one empty
 * word, as the kernel has it. */
int target_argv(const struct target *, uint64_t addr, size_t max_words,
    size_t max_bytes, struct words *);
void words_free(struct words *);
/* A copy of n strings. 0 or -1. */
int words_copy(struct words *, const char *const *v, size_t n);

/* number.c */
/* init is there. Before the first question of the filter. */
void number_init(void);
/* From its tid and directory: the other numbers, but for the parent's. 0 or -1. */
int number_of_target(struct target *);
/* In the session, of a process that is its group's first thread; 0: none. */
uint32_t number_inner(pid_t);

/* resolve.c */
/*
 * What execveat(dirfd, path, flags) of the target would open: 0, or the errno
 * that it would fail with. file->fd is to be closed.
 */
int file_resolve(const struct target *, int dirfd, const char *path, int flags,
    struct file *);
/* What its call opens by that path, of whatever kind: 0, or an errno. Without
 * file->own. */
int file_find(const struct target *, const char *path, struct file *);
/* The first bytes: their number, or -1 with errno; 0 for a file that is known
 * to be no script. */
ssize_t file_head(const struct file *, char *buf, size_t size);
/* path as the target means it: absolute, "." and ".." resolved as text; path
 * itself where that fails. */
void file_spell(const struct target *, int dirfd, const char *path, char *dst,
    size_t size);
void file_close(struct file *);

/* ownlink.c */
/* The path of an open directory. 0, or -1: it has none. */
int file_dir(int fd, char *dst, size_t size);
/* Is a directory one in which the system gives names to programs, and nobody in a
 * session can? */
bool dir_is_systems(int dir_fd, struct stat *);
/* Is a symbolic link in this directory one that the system has made, and nobody
 * in a session can? */
bool link_is_systems(int dir_fd, int link_fd);

#endif
