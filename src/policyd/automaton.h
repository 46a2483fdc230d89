/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From globs to automata. A glob is a row of elements; the rows of one
 * automaton are put together into a graph (nfa.c), the sets of its nodes that
 * can occur become states (dfa.c), and what would need too many states is
 * stepped through as bit sets (bits.c). emit.c writes both into the image.
 */
#ifndef AUTOMATON_H
#define AUTOMATON_H

#include "buf.h"
#include "policy.h"

/* Bytes that an element can be. */
struct byteset {
	uint64_t w[4];
};

/* An element: the number of its set, times two; odd: any number of them. */
#define ELEM_LOOP 1U
#define ELEM_MAX_SETS 16384

/* One glob without alternatives. */
struct pattern {
	uint32_t first; /* of its elements */
	uint32_t n;
	uint32_t rule;
	uint32_t ops;
	bool sure;    /* when it matches, so does the rule */
	uint8_t part; /* the DFA it is in, or PART_HARD */
};

#define PART_HITS 2 /* ends in **, which is left out: see struct img_dfa */
#define PART_HARD 3 /* stepped through as bit sets */

/* All patterns of one automaton, in the order of their rules. */
struct globs {
	uint16_t *code; /* elements */
	size_t ncodes;
	size_t cap;
	struct pattern *pattern;
	size_t npatterns;
	size_t pcap;
	struct byteset *set;
	size_t nsets;
	size_t scap;
	uint16_t *slot; /* set + 1, or 0 */
	size_t nslots;
	uint32_t nops;
	bool lists;	   /* all rules that match, not the first */
	uint32_t catchall; /* see struct img_auto */
	uint32_t loader;
	/* made by globs_classify */
	uint8_t classes[256];
	uint32_t nclasses;
	uint8_t opclass[32];
	uint32_t nopclasses;
	uint8_t *member;    /* classes of set i: from memberat[i] */
	uint32_t *memberat; /* nsets + 1 */
};

struct glob_owner {
	uint32_t rule;
	uint32_t ops;
	bool sure;
};

/* glob.c */
int glob_add(struct globs *, const char *text, enum glob_kind,
    const struct glob_owner *, const char **what);

/* within.c: of what a glob of paths matches, dir and what is beneath it. */
int glob_add_within(struct globs *, const char *text, const char *dir,
    const struct glob_owner *, const char **what);

/* globs.c; 0, or -1 with *what set (static). */
void globs_init(struct globs *, uint32_t nops, bool lists);
void globs_free(struct globs *);
/* Appends an element to the pattern whose elements begin at base. */
int globs_elem(struct globs *, size_t base, bool loop, const struct byteset *,
    const char **what);
/* The elements from base on become a pattern. */
int globs_pattern(struct globs *, size_t base, const struct glob_owner *,
    const char **what);
/* Bytes, and operations, that no pattern tells apart. */
int globs_classify(struct globs *);
bool byteset_is_all(const struct byteset *);

/* A growing array: room for need more than n. */
int grow(void *array, size_t *cap, size_t need, size_t size);

/* What a node says when the subject ends there. */
struct answer {
	uint32_t rule;
	uint32_t ops; /* classes of operations */
	uint32_t sure;
};

struct edge {
	uint32_t to;
	uint32_t code; /* a loop: to is where one is without a byte */
};

/* Nodes that have the same to come are one. */
struct node {
	uint32_t edge; /* first; the last is before the next node's first */
	uint32_t answers;
	uint32_t first_prio; /* of all answers that can follow */
	uint32_t ops;	     /* of all these */
	uint16_t loop;	     /* number of the set that stays, or NODE_STEP */
	bool wide;	     /* goes on with many classes of bytes */
	bool sticky;	     /* stays for ever, and matches */
	bool last;	     /* stays for ever, and nothing follows */
};

#define NODE_STEP 0xffff

struct nfa {
	const struct globs *globs;
	struct node *node; /* one more, for its edge */
	size_t n;
	size_t cap;
	struct edge *edge;
	size_t nedges;
	size_t ecap;
	struct answer *answer;
	uint32_t *answerat; /* of list i: from answerat[i] */
	size_t nanswers;
	uint32_t root;
};

/* nfa.c, of the patterns of one part: 0, or -1: no memory. */
int nfa_build(struct nfa *, const struct globs *, unsigned part);
void nfa_free(struct nfa *);
/* Lower is looked at first. */
uint32_t rule_prio(const struct globs *, uint32_t rule);

/*
 * A state is the number of a row, or DFA_SPARSE and the number of a list: what
 * the list has not is in the row it names.
 */
#define DFA_SPARSE 0x80000000U

struct dfa_edge {
	uint32_t to;
	uint32_t class;
};

struct dfa_sparse {
	uint32_t row;
	uint32_t accept;
	uint32_t edge; /* first */
};

struct dfa {
	bool hits; /* of PART_HITS */
	uint32_t nclasses;
	uint32_t start;
	uint32_t *row; /* nrows * nclasses */
	uint32_t *row_accept;
	bool *row_last; /* never left */
	size_t nrows;
	struct dfa_sparse *sparse; /* one more, for its edge */
	size_t nsparse;
	struct dfa_edge *edge;
	size_t nedges;
	uint32_t *accept; /* naccept * nopclasses: see struct img_auto */
	size_t naccept;
	uint32_t *list; /* of rules; number i from listat[i] on */
	uint32_t *listat;
	size_t nlists;
};

struct dfa_limits {
	size_t cells; /* of all rows */
	size_t sparse;
};

/* dfa.c: 0, 1: more than the limits, -1: no memory. */
int dfa_build(struct dfa *, const struct nfa *, const struct dfa_limits *);
void dfa_free(struct dfa *);
uint32_t dfa_next(const struct dfa *, uint32_t state, uint32_t class);
/* The row of answers of a state. */
const uint32_t *dfa_answer(const struct dfa *, uint32_t nopclasses,
    uint32_t state);

/* accept.c: rows of answers, each once. */
struct accepts {
	struct dfa *dfa;
	const struct nfa *nfa;
	size_t cap;
	size_t lcap;
	size_t latcap;
	uint32_t *slot;
	size_t nslots;
	uint32_t *lslot;
	size_t nlslots;
	uint32_t *rule; /* work space */
	size_t rcap;
};

int accepts_init(struct accepts *, struct dfa *, const struct nfa *);
void accepts_free(struct accepts *);
/* The number of the row for these nodes, in two lists. */
int accepts_find(struct accepts *, const uint32_t *a, size_t na,
    const uint32_t *b, size_t nb, uint32_t *number);
uint32_t hash_words(const uint32_t *, size_t n);

/* bits.c: the patterns that are hard, as bit sets. */
struct bits {
	size_t n;
	size_t nwords;
	uint64_t *begin;
	uint64_t *step; /* nclasses * nwords */
	uint64_t *loop;
	uint64_t *skip;
	struct img_final *final;
	size_t nfinal;
};

/* 0; -1 with *what set. */
int bits_build(struct bits *, const struct globs *, const char **what);
void bits_free(struct bits *);

/* auto.c: one automaton, of DFA, bit sets or both. */
struct automaton {
	struct globs globs;
	struct dfa dfa[IMG_MAX_DFAS];
	size_t ndfas;
	unsigned least; /* what is so hard is not in a DFA */
	struct bits bits;
	bool has_bits;
};

/* What policies cannot ask for, but tests. */
enum auto_force {
	AUTO_BEST,
	AUTO_BITS,  /* no DFA */
	AUTO_TWO,   /* two DFA */
	AUTO_MIXED, /* all of them */
	AUTO_TIGHT, /* the best within very low limits */
	AUTO_FORCE_MAX
};

extern enum auto_force auto_force;

/* The patterns are in a->globs. 0, or -1 with *what set. */
int auto_build(struct automaton *, const char **what);
/* Does its answer depend on more than the last state? */
bool auto_has_hits(const struct automaton *);
void auto_free(struct automaton *);

/* emit.c */
/* 0, or -1: no memory. */
int emit_auto(struct buf *, const struct automaton *, struct img_auto *);
/* Where the next thing goes: the end, padded to a multiple of 8. */
uint32_t emit_begin(struct buf *);
uint32_t emit_bytes(struct buf *, const void *, size_t n, size_t size);

/* mountplan.c */
void plan_build(struct plan *, const struct policy *, const struct automaton *,
    const char *workspace, bool native);

/* Why a directory of sysdir.def is mounted as it is. */
enum plan_why {
	PLAN_WHY_CONSTANT,  /* native: by rules; hidden: by rule */
	PLAN_WHY_WORKSPACE, /* in it, or on the way to it */
	PLAN_WHY_DIFFERS,   /* op of path, decided by rule, does not fit */
	PLAN_WHY_LOG,	    /* rule wants each open told */
	PLAN_WHY_SOCKETS,   /* reads pass, but no mount keeps from sockets */
	PLAN_WHY_SCOPE,	    /* native mounts are not wanted */
	PLAN_WHY_UNPROVEN   /* the rules are too many to prove anything of */
};

#define PLAN_RULES 8

struct plan_reason {
	const char *dir;
	enum plan_why why;
	enum file_op op;
	uint32_t rule;		    /* as the image numbers it, or IMG_NONE */
	uint32_t rules[PLAN_RULES]; /* that allow reads, up to so many */
	size_t nrules;
	char path[512]; /* "": too long to tell */
};

/* Tells of each row that plan_build() would think about. 0, or -1: no memory. */
int plan_explain(const struct policy *, const struct automaton *,
    const char *workspace, bool native,
    void (*tell)(void *arg, enum mount_kind, const struct plan_reason *),
    void *arg);

#endif
