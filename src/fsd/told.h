/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has been told of a file.
 */
#ifndef FSD_TOLD_H
#define FSD_TOLD_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

/* All 0: nothing. Times are of clock_ms(). */
struct told {
	bool any;
	bool wrote;	  /* since then, by the kernel's own request */
	uint32_t tid;	  /* of the last request, 0: nobody's */
	uint64_t at;	  /* of that */
	uint64_t unclear; /* until then nobody can say which answer came last */
	struct stat st;
};

/* A request of that thread is about to be answered with these attributes. */
void told_answer(struct told *, uint32_t tid, uint64_t now,
    const struct stat *);
/* A request of that thread has written. */
void told_write(struct told *, uint32_t tid, uint64_t now);
/* Does the kernel know that the file looks so, or that it has to ask? st NULL: as
 * far as writing can change it. */
bool told_holds(const struct told *, uint64_t now, const struct stat *st);

#endif
