/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions as exec needs them: which one, made where it is missing, and not
 * used where it is another than the options ask for.
 */
#include <errno.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "jsonout.h"

/* dir, else $AGENTSH_SESSION_ROOT, else the current directory: its real path. */
int
session_root(const char *dir, char *dst)
{
	if (dir == NULL)
		dir = getenv("AGENTSH_SESSION_ROOT");
	if (dir == NULL || dir[0] == '\0')
		dir = ".";
	if (realpath(dir, dst) != NULL)
		return 0;
	say("workspace %s: %s", dir, strerror(errno));
	return -1;
}

/* One session a workspace: "session-" and 64 bits of a hash of its path. */
void
session_default_id(const char *root, char *dst, size_t size)
{
	char hex[SHA256_DIGEST_STRING_LENGTH];

	/* of libmd: loading libcrypto costs half of what a command may */
	SHA256Data((const uint8_t *)root, strlen(root), hex);
	snprintf(dst, size, "session-%.16s", hex);
}

/* The status, or -1. id may be NULL. */
int
session_create(const struct args *a, const char *id, const char *root,
    struct call *c)
{
	struct jsonout *o;
	const char *body;
	size_t len;
	int r;

	o = jo_new();
	jo_open(o, NULL);
	if (id != NULL)
		jo_str(o, "id", id);
	jo_str(o, "workspace", root);
	if (a->opt[OPT_POLICY] != NULL)
		jo_str(o, "policy", a->opt[OPT_POLICY]);
	if (a->opt[OPT_PROFILE] != NULL)
		jo_str(o, "profile", a->opt[OPT_PROFILE]);
	if (a->opt[OPT_REAL_PATHS] != NULL)
		jo_bool(o, "real_paths", true);
	if (a->opt[OPT_PROXY] != NULL)
		jo_bool(o, "proxy", true);
	jo_close(o);
	body = jo_text(o, &len);
	r = body == NULL ? -1 :
			   call(a, c, "POST", "/api/v1/sessions", body, len);
	jo_free(o);
	return r == -1 ? -1 : c->status;
}

int
session_ensure(const struct args *a, const char *id, const char *root)
{
	struct call c;
	int status = session_create(a, id, root, &c);

	if (status == -1)
		return -1;
	/* 409: another call made it in the meantime */
	if (status != 201 && status != 409) {
		call_error(&c);
		call_free(&c);
		return -1;
	}
	call_free(&c);
	return status == 409 ? session_check(a, id, root) : 0;
}

/* For a session that may exist: it must be what the options say it is. */
static int
compare(const struct args *a, const char *id, const char *root,
    const struct jval *v)
{
	const char *policy = jv_str(v, "policy");
	const char *ws = jv_str(v, "workspace");
	const char *mount = jv_str(v, "workspace_mount");
	const char *profile = jv_str(v, "profile");

	if (a->opt[OPT_POLICY] != NULL &&
	    (policy == NULL || strcmp(policy, a->opt[OPT_POLICY]) != 0)) {
		say("session %s exists with policy %s, not %s: name another session, "
		    "or destroy that one",
		    id, policy == NULL ? "?" : policy, a->opt[OPT_POLICY]);
		return -1;
	}
	if (a->opt[OPT_PROFILE] != NULL &&
	    (profile == NULL || strcmp(profile, a->opt[OPT_PROFILE]) != 0)) {
		say("session %s exists with %s%s, not profile %s", id,
		    profile == NULL ? "no profile" : "profile ",
		    profile == NULL ? "" : profile, a->opt[OPT_PROFILE]);
		return -1;
	}
	if (a->opt[OPT_ROOT] != NULL && (ws == NULL || strcmp(ws, root) != 0)) {
		say("session %s exists with workspace %s, not %s", id,
		    ws == NULL ? "?" : ws, root);
		return -1;
	}
	if (a->opt[OPT_REAL_PATHS] != NULL && mount != NULL && ws != NULL &&
	    strcmp(mount, ws) != 0) {
		say("session %s exists without --real-paths", id);
		return -1;
	}
	return 0;
}

int
session_check(const struct args *a, const char *id, const char *root)
{
	struct call c;
	char *path;
	int r = -1;

	if (a->opt[OPT_POLICY] == NULL && a->opt[OPT_ROOT] == NULL &&
	    a->opt[OPT_REAL_PATHS] == NULL && a->opt[OPT_PROFILE] == NULL)
		return 0;
	path = xasprintf("/api/v1/sessions/%s", id);
	if (call(a, &c, "GET", path, NULL, 0) == -1)
		goto out;
	if (c.status == 404)
		r = 0; /* it will be made that way */
	else if (c.status != 200 || c.json == NULL)
		call_error(&c);
	else
		r = compare(a, id, root, c.json->root);
	call_free(&c);
out:
	free(path);
	return r;
}
