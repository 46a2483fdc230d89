/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the policy compiler share: the parsed policy, the steps
 * from text to image. Automata in the making are in automaton.h, the daemon is
 * in policyd.h.
 */
#ifndef POLICY_H
#define POLICY_H

#include "agentsh.h"
#include "buf.h"
#include "imagefmt.h"
#include "plan.h"
#include "policycheck.h"
#include "yamldoc.h"

#define POLICY_MAX_GLOBS 65536	   /* of one family */
#define GLOB_MAX_ALTERNATIVES 1024 /* of one glob, braces multiplied out */
#define RULE_LOADER "default-allow-loader"
#define RULE_CATCHALL "default-deny-files"
#define RULE_READS "default-allow-reads" /* defaults: {reads: allow} */

/* The values of ${...}; nothing else can be named, least of all the
 * environment of the compiler. */
struct vars {
	const char *project_root; /* as the session sees it */
	const char *home;
	const char *user;
	const char *uid; /* in digits; NULL: not known */
};

/* A list of strings as the policy gives them, variables expanded. */
struct words {
	char **v;
	size_t n;
};

/* env_policy, or the env_* keys of a command rule, which replace it. */
struct env_rules {
	bool given;
	bool has_allow; /* an empty list of allow keeps nothing */
	struct words allow;
	struct words deny;
	uint64_t max_bytes; /* 0: no limit */
	uint64_t max_keys;  /* 0: no limit */
	bool block_iteration;
};

struct file_part {
	char *redirect_to; /* a directory as the session sees it, or NULL */
	bool preserve_tree;
	bool log_full; /* outside of the workspace each open is an event */
};

struct command_part {
	struct words args_patterns; /* RE2 syntax; any of them */
	uint32_t min_depth;
	uint32_t max_depth;	/* UINT32_MAX: no limit */
	char *redirect_command; /* NULL: none */
	bool redirect_has_args; /* replace the arguments */
	struct words redirect_args;
	struct words redirect_append;
	struct words redirect_env; /* NAME=VALUE */
	struct env_rules env;
};

/* An address as 16 bytes, IPv4 as ::ffff:a.b.c.d; bits count from there. With
 * less than 96 bits it is about IPv6 only: ::/0 matches no IPv4 address. */
struct cidr {
	uint8_t addr[16];
	uint32_t bits; /* 0 to 128; 96 more than written for IPv4 */
};

/* rule_network.c: is it one of IPv4? */
bool cidr_is_mapped(const struct cidr *);

struct network_part {
	struct words domains; /* lower case, A-labels, no final dot */
	struct cidr *cidr;
	size_t ncidrs;
	uint16_t *port;
	size_t nports;
};

struct signal_part {
	uint64_t signals; /* bit N: signal N, 1 to 63 */
	enum signal_target target;
	char *pattern; /* of SIGNAL_PROCESS: a glob */
	uint32_t min_pid;
	uint32_t max_pid;
	enum decision fallback; /* DENY when the policy says nothing */
	uint32_t redirect_signo;
};

enum redirect_tell {
	REDIRECT_SILENT,
	REDIRECT_AUDIT_ONLY,
	REDIRECT_WARN
};

enum redirect_fail {
	REDIRECT_FAIL_CLOSED,
	REDIRECT_FAIL_OPEN,
	REDIRECT_RETRY_ORIGINAL
};

/* Of dns_redirects and connect_redirects. */
struct redirect_part {
	char *match;	  /* RE2 syntax, over the name or host:port */
	uint8_t addr[16]; /* dns: resolve_to */
	char *to;	  /* connect: host:port, or NULL */
	char *to_unix;	  /* connect: the path of a socket, or NULL */
	char *sni;	  /* connect, tls mode rewrite_sni; or NULL */
	enum redirect_tell tell;
	enum redirect_fail fail;
};

/* A directory of the host beside the workspace, at its own path. */
struct policy_mount {
	char path[AGENTSH_PATH_MAX + 1];
	char policy[AGENTSH_NAME_MAX + 1]; /* "": none of its own */
	bool unprotected;
};

/* One rule of any family. What only one family has is in its part. */
struct rule {
	char *name;
	char *message; /* may hold {{.Field}} */
	enum decision decision;
	uint64_t timeout_ms; /* of an approval; 0: the service's */
	size_t line;	     /* where it begins in its file, from 1 */
	uint32_t ops;	     /* mask of operations; 1 where there is but one */
	/* files: matches this directory and what is beneath only; or NULL */
	const struct policy_mount *within;
	char **globs; /* paths, commands: variables expanded */
	size_t nglobs;
	union {
		struct file_part file;
		struct command_part command;
		struct network_part network;
		struct signal_part signal;
		struct redirect_part redirect;
	};
};

struct rules {
	struct rule *rule;
	size_t n;
	size_t nglobs; /* of all */
};

/* resource_limits but the times; 0: the policy says nothing. */
struct limits {
	uint64_t max_memory_mb;
	uint64_t memory_swap_max_mb;
	uint64_t cpu_quota_percent;
	uint64_t disk_read_bps_max;
	uint64_t disk_write_bps_max;
	uint64_t net_bandwidth_mbps;
	uint64_t pids_max;
};

struct policy {
	char name[AGENTSH_NAME_MAX + 1];
	struct rules family[FAMILY_MAX];
	bool reads_allowed; /* defaults: {reads: allow} */
	bool unprotected;   /* defaults: {protected: off} */
	bool has_signal_rules;
	struct env_rules env;
	struct words env_inject;   /* NAME=VALUE */
	struct words wrappers_add; /* transparent_commands */
	struct words wrappers_remove;
	uint64_t command_timeout_ms; /* 0: the policy says nothing */
	uint64_t session_timeout_ms;
	uint64_t idle_timeout_ms;
	struct limits limits;
	bool allow_unenforced;
	struct warnings warnings; /* about what may stay as it is */
	struct policy_mount *mount;
	size_t nmounts;
};

/* What the whole compiler yields. */
struct compiled {
	struct buf image;
	struct plan plan;
	bool fallback; /* some globs of files are simulated: slower */
};

/* vars.c: NULL with *what set (static) when it cannot be expanded. The first
 * for globs: a value never acts as one. */
char *vars_expand(const struct vars *, const char *text, const char **what);
char *vars_expand_plain(const struct vars *, const char *text,
    const char **what);

/* parse.c: 0, or -1 with e filled; then there is nothing to free. */
int policy_parse(struct policy *, const char *name, const uint8_t *text,
    size_t len, const struct vars *, struct aerr *e);
void policy_free(struct policy *);
/* compose.c: what a session has beside its workspace. */
struct mount_text {
	const char *path;
	const char *name; /* of the file of its own policy; NULL: none */
	const uint8_t *text;
	size_t len;
};

/*
 * A policy with the mounts of a session. Of the policy of a mount the file rules
 * count, beneath the mount and nowhere else; ${PROJECT_ROOT} is the mount in
 * them. They come first, and end in one that denies all: none of the others
 * counts there. 0, or -1 with e filled; then the policy is for nothing but
 * policy_free().
 */
int policy_compose(struct policy *, const struct mount_text *, size_t n,
    const struct vars *, struct aerr *e);
/* Is there a protected set, anywhere? */
bool policy_protects(const struct policy *);

/* print.c: the normal form, variables expanded, descriptions and metadata left
 * out; it compiles to the same image. 0, or -1: not all can be said. */
int policy_print(const struct policy *, struct buf *out);

/* glob.c */
enum glob_kind {
	GLOB_PATH,    /* of a file: separator, must be able to match a path */
	GLOB_NAME,    /* without separator */
	GLOB_COMMAND, /* a command's path: separator */
	GLOB_LITERAL, /* no metacharacters */
	GLOB_DOMAIN,  /* of names: the separator is the dot */
	GLOB_SOCKET   /* a path, or @ and an abstract name */
};

/* 0, or -1 with *what set (static): not a glob. */
int glob_check(const char *text, enum glob_kind, const char **what);
/* The one text that it matches, without the escapes, to be freed; NULL: it is a
 * pattern, or there is no memory. */
char *glob_plain(const char *text);
/* Past one character, escape or set; p is not at the end. */
const char *glob_next(const char *p);
/* Does a command's pattern ask for the whole path, and is it a glob? */
enum glob_kind command_kind(const char *text, bool *whole);

/* compile.c; scope_all: no native mounts. The image and plan in out. */
int policy_compile(const struct policy *, const struct vars *, bool scope_all,
    struct compiled *out, struct aerr *e);
void compiled_free(struct compiled *);
/* The policy of this name cannot be had, by its own fault: -1, with e filled. */
int policy_error(struct aerr *e, const char *name, const char *what);
/* Text to image. */
int policy_build(const char *name, const uint8_t *text, size_t len,
    const struct vars *, bool scope_all, struct policy *, struct compiled *out,
    struct aerr *e);
/* The same, with mounts. */
int policy_build_mounts(const char *name, const uint8_t *text, size_t len,
    const struct mount_text *, size_t nmounts, const struct vars *,
    bool scope_all, struct policy *, struct compiled *out, struct aerr *e);

#endif
