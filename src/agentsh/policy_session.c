/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of a session that runs: the server says which one it is, for whom
 * it was compiled, and the digest of what came out. It is compiled again here;
 * only if that is the same, byte by byte, is anything answered by it.
 */
#include <errno.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/path.h"
#include "../common/policytry.h"
#include "../common/profile.h"
#include "cli.h"

/* The strings must stay as long as the policy. */
static struct {
	char policy[AGENTSH_NAME_MAX + 1];
	char digest[AGENTSH_DIGEST_MAX + 1];
	char directory[AGENTSH_PATH_MAX + 1];
	char root[AGENTSH_PATH_MAX + 1];
	char home[AGENTSH_PATH_MAX + 1];
	char user[AGENTSH_USER_MAX + 1];
	char uid[16];
	bool deny_opaque;
	bool scope_all;
	struct {
		char path[AGENTSH_PATH_MAX + 1];
		char file[PATH_MAX]; /* of its own policy; "": none */
	} mount[PROFILE_MOUNTS];
	struct try_place place[PROFILE_MOUNTS];
	size_t nplaces;
} told;

static int
take(const struct jval *v, const char *key, char *dst, size_t size)
{
	const char *s = jv_str(v, key);

	if (s == NULL || s[0] == '\0' || strlen(s) >= size)
		return -1;
	memcpy(dst, s, strlen(s) + 1);
	return 0;
}

/* One mount of the session, and where its own policy is. */
static int
take_mount(const struct jval *v)
{
	struct try_place *p = &told.place[told.nplaces];
	const char *mode = jv_str(v, "mode"), *policy = jv_str(v, "policy");
	char *path = told.mount[told.nplaces].path;
	char *file = told.mount[told.nplaces].file;

	if (take(v, "path", path, sizeof(told.mount[0].path)) == -1 ||
	    !path_is_clean(path) || mode == NULL ||
	    (policy != NULL && !policy_name_is_valid(policy)))
		return -1;
	told.nplaces++;
	p->path = path;
	p->rw = strcmp(mode, "rw") == 0;
	p->file = NULL;
	if (policy == NULL)
		return 0;
	/* what is not there is said when all else is known */
	snprintf(file, PATH_MAX, "%s", policy);
	p->file = file;
	return 0;
}

static int
take_mounts(const struct jval *v)
{
	const struct jval *list = jv_at(v, "mounts"), *m;

	if (list == NULL || list->type != J_ARRAY)
		return -1;
	told.nplaces = 0;
	for (m = list->child; m != NULL; m = m->next) {
		if (told.nplaces == PROFILE_MOUNTS || take_mount(m) == -1)
			return -1;
	}
	return 0;
}

static int
take_all(const struct jval *v)
{
	const char *opaque = jv_str(v, "opaque");
	const char *scope = jv_str(v, "fuse_scope");
	uint64_t uid;

	if (take(v, "policy", told.policy, sizeof(told.policy)) == -1 ||
	    take(v, "image_sha256", told.digest, sizeof(told.digest)) == -1 ||
	    take(v, "directory", told.directory, sizeof(told.directory)) ==
		-1 ||
	    take(v, "project_root", told.root, sizeof(told.root)) == -1 ||
	    take(v, "home", told.home, sizeof(told.home)) == -1 ||
	    take(v, "user", told.user, sizeof(told.user)) == -1 ||
	    jv_u64(v, "uid", &uid) == -1 || uid > UINT32_MAX ||
	    opaque == NULL || policy_opaque(opaque, &told.deny_opaque) == -1 ||
	    scope == NULL || take_mounts(v) == -1)
		return -1;
	told.scope_all = strcmp(scope, "all") == 0;
	snprintf(told.uid, sizeof(told.uid), "%u", (unsigned)uid);
	return policy_name_is_valid(told.policy) && path_is_clean(told.root) ?
	    0 :
	    -1;
}

/* 0, or -1, and said why. */
static int
ask_server(const struct args *a, const char *id)
{
	char *sid = url_escape(id);
	char *path = xasprintf("/api/v1/sessions/%s/policy", sid);
	struct call c;
	int ret = -1;

	if (call(a, &c, "GET", path, NULL, 0) == -1)
		goto out;
	if (c.status != 200 || c.json == NULL)
		call_error(&c);
	else if (take_all(c.json->root) == -1)
		say("the server's answer about the policy of session %s is incomplete",
		    id);
	else
		ret = 0;
	call_free(&c);
out:
	free(path);
	free(sid);
	return ret;
}

static bool
is_the_same(const struct policy_try *t)
{
	char hex[SHA256_DIGEST_STRING_LENGTH];
	const void *image;
	size_t len;

	image = try_image(t, &len);
	SHA256Data(image, len, hex);
	return strcmp(hex, told.digest) == 0;
}

/* The files of the mounts' policies, by their names. */
static int
find_mounts(void)
{
	char name[AGENTSH_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < told.nplaces; i++) {
		if (told.place[i].file == NULL)
			continue;
		snprintf(name, sizeof(name), "%s", told.mount[i].file);
		if (policy_find_in(told.directory, name, told.mount[i].file) ==
		    NULL)
			return -1;
	}
	return 0;
}

struct policy_try *
policy_session_open(const struct args *a, const char *id)
{
	struct try_options opt = { .workspace = told.root,
		.user = told.user,
		.home = told.home,
		.uid = told.uid };
	char path[PATH_MAX];
	struct policy_try *t;
	struct aerr e;

	if (ask_server(a, id) == -1)
		return NULL;
	opt.deny_opaque = told.deny_opaque;
	opt.scope_all = told.scope_all;
	opt.places = told.place;
	opt.nplaces = told.nplaces;
	if (policy_find_in(told.directory, told.policy, path) == NULL ||
	    find_mounts() == -1)
		return NULL;
	t = try_open(path, &opt, &e);
	if (t == NULL) {
		say("%s", e.message);
		return NULL;
	}
	if (is_the_same(t))
		return t;
	say("session %s has another policy %s than what is in %s%s: that was changed and not taken by the session (agentshctl reload), or the server is another version",
	    id, told.policy, path,
	    told.nplaces > 0 ? ", and in the files of its mounts" : "");
	try_close(t);
	return NULL;
}
