/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind common/policytry.h share.
 */
#ifndef TRY_H
#define TRY_H

#include <netinet/in.h>

#include "naive.h"
#include "policytry.h"

struct policy_try {
	char *file;
	struct try_options opt;
	struct vars vars;
	char uid[16];
	struct policy policy;
	struct compiled compiled;
	struct image image;
	struct naive *naive;
	bool unchecked; /* the image alone answers: faster */
};

#define TRY_PLACES 8

/* One question in the making. */
struct asking {
	struct policy_try *t;
	const struct try_query *q;
	const struct try_watch *watch;
	struct try_answer *a;
	struct aerr *e;
	const struct verdict *verdict;
	enum try_result result;
};

/* try_say.c: fills the answer */
/* The number of a rule in its own policy, from 1; 0: none is written there. */
size_t try_number(const struct rules *, size_t rule);
/* The rule's word, where the rule is, and what becomes of it. */
void say_decision(struct asking *, enum family, const struct verdict *);
/* The rule's message, expanded. */
void say_message(struct asking *, const char *message);

/* try_words.c */
const char *try_op_name(const struct try_query *);
/* The operation and its object in words. */
void try_text(char *dst, size_t size, const struct try_query *);

/*
 * witness.c: texts that a glob or an expression is about, and neighbours of
 * them that it may not be about.
 */
struct subjects {
	char **v;
	size_t n;
	size_t cap;
	bool failed; /* no memory */
};

void subjects_add(struct subjects *, const char *);
void subjects_free(struct subjects *);
/* Sorted, no two alike. */
void subjects_sort(struct subjects *);
void witness_glob(struct subjects *, const char *glob, enum glob_kind);
/* The directory before whatever is variable in a glob of paths, if any, and
 * there are not too many yet; none twice. */
void witness_root(struct subjects *, const char *glob);
/* What a glob that begins with ** is about beneath each of these. */
void witness_beneath(struct subjects *, const char *glob,
    const struct subjects *roots);
void witness_regex(struct subjects *, const char *text);

#endif
