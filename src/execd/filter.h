/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter that all processes of a session are under.
 */
#ifndef FILTER_H
#define FILTER_H

#include <linux/filter.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

/* Of on_block and block_unknown: is execd asked, which refuses and records? */
static inline bool
filter_is_recorded(uint64_t on_block)
{
	return on_block == ON_BLOCK_LOG || on_block == ON_BLOCK_LOG_AND_KILL;
}

#define FRONT_MAX 768 /* instructions in front of libseccomp's */

/* Which calls wait for an answer of execd's. */
enum filter_gate {
	FILTER_ALWAYS,
	FILTER_SOCKETS, /* where there are rules for sockets */
	FILTER_SENDMSG, /* where some of those restrict sendto */
	FILTER_SIGNALS, /* where there are rules for signals */
	FILTER_GUARD,	/* else, of those that end or stop a process of ours,
			 * where the kernel lets commands send them */
	FILTER_PTRACE, /* where processes may trace their descendants: what they
			 * then do is not asked about */
	FILTER_GATES
};

struct front {
	struct sock_filter insn[FRONT_MAX];
	size_t n;
	bool full;		   /* it did not fit, or a jump was too long */
	size_t gate[FILTER_GATES]; /* where its jump is */
};

/* filter.c */
/* A memfd with the commands' seccomp program, or -1; the number of its
 * instructions in *len. Who knows the secret sends signals without a
 * question. */
int filter_make(const struct conf *, const uint64_t secret[2], size_t *len);
/* In the program that was made last: the calls behind that gate are asked
 * about. 0 or -1. */
int filter_open_gate(int fd, enum filter_gate);
/* It is complete: nobody can change it any more. 0 or -1. */
int filter_seal(int fd);
/* The errno of a call that is refused whatever its arguments, or 0. */
int filter_error(const char *call);

/* front.c */
/* Everything in front of libseccomp's part. 0 or -1. */
int front_make(struct front *, const struct conf *, const uint64_t secret[2]);

#endif
