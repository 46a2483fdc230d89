/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_profiles of the configuration: from the tree to the text of profile.h.
 */
#include <stdio.h>
#include <string.h>

#include "confparse.h"
#include "path.h"
#include "profile.h"
#include "yamldoc.h"

struct reader {
	const struct ydoc *doc;
	struct aerr *e;
	struct profile p;
};

static int
wrong(struct reader *r, const struct ynode *at, const char *key,
    const char *text)
{
	return ydoc_error(r->doc, at, r->e, "mount_profiles.%s%s%s: %s",
	    r->p.name, key[0] != '\0' ? "." : "", key, text);
}

/* The text of a value, or NULL with an error. */
static const char *
scalar(struct reader *r, const struct ynode *v, const char *key)
{
	if (v->kind == YNODE_SCALAR && !ynode_is_null(v))
		return v->text;
	wrong(r, v, key, "must be a single value");
	return NULL;
}

static int
read_mode(struct reader *r, const struct ynode *v, struct profile_mount *m)
{
	const char *text = scalar(r, v, "mounts.mode");

	if (text == NULL)
		return -1;
	m->rw = strcmp(text, "rw") == 0;
	if (m->rw || strcmp(text, "ro") == 0)
		return 0;
	return wrong(r, v, "mounts.mode", "must be ro or rw");
}

static int
read_path(struct reader *r, const struct ynode *v, struct profile_mount *m)
{
	const char *text = scalar(r, v, "mounts.path"), *want;

	if (text == NULL)
		return -1;
	want = profile_path_error(text);
	if (want != NULL)
		return ydoc_error(r->doc, v, r->e,
		    "mount_profiles.%s.mounts.path: \"%.64s\" is not %s",
		    r->p.name, text, want);
	snprintf(m->path, sizeof(m->path), "%s", text);
	return 0;
}

/* The name of a policy, into dst. */
static int
read_policy(struct reader *r, const struct ynode *v, const char *key,
    char dst[AGENTSH_NAME_MAX + 1])
{
	const char *text = scalar(r, v, key);

	if (text == NULL)
		return -1;
	if (!policy_name_is_valid(text))
		return wrong(r, v, key, "not the name of a policy");
	snprintf(dst, AGENTSH_NAME_MAX + 1, "%s", text);
	return 0;
}

static int
read_mount(struct reader *r, const struct ynode *map)
{
	struct profile_mount *m = &r->p.mount[r->p.n];
	const struct ynode *v;
	size_t i;
	int ret = 0;

	if (map->kind != YNODE_MAP)
		return wrong(r, map, "mounts", "each must be a mapping");
	if (r->p.n == PROFILE_MOUNTS)
		return ydoc_error(r->doc, map, r->e,
		    "mount_profiles.%s.mounts: more than %d", r->p.name,
		    PROFILE_MOUNTS);
	m->rw = false;
	m->policy[0] = m->path[0] = '\0';
	for (v = map->first; v != NULL && ret == 0; v = v->next) {
		if (strcmp(v->key->text, "path") == 0)
			ret = read_path(r, v, m);
		else if (strcmp(v->key->text, "mode") == 0)
			ret = read_mode(r, v, m);
		else if (strcmp(v->key->text, "policy") == 0)
			ret = read_policy(r, v, "mounts.policy", m->policy);
		else
			ret = wrong(r, v->key, "mounts",
			    "a mount has path, mode and policy, no other key");
	}
	if (ret == -1)
		return -1;
	if (m->path[0] == '\0')
		return wrong(r, map, "mounts", "a mount without path");
	for (i = 0; i < r->p.n; i++) {
		if (path_is_beneath(m->path, r->p.mount[i].path) ||
		    path_is_beneath(r->p.mount[i].path, m->path))
			return wrong(r, map, "mounts",
			    "one mount lies in another");
	}
	r->p.n++;
	return 0;
}

static int
read_mounts(struct reader *r, const struct ynode *v)
{
	const struct ynode *at;

	if (v->kind != YNODE_SEQ || v->first == NULL)
		return wrong(r, v, "mounts", "must be a list of mounts");
	for (at = v->first; at != NULL; at = at->next) {
		if (read_mount(r, at) == -1)
			return -1;
	}
	return 0;
}

static int
read_profile(struct reader *r, const struct ynode *map)
{
	const struct ynode *v, *base = NULL, *mounts = NULL;

	snprintf(r->p.name, sizeof(r->p.name), "%.64s", map->key->text);
	if (!policy_name_is_valid(map->key->text))
		return wrong(r, map->key, "",
		    "the name of a profile is 1 to 128 of A-Z a-z 0-9 _ -");
	snprintf(r->p.name, sizeof(r->p.name), "%s", map->key->text);
	r->p.n = 0;
	if (map->kind != YNODE_MAP)
		return wrong(r, map, "", "must be a mapping");
	for (v = map->first; v != NULL; v = v->next) {
		if (strcmp(v->key->text, "base_policy") == 0)
			base = v;
		else if (strcmp(v->key->text, "mounts") == 0)
			mounts = v;
		else
			return wrong(r, v->key, "",
			    "a profile has base_policy and mounts, no other key");
	}
	if (base == NULL || mounts == NULL)
		return wrong(r, map, "",
		    "a profile needs base_policy and mounts");
	if (read_policy(r, base, "base_policy", r->p.policy) == -1)
		return -1;
	return read_mounts(r, mounts);
}

static int
add(char *out, size_t max, size_t *len, const char *a, const char *b,
    const char *c)
{
	int n;

	n = snprintf(out + *len, max + 1 - *len, "%s%s %s\n", a, b, c);
	if (n < 0 || (size_t)n > max - *len)
		return -1;
	*len += (size_t)n;
	return 0;
}

/* As text behind the others. */
static int
put_profile(const struct profile *p, char *out, size_t max, size_t *len)
{
	const struct profile_mount *m;
	char how[AGENTSH_NAME_MAX + 4];
	size_t i;

	if (add(out, max, len, "", p->name, p->policy) == -1)
		return -1;
	for (i = 0; i < p->n; i++) {
		m = &p->mount[i];
		snprintf(how, sizeof(how), "%s %s", m->rw ? "rw" : "ro",
		    m->policy[0] != '\0' ? m->policy : ".");
		if (add(out, max, len, "\t", how, m->path) == -1)
			return -1;
	}
	return 0;
}

int
conf_parse_profiles(const struct ydoc *doc, const struct ynode *v, char *out,
    size_t max, struct aerr *e)
{
	static struct reader r;
	const struct ynode *at;
	size_t len = 0;

	r.doc = doc;
	r.e = e;
	out[0] = '\0';
	if (v->kind != YNODE_MAP)
		return ydoc_error(doc, v, e,
		    "mount_profiles: must be a mapping");
	for (at = v->first; at != NULL; at = at->next) {
		if (read_profile(&r, at) == -1)
			return -1;
		if (put_profile(&r.p, out, max, &len) == -1)
			return ydoc_error(doc, at, e,
			    "mount_profiles: longer than %zu bytes", max);
	}
	return 0;
}
