/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of matrix.c have in common.
 */
#ifndef MATRIX_H
#define MATRIX_H

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Something that a path can lead to. */
struct object {
	const char *name;
	/* Words that make it: f:NAME:MODE a file, d:NAME:MODE a directory,
	 * l:NAME:TARGET, h:NAME:OLD a hard link, p:NAME a FIFO, s:NAME a
	 * socket; '@' stands for a prefix. */
	const char *make;
	/* The path to it, '@' as above; '#N' is a name of N bytes, '~N' a path
	 * of N bytes. */
	const char *path;
	bool pairs; /* also one of two */
};

extern const struct object objects[];
extern const size_t nobjects;

#define CASE_PATH 5000

/* Makes the object below the directory; path is what leads to it from here. */
void object_make(const struct object *, const char *dir, char prefix,
    char path[CASE_PATH]);

/* Begins a case: an empty directory to work in. */
void case_begin(void);
/* Prints what came of it, and the directory; ends the case. */
void case_end(const char *family, const char *what, long value, int error);

void family_path(void);
void family_pair(void);
void family_fd(void);
/* Objects of somebody else, made by the caller of the program beneath "of". */
void family_others(void);

#endif
