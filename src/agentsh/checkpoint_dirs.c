/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of which directories agentsh checkpoint create keeps the state: what a session
 * that runs can write to, as its server says, where --session names one and
 * --workspace no directory; else that directory.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../common/path.h"
#include "checkpoint.h"
#include "cli.h"

static int
add(struct cp_dirs *d, const char *path)
{
	if (path == NULL || !path_is_clean(path) || d->n == CP_MAX_DIRS)
		return -1;
	d->v[d->n++] = xstrdup(path);
	return 0;
}

/* The workspace of a session, and those of its mounts that it can change. */
static int
take(struct cp_dirs *d, const struct jval *session)
{
	const struct jval *list = jv_at(session, "mounts"), *m;
	const char *mode;

	if (add(d, jv_str(session, "workspace")) == -1)
		return -1;
	for (m = list == NULL ? NULL : list->child; m != NULL; m = m->next) {
		mode = jv_str(m, "mode");
		if (mode == NULL)
			return -1;
		if (strcmp(mode, "rw") == 0 && add(d, jv_str(m, "path")) == -1)
			return -1;
	}
	return 0;
}

/* 1; 0: no server runs, or it has no such session; -1 after a message. */
static int
ask(const struct args *a, const char *id, struct cp_dirs *d)
{
	char *sid = url_escape(id);
	char *path = xasprintf("/api/v1/sessions/%s", sid);
	struct call c;
	int ret;

	ret = call_running(a, &c, path);
	free(path);
	free(sid);
	if (ret != 1)
		return ret;
	if (c.status == 404 && a->opt[OPT_SERVER] == NULL) {
		ret = 0;
	} else if (c.status != 200 || c.json == NULL) {
		call_error(&c);
		ret = -1;
	} else if (take(d, c.json->root) == -1) {
		say("the server's answer about session %s is incomplete", id);
		ret = -1;
	}
	call_free(&c);
	return ret;
}

int
cp_dirs_find(const struct args *a, struct cp_dirs *d)
{
	char root[PATH_MAX];
	int ret = 0;

	memset(d, 0, sizeof(*d));
	if (a->opt[OPT_SESSION] != NULL && a->opt[OPT_WORKSPACE] == NULL)
		ret = ask(a, a->opt[OPT_SESSION], d);
	if (ret == 0) {
		ret = session_root(a->opt[OPT_WORKSPACE], root);
		if (ret == 0)
			ret = add(d, root);
	}
	if (ret == -1)
		cp_dirs_free(d);
	return ret == -1 ? -1 : 0;
}

void
cp_dirs_free(struct cp_dirs *d)
{
	while (d->n > 0)
		free(d->v[--d->n]);
}
