/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ${NAME} and ${NAME:-fallback}. A value is a path or a name of the session's
 * user and is matched byte for byte: it never acts as a glob.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define VAR_LETTERS                                                            \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

struct text {
	char *s;
	size_t len;
	bool glob; /* escape what is special in globs */
};

static int
text_add(struct text *t, const char *s, size_t len, bool escape)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (t->len + 3 > AGENTSH_PATH_MAX)
			return -1;
		if (escape && strchr("*?[]{},!\\", s[i]) != NULL)
			t->s[t->len++] = '\\';
		t->s[t->len++] = s[i];
	}
	return 0;
}

static const char *
var_value(const struct vars *v, const char *name, size_t len)
{
	const struct {
		const char *name;
		const char *value;
	} known[] = {
		{ "PROJECT_ROOT", v->project_root },
		{ "GIT_ROOT", v->project_root },
		{ "WORKSPACE", v->project_root },
		{ "HOME", v->home },
		{ "USER", v->user },
		{ "UID", v->uid },
		{ "TMPDIR", "/tmp" },
		/* for a text that has a dollar sign before a brace */
		{ "DOLLAR", "$" },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == len &&
		    memcmp(known[i].name, name, len) == 0)
			return known[i].value;
	}
	return NULL;
}

/* How much of a value stands before rest: a home may be "/", or end in one. */
static size_t
value_length(const char *value, const char *rest)
{
	size_t len = strlen(value);

	if (value[0] != '/')
		return len;
	while (len > 1 && value[len - 1] == '/')
		len--;
	return len == 1 && rest[0] == '/' ? 0 : len;
}

/* p is after "${"; advances it past the "}". */
static int
var_one(const struct vars *v, const char **p, struct text *t, const char **what)
{
	const char *end = strchr(*p, '}');
	const char *name = *p, *value, *inner;
	size_t nlen, flen;

	if (end == NULL) {
		*what = "a ${ without its }";
		return -1;
	}
	nlen = strspn(name, VAR_LETTERS);
	*p = end + 1;
	flen = (size_t)(end - name) - nlen;
	inner = strstr(name, "${");
	if (inner != NULL && inner < end) {
		*what = "variables do not nest";
		return -1;
	}
	if (nlen == 0 ||
	    (flen != 0 &&
		(flen < 2 || name[nlen] != ':' || name[nlen + 1] != '-'))) {
		*what = "not a variable";
		return -1;
	}
	value = var_value(v, name, nlen);
	if (value == NULL && flen == 0) {
		*what = "unknown variable";
		return -1;
	}
	*what = "too long";
	if (value == NULL)
		return text_add(t, name + nlen + 2, flen - 2, false);
	return text_add(t, value, value_length(value, *p), t->glob);
}

static char *
expand(const struct vars *v, const char *text, bool glob, const char **what)
{
	struct text t = { .glob = glob };
	const char *p = text;

	*what = "out of memory";
	t.s = malloc(AGENTSH_PATH_MAX + 1);
	if (t.s == NULL)
		return NULL;
	while (*p != '\0') {
		if (p[0] == '$' && p[1] == '{') {
			p += 2;
			if (var_one(v, &p, &t, what) == -1)
				goto fail;
			continue;
		}
		if (text_add(&t, p++, 1, false) == -1) {
			*what = "too long";
			goto fail;
		}
	}
	t.s[t.len] = '\0';
	return t.s;
fail:
	free(t.s);
	return NULL;
}

char *
vars_expand(const struct vars *v, const char *text, const char **what)
{
	return expand(v, text, true, what);
}

char *
vars_expand_plain(const struct vars *v, const char *text, const char **what)
{
	return expand(v, text, false, what);
}
