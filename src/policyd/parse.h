/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the parser share: the schema, a parse in the making, what
 * a kind of rules consists of, the printer. The parsed policy is in policy.h.
 */
#ifndef PARSE_H
#define PARSE_H

#include "policy.h"

/* Longest time that a policy can give: 30 days. */
#define TIMEOUT_MAX_MS UINT64_C(2592000000)
/* Comparisons made to find rules that are never reached; then no more. */
#define COVER_BUDGET 2000000

/* clang-format off */
enum schema_section {
#define SECTION(id, what) SCHEMA_##id,
#include "schema.def"
#undef SECTION
	SCHEMA_MAX
};

enum schema_key {
#define KEY(section, name, type, inside, need, state) KEY_##section##_##name,
#include "schema.def"
#undef KEY
	KEY_MAX
};

enum schema_set {
#define SET(id) SET_##id,
#include "schema.def"
#undef SET
	SET_MAX
};
/* clang-format on */

enum schema_state {
	STATE_ENFORCED,
	STATE_NOTE,
	STATE_LATER,
	STATE_NEVER,
	STATE_GONE
};

struct parser {
	const struct ydoc *doc;
	const struct vars *vars;
	struct policy *policy;
	struct rules *rules; /* of the kind that is parsed */
	struct aerr *e;
	uint32_t budget; /* see COVER_BUDGET */
};

/* parse.c: what is wrong at a place; always -1. */
int parse_error(const struct parser *, const struct ynode *at, const char *,
    ...) __attribute__((format(printf, 3, 4)));
int parse_no_memory(const struct parser *, const struct ynode *at);
/* The same for what may stay. */
void parse_warn(struct parser *, const struct ynode *at, const char *, ...)
    __attribute__((format(printf, 3, 4)));

/* schema.c */
/* Holds the whole document against schema.def. 0 or -1. */
int schema_check(struct parser *);
const char *schema_name(enum schema_key);
enum schema_state schema_state(enum schema_key);
/* The value of a key of a mapping that was checked, or NULL. */
const struct ynode *schema_value(const struct ynode *map, enum schema_key);
/* The value of a word that was checked; v NULL: otherwise. */
int schema_choice(const struct ynode *v, enum schema_set, int otherwise);
const char *schema_word(enum schema_set, int value);
enum schema_state schema_word_state(enum schema_set, int value);
bool schema_bool(const struct ynode *, bool otherwise);

/* value.c: single values. 0 or -1 with the error given. */
int value_word(struct parser *, const struct ynode *, const char *key);
/* Is it fit for a policy's or a rule's name? */
int value_name(struct parser *, const struct ynode *);
int value_u64(struct parser *, const struct ynode *, const char *key,
    uint64_t max, uint64_t *);
int value_time(struct parser *, const struct ynode *, const char *key,
    uint64_t *ms);
int value_dup(struct parser *, const struct ynode *, char **);
int value_words(struct parser *, const struct ynode *list, const char *key,
    struct words *);
/* The same, where an empty word has a meaning. */
int value_args(struct parser *, const struct ynode *list, const char *key,
    struct words *);
int value_regex(struct parser *, const struct ynode *, const char *key);
/* One or more of names, "*" for all; NULL and an empty list: all. */
int value_ops(struct parser *, const struct ynode *list,
    const char *const *names, uint32_t n, uint32_t *ops);
/* Expanded, and no glob. */
int value_expand(struct parser *, const struct ynode *, const char *key,
    char **);
/* The same, and a clean absolute path. */
int value_path(struct parser *, const struct ynode *, const char *key, char **);
/* A mapping of names to values as NAME=VALUE. */
int value_environment(struct parser *, const struct ynode *map, const char *key,
    bool expand, struct words *);
void words_free(struct words *);

/* env.c: the four or five keys about the environment; NULL: not given. */
struct env_keys {
	const struct ynode *allow;
	const struct ynode *deny;
	const struct ynode *max_bytes;
	const struct ynode *max_keys;
	const struct ynode *block_iteration;
};
int env_parse(struct parser *, const struct env_keys *, struct env_rules *);
void env_free(struct env_rules *);
/* The same five, as keys. */
struct printer;
void env_print(struct printer *, const struct env_rules *,
    const enum schema_key keys[5]);

/* domain.c: lower case, A-labels, no final dot; NULL with *what set (static)
 * when it is no glob of domains. The caller's. */
char *domain_normal(const char *text, const char **what);

/* rules.c */
struct rulekind {
	enum family family;
	enum schema_key list;
	enum schema_key name;
	int (*parse)(struct parser *, const struct ynode *map, struct rule *);
	/* Does a, which is earlier, match whenever b does? false: not seen. */
	bool (*covers)(const struct rule *a, const struct rule *b,
	    uint32_t *budget);
	void (*print)(struct printer *, const struct rule *);
	void (*free)(struct rule *);
};

/* clang-format off */
enum { RULEKINDS = 0
#define RULEKIND(id, name, list) + 1
#include "rulekind.def"
#undef RULEKIND
};
#define RULEKIND(id, name, list) \
	int rule_##name##_parse(struct parser *, const struct ynode *, struct rule *); \
	bool rule_##name##_covers(const struct rule *, const struct rule *, uint32_t *); \
	void rule_##name##_print(struct printer *, const struct rule *); \
	void rule_##name##_free(struct rule *);
#include "rulekind.def"
#undef RULEKIND
/* clang-format on */

extern const struct rulekind rulekinds[RULEKINDS];

int rules_parse(struct parser *, const struct rulekind *,
    const struct ynode *list);
void rules_free(const struct rulekind *, struct rules *);
/* message and timeout, once the decision is known. */
int rule_answer(struct parser *, const struct ynode *message,
    const struct ynode *timeout, enum family, struct rule *);
int rule_globs(struct parser *, const struct ynode *list, const char *key,
    struct rule *, int (*one)(struct parser *, const struct ynode *, char **));

/* cover.c: for the kinds' covers(). */
bool cover_spend(uint32_t *budget, size_t n);
/* Is every glob of b one of a's, or beneath one that ends in / and **? */
bool cover_globs(char *const *a, size_t na, char *const *b, size_t nb,
    uint32_t *budget);

/* redirect.c: what dns_redirects and connect_redirects share. */
int redirect_parse(struct parser *, const struct ynode *match,
    const struct ynode *tell, const struct ynode *fail, struct rule *);
bool redirect_covers(const struct rule *, const struct rule *, uint32_t *);
void redirect_free(struct rule *);

/* signals.c: names of signals */
/* 1 to 63, or 0. */
uint32_t signal_number(const char *);
/* All of a name, a number or a group; 0 for none of these. */
uint64_t signal_mask(const char *);
/* "SIGTERM", or the number. */
void signal_text(char *dst, size_t size, uint32_t signo);

/* print.c: lines of YAML */
struct printer {
	struct buf *out;
	unsigned indent;
	bool item; /* the next key begins an item of a list */
	bool bad;  /* a text that no YAML can say */
};

/* A text in which variables are expanded, and one in which they are not. */
void print_text(struct printer *, enum schema_key, const char *);
void print_raw(struct printer *, enum schema_key, const char *);
/* Without quotes. */
void print_plain(struct printer *, enum schema_key, const char *);
void print_number(struct printer *, enum schema_key, uint64_t);
void print_list(struct printer *, enum schema_key, char *const *, size_t n);
void print_raw_list(struct printer *, enum schema_key, const struct words *);
/* A list whose items follow, one call each. */
void print_items(struct printer *, enum schema_key);
void print_item(struct printer *, const char *plain);
void print_quoted(struct printer *, const char *raw);
/* Nothing when ops are all of n. */
void print_ops(struct printer *, enum schema_key, const char *const *names,
    uint32_t n, uint32_t ops);
/* NAME=VALUE as a mapping. */
void print_named(struct printer *, enum schema_key, const struct words *,
    bool expanded);
/* A mapping inside; each open has its close. */
void print_open(struct printer *, enum schema_key);
void print_close(struct printer *);
/* message and timeout */
void print_answer(struct printer *, const struct rule *,
    enum schema_key message, enum schema_key timeout);

#endif
