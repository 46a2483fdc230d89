/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision on one exec: what would run, with which words, and what the
 * rules say of it. A script is decided together with its interpreters, as the
 * kernel would find them.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "execd.h"
#include "path.h"
#include "shebang.h"
#include "supervise.h"

#define RULE_UNREADABLE "exec-unreadable"
#define RULE_TOO_LONG "exec-arguments-too-long"
#define RULE_NAMELESS "exec-nameless"

/* 1 a script, 0 something else, or an interpreter that the kernel refuses; -1
 * it cannot be read. */
static int
read_shebang(const struct file *f, struct shebang *sb)
{
	char head[SHEBANG_MAX];
	ssize_t n = file_head(f, head, sizeof(head));

	return n == -1 ? -1 : shebang_parse(sb, head, (size_t)n);
}

/* interpreter [arg] script word... */
static int
script_argv(struct words *to, const struct shebang *sb, const char *script,
    const struct words *from)
{
	const char **v;
	size_t i, n = 0;
	int r;

	v = calloc(from->n + 4, sizeof(*v));
	if (v == NULL)
		return -1;
	v[n++] = sb->interpreter;
	if (sb->arg != NULL)
		v[n++] = sb->arg;
	v[n++] = script;
	for (i = 1; i < from->n; i++)
		v[n++] = from->v[i];
	r = words_copy(to, v, n);
	free(v);
	return r;
}

/* Follows the interpreters. 0, or the errno that the exec fails with, or -1: a
 * file may be executed and not read. The kernel would hide what comes of it
 * from us. */
static int
follow_scripts(struct exec *x)
{
	char script[AGENTSH_PATH_MAX + 32];
	struct shebang sb;
	struct link *l, *next;
	int err, r;

	snprintf(script, sizeof(script), "%s", x->path);
	if (x->dirfd != AT_FDCWD && x->path[0] != '/')
		snprintf(script, sizeof(script), "/dev/fd/%d%s%s", x->dirfd,
		    x->path[0] != '\0' ? "/" : "", x->path);
	for (;;) {
		l = &x->link[x->nlinks - 1];
		r = read_shebang(&l->file, &sb);
		if (r <= 0)
			return r;
		if (x->nlinks > EXEC_INTERPRETERS)
			return ELOOP;
		next = &x->link[x->nlinks++];
		err = file_resolve(&x->t, AT_FDCWD, sb.interpreter, 0,
		    &next->file);
		if (err != 0)
			return err;
		file_spell(&x->t, AT_FDCWD, sb.interpreter, next->command,
		    sizeof(next->command));
		if (script_argv(&next->argv, &sb, script, &l->argv) == -1)
			return ENOMEM;
		snprintf(script, sizeof(script), "%s", sb.interpreter);
	}
}

static int
deny(struct exec *x, const char *rule, const char *message)
{
	judge_deny(&x->j, rule, message);
	return EACCES;
}

/* Path and words of the target. */
static int
read_question(struct exec *x)
{
	const uint64_t *arg = (const uint64_t *)x->req.data.args;
	bool at = x->req.data.nr == __NR_execveat;
	struct link *l = &x->link[0];
	int err;

	x->dirfd = at ? (int)arg[0] : AT_FDCWD;
	x->flags = at ? (int)arg[4] : 0;
	err = target_string(&x->t, arg[at ? 1 : 0], x->path,
	    AGENTSH_PATH_MAX + 1);
	if (err == ENAMETOOLONG)
		x->path[AGENTSH_PATH_MAX] = '\0';
	x->nlinks = 1;
	if (err == 0)
		err = target_argv(&x->t, arg[at ? 2 : 1],
		    execd.p.conf.exec_max_argc, execd.p.conf.exec_max_bytes,
		    &l->argv);
	return err;
}

/* The file that was named and its interpreters: x->file_error. */
static void
find_files(struct exec *x)
{
	struct link *l = &x->link[0];

	x->file_error = file_resolve(&x->t, x->dirfd, x->path, x->flags,
	    &l->file);
	if (x->file_error != 0)
		return;
	if (x->path[0] == '\0')
		snprintf(l->command, sizeof(l->command), "%s", l->file.name);
	else
		file_spell(&x->t, x->dirfd, x->path, l->command,
		    sizeof(l->command));
	x->file_error = follow_scripts(x);
}

void
decide_look(struct exec *x)
{
	x->file_error = 0;
	x->read_error = read_question(x);
	if (x->read_error != 0 && x->read_error != E2BIG)
		return;
	if ((x->flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0)
		x->file_error = EINVAL;
	else
		find_files(x);
}

void
decide_look_replaced(struct exec *x)
{
	find_files(x);
	if (x->file_error == -1)
		x->file_error = EACCES;
}

int
decide_replaced(struct exec *x, const char *path, const struct words *argv)
{
	struct link *l = &x->link[0];
	size_t i;

	for (i = 0; i < x->nlinks; i++) {
		file_close(&x->link[i].file);
		if (i > 0)
			words_free(&x->link[i].argv);
	}
	/* the judgement points into these */
	x->was = l->argv;
	x->j.inner = false;
	x->nlinks = 1;
	x->dirfd = AT_FDCWD;
	x->flags = 0;
	x->truncated = false;
	snprintf(x->path, sizeof(x->path), "%s", path);
	return words_copy(&l->argv, argv->v, argv->n) == -1 ? ENOMEM : 0;
}

static void
ask_rules(struct exec *x)
{
	struct program p = { .depth = x->l.depth,
		.deny_opaque = execd.p.conf.shellc_opaque == OPAQUE_DENY };
	size_t i;

	judge_begin(&x->j, &execd.image);
	for (i = 0; i < x->nlinks; i++) {
		p.command = x->link[i].command;
		p.resolved = x->link[i].file.name;
		p.own = x->link[i].file.own[0] != '\0' ? x->link[i].file.own :
							 NULL;
		p.argv = x->link[i].argv.v;
		p.argc = x->link[i].argv.n;
		judge_program(&x->j, &p);
	}
}

/* Was a name found where the system's programs are? The client can have its
 * own directories searched first, and what is in those nobody has chosen. */
static bool
is_systems(const char *path, const char *name)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin",
		"/usr/sbin", "/usr/bin", "/sbin", "/bin" };
	const char *base = path_basename(path);
	size_t i, len = (size_t)(base - path);

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (strlen(dirs[i]) + 1 == len &&
		    strncmp(path, dirs[i], len - 1) == 0)
			return strcmp(base, name) == 0;
	}
	return false;
}

/* The command's own start, of a replacement that the operator chose. */
static bool
is_replacement(const struct exec *x)
{
	const struct command *c = command_find(x->l.command);
	const struct words *w = &x->link[0].argv;
	size_t i;

	if (x->l.depth != 0 || c == NULL || !c->redirected ||
	    c->spec.argc != w->n)
		return false;
	for (i = 0; i < w->n; i++) {
		if (strcmp(c->spec.argv[i], w->v[i]) != 0)
			return false;
	}
	return strchr(c->spec.file, '/') != NULL ?
	    strcmp(c->spec.file, x->path) == 0 :
	    is_systems(x->path, c->spec.file);
}

int
decide_exec(struct exec *x, int *natural)
{
	struct link *l = &x->link[0];
	int err = x->read_error;

	*natural = 0;
	judge_begin(&x->j, &execd.image);
	/* nothing is asked of the words where no rule restricts anything, and
	 * none allows by them */
	x->truncated = err == E2BIG && x->link[0].argv.n > 0 &&
	    execd.p.conf.exec_truncated == TRUNCATED_AUTO &&
	    !image_restricts_commands(&execd.image) &&
	    !image_matches_arguments(&execd.image);
	if (x->truncated)
		err = 0;
	if (err == E2BIG)
		return deny(x, RULE_TOO_LONG,
		    "more arguments, or bytes of them, than are looked at");
	if (err != 0)
		return deny(x, RULE_UNREADABLE,
		    "the path or the arguments cannot be read");
	if (x->file_error == -1)
		return deny(x, RULE_UNREADABLE, "the file cannot be read");
	if (x->file_error != 0) {
		*natural = x->file_error;
		return -1;
	}
	if (is_replacement(x)) {
		x->j.v.decision = DECISION_ALLOW;
		x->j.v.rule_name = command_find(x->l.command)->rule;
		return 0;
	}
	if (l->file.nameless && image_restricts_commands(&execd.image))
		return deny(x, RULE_NAMELESS,
		    "a program without a name in the file system has no rule");
	ask_rules(x);
	return x->j.v.decision == DECISION_ALLOW ||
		x->j.v.decision == DECISION_AUDIT ?
	    0 :
	    EACCES;
}
