/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flat form of a compiled policy: what policyd writes and image.c reads.
 * Offsets are from the start of the image, in bytes, aligned to the type they
 * point to. The same policy and variables always give the same bytes.
 */
#ifndef IMAGEFMT_H
#define IMAGEFMT_H

#include "agentsh.h"

#define IMG_MAGIC "AGSHPOL1"
#define IMG_VERSION 1
#define IMG_MAX_SIZE 67108864 /* bytes */
#define IMG_MAX_RULES 4096    /* of one family */
#define IMG_MAX_STATES 20000  /* of an automaton; more: IMG_NFA */
#define IMG_MAX_WORDS 512     /* 64-bit words of a set of positions */
#define IMG_NONE 0xffff	      /* no rule */
#define IMG_COMMAND_OPS 1     /* commands know one operation: to be run */

enum img_kind {
	IMG_DFA,
	IMG_NFA,
	IMG_KIND_MAX
};

enum {
	IMG_AUTO_FILE, /* whole paths */
	IMG_AUTO_BASE, /* last parts of commands */
	IMG_AUTO_PATH, /* commands with a slash */
	IMG_AUTO_MAX
};

struct img_rule {
	uint32_t decision;
	uint32_t name;	  /* string: u32 length, bytes, NUL */
	uint32_t message; /* string */
	uint32_t zero;
};

/* A position of the NFA in which a pattern has matched. */
struct img_final {
	uint32_t bit;
	uint32_t rule;
	uint32_t ops; /* mask */
	uint32_t zero;
};

/*
 * DFA: next = trans[state * nclasses + classes[byte]]; the rule for an
 * operation is rows[accept[state] * nops + op].
 * NFA, S a set of positions in a row: next = ((S & step[class]) << 1) |
 * (S & loop[class]), then S |= (S & skip) << 1; the rule is that of the first
 * final whose bit is in S and whose mask has the operation.
 */
struct img_auto {
	uint32_t kind;
	uint32_t nops;
	uint32_t nclasses;
	uint32_t classes; /* u8[256] */
	/* DFA */
	uint32_t nstates;
	uint32_t start;
	uint32_t trans;	 /* u16[nstates][nclasses] */
	uint32_t accept; /* u16[nstates] */
	uint32_t nrows;
	uint32_t rows; /* u16[nrows][nops] */
	/* NFA */
	uint32_t nwords;
	uint32_t begin; /* u64[nwords] */
	uint32_t step;	/* u64[nclasses][nwords] */
	uint32_t loop;	/* u64[nclasses][nwords] */
	uint32_t skip;	/* u64[nwords] */
	uint32_t nfinal;
	uint32_t final; /* struct img_final[nfinal], in the order of rules */
	/* where rule `catchall` is the first, rule `loader` wins if it matches */
	uint32_t catchall;
	uint32_t loader;
	uint32_t zero;
};

struct img_family {
	uint32_t nrules;
	uint32_t rules; /* struct img_rule[nrules] */
};

struct img_head {
	uint8_t magic[8];
	uint32_t version;
	uint32_t size; /* of the whole */
	uint32_t name; /* string */
	uint32_t zero;
	struct img_family file;
	struct img_family command;
	struct img_auto automaton[IMG_AUTO_MAX];
};

#endif
