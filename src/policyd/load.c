/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a policy by name beneath the directories that privd opened, compiles
 * it for one session and seals the image. The operator's directory wins over
 * the shipped one. The file is read anew for every session; what was compiled
 * from the same bytes for the same values is used again. With it are the
 * policies that the mounts of the session's profile have.
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
#include "profile.h"
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

/* A policy that was read: of the session, or of a mount. */
struct source {
	const char *name;
	const char *mount; /* its path, or NULL */
	char file[AGENTSH_NAME_MAX + 8];
	uint8_t *text; /* NULL: a mount without a policy of its own */
	size_t len;
};

/* All of a session; the first is that of the session itself. */
struct sources {
	struct profile profile;
	struct source v[1 + PROFILE_MOUNTS];
	size_t n;
};

/* The newest compiled policies: many sessions ask for the same. */
static struct cached {
	struct buf key; /* empty: free */
	struct loaded loaded;
} cache[CACHE_SIZE];

/* Of the same bytes for the same session's values comes the same image. */
static void
make_key(struct buf *b, const struct sources *s, const struct vars *vars)
{
	const struct source *src;
	size_t i;

	buf_init(b, (1 + PROFILE_MOUNTS) * (size_t)(YDOC_MAX_BYTES + 16384));
	buf_put_str(b, vars->project_root, AGENTSH_PATH_MAX);
	buf_put_str(b, vars->home, AGENTSH_PATH_MAX);
	buf_put_str(b, vars->user, AGENTSH_USER_MAX);
	buf_put_str(b, vars->uid, 16);
	for (i = 0; i < s->n; i++) {
		src = &s->v[i];
		buf_put_str(b, src->name, AGENTSH_NAME_MAX);
		buf_put_str(b, src->mount != NULL ? src->mount : "",
		    AGENTSH_PATH_MAX);
		buf_put_u64(b, src->len);
		if (src->len > 0)
			buf_put(b, src->text, src->len);
	}
}

static const struct loaded *
cache_find(const struct buf *key)
{
	size_t i;

	for (i = 0; i < CACHE_SIZE; i++) {
		if (cache[i].key.len == key->len &&
		    memcmp(cache[i].key.data, key->data, key->len) == 0)
			return &cache[i].loaded;
	}
	return NULL;
}

/* Takes the key and the descriptor. */
static void
cache_put(const struct buf *key, const struct loaded *l)
{
	static size_t next;
	struct cached *c = &cache[next];

	next = (next + 1) % CACHE_SIZE;
	if (c->key.len > 0) {
		buf_free(&c->key);
		close(c->loaded.fd);
	}
	c->key = *key;
	c->loaded = *l;
}

/* Finds and reads one, if there is somebody to vouch for it. */
static int
read_source(const struct proc *p, struct source *src, char *warning,
    struct aerr *e)
{
	uint8_t *fit;
	int fd, dir, ret;

	if (!policy_name_is_valid(src->name))
		return policy_error(e, src->name,
		    "a name has letters, digits, _ and - only");
	if (trust_allows(p, src->name, e) == -1)
		return -1;
	fd = find_policy(p, src->name, src->file, sizeof(src->file), &dir, e);
	if (fd == -1)
		return -1;
	ret = policy_read(fd, src->file, &src->text, &src->len, e);
	close(fd);
	if (ret == -1)
		return -1;
	fit = realloc(src->text, src->len + 1);
	if (fit != NULL)
		src->text = fit;
	/* these bytes, and no others, are compiled */
	return trust_check(p, dir, src->name, src->file, src->text, src->len,
	    warning, e);
}

/* More about another policy. */
static void
add_warning(char *all, const char *name, const char *warning)
{
	size_t n = strlen(all);

	if (warning[0] == '\0' || n >= AGENTSH_TEXT_MAX)
		return;
	snprintf(all + n, AGENTSH_TEXT_MAX - n, "%spolicy %s: %s",
	    n > 0 ? "; " : "", name, warning);
}

static int
read_sources(const struct proc *p, struct sources *s, char *warning,
    struct aerr *e)
{
	char more[AGENTSH_TEXT_MAX];
	const struct profile_mount *m;
	struct source *src;
	size_t i;

	if (read_source(p, &s->v[s->n++], warning, e) == -1)
		return -1;
	for (i = 0; i < s->profile.n; i++) {
		m = &s->profile.mount[i];
		src = &s->v[s->n++];
		src->mount = m->path;
		src->name = m->policy;
		if (m->policy[0] == '\0')
			continue;
		if (read_source(p, src, more, e) == -1)
			return -1;
		add_warning(warning, m->policy, more);
	}
	return 0;
}

static void
sources_free(struct sources *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->v[i].text);
}

static void
log_warnings(const char *name, const struct policy *policy, bool fallback)
{
	size_t i;

	if (fallback)
		log_info("policy %s: some of its globs of files are simulated, "
			 "as their automaton would have too many states",
		    name);
	for (i = 0; i < policy->warnings.n; i++)
		log_warnx("policy %s", policy->warnings.text[i]);
	if (policy->warnings.more > 0)
		log_warnx("policy %s: %zu more warnings", name,
		    policy->warnings.more);
}

/* From text to what privd gets; the descriptor is the caller's. */
static int
compile_sources(const struct proc *p, const struct sources *s,
    const struct vars *vars, struct loaded *out, struct aerr *e)
{
	struct mount_text mounts[PROFILE_MOUNTS];
	const struct source *src;
	struct compiled c;
	struct policy policy;
	size_t i;

	for (i = 1; i < s->n; i++) {
		src = &s->v[i];
		mounts[i - 1] = (struct mount_text){ .path = src->mount,
			.name = src->text != NULL ? src->file : NULL,
			.text = src->text,
			.len = src->len };
	}
	src = &s->v[0];
	if (policy_build_mounts(src->file, src->text, src->len, mounts,
		s->n - 1, vars, p->conf.fuse_scope == SCOPE_ALL, &policy, &c,
		e) == -1)
		return -1;
	log_warnings(src->name, &policy, c.fallback);
	out->plan = c.plan;
	out->command_timeout_ms = policy.command_timeout_ms;
	out->session_timeout_ms = policy.session_timeout_ms;
	out->idle_timeout_ms = policy.idle_timeout_ms;
	out->pids_max = policy.limits.pids_max;
	if (polsig_sha256(c.image.data, c.image.len, out->digest) == 0)
		out->fd = memfd_sealed("agentsh-policy", c.image.data,
		    c.image.len);
	if (out->fd == -1) {
		policy_error(e, src->name, strerror(errno));
		e->http = 500;
	}
	policy_free(&policy);
	compiled_free(&c);
	return out->fd == -1 ? -1 : 0;
}

static int
load(const struct proc *p, struct sources *s, const struct vars *vars,
    struct loaded *out, struct aerr *e)
{
	char warning[sizeof(out->warning)] = "";
	const struct loaded *known;
	struct buf key;

	if (read_sources(p, s, warning, e) == -1)
		return -1;
	make_key(&key, s, vars);
	if (key.bad) {
		buf_free(&key);
		return policy_error(e, s->v[0].name, "out of memory");
	}
	known = cache_find(&key);
	if (known != NULL) {
		*out = *known;
		buf_free(&key);
	} else if (compile_sources(p, s, vars, out, e) == -1) {
		buf_free(&key);
		return -1;
	} else {
		cache_put(&key, out);
	}
	memcpy(out->warning, warning, sizeof(warning));
	return 0;
}

int
load_policy(const struct proc *p, const char *name, const char *profile,
    const struct vars *vars, struct loaded *out, struct aerr *e)
{
	struct sources *s;
	int ret;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	if (!path_is_clean(vars->project_root))
		return policy_error(e, name, "the workspace is no clean path");
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return policy_error(e, name, "out of memory");
	s->v[0].name = name;
	if (profile[0] != '\0' &&
	    !profile_find(p->conf.mount_profiles, profile, &s->profile))
		ret = policy_error(e, name, "there is no such mount profile");
	else
		ret = load(p, s, vars, out, e);
	sources_free(s);
	free(s);
	return ret;
}
