/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled policy: one flat image in a sealed memfd, mapped read-only,
 * verified once (every offset), then evaluated in place without allocation or
 * system call, by any number of threads.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "agentsh.h"

struct regex;

struct image {
	const uint8_t *base;
	size_t size;
	struct regex **regex; /* of image_prepare(), or NULL */
	uint32_t nregex;
	void (*unprepare)(struct image *); /* of image_prepare() */
};

struct verdict {
	enum decision decision; /* DENY unless a rule said otherwise */
	uint32_t rule; /* number in its family; UINT32_MAX: none matched */
	const char *rule_name; /* never NULL; in the image or static */
	const char *message;   /* of the rule, "" for none */
	uint32_t timeout_ms;   /* of an approval; 0: the rule says nothing */
};

/* Maps and verifies. Does not take fd. 0, or -1 with e filled: not sealed, not
 * ours, another version, an offset out of bounds. */
int image_map(struct image *, int fd, struct aerr *e);
void image_unmap(struct image *);
/* Compiles the regular expressions of the image, for those who decide commands
 * and connections; allocates. 0, or -1 with e filled. */
int image_prepare(struct image *, struct aerr *e);
/* The check that image_map makes, of bytes at an address aligned to 8 that
 * nobody changes. 0 or -1. */
int image_verify(const struct image *);
/* Has it a rule for files that wants each use written down? */
bool image_audits_files(const struct image *);
/* Has it one that redirects? */
bool image_redirects_files(const struct image *);

/*
 * path is absolute and clean (path.h), as the session sees it. The verdict is
 * preset to DENY; -1 only for a malformed argument, with the preset left.
 */
int image_eval_file(const struct image *, enum file_op, const char *path,
    size_t len, struct verdict *);
/* The same without the protected set. */
int image_eval_file_rules(const struct image *, enum file_op, const char *path,
    size_t len, struct verdict *);
/* Is it by the protected set, and about settings of git? Then it does not hold
 * for a change of harmless ones, see gitconf.h. */
bool image_is_git_config(const struct image *, const struct verdict *);
/* A command to be run, or one that runs. */
struct command_query {
	const char *command;	 /* a name or a path */
	const char *const *argv; /* the arguments, without argv[0] */
	size_t argc;
	uint32_t depth; /* 0: what the session started itself */
	/* the arguments are not known for certain: a rule with args_patterns
	 * counts as matching, unless it allows */
	bool args_unknown;
};

/*
 * Rules with args_patterns need image_prepare(). argv may hold what the target
 * of the policy likes. An argument list that is too long for a pattern that
 * would have to be looked at is -1.
 */
int image_eval_command(const struct image *, const struct command_query *,
    struct verdict *);

/* A destination. Without host only rules without domains can match, without
 * addr only rules without cidrs. */
struct net_query {
	const char *host;    /* "" or NULL: none known; any case, final dot */
	const uint8_t *addr; /* 16 bytes, IPv4 as ::ffff:a.b.c.d; or NULL */
	uint16_t port;
};

int image_eval_network(const struct image *, const struct net_query *,
    struct verdict *);
/*
 * The same for the port on which the most is let happen, whichever it is: port
 * is not looked at. Without addr also for whichever address. naming: where a
 * rule lets something happen that does not name the address, see below, that is
 * denied. ALLOW and AUDIT go before APPROVE; else it is DENY.
 */
int image_eval_network_any(const struct image *, const struct net_query *,
    bool naming, struct verdict *);
/* What the rule that decided about an address goes by; no rule: by nothing. */
struct net_selectors {
	bool domains, ports, cidrs;
	bool naming; /* cidrs, and not the network of all addresses */
};
void image_network_selectors(const struct image *, const struct verdict *,
    const uint8_t addr[16], struct net_selectors *);
/* Has the policy rules for unix sockets? Without, they are not decided. */
bool image_has_unix_rules(const struct image *);
/* Is there an address that not every process may send to, or that is written
 * down where one does? */
bool image_restricts_sendto(const struct image *);
/* Has the rule that allowed it, or has it approved, this very path, not a pattern
 * that matches? Then it is the host's socket that is meant, where the session has
 * none. */
bool image_names_socket(const struct image *, const struct verdict *,
    const char *path);
/* path: clean and absolute, or "@name" for an abstract socket. */
int image_eval_unix(const struct image *, enum unix_op, const char *path,
    size_t len, struct verdict *);

struct signal_query {
	uint32_t signo;	     /* 1 to 63; 64 is denied */
	uint32_t relations;  /* mask of enum signal_target that hold */
	uint32_t target_pid; /* as the session sees it */
	const char *process; /* name of the target, "" for none */
};

/* Beside the verdict: what stands in for it where it cannot be done, and the
 * signal of a redirect. */
struct signal_action {
	enum decision fallback;
	uint32_t redirect_signo;
};

/* Has the policy rules for signals? Without, they are not decided. */
bool image_has_signal_rules(const struct image *);
/* Is there one by which an operator has to approve a signal? */
bool image_asks_signals(const struct image *);
int image_eval_signal(const struct image *, const struct signal_query *,
    struct verdict *, struct signal_action *);

/* What a rule of dns_redirects or connect_redirects wants. */
struct redirect {
	uint8_t addr[16];    /* dns */
	const char *to;	     /* connect: host:port, or "" */
	const char *to_unix; /* connect: a path, or "" */
	const char *sni;     /* connect: "" to leave it */
	uint32_t tell;	     /* 0 silent, 1 audit_only, 2 warn */
	uint32_t fail;	     /* 0 closed, 1 open, 2 retry_original */
};

/* The first that matches: v->decision REDIRECT and *r; ALLOW when none does;
 * -1 (and DENY) on any failure. subject: name, or host:port. */
int image_eval_redirect(const struct image *, enum family, const char *subject,
    struct verdict *, struct redirect *r);

/* Is that the socket of a connect redirect, by its very path? */
bool image_redirects_to(const struct image *, const char *path);

/* What the winning file rule wants beside its decision: the directory of
 * redirect_to or "". */
const char *image_file_redirect(const struct image *, const struct verdict *,
    bool *preserve_tree);
/* Is each open to be an event, also outside of the workspace? */
bool image_file_logs(const struct image *, const struct verdict *);

/* What the winning command rule wants beside its decision. The lists are in
 * the image: n strings one after the other, each with its NUL. */
struct image_words {
	const char *first;
	uint32_t n;
};

struct command_action {
	const char *command; /* the replacement, or "" */
	bool replaces_args;  /* args in place of the arguments */
	struct image_words args;
	struct image_words append;
	struct image_words env; /* NAME=VALUE */
};

void image_command_action(const struct image *, const struct verdict *,
    struct command_action *);
/* The next string of a list. */
const char *image_words_next(const char *word);
/* The replacement's words in to[], which has room for image_action_room():
 * the command, its own args or else those n that were asked for (without
 * argv[0]), and what is appended. How many they are. */
size_t image_action_words(const struct command_action *,
    const char *const *asked, size_t n, const char **to);
size_t image_action_room(const struct command_action *, size_t n);

/*
 * The environment. rule: of the winning command rule, whose own lists replace
 * the policy's; NULL: the policy's. name has no NUL and no '='. The verdict's
 * rule_name is "deny", "allow", "default-deny", "default-secret-deny" or
 * "default-allow".
 */
int image_eval_env(const struct image *, const struct verdict *rule,
    const char *name, size_t len, struct verdict *);

struct env_limits {
	uint64_t max_bytes; /* 0: none */
	uint64_t max_keys;  /* 0: none */
	bool block_iteration;
};

void image_env_limits(const struct image *, const struct verdict *rule,
    struct env_limits *);
struct image_words image_env_inject(const struct image *);
/* Names added to (true) or taken from the table of transparent commands. */
struct image_words image_wrappers(const struct image *, bool added);
/* Has the policy a command rule that does not just allow? Then a program
 * without a name, and words that were not all read, are denied. */
bool image_restricts_commands(const struct image *);
/* Processes and threads that a session may have; 0: the policy says nothing. */
uint32_t image_pids_max(const struct image *);
/* What its connections may carry, both ways together, in 1,000,000 bits a second;
 * 0: the policy says nothing. */
uint32_t image_net_mbps(const struct image *);
/* Has it a command rule that looks at arguments? Then it is asked about all of
 * them or not at all. */
bool image_matches_arguments(const struct image *);

#endif
