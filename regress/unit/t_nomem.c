/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy is parsed and compiled while memory runs out, at each allocation in
 * turn: either it is compiled all the same, as without a mount plan, or it is an
 * error of the server, and not of who asks.
 */
#include <stdlib.h>

#include "p.h"
#include "t.h"

static long left = -1; /* allocations that succeed; -1: all */
static bool lacked;

static bool
lacks(void)
{
	if (left == -1)
		return false;
	if (left-- > 0)
		return false;
	/* once: who goes on has memory again */
	left = -1;
	lacked = true;
	return true;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_reallocarray(void *, size_t, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);
char *__wrap_strdup(const char *);
char *__wrap_strndup(const char *, size_t);

void *
__wrap_malloc(size_t n)
{
	return lacks() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return lacks() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return lacks() ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return lacks() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return lacks() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return lacks() ? NULL : __real_strndup(s, n);
}

static const char policy[] =
    "version: 1\nname: t\nallow_unenforced: true\n"
    "file_rules:\n"
    "- {name: a, paths: ['${PROJECT_ROOT}/**', '/usr/**'], decision: allow}\n"
    "- {name: b, paths: ['**/*.env', '/etc/{a,b}*'], operations: [read], "
    "decision: deny, message: 'no {{.Path}}'}\n"
    "command_rules:\n"
    "- {name: c, commands: [git, 'py*'], args_patterns: ['^-c'], "
    "decision: deny}\n"
    "- {name: d, commands: ['*'], env_allow: [PATH, 'LC_*'], "
    "decision: allow}\n"
    "unix_socket_rules:\n"
    "- {name: e, paths: ['/run/*.sock', '@x'], decision: allow}\n"
    "signal_rules:\n"
    "- {name: f, signals: ['@all'], target: {type: process, pattern: 'a*'}, "
    "decision: allow}\n"
    "network_rules:\n"
    "- {name: g, domains: ['*.example.org'], cidrs: [10.0.0.0/8], "
    "decision: allow}\n"
    "env_policy: {allow: [HOME], deny: ['*_KEY']}\n";

static void
each_allocation(void)
{
	unsigned refused = 0, other = 0;
	struct p p;
	long n;

	CHECK_INT(p_load(&p, policy, NULL), 0);
	p_free(&p);
	for (n = 0; n < 1000000; n++) {
		lacked = false;
		left = n;
		if (p_load(&p, policy, NULL) == 0) {
			p_free(&p);
		} else {
			refused++;
			if (p.e.http != 500 ||
			    strcmp(p.e.code, "E_INTERNAL") != 0) {
				if (other++ < 5)
					printf("# allocation %ld: %d %s\n", n,
					    p.e.http, p.e.message);
			}
		}
		left = -1;
		if (!lacked)
			break;
	}
	printf("# %ld allocations, %u errors\n", n, refused);
	CHECK(refused > 100);
	CHECK_INT(other, 0);
}

int
main(void)
{
	T_RUN(each_allocation);
	return done_testing();
}
