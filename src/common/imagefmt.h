/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flat form of a compiled policy: what policyd writes and image*.c read.
 * Offsets are from the start of the image, in bytes, aligned to the type they
 * point to. The same policy and variables always give the same bytes. All is
 * flat and each step over it is bounded, so that it can be walked from BPF.
 */
#ifndef IMAGEFMT_H
#define IMAGEFMT_H

#include "agentsh.h"

#define IMG_MAGIC "AGSHPOL1"
#define IMG_VERSION 6
#define IMG_MAX_SIZE 67108864 /* bytes */
#define IMG_MAX_PIDS 4194304  /* of pids_max */
#define IMG_MAX_MBPS 1000000  /* of net_bandwidth_mbps */
#define IMG_MAX_RULES 16384   /* of one family, without the built-in ones */
#define IMG_MAX_PROTECTED 128 /* rows of the protected set */
#define IMG_MAX_ROOTS 16      /* directories that rows with ROOT are about */
#define IMG_BUILTIN_RULES (2 + IMG_MAX_PROTECTED) /* of a family */
#define IMG_MAX_STATES 4194304			  /* of an automaton */
#define IMG_MAX_WORDS 512     /* 64-bit words of a set of positions */
#define IMG_MAX_REGEX 16384   /* of a policy */
#define IMG_MAX_LIST 65536    /* strings of one list */
#define IMG_NONE 0x7fffffff   /* no rule */
#define IMG_LOADS 0x80000000U /* the built-in rule for the loader matches */
#define IMG_COMMAND_OPS 1     /* commands know one operation: to be run */
#define IMG_MAX_OPS 32	      /* of any automaton */
#define IMG_MAX_DFAS 3	      /* of an automaton */
#define IMG_RUN_PAD 8	      /* bytes behind the last run */

/* Where a row of the protected set counts, and what it is about; see
 * protected.def of policyd. */
enum protected_where {
	PROTECTED_ANY,
	PROTECTED_ROOT
};

enum protected_kind {
	PROTECTED_FILE,
	PROTECTED_DIR,
	PROTECTED_PLACE,
	PROTECTED_CONFIG,
	PROTECTED_FREE
};

enum {
	IMG_AUTO_FILE,	  /* whole paths: the first rule */
	IMG_AUTO_UNIX,	  /* sockets: the first rule */
	IMG_AUTO_BASE,	  /* last parts of commands: lists of rules */
	IMG_AUTO_PATH,	  /* commands with a slash: lists of rules */
	IMG_AUTO_DOMAIN,  /* names: lists of rules */
	IMG_AUTO_CIDR,	  /* 4 or 6, 16 bytes of address: lists of rules */
	IMG_AUTO_PROCESS, /* names of targets of signals: lists of rules */
	IMG_AUTO_ENV,	  /* names of variables: lists of what lists it is in */
	IMG_AUTO_MAX
};

struct img_rule {
	uint32_t decision;
	uint32_t name;	  /* string: u32 length, bytes, NUL */
	uint32_t message; /* string */
	uint32_t timeout; /* ms; 0: not said */
};

/* n strings, each with its NUL, in size bytes. */
struct img_words {
	uint32_t first;
	uint32_t n;
	uint32_t size;
};

/* Of a file rule. */
struct img_file {
	uint32_t redirect_to; /* string */
	uint32_t preserve_tree;
	uint32_t log_full; /* each open is an event */
	/* rows of the protected set that the rule names, a bit each */
	uint32_t named[IMG_MAX_PROTECTED / 32];
};

/* Of a rule for sockets. */
struct img_unix {
	struct img_words named; /* its paths that are no patterns */
};

/* Which calls on sockets a session's policy has to be asked about. */
enum unix_asks {
	UNIX_ASKS_NONE,	 /* no rules */
	UNIX_ASKS_CALLS, /* connect, bind, listen, sendto with an address */
	UNIX_ASKS_ALL,	 /* sendmsg and sendmmsg as well */
	UNIX_ASKS_MAX
};

/*
 * A row of the protected set: a name of parts with slashes between, in lower
 * case. A part may have one *, for any bytes, or be **, for any number of
 * parts; only one part may be so.
 */
struct img_protected {
	uint32_t where; /* enum protected_where */
	uint32_t kind;	/* enum protected_kind */
	uint32_t name;	/* string */
};

struct img_command {
	uint32_t min_depth;
	uint32_t max_depth;
	uint32_t regex;		   /* first of args_patterns */
	uint32_t nregex;	   /* 0: any arguments */
	uint32_t redirect_command; /* string */
	uint32_t replaces_args;
	struct img_words args;
	struct img_words append;
	struct img_words env;
	uint32_t env_rules; /* number in env; 0: the policy's */
};

/* Which cidrs a network rule has: any; among them 0.0.0.0/0, ::/0. */
enum {
	IMG_CIDRS = 1 << 0,
	IMG_CIDRS_ALL4 = 1 << 1,
	IMG_CIDRS_ALL6 = 1 << 2
};

struct img_network {
	uint32_t has_domains;
	uint32_t has_cidrs; /* IMG_CIDRS* */
	uint32_t ports;	    /* u16[nports], ascending */
	uint32_t nports;
};

/* The first rule for a port of those without domains and cidrs. */
struct img_port {
	uint32_t port;
	uint32_t rule;
};

struct img_signal {
	uint64_t signals;
	uint32_t target;
	uint32_t min_pid;
	uint32_t max_pid;
	uint32_t fallback;
	uint32_t redirect_signo;
	uint32_t zero;
};

struct img_redirect {
	uint32_t regex;
	uint32_t to;	  /* string */
	uint32_t to_unix; /* string */
	uint32_t sni;	  /* string */
	uint32_t tell;
	uint32_t fail;
	uint8_t addr[16];
};

struct img_env {
	uint64_t max_bytes;
	uint64_t max_keys;
	uint32_t has_allow;
	uint32_t block_iteration;
};

/* Numbers of lists of variables: the built-in one, those of env[i]. */
#define IMG_ENV_SECRET 0U
#define IMG_ENV_DENY(i) (1U + 2U * (i))
#define IMG_ENV_ALLOW(i) (2U + 2U * (i))

/* A position of the NFA in which a pattern has matched. */
struct img_final {
	uint32_t bit;
	uint32_t rule;
	uint32_t ops;  /* mask of classes of operations */
	uint32_t sure; /* its rule needs nothing else */
};

/* A state that differs from a row in few bytes. */
struct img_state {
	uint32_t row; /* state of the row for all else */
	uint32_t base;
	uint32_t run;
	uint32_t next;
};

struct img_edge {
	uint32_t from;
	uint32_t next;
};

/*
 * DFA. States below nrows: next = row[(state << shift) + classes[byte]]. From
 * there to nlast: never left. Others have a struct img_state: where run is not
 * 0, the next run bytes are compared with those at run bytes from base on, and
 * all of them lead to next; else edge[base + class] counts if it is from this
 * state. What is not found so is in the row. Inside a run the answer is that
 * of its state.
 * The answer for an operation is accept[answer[state] * nopclasses +
 * opclass[op]]: without IMG_LISTS the rule, or IMG_NONE, with IMG_LOADS if the
 * built-in rule matches and could count; with IMG_LISTS the number of a list of
 * rules, ascending: list[listat[i]] to before list[listat[i + 1]]. After a rule
 * that needs nothing else it may leave out what follows.
 *
 * NFA, S a set of positions in a row: next = ((S & step[class]) << 1) |
 * (S & loop[class]), then S |= (S & skip) << 1; the rules are those of the
 * finals whose bit is in S and whose mask has the operation.
 *
 * With hits, what counts is the first rule of all states that the subject leads
 * through, not of the last one: so are patterns that end in ** kept apart.
 *
 * An automaton may have several DFA and an NFA, each for some of the patterns.
 */
enum {
	IMG_NFA = 1 << 0,
	IMG_LISTS = 1 << 1
};

struct img_dfa {
	uint32_t hits; /* 0 or 1 */
	uint32_t start;
	uint32_t nstates;
	uint32_t nrows;
	uint32_t nlast;
	uint32_t shift;	 /* a row has 1 << shift columns, at least nclasses */
	uint32_t row;	 /* u32[nrows << shift] */
	uint32_t state;	 /* struct img_state[nstates - nlast] */
	uint32_t answer; /* u32[nstates] */
	uint32_t edge;	 /* struct img_edge[nedges] */
	uint32_t nedges;
	uint32_t runs; /* u8[nruns] */
	uint32_t nruns;
	uint32_t accept; /* u32[naccept][nopclasses] */
	uint32_t naccept;
	uint32_t list;	 /* u32 */
	uint32_t listat; /* u32[nlists + 1] */
	uint32_t nlists;
};

struct img_auto {
	uint32_t flags;
	uint32_t nops;
	uint32_t nopclasses;
	uint32_t nclasses;
	uint8_t opclass[IMG_MAX_OPS];
	uint8_t classes[256];
	uint32_t ndfas;
	struct img_dfa dfa[IMG_MAX_DFAS];
	/* NFA */
	uint32_t nwords;
	uint32_t begin; /* u64[nwords] */
	uint32_t step;	/* u64[nclasses][nwords] */
	uint32_t loop;	/* u64[nclasses][nwords] */
	uint32_t skip;	/* u64[nwords] */
	uint32_t nfinal;
	uint32_t final; /* struct img_final[nfinal], in the order of rules */
	/* where rule `catchall` is the first, or no rule, rule `loader` wins if
	 * it matches */
	uint32_t catchall;
	uint32_t loader;
};

struct img_family {
	uint32_t nrules;
	uint32_t rules; /* struct img_rule[nrules] */
	uint32_t parts; /* what the family has besides, [nrules]; or 0 */
};

struct img_head {
	uint8_t magic[8];
	uint32_t version;
	uint32_t size; /* of the whole */
	uint32_t name; /* string */
	uint32_t has_signal_rules;
	uint32_t restricts_commands;
	uint32_t unix_asks; /* enum unix_asks */
	uint32_t pids_max;  /* processes and threads of a session; 0: any */
	uint32_t net_mbps;  /* 1,000,000 bits a second of it; 0: any */
	uint32_t regex;	    /* u32[nregex], of strings */
	uint32_t nregex;
	uint32_t env; /* struct img_env[nenv]; 0: the policy's */
	uint32_t nenv;
	uint32_t port; /* struct img_port[nports], ascending */
	uint32_t nports;
	uint32_t protected;	 /* struct img_protected[nprotected] */
	uint32_t nprotected;	 /* 0: there is no protected set */
	uint32_t protected_rule; /* the number of the first one's rule */
	uint32_t protected_root; /* u32[nroots], of strings; "" for / */
	uint32_t nroots;
	uint32_t port_any; /* the first rule without selectors, or IMG_NONE */
	struct img_words env_inject;
	struct img_words wrappers_add;
	struct img_words wrappers_remove;
	struct img_family family[FAMILY_MAX];
	struct img_auto automaton[IMG_AUTO_MAX];
};

#endif
