/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session update
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "jsonout.h"

/* The last one of a name counts: one key twice is not JSON. */
static bool
is_set_later(const struct args *a, size_t i, size_t len)
{
	const char *word = a->env[i];

	while (++i < a->nenv) {
		if (strncmp(a->env[i], word, len) == 0 && a->env[i][len] == '=')
			return true;
	}
	return false;
}

static int
put_env(struct jsonout *o, const struct args *a)
{
	size_t i, len;
	char *name;

	if (a->nenv == 0)
		return 0;
	jo_open(o, "env");
	for (i = 0; i < a->nenv; i++) {
		len = strcspn(a->env[i], "=");
		if (len == 0 || a->env[i][len] == '\0') {
			say("--set-env %s: not NAME=VALUE", a->env[i]);
			return -1;
		}
		if (is_set_later(a, i, len))
			continue;
		name = xasprintf("%.*s", (int)len, a->env[i]);
		jo_str(o, name, a->env[i] + len + 1);
		free(name);
	}
	jo_close(o);
	return 0;
}

static struct jsonout *
make_request(const struct args *a)
{
	struct jsonout *o = jo_new();
	size_t i;

	jo_open(o, NULL);
	if (a->opt[OPT_CWD] != NULL)
		jo_str(o, "cwd", a->opt[OPT_CWD]);
	if (put_env(o, a) == -1) {
		jo_free(o);
		return NULL;
	}
	if (a->nunset > 0) {
		jo_open_array(o, "unset");
		for (i = 0; i < a->nunset; i++)
			jo_str(o, NULL, a->unset[i]);
		jo_close_array(o);
	}
	jo_close(o);
	return o;
}

int
cmd_session_update(struct args *a)
{
	struct jsonout *o;
	const char *text;
	char *sid, *path;
	size_t len;
	int r;

	if (a->opt[OPT_CWD] == NULL && a->nenv == 0 && a->nunset == 0)
		return usage_error(a,
		    "one of --cwd, --set-env and --unset-env is wanted");
	o = make_request(a);
	if (o == NULL || (text = jo_text(o, &len)) == NULL) {
		jo_free(o);
		return EXIT_USAGE;
	}
	sid = url_escape(a->argv[0]);
	path = xasprintf("/api/v1/sessions/%s", sid);
	r = call_show(a, "PATCH", path, text, len);
	free(path);
	free(sid);
	jo_free(o);
	return r;
}
