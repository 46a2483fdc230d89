/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with values: the environment that a session adds, and its aliases.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessiond.h"

static size_t
var_bytes(const struct var *v)
{
	return strlen(v->name) + 1 +
	    (v->value == NULL ? 0 : strlen(v->value) + 1);
}

static struct var *
find(const struct vars *vars, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < vars->n; i++) {
		if (strncmp(vars->v[i].name, name, len) == 0 &&
		    vars->v[i].name[len] == '\0')
			return &vars->v[i];
	}
	return NULL;
}

static void
drop(struct vars *vars, struct var *v)
{
	vars->bytes -= var_bytes(v);
	free(v->name);
	free(v->value);
	*v = vars->v[--vars->n];
}

int
vars_put(struct vars *vars, const char *name, size_t len, const char *value)
{
	struct var *v = find(vars, name, len), made, *more;

	made.name = strndup(name, len);
	made.value = value == NULL ? NULL : strdup(value);
	if (made.name == NULL || (value != NULL && made.value == NULL))
		goto fail;
	if (v != NULL)
		drop(vars, v);
	more = reallocarray(vars->v, vars->n + 1, sizeof(*more));
	if (more == NULL)
		goto fail;
	vars->v = more;
	vars->v[vars->n++] = made;
	vars->bytes += var_bytes(&made);
	return 0;
fail:
	free(made.name);
	free(made.value);
	return -1;
}

const char *
vars_get(const struct vars *vars, const char *name)
{
	const struct var *v = find(vars, name, strlen(name));

	return v == NULL ? NULL : v->value;
}

void
vars_free(struct vars *vars)
{
	while (vars->n > 0)
		drop(vars, &vars->v[vars->n - 1]);
	free(vars->v);
	memset(vars, 0, sizeof(*vars));
}

static int
put_all(struct vars *to, const struct vars *from, bool (*keep)(const char *))
{
	const struct var *v;
	struct var *old;
	size_t i;

	for (i = 0; i < from->n; i++) {
		v = &from->v[i];
		old = find(to, v->name, strlen(v->name));
		if (v->value == NULL && (keep == NULL || !keep(v->name))) {
			if (old != NULL)
				drop(to, old);
		} else if (vars_put(to, v->name, strlen(v->name), v->value) ==
		    -1) {
			return -1;
		}
	}
	return 0;
}

static bool
keep_all(const char *name)
{
	(void)name;
	return true;
}

int
vars_change(struct vars *vars, uint32_t uid, const struct vars *changes,
    bool (*keep)(const char *), char *err, size_t errlen)
{
	struct vars new = { 0 };

	snprintf(err, errlen, "out of memory");
	if (put_all(&new, vars, keep_all) == -1 ||
	    put_all(&new, changes, keep) == -1)
		goto fail;
	if (new.n > STATE_NAMES_MAX || new.bytes > STATE_BYTES_MAX) {
		snprintf(err, errlen,
		    "a session remembers %d names and %d bytes of them",
		    STATE_NAMES_MAX, STATE_BYTES_MAX);
		goto fail;
	}
	if (new.bytes > vars->bytes &&
	    !share_take(uid, new.bytes - vars->bytes)) {
		snprintf(err, errlen, "%s", SHARE_TEXT);
		goto fail;
	}
	if (new.bytes < vars->bytes)
		share_give(uid, vars->bytes - new.bytes);
	vars_free(vars);
	*vars = new;
	return 0;
fail:
	vars_free(&new);
	return -1;
}

void
vars_forget(struct vars *vars, uint32_t uid)
{
	share_give(uid, vars->bytes);
	vars_free(vars);
}
