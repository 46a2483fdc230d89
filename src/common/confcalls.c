/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.seccomp of the configuration: lists of system calls and of families
 * of sockets that the operator refuses to commands besides. What agentsh itself
 * refuses is in sandbox.def, and no configuration gives it back: a list that
 * asks for it is an error, and not ignored.
 */
#include <stdio.h>
#include <string.h>

#include <seccomp.h>

#include "confparse.h"
#include "sockfamily.h"
#include "yamldoc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BLOCK "sandbox.seccomp.syscalls.block"
#define ALLOW "sandbox.seccomp.syscalls.allow"

/* clang-format off */
/* the calls that agentsh refuses, if only with some arguments; some are of
 * front.c itself */
static const struct {
	const char *name;
	const char *reason;
} refused[] = {
#define DENY(call, error, reason) { #call, reason },
#define DENY_IF(call, arg, mask, value, error, reason) { #call, reason },
#define DENY_NOT(call, arg, value, error, reason) { #call, reason },
#include "sandbox.def"
	{ "socket", "most families of sockets" },
	{ "socketpair", "most families of sockets" },
	{ "personality", "another behaviour of the kernel" },
	{ "prlimit64", "the limits of others" },
};
/* clang-format on */

/* what pid 1 and the keepers of a session, and a command on its way to its
 * program, call under the filter that they share with it */
static const char *const needed[] = { "brk", "chdir", "clone", "close",
	"close_range", "dup2", "dup3", "execve", "exit_group", "fcntl", "fstat",
	"getdents64", "getpid", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lseek", "mmap",
	"mprotect", "munmap", "newfstatat", "openat", "pipe2", "poll", "prctl",
	"pread64", "prlimit64", "read", "recvfrom", "recvmsg", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "sendmsg", "setsid", "signalfd4",
	"socketpair", "statx", "umask", "wait4", "write" };

static bool
is_needed(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(needed); i++) {
		if (strcmp(needed[i], name) == 0)
			return true;
	}
	return false;
}

static const char *
reason_refused(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(refused); i++) {
		if (strcmp(refused[i].name, name) == 0)
			return refused[i].reason;
	}
	return NULL;
}

/* Adds a word to the list; its length in *len. */
static int
add_word(char *out, size_t max, size_t *len, const char *word)
{
	int n = snprintf(out + *len, max + 1 - *len, "%s%s",
	    *len > 0 ? " " : "", word);

	if (n < 0 || (size_t)n > max - *len) {
		out[*len] = '\0';
		return -1;
	}
	*len += (size_t)n;
	return 0;
}

int
conf_parse_calls(const struct ydoc *doc, const struct ynode *v, const char *key,
    char *out, size_t max, struct aerr *e)
{
	const struct ynode *at;
	const char *reason;
	size_t len = 0, n = 0;

	if (v->kind != YNODE_SEQ)
		return ydoc_error(doc, v, e, "%s: must be a list, write [a, b]",
		    key);
	out[0] = '\0';
	for (at = v->first; at != NULL; at = at->next) {
		if (at->kind != YNODE_SCALAR || ynode_is_null(at) ||
		    strlen(at->text) > CONF_CALL_LEN || at->text[0] == '\0' ||
		    seccomp_syscall_resolve_name(at->text) == __NR_SCMP_ERROR ||
		    strchr(at->text, ' ') != NULL)
			return ydoc_error(doc, at, e,
			    "%s: \"%.64s\" is no system call that this"
			    " system's libseccomp knows",
			    key, at->kind == YNODE_SCALAR ? at->text : "...");
		reason = reason_refused(at->text);
		if (strcmp(at->text, "ptrace") == 0 && strcmp(key, ALLOW) == 0)
			return ydoc_error(doc, at, e,
			    "%s: sandbox.ptrace says whom debuggers may trace",
			    key);
		if (reason != NULL && strcmp(key, ALLOW) == 0)
			return ydoc_error(doc, at, e,
			    "%s: agentsh refuses %s (%s), and no configuration"
			    " allows it",
			    key, at->text, reason);
		if (is_needed(at->text) && strcmp(key, BLOCK) == 0)
			return ydoc_error(doc, at, e,
			    "%s: no command could start without %s", key,
			    at->text);
		if (++n > CONF_CALLS_MAX ||
		    add_word(out, max, &len, at->text) == -1)
			return ydoc_error(doc, at, e, "%s: more than %d names",
			    key, CONF_CALLS_MAX);
	}
	return 0;
}

static int
parse_family(const struct ydoc *doc, const struct ynode *map, const char *key,
    char *word, size_t size, struct aerr *e)
{
	const char *family = NULL, *action = "errno";
	const struct ynode *v;

	if (map->kind != YNODE_MAP)
		return ydoc_error(doc, map, e,
		    "%s: each must be a mapping, write {family: AF_ALG}", key);
	for (v = map->first; v != NULL; v = v->next) {
		if (v->kind != YNODE_SCALAR || ynode_is_null(v))
			return ydoc_error(doc, v, e,
			    "%s.%.32s: must be a single value", key,
			    v->key->text);
		if (strcmp(v->key->text, "family") == 0) {
			family = v->text;
			if (sockfamily_number(family, strlen(family)) == -1)
				return ydoc_error(doc, v, e,
				    "%s.family: \"%.64s\" is no family of"
				    " sockets, write AF_ALG",
				    key, family);
		} else if (strcmp(v->key->text, "action") == 0) {
			action = v->text;
			if (strcmp(action, "errno") != 0 &&
			    strcmp(action, "kill") != 0)
				return ydoc_error(doc, v, e,
				    "%s.action: \"%.64s\" is not one of"
				    " errno|kill",
				    key, action);
		} else {
			return ydoc_error(doc, v->key, e,
			    "%s: a family has family and action, no other key",
			    key);
		}
	}
	if (family == NULL)
		return ydoc_error(doc, map, e, "%s: no family is given", key);
	snprintf(word, size, "%s:%s", family, action);
	return 0;
}

int
conf_parse_families(const struct ydoc *doc, const struct ynode *v,
    const char *key, char *out, size_t max, struct aerr *e)
{
	const struct ynode *at;
	char word[CONF_CALL_LEN + 1];
	size_t len = 0, n = 0;

	if (v->kind != YNODE_SEQ)
		return ydoc_error(doc, v, e,
		    "%s: must be a list, write [{family: AF_ALG}]", key);
	out[0] = '\0';
	for (at = v->first; at != NULL; at = at->next) {
		if (parse_family(doc, at, key, word, sizeof(word), e) == -1)
			return -1;
		if (++n > CONF_CALLS_MAX ||
		    add_word(out, max, &len, word) == -1)
			return ydoc_error(doc, at, e,
			    "%s: more than %d families", key, CONF_CALLS_MAX);
	}
	return 0;
}

int
conf_check_calls(const struct ydoc *doc, const struct conf *c, struct aerr *e)
{
	const char *at = c->calls_allow;
	char name[CONF_CALL_LEN + 1];

	while (conf_next_word(&at, name, sizeof(name))) {
		if (conf_names_have(c->calls_block, name))
			return ydoc_error(doc, NULL, e,
			    ALLOW ": %s is in block as well", name);
	}
	return 0;
}
