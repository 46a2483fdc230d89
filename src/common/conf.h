/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as every process holds it, and its encoding between them.
 * Parsing YAML is readconf's job alone (confparse.c).
 */
#ifndef CONF_H
#define CONF_H

#include <stdio.h>

#include "agentsh.h"
#include "buf.h"
#include "profile.h"

enum conf_kind {
	CONF_BOOL,
	CONF_COUNT,
	CONF_SIZE,
	CONF_TIME,
	CONF_MODE,
	CONF_CHOICE,
	CONF_STR
};

/* What a CONF_STR is. */
enum conf_form {
	FORM_PATH,
	FORM_ADDR,
	FORM_NAME,
	FORM_NAMES, /* in YAML a list; here with a space between two */
	FORM_FILE,
	FORM_PROFILES, /* in YAML a mapping; here the text of profile.h */
	FORM_CALLS,    /* of system calls; as FORM_NAMES */
	FORM_FAMILIES, /* in YAML a list of {family, action}; here words of
			* sockfamily.h with a space between two */
	FORM_SERVERS   /* as FORM_NAMES */
};

#define CONF_SERVERS_MAX 3 /* of a FORM_SERVERS */
#define CONF_CALLS_MAX 128 /* names of a FORM_CALLS */
#define CONF_CALL_LEN 63   /* bytes of one, or of a family with its action */

enum {
	SCOPE_AUTO,
	SCOPE_ALL
};

/* sandbox.seccomp.execve.on_truncated */
enum exec_truncated {
	TRUNCATED_AUTO,
	TRUNCATED_DENY
};

/* sandbox.seccomp.shellc.opaque: is a script that cannot be read denied as a
 * whole? enforce and allow are two words for no: each of its commands is decided
 * when it is executed. */
enum shellc_opaque {
	OPAQUE_ENFORCE,
	OPAQUE_ALLOW,
	OPAQUE_DENY
};

/* sandbox.ptrace */
enum {
	PTRACE_OFF,
	PTRACE_CHILDREN
};

enum {
	SIGNING_OFF,
	SIGNING_WARN,
	SIGNING_ENFORCE
};

/* sandbox.fuse.passthrough */
enum {
	PASSTHROUGH_AUTO,
	PASSTHROUGH_OFF,
	PASSTHROUGH_REQUIRED
};

/* sandbox.seccomp.syscalls.on_block and block_unknown */
enum {
	ON_BLOCK_ERRNO,
	ON_BLOCK_KILL,
	ON_BLOCK_LOG,
	ON_BLOCK_LOG_AND_KILL
};

/* sandbox.network.mode */
enum net_mode {
	NET_MODE_AUTO,
	NET_MODE_NAMESPACE,
	NET_MODE_EBPF,
	NET_MODE_MAX
};

/* sandbox.network.unavailable */
enum {
	NET_UNAVAILABLE_REFUSE,
	NET_UNAVAILABLE_NONE
};

/* sandbox.network.publish */
enum {
	PUBLISH_OFF,
	PUBLISH_LOOPBACK,
	PUBLISH_ANY
};

enum native_events {
	NATIVE_EVENTS_AUTO,
	NATIVE_EVENTS_OFF
};

/* sandbox.fuse.transport */
enum {
	TRANSPORT_AUTO,
	TRANSPORT_DEVICE,
	TRANSPORT_URING
};

/* values of trash_mode */
enum trash_mode {
	TRASH_MONITOR,
	TRASH_ALL
};

/* values of trash_at_end */
enum trash_at_end {
	TRASH_KEEP,
	TRASH_PURGE
};

struct conf {
/* clang-format off */
#define CONF_NUM(key, member, kind, def, min, max, help) uint64_t member;
#define CONF_CHOICE(key, member, def, choices, help) uint64_t member;
#define CONF_STR(key, member, form, max, def, help) char member[(max) + 1];
#include "conf.def"
#undef CONF_NUM
#undef CONF_CHOICE
#undef CONF_STR
	/* clang-format on */
};

/* One row of conf.def. */
struct conf_row {
	const char *key;
	enum conf_kind kind;
	enum conf_form form; /* of a CONF_STR */
	size_t offset;	     /* of the member in struct conf */
	uint64_t num;	     /* default */
	uint64_t min;
	uint64_t max;	  /* of a CONF_STR: bytes */
	const char *text; /* default of a CONF_STR, words of a CONF_CHOICE */
	const char *help;
};

extern const struct conf_row conf_rows[];
extern const size_t conf_nrows;

/* NULL, or what a text of this form has to be. */
const char *conf_form_error(enum conf_form, const char *text);
/* Is the name one of a CONF_STR of names? */
bool conf_names_have(const char *names, const char *name);
/* The next word of a list with one space between two, and *list past it; false
 * at the end, and where size bytes are too few for it. */
bool conf_next_word(const char **list, char *word, size_t size);
void conf_defaults(struct conf *);
void conf_put(struct buf *, const struct conf *);
/* 0, or -1 when not exactly a configuration within its ranges. */
int conf_get(struct buf *, struct conf *);
/* Prints the normal form, as YAML that parses back to the same. */
void conf_print(FILE *, const struct conf *);

#endif
