/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies of an imagined session, from their files, compiled and to be
 * read rule by rule.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "policyfile.h"
#include "try.h"

static int
read_file(const char *file, uint8_t **text, size_t *len, struct aerr *e)
{
	int fd, ret;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		snprintf(e->message, sizeof(e->message), "%.512s: %s", file,
		    strerror(errno));
		return -1;
	}
	ret = policy_read(fd, file, text, len, e);
	close(fd);
	return ret;
}

static int
load(struct policy_try *t, struct aerr *e)
{
	struct mount_text mounts[TRY_PLACES];
	uint8_t *text[1 + TRY_PLACES] = { NULL };
	const struct try_place *p = t->opt.places;
	size_t i, len = 0, n = t->opt.nplaces;
	int ret;

	if (n > TRY_PLACES) {
		snprintf(e->message, sizeof(e->message), "too many mounts");
		return -1;
	}
	ret = read_file(t->file, &text[0], &len, e);
	for (i = 0; ret == 0 && i < n; i++) {
		mounts[i] = (struct mount_text){ .path = p[i].path,
			.name = p[i].file };
		if (p[i].file != NULL)
			ret = read_file(p[i].file, &text[1 + i], &mounts[i].len,
			    e);
		mounts[i].text = text[1 + i];
	}
	if (ret == 0)
		ret = policy_build_mounts(t->file, text[0], len, mounts, n,
		    &t->vars, t->opt.scope_all, &t->policy, &t->compiled, e);
	for (i = 0; i <= n; i++)
		free(text[i]);
	return ret;
}

static void
make_vars(struct policy_try *t)
{
	const char *home = t->opt.home != NULL ? t->opt.home : getenv("HOME");
	const char *user = t->opt.user != NULL ? t->opt.user : getenv("USER");
	struct passwd *pw = t->opt.user != NULL ? getpwnam(t->opt.user) : NULL;

	if (pw != NULL && t->opt.home == NULL)
		home = pw->pw_dir;
	snprintf(t->uid, sizeof(t->uid), "%u",
	    (unsigned)(pw != NULL ? pw->pw_uid : getuid()));
	t->vars.project_root = t->opt.workspace != NULL ? t->opt.workspace :
							  "/workspace";
	t->vars.home = home != NULL && path_is_clean(home) ? home :
							     "/nonexistent";
	t->vars.user = user != NULL && user[0] != '\0' ? user : "nobody";
	t->vars.uid = t->opt.uid != NULL ? t->opt.uid : t->uid;
}

struct policy_try *
try_open(const char *file, const struct try_options *opt, struct aerr *e)
{
	struct policy_try *t = calloc(1, sizeof(*t));

	memset(e, 0, sizeof(*e));
	snprintf(e->message, sizeof(e->message), "out of memory");
	if (t == NULL)
		return NULL;
	t->opt = *opt;
	make_vars(t);
	t->file = strdup(file);
	if (t->file == NULL || load(t, e) == -1) {
		free(t->file);
		free(t);
		return NULL;
	}
	t->image.base = t->compiled.image.data;
	t->image.size = t->compiled.image.len;
	t->naive = naive_new(&t->policy, &t->vars);
	if (t->naive == NULL || image_verify(&t->image) == -1 ||
	    image_prepare(&t->image, e) == -1) {
		try_close(t);
		return NULL;
	}
	return t;
}

const void *
try_image(const struct policy_try *t, size_t *len)
{
	*len = t->image.size;
	return t->image.base;
}

void
try_close(struct policy_try *t)
{
	if (t == NULL)
		return;
	if (t->image.unprepare != NULL)
		t->image.unprepare(&t->image);
	naive_free(t->naive);
	policy_free(&t->policy);
	compiled_free(&t->compiled);
	free(t->file);
	free(t);
}
