/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shell does itself. Most builtins run nothing; these here run their
 * words, change what the next names stand for, or evaluate the subscript of a
 * variable's name, which may hold a command: a[$(rm x)].
 */
#include <string.h>

#include "shellc_priv.h"

enum builtin_kind {
	BI_PURE,
	BI_OPAQUE,
	BI_BYPASS,
	BI_SOURCE,
	BI_TEST,
	BI_BUILTIN,
	BI_CD,
	BI_COMMAND,
	BI_DECLARE,
	BI_EVAL,
	BI_EXEC,
	BI_HASH,
	BI_JOBS,
	BI_NAMES,
	BI_PRINTF,
	BI_SET,
	BI_SHIFT,
	BI_SHOPT,
	BI_TRAP,
	BI_UNSET
};

/* clang-format off */
static const struct {
	const char *name;
	unsigned shells;
	enum builtin_kind kind;
} builtins[] = {
#define BUILTIN(name, shells, kind) { name, shells, kind },
#include "shellc.def"
#undef BUILTIN
};

static const struct {
	const char *name;
	enum var_effect effect;
} variables[] = {
#define VARIABLE(name, effect) { name, effect },
#include "shellc.def"
#undef VARIABLE
};

static const char *const setopts[] = {
#define SETOPT(name) name,
#include "shellc.def"
#undef SETOPT
};

static const char *const shopts[] = {
#define SHOPT(name) name,
#include "shellc.def"
#undef SHOPT
};
/* clang-format on */

/* A builtin that is being looked at. */
struct bi {
	struct sc *c;
	struct sc_env *env;
	const struct sc_words *w;
	struct sc_words *left;
	struct sc_how *how;
};

enum var_effect
sc_variable(const char *name, size_t len)
{
	size_t i, n;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		n = strlen(variables[i].name);
		if (variables[i].name[n - 1] == '*' ?
			(len >= n - 1 &&
			    strncmp(name, variables[i].name, n - 1) == 0) :
			(len == n && strncmp(name, variables[i].name, n) == 0))
			return variables[i].effect;
	}
	return VAR_PLAIN;
}

bool
sc_is_name(const char *s, size_t len)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t i;

	for (i = 0; i < len; i++) {
		if ((s[i] == '\0' || strchr(first, s[i]) == NULL) &&
		    (i == 0 || s[i] < '0' || s[i] > '9'))
			return false;
	}
	return len > 0;
}

static bool
in_names(const char *const *list, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(list[i], name) == 0)
			return true;
	}
	return false;
}

bool
sc_is_setopt(const char *name)
{
	return in_names(setopts, sizeof(setopts) / sizeof(setopts[0]), name);
}

static bool
is_uncertain(const struct bi *b, size_t i)
{
	return (b->w->flags[i] & (W_UNC | W_SPLIT)) != 0;
}

static void
opaque(const struct bi *b, const char *why)
{
	sc_mark(b->c, SHELLC_OPAQUE, why);
}

static void
assign(const struct bi *b, const char *name, size_t len)
{
	switch (sc_variable(name, len)) {
	case VAR_PLAIN:
		break;
	case VAR_START:
		b->env->home = true;
		break;
	case VAR_BYPASS:
		sc_mark(b->c, SHELLC_BYPASS,
		    "a variable that changes what runs");
		break;
	}
}

/* The words from i on are the command. */
static enum sc_left
words_from(struct bi *b, size_t i)
{
	b->left->argv = b->w->argv + i;
	b->left->flags = b->w->flags + i;
	b->left->n = b->w->n - i;
	return i < b->w->n ? LEFT_WORDS : LEFT_NONE;
}

/* Runs a script in this very shell, now or at an unknown time. */
static void
run_here(struct bi *b, const char *script, bool later)
{
	struct sc_env env = *b->env;

	env.depth++;
	if (later)
		env.cd = env.params_lost = true;
	sc_script(b->c, &env, script);
	env.depth--;
	*b->env = env;
	if (later)
		b->env->params_lost = true;
}

static void
bi_eval(struct bi *b)
{
	size_t i, len = 1;
	char *s, *p;

	for (i = 1; i < b->w->n; i++) {
		if (is_uncertain(b, i)) {
			opaque(b, "eval of an expansion");
			return;
		}
		len += strlen(b->w->argv[i]) + 1;
	}
	if (b->w->n > 1 && b->w->argv[1][0] == '-') {
		opaque(b, "an option of eval");
		return;
	}
	s = p = sc_alloc(b->c, len, 1);
	for (i = 1; i < b->w->n && s != NULL; i++) {
		len = strlen(b->w->argv[i]);
		memcpy(p, b->w->argv[i], len);
		p += len;
		*p++ = i + 1 < b->w->n ? ' ' : '\0';
	}
	if (s != NULL)
		run_here(b, s, false);
}

static void
bi_trap(struct bi *b)
{
	size_t i = 1;
	const char *s;

	if (i < b->w->n && strcmp(b->w->argv[i], "--") == 0)
		i++;
	if (i >= b->w->n)
		return;
	s = b->w->argv[i];
	if (is_uncertain(b, i))
		opaque(b, "trap of an expansion");
	else if (i + 1 < b->w->n && s[0] != '-' &&
	    s[strspn(s, "0123456789")] != '\0')
		run_here(b, s, true);
}

static enum sc_left
bi_command(struct bi *b)
{
	size_t i;
	const char *s;

	/* zsh's runs programs only */
	if (b->env->shells == SH_Z)
		b->how->program = true;
	for (i = 1; i < b->w->n && b->w->argv[i][0] == '-'; i++) {
		s = b->w->argv[i] + 1;
		if (is_uncertain(b, i) || *s == '\0')
			break;
		if (strcmp(s, "-") == 0)
			return words_from(b, i + 1);
		if (s[strspn(s, "pvV")] != '\0') {
			opaque(b, "an option of command");
			return LEFT_NONE;
		}
		if (strpbrk(s, "vV") != NULL)
			return LEFT_NONE; /* tells, runs nothing */
	}
	return words_from(b, i);
}

static enum sc_left
bi_exec(struct bi *b)
{
	size_t i;
	const char *s;

	if ((b->env->shells & (SH_K | SH_Z)) == 0)
		b->how->program = true;
	for (i = 1; i < b->w->n && b->w->argv[i][0] == '-'; i++) {
		s = b->w->argv[i] + 1;
		if (is_uncertain(b, i))
			break;
		if (strcmp(s, "-") == 0)
			return words_from(b, i + 1);
		/* ash and dash have no options of exec */
		if ((b->env->shells & SH_B) == 0 || *s == '\0' ||
		    s[strspn(s, "cl")] == '\0')
			s += (b->env->shells & SH_B) == 0 ? 0 : strlen(s);
		else if (s[strspn(s, "cl")] == 'a') {
			s += strspn(s, "cl") + 1;
			if (*s == '\0' && ++i < b->w->n &&
			    (b->w->flags[i] & W_SPLIT) != 0) {
				opaque(b, "an expansion among exec's words");
				return LEFT_NONE;
			}
			s += strlen(s);
		}
		if (*s != '\0') {
			opaque(b, "an option of exec");
			return LEFT_NONE;
		}
	}
	return words_from(b, i);
}

/* Words that name variables; with = only the part before it is a name. */
static void
bi_declare(struct bi *b, const char *letters)
{
	const char *s;
	size_t i, len;

	for (i = 1; i < b->w->n; i++) {
		s = b->w->argv[i];
		if (s[0] == '-' || s[0] == '+') {
			if (is_uncertain(b, i) ||
			    s[1 + strspn(s + 1, letters)] != '\0')
				opaque(b, "an option of a declaration");
			continue;
		}
		len = strcspn(s, "+=");
		assign(b, s, len);
		if (!sc_is_name(s, len) || (s[len] == '+' && s[len + 1] != '='))
			opaque(b, "a declaration of what?");
		if (strstr(s + len, "=(") != NULL)
			opaque(b, "a declaration of an array");
		/* only bash sees an assignment there, and does not split it */
		if ((b->w->flags[i] & W_SPLIT) != 0 &&
		    (b->env->shells & ~SH_B) != 0)
			opaque(b, "a declaration that may be split");
	}
}

/* Any word may be a variable's name, or end with one after a - . */
static void
bi_names(struct bi *b, size_t first)
{
	const char *s;
	size_t i;

	for (i = first; i < b->w->n; i++) {
		s = b->w->argv[i];
		if (is_uncertain(b, i) && strcmp(s, "$!") != 0)
			opaque(b, "an expansion where a variable is named");
		else if (!is_uncertain(b, i) && strpbrk(s, "[$`") != NULL)
			opaque(b, "a subscript");
		assign(b, s, strcspn(s, "?="));
		for (; s[0] != '\0' && b->w->argv[i][0] == '-'; s++)
			assign(b, s + 1, strlen(s + 1));
	}
}

static void
bi_printf(struct bi *b)
{
	const char *s;
	size_t i;

	if (b->w->n < 2)
		return;
	s = b->w->argv[1];
	if ((b->w->flags[1] & W_SPLIT) != 0 ||
	    (is_uncertain(b, 1) && b->w->n > 2 && s[0] == '$'))
		opaque(b, "printf with an expansion first");
	else if (strncmp(s, "-v", 2) == 0)
		bi_names(b, 1);
	for (i = 1; i < b->w->n && (b->env->shells & SH_Z) != 0; i++) {
		if (is_uncertain(b, i) || strpbrk(b->w->argv[i], "[$`") != NULL)
			opaque(b, "arithmetic in printf");
	}
}

static bool
is_arithmetic(const char *s)
{
	static const char *const ops[] = { "-eq", "-ne", "-lt", "-le", "-gt",
		"-ge", "-v", "-R", "-t" };

	return in_names(ops, sizeof(ops) / sizeof(ops[0]), s);
}

/* test -v and, in some shells, -eq evaluate subscripts. */
static void
bi_test(struct bi *b)
{
	size_t i, n = b->w->n;
	const char *s, *next;
	bool names;

	for (i = 1; i < n; i++) {
		s = b->w->argv[i];
		if ((b->env->shells & (SH_K | SH_Z)) != 0 &&
		    (is_arithmetic(s) || is_uncertain(b, i)))
			opaque(b, "arithmetic in test");
		if ((b->env->shells & SH_B) == 0)
			continue;
		if ((b->w->flags[i] & W_SPLIT) != 0)
			opaque(b, "test of an expansion that may be split");
		names = is_uncertain(b, i) || strcmp(s, "-v") == 0 ||
		    strcmp(s, "-R") == 0;
		next = i + 1 < n ? b->w->argv[i + 1] : "";
		if (names && i + 1 < n &&
		    (is_uncertain(b, i + 1) || strpbrk(next, "[$`") != NULL))
			opaque(b, "test of a subscript");
	}
}

static void
bi_set(struct bi *b)
{
	size_t i, n = b->w->n;
	const char *s;

	for (i = 1; i < n; i++) {
		s = b->w->argv[i];
		if (strcmp(s, "--") == 0 || strcmp(s, "-") == 0 ||
		    (s[0] != '-' && s[0] != '+' && !is_uncertain(b, i))) {
			b->env->params_lost = true;
			return;
		}
		if (is_uncertain(b, i)) {
			opaque(b, "an expansion among set's options");
			b->env->params_lost = true;
			return;
		}
		for (s++; *s != '\0'; s++) {
			if (*s == 'o' && s[1] == '\0') {
				if (++i < n &&
				    (is_uncertain(b, i) ||
					!sc_is_setopt(b->w->argv[i])))
					opaque(b, "an option of the shell");
				break;
			} else if (strchr("abefhmnptuvxBCETP", *s) == NULL &&
			    (*s != 'H' || b->w->argv[i][0] != '+'))
				opaque(b, "an option of the shell");
		}
	}
}

static void
bi_shopt(struct bi *b)
{
	size_t i;
	const char *s;

	for (i = 1; i < b->w->n; i++) {
		s = b->w->argv[i];
		if (is_uncertain(b, i) ||
		    (s[0] == '-' ? s[1 + strspn(s + 1, "supq")] != '\0' :
				   !in_names(shopts,
				       sizeof(shopts) / sizeof(shopts[0]), s)))
			opaque(b, "an option of the shell");
	}
}

static void
bi_hash(struct bi *b)
{
	size_t i;

	for (i = 1; i < b->w->n; i++) {
		if (is_uncertain(b, i) ||
		    (b->w->argv[i][0] == '-' &&
			strcmp(b->w->argv[i], "-r") != 0) ||
		    strchr(b->w->argv[i], '=') != NULL)
			sc_mark(b->c, SHELLC_BYPASS,
			    "hash may change what a name runs");
	}
}

/* ksh and zsh compute numbers: a[$(rm x)] is one. */
static void
bi_pure(struct bi *b)
{
	const char *s;
	size_t i;

	if ((b->env->shells & (SH_K | SH_Z)) == 0 ||
	    strcmp(b->w->argv[0], "echo") == 0 ||
	    strcmp(b->w->argv[0], ":") == 0)
		return;
	for (i = 1; i < b->w->n; i++) {
		s = b->w->argv[i];
		if (is_uncertain(b, i) || s[strspn(s, "0123456789")] != '\0')
			opaque(b, "arithmetic in a builtin");
	}
}

static enum sc_left
builtin_run(struct bi *b, enum builtin_kind kind)
{
	switch (kind) {
	case BI_PURE:
		bi_pure(b);
		break;
	case BI_OPAQUE:
		opaque(b, "a builtin that may run its words");
		break;
	case BI_BYPASS:
		sc_mark(b->c, SHELLC_BYPASS, "a builtin that changes names");
		break;
	case BI_SOURCE:
		opaque(b, "a file of commands");
		break;
	case BI_CD:
		b->env->cd = true;
		break;
	case BI_SHIFT:
		bi_pure(b);
		b->env->params_lost = true;
		break;
	case BI_EVAL:
		bi_eval(b);
		break;
	case BI_TRAP:
		bi_trap(b);
		break;
	case BI_DECLARE:
		bi_declare(b, "xrpgaA");
		break;
	case BI_UNSET:
		bi_declare(b, "vf");
		break;
	case BI_NAMES:
		bi_names(b, 1);
		break;
	case BI_PRINTF:
		bi_printf(b);
		break;
	case BI_TEST:
		bi_test(b);
		break;
	case BI_SET:
		bi_set(b);
		break;
	case BI_SHOPT:
		bi_shopt(b);
		break;
	case BI_HASH:
		bi_hash(b);
		break;
	case BI_COMMAND:
		return bi_command(b);
	case BI_EXEC:
		return bi_exec(b);
	case BI_BUILTIN:
		return words_from(b,
		    b->w->n > 1 && strcmp(b->w->argv[1], "--") == 0 ? 2 : 1);
	case BI_JOBS:
		if (b->w->n > 1 && is_uncertain(b, 1))
			opaque(b, "an expansion among the words of jobs");
		else if (b->w->n > 2 && strcmp(b->w->argv[1], "-x") == 0)
			return words_from(b, 2);
		break;
	}
	return LEFT_NONE;
}

enum sc_left
sc_builtin(struct sc *c, struct sc_env *env, const struct sc_words *w,
    struct sc_words *left, struct sc_how *how)
{
	struct sc_how program = { .program = true };
	struct bi b = { c, env, w, left, how };
	enum sc_left r;
	size_t i;

	for (i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		if (strcmp(builtins[i].name, w->argv[0]) == 0)
			break;
	}
	if (i == sizeof(builtins) / sizeof(builtins[0]) ||
	    (builtins[i].shells & env->shells) == 0)
		return LEFT_ALL;
	if (how->more && builtins[i].kind != BI_COMMAND &&
	    builtins[i].kind != BI_EXEC && builtins[i].kind != BI_BUILTIN) {
		opaque(&b, "a builtin with unknown words");
		return LEFT_NONE;
	}
	r = builtin_run(&b, builtins[i].kind);
	if ((env->shells & ~builtins[i].shells) == 0)
		return r;
	if (r == LEFT_WORDS)
		sc_command(c, env, w, &program);
	return r == LEFT_WORDS ? r : LEFT_PROGRAM;
}
