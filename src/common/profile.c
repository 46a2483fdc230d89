/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount profiles as text.
 */
#include <string.h>

#include "path.h"
#include "profile.h"

/* Where every session has something of its own. */
static const char *const own[] = {
#define ROOTMNT(path, kind, what) path,
#include "rootmnt.def"
#undef ROOTMNT
	"/workspace",
};

const char *
profile_path_error(const char *path)
{
	const unsigned char *c;
	size_t i;

	for (c = (const unsigned char *)path; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			return "a path without control characters";
	}
	if (strlen(path) > AGENTSH_PATH_MAX || !path_is_clean(path) ||
	    path[1] == '\0')
		return "an absolute path of a directory, without . and ..";
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (path_is_beneath(path, own[i]))
			return "outside of /proc, /dev, /sys, /run, /tmp and"
			       " /workspace, which are each session's own";
	}
	return NULL;
}

/* The text up to the byte end, which is skipped, into dst. -1: it is empty, does
 * not end, or is longer than max. */
static int
take(const char **text, char end, char *dst, size_t max)
{
	const char *at = strchr(*text, end);
	size_t n;

	if (at == NULL)
		return -1;
	n = (size_t)(at - *text);
	if (n == 0 || n > max)
		return -1;
	memcpy(dst, *text, n);
	dst[n] = '\0';
	*text = at + 1;
	return 0;
}

static int
take_mount(const char **text, struct profile *p)
{
	struct profile_mount *m = &p->mount[p->n];
	char mode[3];
	size_t i;

	if (p->n == PROFILE_MOUNTS || take(text, ' ', mode, 2) == -1 ||
	    take(text, ' ', m->policy, AGENTSH_NAME_MAX) == -1 ||
	    take(text, '\n', m->path, AGENTSH_PATH_MAX) == -1 ||
	    profile_path_error(m->path) != NULL)
		return -1;
	if (strcmp(m->policy, ".") == 0)
		m->policy[0] = '\0';
	else if (!policy_name_is_valid(m->policy))
		return -1;
	m->rw = strcmp(mode, "rw") == 0;
	if (!m->rw && strcmp(mode, "ro") != 0)
		return -1;
	for (i = 0; i < p->n; i++) {
		if (path_is_beneath(m->path, p->mount[i].path) ||
		    path_is_beneath(p->mount[i].path, m->path))
			return -1;
	}
	p->n++;
	return 0;
}

int
profile_next(const char **text, struct profile *p)
{
	if (**text == '\0')
		return 0;
	p->n = 0;
	if (take(text, ' ', p->name, AGENTSH_NAME_MAX) == -1 ||
	    take(text, '\n', p->policy, AGENTSH_NAME_MAX) == -1 ||
	    !policy_name_is_valid(p->name) || !policy_name_is_valid(p->policy))
		return -1;
	while (**text == '\t') {
		(*text)++;
		if (take_mount(text, p) == -1)
			return -1;
	}
	return p->n > 0 ? 1 : -1;
}

bool
profile_find(const char *text, const char *name, struct profile *p)
{
	while (profile_next(&text, p) == 1) {
		if (strcmp(p->name, name) == 0)
			return true;
	}
	return false;
}

/* Has a profile before that place this name? */
static bool
is_before(const char *text, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (; text < end; text = strchr(text, '\n') + 1) {
		if (text[0] != '\t' && strncmp(text, name, n) == 0 &&
		    text[n] == ' ')
			return true;
	}
	return false;
}

bool
profiles_are_valid(const char *text)
{
	static struct profile p;
	const char *at = text, *begin;
	int r;

	for (;;) {
		begin = at;
		r = profile_next(&at, &p);
		if (r != 1)
			return r == 0;
		if (is_before(text, begin, p.name))
			return false;
	}
}
