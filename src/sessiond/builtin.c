/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builtins, as sessiond sees them: what they will change when the rules let
 * them run, and that it is remembered when they have ended well. They run in
 * the session as every command does; files are nothing of ours.
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "fdio.h"
#include "sessiond.h"

int
builtin_tell(struct command *cmd, const char *prefix, const char *word)
{
	struct json_list *l = &cmd->words;
	size_t size = strlen(prefix) + strlen(word) + 1;
	char **more = reallocarray(l->v, l->n + 2, sizeof(*more));

	if (more == NULL)
		return -1;
	l->v = more;
	l->v[l->n + 1] = NULL;
	if ((l->v[l->n] = malloc(size)) == NULL)
		return -1;
	snprintf(l->v[l->n++], size, "%s%s", prefix, word);
	return 0;
}

int
builtin_open_result(struct command *cmd)
{
	cmd->builtin_fd = memfd_create("directory", MFD_CLOEXEC);
	return cmd->builtin_fd == -1 ? -1 : 0;
}

/* Nothing in its arguments is a secret. */
static int
tell_all(struct command *cmd)
{
	size_t i;

	for (i = 0; i < cmd->body.args.n; i++) {
		if (builtin_tell(cmd, "", cmd->body.args.v[i]) == -1)
			return -1;
	}
	return 0;
}

/* The name will not be there any more. */
static int
take_away(struct command *cmd, const char *name)
{
	return builtin_tell(cmd, "", name) == -1 ?
	    -1 :
	    vars_put(&cmd->changes, name, strlen(name), NULL);
}

/* What it has to show: a list of the session's. */
static int
show(struct command *cmd, const char *name)
{
	struct evbuffer *out = evbuffer_new();
	size_t len;

	if (out == NULL)
		return -1;
	if (cmd->builtin == BUILTIN_HISTORY)
		history_text(out, &cmd->sess->history);
	else
		alias_text(out, &cmd->sess->alias, name);
	len = evbuffer_get_length(out);
	cmd->builtin_fd = memfd_sealed("text", evbuffer_pullup(out, -1), len);
	evbuffer_free(out);
	return cmd->builtin_fd == -1 ? -1 : 0;
}

static int
prepare_cd(struct command *cmd, char *err, size_t errlen)
{
	const struct session *s = cmd->sess;
	const char *dir = s->mount;

	if (cmd->body.args.n > 0)
		dir = cmd->body.args.v[0];
	if (strcmp(dir, "-") == 0)
		dir = s->last_cwd;
	if (dir == NULL) {
		snprintf(err, errlen, "cd: there is no directory before");
		return -1;
	}
	return builtin_tell(cmd, "", dir) == -1 ? -1 : builtin_open_result(cmd);
}

/* Values are nobody's but the session's: neither rules nor events have them. */
static int
prepare_export(struct command *cmd, char *err, size_t errlen)
{
	const struct json_list *args = &cmd->body.args;
	char name[256], why[128];
	size_t i, n;

	for (i = 0; i < args->n; i++) {
		n = strcspn(args->v[i], "=");
		if (args->v[i][n] == '\0' || n >= sizeof(name)) {
			snprintf(err, errlen, "export: NAME=VALUE is wanted");
			return -1;
		}
		snprintf(name, sizeof(name), "%.*s", (int)n, args->v[i]);
		if (env_check_name(name, why, sizeof(why)) == -1) {
			snprintf(err, errlen, "export: %s", why);
			return -1;
		}
		if (builtin_tell(cmd, "", name) == -1 ||
		    vars_put(&cmd->changes, name, n, args->v[i] + n + 1) == -1)
			return -1;
	}
	return 0;
}

static int
prepare_unset(struct command *cmd, char *err, size_t errlen)
{
	const struct json_list *args = &cmd->body.args;
	char why[128];
	size_t i;

	for (i = 0; i < args->n; i++) {
		if (env_check_name(args->v[i], why, sizeof(why)) == -1) {
			snprintf(err, errlen, "unset: %s", why);
			return -1;
		}
		if (take_away(cmd, args->v[i]) == -1)
			return -1;
	}
	return 0;
}

/* NAME=TEXT defines, NAME shows one, nothing shows all. */
static int
prepare_alias(struct command *cmd, char *err, size_t errlen)
{
	const struct json_list *args = &cmd->body.args;
	const struct vars *vars = &cmd->sess->alias;
	const char *name = NULL, *arg;
	struct json_list words;
	char why[128];
	size_t i, n;

	for (i = 0; i < args->n; i++) {
		arg = args->v[i];
		n = strcspn(arg, "=");
		if (!alias_name_is_valid(arg, n)) {
			snprintf(err, errlen,
			    "alias: \"%.64s\" cannot be a name", arg);
			return -1;
		}
		if (arg[n] == '\0') {
			name = arg;
			continue;
		}
		if (alias_split(arg + n + 1, &words, why, sizeof(why)) == -1) {
			snprintf(err, errlen, "alias %.*s: %s", (int)n, arg,
			    why);
			return -1;
		}
		json_list_free(&words);
		if (vars_put(&cmd->changes, arg, n, arg + n + 1) == -1)
			return -1;
	}
	if (name != NULL && (args->n > 1 || vars_get(vars, name) == NULL)) {
		snprintf(err, errlen, "alias: %.64s: %s", name,
		    args->n > 1 ? "one name, or definitions" : "not found");
		return -1;
	}
	if (tell_all(cmd) == -1)
		return -1;
	return cmd->changes.n > 0 ? 0 : show(cmd, name);
}

static int
prepare_unalias(struct command *cmd, char *err, size_t errlen)
{
	const struct json_list *args = &cmd->body.args;
	size_t i;

	for (i = 0; i < args->n; i++) {
		if (vars_get(&cmd->sess->alias, args->v[i]) == NULL) {
			snprintf(err, errlen, "unalias: %.64s: not found",
			    args->v[i]);
			return -1;
		}
		if (take_away(cmd, args->v[i]) == -1)
			return -1;
	}
	return 0;
}

static int
prepare_others(struct command *cmd)
{
	if (tell_all(cmd) == -1)
		return -1;
	return cmd->builtin == BUILTIN_HISTORY ? show(cmd, NULL) : 0;
}

int
builtin_prepare(struct command *cmd, char *err, size_t errlen)
{
	const struct exec_body *body = &cmd->body;
	bool usage;

	cmd->builtin = builtin_find(body->command, body->args.n, &usage);
	if (usage) {
		snprintf(err, errlen, "%s: wrong number of arguments",
		    body->command);
		return -1;
	}
	snprintf(err, errlen, "out of memory or descriptors");
	switch (cmd->builtin) {
	case BUILTIN_NONE:
		return 0;
	case BUILTIN_CD:
		return prepare_cd(cmd, err, errlen);
	case BUILTIN_EXPORT:
		return prepare_export(cmd, err, errlen);
	case BUILTIN_UNSET:
		return prepare_unset(cmd, err, errlen);
	case BUILTIN_ALIAS:
		return prepare_alias(cmd, err, errlen);
	case BUILTIN_UNALIAS:
		return prepare_unalias(cmd, err, errlen);
	case BUILTIN_PWD:
	case BUILTIN_ENV:
	case BUILTIN_HISTORY:
	case BUILTIN_AENV:
	case BUILTIN_ALS:
	case BUILTIN_ACAT:
	case BUILTIN_ASTAT:
	case BUILTIN_UPDATE:
	case BUILTIN_MAX:
		break;
	}
	return prepare_others(cmd);
}

/* Where it has gone: the file holds what the kernel called it there. */
static int
take_directory(struct command *cmd)
{
	struct session *s = cmd->sess;
	char path[AGENTSH_PATH_MAX + 1];
	ssize_t n;
	char *copy;

	n = pread(cmd->builtin_fd, path, sizeof(path) - 1, 0);
	if (n <= 0)
		return -1;
	path[n] = '\0';
	if (path[0] != '/' || strlen(path) != (size_t)n ||
	    (copy = strdup(path)) == NULL)
		return -1;
	free(s->last_cwd);
	s->last_cwd = s->cwd;
	s->cwd = copy;
	return 0;
}

static int
change(struct command *cmd, char *err, size_t errlen)
{
	struct session *s = cmd->sess;

	if (cmd->builtin == BUILTIN_ALIAS || cmd->builtin == BUILTIN_UNALIAS)
		return vars_change(&s->alias, s->uid, &cmd->changes, NULL, err,
		    errlen);
	/* the one that can fail first: all or nothing */
	if (cmd->changes.n > 0 &&
	    vars_change(&s->env, s->uid, &cmd->changes, env_is_base, err,
		errlen) == -1)
		return -1;
	if (cmd->builtin != BUILTIN_CD && cmd->builtin != BUILTIN_UPDATE)
		return 0;
	snprintf(err, errlen, "the directory cannot be remembered");
	return cmd->builtin_fd == -1 ? 0 : take_directory(cmd);
}

void
builtin_finish(struct command *cmd)
{
	char err[AGENTSH_TEXT_MAX];

	if (cmd->runs_builtin && cmd->outcome == OUT_EXITED &&
	    cmd->exit_code == 0 && change(cmd, err, sizeof(err)) == -1) {
		cmd->outcome = OUT_REFUSED;
		cmd->exit_code = 2;
		snprintf(cmd->message, sizeof(cmd->message), "%s: %s",
		    cmd->body.command, err);
	}
	if (cmd->builtin_fd != -1)
		close(cmd->builtin_fd);
	cmd->builtin_fd = -1;
	vars_free(&cmd->changes);
	json_list_free(&cmd->words);
}
