/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a policy, as users write it: an operation, its object, and
 * what else there is to say of it.
 */
#include <arpa/inet.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "parse.h"
#include "path.h"
#include "try.h"
#include "units.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static const char *const kind_names[TRY_KIND_MAX] = {
	[TRY_FILE] = "",
	[TRY_EXEC] = "exec",
	[TRY_CONNECT] = "connect",
	[TRY_CONNECT_REDIRECT] = "connect-redirect",
	[TRY_UNIX] = "",
	[TRY_SIGNAL] = "signal",
	[TRY_DNS] = "dns",
	[TRY_ENV] = "env",
};

static const char *const unix_names[UNIX_OP_MAX] = {
	[UNIX_OP_CONNECT] = "unix-connect",
	[UNIX_OP_BIND] = "unix-bind",
	[UNIX_OP_LISTEN] = "unix-listen",
	[UNIX_OP_SENDTO] = "unix-sendto",
};

const char *
try_op_name(const struct try_query *q)
{
	if (q->kind == TRY_FILE)
		return file_op_name((enum file_op)q->op);
	if (q->kind == TRY_UNIX)
		return unix_names[q->op];
	return kind_names[q->kind];
}

/* Appends to a text of n bytes so far; how long it would be. */
static size_t __attribute__((format(printf, 4, 5)))
more(char *dst, size_t size, size_t n, const char *fmt, ...)
{
	va_list ap;

	if (n >= size)
		return n;
	va_start(ap, fmt);
	n += (size_t)vsnprintf(dst + n, size - n, fmt, ap);
	va_end(ap);
	return n;
}

static size_t
signal_words(char *dst, size_t size, size_t n, const struct try_query *q)
{
	const char *before = " --target ";
	char sig[16];
	int t;

	signal_text(sig, sizeof(sig), q->signo);
	n = more(dst, size, n, " %s", sig);
	for (t = 0; t < SIGNAL_PROCESS; t++) {
		if ((q->relations >> t & 1) == 0)
			continue;
		n = more(dst, size, n, "%s%s", before,
		    schema_word(SET_TARGET, t));
		before = ",";
	}
	if (q->pid != 0)
		n = more(dst, size, n, " --pid %u", q->pid);
	if (q->process != NULL)
		n = more(dst, size, n, " --process %s", q->process);
	return n;
}

void
try_text(char *dst, size_t size, const struct try_query *q)
{
	size_t n;
	int i;

	n = more(dst, size, 0, "%s", try_op_name(q));
	if (q->kind == TRY_SIGNAL)
		n = signal_words(dst, size, n, q);
	else if (q->kind != TRY_EXEC)
		n = more(dst, size, n, " %s", q->object);
	else if (q->depth != 0)
		n = more(dst, size, n, " --depth %u", q->depth);
	for (i = 0; i < q->argc; i++)
		n = more(dst, size, n, " %s", q->argv[i]);
}

static int
bad(struct aerr *e, const char *what, const char *word)
{
	snprintf(e->message, sizeof(e->message), "%.256s: %s", word, what);
	return -1;
}

static int
parse_addr(const char *text, uint8_t addr[16])
{
	memcpy(addr, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, addr + 12) == 1)
		return 0;
	return inet_pton(AF_INET6, text, addr) == 1 ? 0 : -1;
}

static int
parse_relations(const char *text, uint32_t *relations)
{
	char word[32];
	size_t n;
	int t;

	while (*text != '\0') {
		n = strcspn(text, ",");
		snprintf(word, sizeof(word), "%.*s", (int)(n < 31 ? n : 31),
		    text);
		for (t = 0; t < SIGNAL_PROCESS; t++) {
			if (strcmp(schema_word(SET_TARGET, t), word) == 0)
				break;
		}
		if (t == SIGNAL_PROCESS)
			return -1;
		*relations |= 1U << t;
		text += n;
		if (*text == ',' && *++text == '\0')
			return -1;
	}
	return 0;
}

int
try_option(struct try_query *q, const char *name, const char *value,
    struct aerr *e)
{
	uint64_t n = 0;

	if (strcmp(name, "depth") == 0 || strcmp(name, "pid") == 0) {
		if (units_int(value, 10, &n) == -1 || n > INT32_MAX)
			return bad(e, "not a number of this kind", value);
		if (name[0] == 'd')
			q->depth = (uint32_t)n;
		else
			q->pid = (uint32_t)n;
		return 0;
	}
	if (strcmp(name, "process") == 0) {
		q->process = value;
		return 0;
	}
	if (strcmp(name, "target") == 0)
		return parse_relations(value, &q->relations) == 0 ?
		    0 :
		    bad(e, "not what a target can be to the sender", value);
	if (strcmp(name, "address") == 0) {
		q->has_addr = true;
		return parse_addr(value, q->addr) == 0 ?
		    0 :
		    bad(e, "not an address", value);
	}
	return bad(e, "not an option of an operation", name);
}

/* HOST, HOST:PORT, ADDR:PORT or [ADDR]:PORT. */
static int
parse_destination(struct try_query *q, const char *word, struct aerr *e)
{
	const char *colon = strrchr(word, ':'), *end = colon;
	const char *host = word;
	uint8_t addr[16];
	uint64_t port;
	size_t n;

	/* an address of IPv6 without a port */
	if (parse_addr(word, addr) == 0)
		end = colon = NULL;
	q->port = 443;
	if (colon != NULL) {
		if (units_int(colon + 1, 10, &port) == -1 || port == 0 ||
		    port > 65535)
			return bad(e, "not HOST:PORT", word);
		q->port = (uint16_t)port;
	}
	n = end == NULL ? strlen(word) : (size_t)(end - word);
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(q->host))
		return bad(e, "not HOST:PORT", word);
	memcpy(q->host, host, n);
	q->host[n] = '\0';
	if (parse_addr(q->host, addr) == 0) {
		memcpy(q->addr, addr, sizeof(addr));
		q->has_addr = true;
		q->host[0] = '\0';
	}
	return 0;
}

/* A path as the session sees it; relative: beneath the workspace. */
static int
parse_path(const struct policy_try *t, struct try_query *q, const char *word,
    struct aerr *e)
{
	if (q->kind == TRY_UNIX && word[0] == '@') {
		snprintf(q->object, sizeof(q->object), "%s", word);
		return strlen(word) > AGENTSH_PATH_MAX || word[1] == '\0' ?
		    bad(e, "not a name of a socket", word) :
		    0;
	}
	if (word[0] == '\0' ||
	    path_join(q->object, sizeof(q->object), t->vars.project_root,
		word) == -1)
		return bad(e, "not a path", word);
	return 0;
}

static int
parse_object(const struct policy_try *t, struct try_query *q, const char *word,
    struct aerr *e)
{
	switch (q->kind) {
	case TRY_FILE:
	case TRY_UNIX:
		return parse_path(t, q, word, e);
	case TRY_CONNECT:
		snprintf(q->object, sizeof(q->object), "%s", word);
		return parse_destination(q, word, e);
	case TRY_CONNECT_REDIRECT:
	case TRY_DNS:
		snprintf(q->object, sizeof(q->object), "%s", word);
		return q->kind == TRY_DNS ? 0 : parse_destination(q, word, e);
	case TRY_ENV:
		if (word[0] == '\0' || strchr(word, '=') != NULL ||
		    strlen(word) >= sizeof(q->object))
			return bad(e, "not a name of a variable", word);
		snprintf(q->object, sizeof(q->object), "%s", word);
		return 0;
	case TRY_SIGNAL:
		q->signo = signal_number(word);
		return q->signo != 0 ? 0 : bad(e, "not a signal", word);
	case TRY_EXEC:
	case TRY_KIND_MAX:
		break;
	}
	return 0;
}

const char *
try_operation(size_t i)
{
	if (i < FILE_OP_MAX)
		return file_op_name((enum file_op)i);
	i -= FILE_OP_MAX;
	if (i < UNIX_OP_MAX)
		return unix_names[i];
	i = i - UNIX_OP_MAX + TRY_EXEC;
	return i < TRY_KIND_MAX ? kind_names[i] : NULL;
}

static int
find_operation(struct try_query *q, const char *word)
{
	uint32_t i;

	for (i = 0; i < FILE_OP_MAX; i++) {
		if (strcmp(word, file_op_name((enum file_op)i)) == 0) {
			q->kind = TRY_FILE;
			q->op = i;
			return 0;
		}
	}
	for (i = 0; i < UNIX_OP_MAX; i++) {
		if (strcmp(word, unix_names[i]) == 0) {
			q->kind = TRY_UNIX;
			q->op = i;
			return 0;
		}
	}
	for (i = 0; i < TRY_KIND_MAX; i++) {
		if (word[0] != '\0' && strcmp(word, kind_names[i]) == 0) {
			q->kind = (enum try_kind)i;
			return 0;
		}
	}
	return -1;
}

int
try_words(const struct policy_try *t, struct try_query *q, int argc,
    char **argv, struct aerr *e)
{
	if (argc < 1 || find_operation(q, argv[0]) == -1)
		return bad(e, "not an operation", argc < 1 ? "" : argv[0]);
	if (argc < 2)
		return bad(e, "of what?", argv[0]);
	if (q->kind == TRY_EXEC) {
		q->argv = argv + 1;
		q->argc = argc - 1;
		return argv[1][0] == '\0' ? bad(e, "not a command", "") : 0;
	}
	if (parse_object(t, q, argv[1], e) == -1)
		return -1;
	/* a command's own lists decide of its environment */
	if (q->kind == TRY_ENV) {
		q->argv = argv + 2;
		q->argc = argc - 2;
		return 0;
	}
	return argc == 2 ? 0 : bad(e, "too many words", argv[2]);
}
