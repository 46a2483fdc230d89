/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment a command starts with: ours, over it what its session
 * remembers, over that what the request says. Nothing of the server's own is in
 * it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessiond.h"

/* a session's own servers are reached directly */
#define ENV_NO_PROXY "localhost,127.0.0.1,::1"
#define ENV_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* "NAME=VALUE", or NULL. */
static char *
env_word(const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *p = malloc(size);

	if (p != NULL)
		snprintf(p, size, "%s=%s", name, value);
	return p;
}

/* Sets name, in place of the value that the base may give it. */
static int
env_set(struct json_list *env, size_t nbase, const char *name,
    const char *value)
{
	size_t i, n = strlen(name);
	char *word = env_word(name, value);

	if (word == NULL)
		return -1;
	/* the request's own names differ from each other already */
	for (i = 0; i < nbase; i++) {
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=') {
			free(env->v[i]);
			env->v[i] = word;
			return 0;
		}
	}
	env->v[env->n++] = word;
	return 0;
}

static int
env_add(struct json_list *env, const char *name, const char *value)
{
	return env_set(env, 0, name, value);
}

static bool
env_name_is_valid(const char *name)
{
	const unsigned char *p = (const unsigned char *)name;

	if (!isalpha(*p) && *p != '_')
		return false;
	while (isalnum(*p) || *p == '_')
		p++;
	return *p == '\0';
}

/* Programs differ in which of the two they look for. */
static const char *const proxy_names[] = { "HTTP_PROXY", "HTTPS_PROXY",
	"ALL_PROXY", "http_proxy", "https_proxy", "all_proxy" };
static const char *const no_proxy_names[] = { "NO_PROXY", "no_proxy" };

#define NPROXY (sizeof(proxy_names) / sizeof(proxy_names[0]))
#define NNO_PROXY (sizeof(no_proxy_names) / sizeof(no_proxy_names[0]))

static int
env_proxy(struct json_list *env, const struct session *s)
{
	size_t i;

	if (!s->proxy || !session_has_network(s))
		return 0;
	for (i = 0; i < NPROXY; i++) {
		if (env_add(env, proxy_names[i], ENV_PROXY_URL) == -1)
			return -1;
	}
	for (i = 0; i < NNO_PROXY; i++) {
		if (env_add(env, no_proxy_names[i], ENV_NO_PROXY) == -1)
			return -1;
	}
	return 0;
}

static int
env_base(struct json_list *env, const struct session *s)
{
	if (env_add(env, "PATH", ENV_PATH) == -1 ||
	    env_add(env, "LANG", "C.UTF-8") == -1 ||
	    env_add(env, "LC_ALL", "C.UTF-8") == -1 ||
	    env_add(env, "HOME", AGENTSH_SESSION_HOME) == -1 ||
	    env_add(env, "USER", s->user) == -1 ||
	    env_add(env, "LOGNAME", s->user) == -1 ||
	    env_add(env, "SHELL", "/bin/sh") == -1 ||
	    env_add(env, "AGENTSH_SESSION_ID", s->id) == -1 ||
	    env_add(env, "AGENTSH_IN_SESSION", "1") == -1)
		return -1;
	return env_proxy(env, s);
}

static const char *const base_names[] = { "PATH", "LANG", "LC_ALL", "TERM",
	"HOME", "USER", "LOGNAME", "SHELL" };

bool
env_is_base(const char *name)
{
	size_t i;

	for (i = 0; i < NPROXY + NNO_PROXY; i++) {
		if (strcmp(name,
			i < NPROXY ? proxy_names[i] :
				     no_proxy_names[i - NPROXY]) == 0)
			return true;
	}
	for (i = 0; i < sizeof(base_names) / sizeof(base_names[0]); i++) {
		if (strcmp(name, base_names[i]) == 0)
			return true;
	}
	return false;
}

int
env_check_name(const char *name, char *err, size_t errlen)
{
	if (!env_name_is_valid(name)) {
		snprintf(err, errlen, "\"%.64s\" is not a name", name);
		return -1;
	}
	if (strncmp(name, "AGENTSH_", 8) == 0) {
		snprintf(err, errlen, "%.64s is set by the server", name);
		return -1;
	}
	return 0;
}

static void
env_drop(struct json_list *env, const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=') {
			free(env->v[i]);
			env->v[i] = env->v[--env->n];
			env->v[env->n] = NULL;
			return;
		}
	}
}

/* What the session remembers, over the base. */
static int
env_session(struct json_list *env, const struct vars *vars)
{
	const struct var *v;
	size_t i, nbase = env->n;

	for (i = 0; i < vars->n; i++) {
		v = &vars->v[i];
		if (v->value != NULL &&
		    env_set(env, nbase, v->name, v->value) == -1)
			return -1;
	}
	for (i = 0; i < vars->n; i++) {
		if (vars->v[i].value == NULL)
			env_drop(env, vars->v[i].name);
	}
	return 0;
}

int
env_build(struct json_list *env, const struct session *s,
    const struct json_pairs *asked, const char *term, char *err, size_t errlen)
{
	const char *name;
	char why[128];
	size_t i, nbase;

	memset(env, 0, sizeof(*env));
	snprintf(err, errlen, "out of memory");
	env->v = calloc(asked->n + s->env.n + 12 + NPROXY + NNO_PROXY,
	    sizeof(*env->v));
	if (env->v == NULL || env_base(env, s) == -1 ||
	    env_set(env, env->n, "TERM", term) == -1 ||
	    env_session(env, &s->env) == -1)
		return -1;
	nbase = env->n;
	for (i = 0; i < asked->n; i++) {
		name = asked->v[2 * i];
		if (env_check_name(name, why, sizeof(why)) == -1) {
			snprintf(err, errlen, "field \"env\": %s", why);
			return -1;
		}
		if (env_set(env, nbase, name, asked->v[2 * i + 1]) == -1)
			return -1;
	}
	return 0;
}

void
env_free(struct json_list *env)
{
	size_t i;

	for (i = 0; i < env->n; i++)
		free(env->v[i]);
	free(env->v);
	memset(env, 0, sizeof(*env));
}
