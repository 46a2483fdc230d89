/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aliases: words that a command's name stands for. They are not shell text,
 * nothing in them is expanded, and what becomes of them is decided as if the
 * client had written it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "builtin.h"
#include "sessiond.h"

#define ALIAS_NAME_MAX 64

bool
alias_name_is_valid(const char *name, size_t len)
{
	size_t i;

	if (len == 0 || len > ALIAS_NAME_MAX || name[0] == '-')
		return false;
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) &&
		    strchr("_.+-", name[i]) == NULL)
			return false;
	}
	for (i = BUILTIN_NONE + 1; i < BUILTIN_MAX; i++) {
		if (strlen(builtin_name((enum builtin)i)) == len &&
		    strncmp(builtin_name((enum builtin)i), name, len) == 0)
			return false;
	}
	return true;
}

/* The next word from *p on into dst, which has room for all: 1, 0 none is left,
 * -1 with what is wrong. */
static int
next_word(const char **p, char *dst, const char **what)
{
	const char *s = *p + strspn(*p, " \t");
	char quote = '\0';

	if (*s == '\0')
		return 0;
	*what = "\"~\" and \"#\" are for a shell";
	if (*s == '~' || *s == '#')
		return -1;
	for (; *s != '\0' && (quote != '\0' || !strchr(" \t", *s)); s++) {
		if (quote == '\0' && (*s == '\'' || *s == '"')) {
			quote = *s;
		} else if (quote != '\0' && *s == quote) {
			quote = '\0';
		} else if (quote != '\'' && *s == '\\') {
			*what = "nothing follows the \"\\\"";
			if (s[1] == '\0')
				return -1;
			if (quote == '"' && strchr("\\\"$`", s[1]) == NULL)
				*dst++ = '\\';
			*dst++ = *++s;
		} else {
			*what = "\"$\", \"`\" and what else is for a shell must"
				" be quoted";
			if (quote != '\'' && strchr("$`", *s) != NULL)
				return -1;
			if (quote == '\0' && strchr("&|;<>()*?[\n", *s) != NULL)
				return -1;
			*dst++ = *s;
		}
	}
	*dst = '\0';
	*p = s;
	*what = "a quote is not closed";
	return quote == '\0' ? 1 : -1;
}

int
alias_split(const char *text, struct json_list *list, char *err, size_t errlen)
{
	char *word = malloc(strlen(text) + 1), **more;
	const char *what = "it stands for nothing";
	int r = -1;

	memset(list, 0, sizeof(*list));
	snprintf(err, errlen, "out of memory");
	while (word != NULL && (r = next_word(&text, word, &what)) == 1) {
		more = reallocarray(list->v, list->n + 2, sizeof(*more));
		if (more == NULL || (more[list->n] = strdup(word)) == NULL) {
			list->v = more != NULL ? more : list->v;
			goto fail;
		}
		list->v = more;
		list->v[++list->n] = NULL;
	}
	if (r == 0 && list->n > 0 && list->v[0][0] != '\0') {
		free(word);
		return 0;
	}
	if (word != NULL)
		snprintf(err, errlen, "%s", what);
fail:
	free(word);
	json_list_free(list);
	return -1;
}

static void
put_text(struct evbuffer *out, const struct var *v)
{
	const char *s;

	evbuffer_add_printf(out, "alias %s='", v->name);
	for (s = v->value; *s != '\0'; s++) {
		if (*s == '\'')
			evbuffer_add_printf(out, "'\\'");
		evbuffer_add(out, s, 1);
	}
	evbuffer_add_printf(out, "'\n");
}

void
alias_text(struct evbuffer *out, const struct vars *vars, const char *name)
{
	size_t i;

	for (i = 0; i < vars->n; i++) {
		if (name == NULL || strcmp(vars->v[i].name, name) == 0)
			put_text(out, &vars->v[i]);
	}
}

int
alias_expand(const struct vars *vars, char **command, struct json_list *args)
{
	const char *text = vars_get(vars, *command);
	struct json_list words;
	char err[256], **v;

	if (text == NULL)
		return 0;
	if (alias_split(text, &words, err, sizeof(err)) == -1)
		return -1;
	v = calloc(words.n + args->n, sizeof(*v));
	if (v == NULL) {
		json_list_free(&words);
		return -1;
	}
	free(*command);
	*command = words.v[0];
	memcpy(v, words.v + 1, (words.n - 1) * sizeof(*v));
	if (args->n > 0)
		memcpy(v + words.n - 1, args->v, args->n * sizeof(*v));
	free(words.v);
	free(args->v);
	args->v = v;
	args->n += words.n - 1;
	return 0;
}
