/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a policy by name beneath the directories that privd opened, compiles
 * it for one session and seals the image. The operator's directory wins over
 * the shipped one. The file is read anew for every session; what was compiled
 * from the same bytes for the same values is used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "log.h"
#include "path.h"
#include "policy.h"
#include "policyd.h"
#include "policyfile.h"
#include "polsig.h"
#include "trust.h"

#define CACHE_SIZE 8

/* The open file, its name in file and its place in dir; -1 with e filled. */
static int
find_policy(const struct proc *p, const char *name, char *file, size_t size,
    int *dir, struct aerr *e)
{
	static const enum dir_kind dirs[] = { DIR_POLICY, DIR_POLICY_DEFAULT };
	static const char *const suffixes[] = { "yaml", "yml" };
	size_t d, s;
	int fd;

	for (d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++) {
		*dir = p->dir_fd[dirs[d]];
		if (*dir == -1)
			continue;
		for (s = 0; s < sizeof(suffixes) / sizeof(suffixes[0]); s++) {
			snprintf(file, size, "%s.%s", name, suffixes[s]);
			fd = openat(*dir, file,
			    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				O_NOCTTY);
			if (fd != -1)
				return fd;
			/* a policy that is there but cannot be read must not
			 * be replaced by another one of its name */
			if (errno != ENOENT)
				return policy_error(e, name,
				    errno == ELOOP ?
					"a symbolic link is not followed" :
					strerror(errno));
		}
	}
	return policy_error(e, name, "there is no policy of this name");
}

/* The newest compiled policies: many sessions ask for the same. */
static struct cached {
	char name[AGENTSH_NAME_MAX + 1];
	char project_root[AGENTSH_PATH_MAX + 1];
	char home[AGENTSH_PATH_MAX + 1];
	char user[AGENTSH_USER_MAX + 1];
	char uid[16];
	uint8_t *text; /* the whole file; NULL: free */
	size_t len;
	struct loaded loaded;
} cache[CACHE_SIZE];

/* The same text for the same session's values has the same image. */
static const struct loaded *
cache_find(const char *name, const uint8_t *text, size_t len,
    const struct vars *vars)
{
	const struct cached *c;
	size_t i;

	for (i = 0; i < CACHE_SIZE; i++) {
		c = &cache[i];
		if (c->text != NULL && c->len == len &&
		    memcmp(c->text, text, len) == 0 &&
		    strcmp(c->name, name) == 0 &&
		    strcmp(c->project_root, vars->project_root) == 0 &&
		    strcmp(c->home, vars->home) == 0 &&
		    strcmp(c->user, vars->user) == 0 &&
		    strcmp(c->uid, vars->uid) == 0)
			return &c->loaded;
	}
	return NULL;
}

/* Takes text and the descriptor. */
static void
cache_put(const char *name, uint8_t *text, size_t len, const struct vars *vars,
    const struct loaded *l)
{
	static size_t next;
	struct cached *c = &cache[next];

	next = (next + 1) % CACHE_SIZE;
	if (c->text != NULL) {
		free(c->text);
		close(c->loaded.fd);
	}
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->project_root, sizeof(c->project_root), "%s",
	    vars->project_root);
	snprintf(c->home, sizeof(c->home), "%s", vars->home);
	snprintf(c->user, sizeof(c->user), "%s", vars->user);
	snprintf(c->uid, sizeof(c->uid), "%s", vars->uid);
	c->text = text;
	c->len = len;
	c->loaded = *l;
}

/* The text of the file of a policy, which the caller frees. */
static int
read_policy(const struct proc *p, const char *name, char *file, size_t size,
    int *dir, uint8_t **text, size_t *len, struct aerr *e)
{
	uint8_t *fit;
	int fd, ret;

	fd = find_policy(p, name, file, size, dir, e);
	if (fd == -1)
		return -1;
	ret = policy_read(fd, file, text, len, e);
	close(fd);
	if (ret == -1)
		return -1;
	fit = realloc(*text, *len + 1);
	if (fit != NULL)
		*text = fit;
	return 0;
}

/* From text to what privd gets; the descriptor is the caller's. */
static int
compile_text(const struct proc *p, const char *name, const char *file,
    const uint8_t *text, size_t len, const struct vars *vars,
    struct loaded *out, struct aerr *e)
{
	struct compiled c;
	struct policy policy;
	size_t i;

	if (policy_build(file, text, len, vars, p->conf.fuse_scope == SCOPE_ALL,
		&policy, &c, e) == -1)
		return -1;
	if (c.fallback)
		log_info("policy %s: some of its globs of files are simulated, "
			 "as their automaton would have too many states",
		    name);
	for (i = 0; i < policy.warnings.n; i++)
		log_warnx("policy %s", policy.warnings.text[i]);
	if (policy.warnings.more > 0)
		log_warnx("policy %s: %zu more warnings", name,
		    policy.warnings.more);
	out->plan = c.plan;
	out->command_timeout_ms = policy.command_timeout_ms;
	out->session_timeout_ms = policy.session_timeout_ms;
	out->idle_timeout_ms = policy.idle_timeout_ms;
	out->pids_max = policy.limits.pids_max;
	if (polsig_sha256(c.image.data, c.image.len, out->digest) == 0)
		out->fd = memfd_sealed("agentsh-policy", c.image.data,
		    c.image.len);
	if (out->fd == -1) {
		policy_error(e, name, strerror(errno));
		e->http = 500;
	}
	policy_free(&policy);
	compiled_free(&c);
	return out->fd == -1 ? -1 : 0;
}

int
load_policy(const struct proc *p, const char *name, const struct vars *vars,
    struct loaded *out, struct aerr *e)
{
	char file[AGENTSH_NAME_MAX + 8], warning[sizeof(out->warning)] = "";
	const struct loaded *known;
	uint8_t *text = NULL;
	size_t len = 0;
	int dir;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	if (!policy_name_is_valid(name))
		return policy_error(e, name,
		    "a name has letters, digits, _ and - only");
	if (!path_is_clean(vars->project_root))
		return policy_error(e, name, "the workspace is no clean path");
	if (trust_allows(p, name, e) == -1 ||
	    read_policy(p, name, file, sizeof(file), &dir, &text, &len, e) ==
		-1)
		return -1;
	/* these bytes, and no others, are compiled below */
	if (trust_check(p, dir, name, file, text, len, warning, e) == -1) {
		free(text);
		return -1;
	}
	known = cache_find(name, text, len, vars);
	if (known != NULL) {
		*out = *known;
		memcpy(out->warning, warning, sizeof(warning));
		free(text);
		return 0;
	}
	if (compile_text(p, name, file, text, len, vars, out, e) == -1) {
		free(text);
		return -1;
	}
	cache_put(name, text, len, vars, out);
	memcpy(out->warning, warning, sizeof(warning));
	return 0;
}
