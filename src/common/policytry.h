/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy would decide, without a session: for agentsh policy test,
 * explain and diff. Commands are decided by the code of execd, everything by
 * the evaluator of all, and each answer is compared with a reading of the
 * rules one by one. Links what policycheck.h does.
 */
#ifndef POLICYTRY_H
#define POLICYTRY_H

#include "agentsh.h"

struct policy_try;

/* A directory beside the workspace. */
struct try_place {
	const char *path;
	const char *file; /* of its own policy; NULL: none */
	bool rw;
};

struct try_options {
	const char *workspace; /* as the session sees it; NULL: /workspace */
	const char *user;      /* NULL: who runs this */
	const char *home;      /* NULL: theirs */
	const char *uid;       /* in digits; NULL: theirs */
	bool deny_opaque;      /* as sandbox.seccomp.shellc.opaque: deny */
	bool scope_all;	       /* as sandbox.fuse.scope: all */
	const struct try_place *places;
	size_t nplaces; /* at most 8 */
};

/* NULL with e filled. The options' strings must stay. */
struct policy_try *try_open(const char *file, const struct try_options *,
    struct aerr *e);
void try_close(struct policy_try *);
/* The compiled policy, until try_close(): the bytes that a session would have. */
const void *try_image(const struct policy_try *, size_t *len);

enum try_kind {
	TRY_FILE, /* these two have several operations each */
	TRY_UNIX,
	TRY_EXEC,
	TRY_CONNECT,
	TRY_CONNECT_REDIRECT,
	TRY_SIGNAL,
	TRY_DNS,
	TRY_ENV,
	TRY_KIND_MAX
};

struct try_query {
	enum try_kind kind;
	uint32_t op; /* of files and sockets */
	/* path, name of a variable, host:port, name to be resolved */
	char object[AGENTSH_PATH_MAX + 1];
	char host[256]; /* connect; "": only the address is known */
	bool has_addr;
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
	char **argv; /* exec, or what came before env's name; the caller's */
	int argc;
	uint32_t depth;	     /* exec */
	uint32_t signo;	     /* signal */
	uint32_t relations;  /* signal: mask of enum signal_target */
	uint32_t pid;	     /* signal: of the target */
	const char *process; /* signal: its name, or NULL */
};

/* try_words.c: an operation and its objects, as users write them. Options such
 * as depth first, each by its name; then the words, which must stay. 0, or -1
 * with e->message. */
int try_option(struct try_query *, const char *name, const char *value,
    struct aerr *e);
/* The name of each operation there is, from 0 on; NULL behind the last. */
const char *try_operation(size_t);
int try_words(const struct policy_try *, struct try_query *, int argc,
    char **argv, struct aerr *e);

struct try_answer {
	enum decision decision; /* what the policy says */
	/* what a session of this build does: DENY where it is stricter */
	enum decision effective;
	char rule[AGENTSH_NAME_MAX + 1];
	char message[AGENTSH_TEXT_MAX + 1]; /* fields filled in */
	char why[256];	/* where the rule is, or why a default holds */
	char note[256]; /* "", or what else there is to know */
	/* of a redirect: what is done instead, in words; "" for none */
	char instead[AGENTSH_TEXT_MAX + 1];
	/* of exec: the command inside that the rule is about; "": the whole */
	char about[AGENTSH_TEXT_MAX + 1];
	const char *log;       /* of a file's rule: "full", or NULL */
	const char *shell;     /* what the analysis of the words came to */
	const char *shell_why; /* or NULL */
};

struct try_rule {
	const char *name;
	size_t number; /* in its family and policy, from 1; 0: built in */
	size_t line;
	const char *mount; /* by whose policy; NULL: that of the session */
	enum decision decision;
	bool matches;
	bool differs;	 /* why is what does not match, such as "path" */
	const char *why; /* in words */
};

/* Told of each thing that is asked for, and of the rules looked at for it. */
struct try_watch {
	void (*about)(void *arg, const char *what);
	void (*rule)(void *arg, const struct try_rule *);
	void *arg;
};

enum try_result {
	TRY_DONE,
	TRY_DISAGREES /* two ways to decide gave two answers: not to be used */
};

/* watch may be NULL. Unless TRY_DONE, e->message says what is wrong. */
enum try_result try_ask(struct policy_try *, const struct try_query *,
    struct try_answer *, const struct try_watch *, struct aerr *e);

/*
 * try_table.c: a file of expected decisions. failed is told of each row that
 * does not hold, with its line. 0, or -1 with e filled: not a table, or one
 * that is empty.
 */
struct try_count {
	size_t passed;
	size_t failed;
};
int try_table(struct policy_try *, const char *file, struct try_count *,
    void (*failed)(void *arg, size_t line, const char *text), void *arg,
    struct aerr *e);

/* try_diff.c: one decision that two policies do not share. */
struct try_change {
	const char *operation;
	const char *object;
	enum decision from, to;
	const char *rule_from, *rule_to; /* live during the call */
};

/* How many were compared in *asked. 0, or -1 with e filled. */
int try_diff(struct policy_try *a, struct policy_try *b,
    void (*change)(void *arg, const struct try_change *), void *arg,
    size_t *asked, struct aerr *e);

/* try_mounts.c: one directory of the session's root. */
struct try_mount {
	const char *path;  /* live during the call, as is the rest */
	const char *mount; /* decided, native, hidden or private */
	char why[1024];
	/* of one that is decided because not all beneath it is the same */
	const char *operation;	/* or NULL */
	char example[512];	/* a path */
	enum decision decision; /* on that */
};

/* Directories that the host does not have are told as well. 0, or -1 with e
 * filled. */
int try_mounts(const struct policy_try *,
    void (*tell)(void *arg, const struct try_mount *), void *arg,
    struct aerr *e);

#endif
