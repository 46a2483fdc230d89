/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that run another program named among their words. Each one's
 * options are a row of shellc.def: a value is never taken for the payload, and
 * an option that is not in the row makes the wrapper opaque.
 */
#include <string.h>

#include "shellc_priv.h"

enum wrap_kind {
	W_PLAIN,
	W_ENV,	/* NAME=VALUE before the payload; - is an option */
	W_SUDO, /* NAME=VALUE before the payload */
	W_NICE,
	W_NUMBER, /* the word before the payload is a number */
	W_FLOCK,
	W_SU,
	W_SCRIPT,
	W_XARGS,
	W_TRACE,
	W_BUSYBOX,
	W_LOADER,
	W_FIND,
	W_WATCH,
	W_CHROOT,
	W_SETARCH,
	W_OPAQUE,
	W_ADDED /* by the policy: nothing is known of its options */
};

struct wrapper {
	const char *name;
	const char *shorts;
	const char *longs;
	size_t skip;
	enum wrap_kind kind;
};

/* clang-format off */
static const struct wrapper wrappers[] = {
#define WRAPPER(name, shorts, longs, skip, kind) \
	{ name, shorts, longs, skip, kind },
#include "shellc.def"
#undef WRAPPER
};
/* clang-format on */

static const struct wrapper wrapper_added = { "", "", "", 0, W_ADDED };

/* A walk over the words of one wrapper. */
struct walk {
	struct peel *p;
	const struct wrapper *w;
	const char *const *argv;
	const uint8_t *flags;
	size_t n, i;
	bool permute; /* options may follow other words */
	bool done;    /* p is final */
};

static void
walk_end(struct walk *k, enum peel_kind kind, const char *why)
{
	k->p->kind = kind;
	k->p->why = why;
	k->done = true;
}

static bool
is_certain(const struct walk *k, size_t i)
{
	return k->flags == NULL || (k->flags[i] & (W_UNC | W_SPLIT)) == 0;
}

static bool
in_list(const char *const *list, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(list[i], name) == 0)
			return true;
	}
	return false;
}

static const struct wrapper *
wrapper_find(const char *word, const struct shellc_wrappers *extra)
{
	char name[64];
	size_t i, len;

	if (!sc_base_name(name, sizeof(name), word))
		return NULL;
	if (extra != NULL && in_list(extra->remove, extra->nremove, name) &&
	    !in_list(extra->add, extra->nadd, name))
		return NULL;
	for (i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		len = strlen(wrappers[i].name);
		if (wrappers[i].name[len - 1] == '*' ?
			strncmp(name, wrappers[i].name, len - 1) == 0 :
			strcmp(name, wrappers[i].name) == 0)
			return &wrappers[i];
	}
	if (extra != NULL && in_list(extra->add, extra->nadd, name))
		return &wrapper_added;
	return NULL;
}

/* NAME=VALUE; the name must be certain, the value need not. */
static void
walk_variable(struct walk *k, const char *word)
{
	enum var_effect e = sc_variable(word, strcspn(word, "="));

	if (e == VAR_BYPASS)
		k->p->bypass = "a variable that changes what runs";
	else if (e == VAR_START)
		k->p->home = true;
}

/* An option with that suffix in its row was met, with its value if it has. */
static void
walk_option(struct walk *k, char suffix, const char *value)
{
	switch (suffix) {
	case '!':
		walk_end(k, PEEL_NOTHING, NULL);
		break;
	case '#':
		walk_end(k, PEEL_OPAQUE, "an option of a wrapper");
		break;
	case '^':
		k->p->bypass = "an option that loads other code";
		break;
	case '%':
		k->p->cd = true;
		break;
	case '&':
		k->p->cd = k->p->root = true;
		break;
	case '~':
		k->p->unsure = true;
		break;
	case '+':
		k->permute = false;
		break;
	case '@':
		walk_variable(k, value);
		break;
	case '$':
		k->p->script = value;
		k->p->at = k->i;
		break;
	default:
		break;
	}
	if (k->w->kind == W_TRACE && value != NULL &&
	    (value[0] == '|' || value[0] == '!'))
		walk_end(k, PEEL_OPAQUE, "output to a command");
}

/* The word after the option, as its value. */
static const char *
walk_value(struct walk *k)
{
	if (++k->i >= k->n) {
		walk_end(k, PEEL_NOTHING, NULL); /* it will complain */
		return NULL;
	}
	if (!is_certain(k, k->i)) {
		walk_end(k, PEEL_OPAQUE,
		    "an expansion among a wrapper's options");
		return NULL;
	}
	return k->argv[k->i];
}

static bool
takes_value(char suffix)
{
	return suffix != '\0' && strchr(":#%@^$&+", suffix) != NULL;
}

static void
walk_long(struct walk *k, const char *word)
{
	const char *s, *value = strchr(word, '=');
	size_t len = strcspn(word, "="), n;
	char suffix;

	if (strcmp(word, "help") == 0 || strcmp(word, "version") == 0) {
		walk_end(k, PEEL_NOTHING, NULL);
		return;
	}
	for (s = k->w->longs; *s != '\0'; s += n + (s[n] != '\0')) {
		n = strcspn(s, " ");
		suffix = strchr(":=!#%@^$&+~", s[n - 1]) != NULL ? s[n - 1] :
								   '\0';
		if (n - (suffix != '\0') != len || strncmp(s, word, len) != 0)
			continue;
		if (value != NULL)
			value++;
		else if (takes_value(suffix) && suffix != '#') {
			value = walk_value(k);
			if (k->done)
				return;
		}
		if (suffix == '=' && k->w->kind == W_XARGS && s[0] == 'r')
			k->p->replace = value != NULL ? value : "{}";
		walk_option(k, suffix, value);
		return;
	}
	walk_end(k, PEEL_OPAQUE, "an unknown option of a wrapper");
}

static void
walk_short(struct walk *k, const char *word)
{
	const char *s, *value;
	char suffix, letter;

	for (word++; *word != '\0' && !k->done; word++) {
		letter = *word;
		s = strchr(":=!#%@^$&+~-", letter) == NULL ?
		    strchr(k->w->shorts, letter) :
		    NULL;
		if (s == NULL) {
			walk_end(k, PEEL_OPAQUE,
			    "an unknown option of a wrapper");
			return;
		}
		suffix = s[1] != '\0' && strchr(":=!#%@^$&+~", s[1]) != NULL ?
		    s[1] :
		    '\0';
		value = NULL;
		if (takes_value(suffix) || suffix == '=') {
			value = word[1] != '\0' ? word + 1 :
			    suffix == '='	? NULL :
						  walk_value(k);
			if (k->done)
				return;
		}
		if (k->w->kind == W_XARGS && (letter == 'I' || letter == 'i'))
			k->p->replace = value != NULL ? value : "{}";
		walk_option(k, suffix, value);
		if (takes_value(suffix) || suffix == '=')
			return;
	}
}

/* -5, --5 and -+5 of nice */
static bool
is_niceness(const struct walk *k, const char *word)
{
	word++;
	if (*word == '-' || *word == '+')
		word++;
	return k->w->kind == W_NICE && *word != '\0' &&
	    word[strspn(word, "0123456789")] == '\0';
}

/* X="$Y": the value is not certain, but it is no option. */
static bool
is_variable(const struct walk *k, size_t i)
{
	const char *word = k->argv[i];
	size_t len = strcspn(word, "=");

	return (k->w->kind == W_ENV || k->w->kind == W_SUDO) &&
	    word[len] == '=' && sc_is_name(word, len) &&
	    (k->flags == NULL || (k->flags[i] & W_SPLIT) == 0);
}

/* One word where options are; false when it is none. */
static bool
walk_one(struct walk *k)
{
	const char *word = k->argv[k->i];

	if (is_variable(k, k->i))
		return false;
	if (!is_certain(k, k->i)) {
		walk_end(k, PEEL_OPAQUE,
		    "an expansion among a wrapper's words");
		return false;
	}
	if (word[0] != '-' || word[1] == '\0') {
		if (word[0] != '-' || k->w->kind != W_ENV)
			return false;
	} else if (strcmp(word, "--") == 0) {
		if (k->permute)
			walk_end(k, PEEL_OPAQUE, "words for a shell");
		k->i++;
		return false;
	} else if (is_niceness(k, word)) {
		/* nothing more */
	} else if (word[1] == '-')
		walk_long(k, word + 2);
	else
		walk_short(k, word);
	k->i++;
	return !k->done;
}

static void
walk_options(struct walk *k)
{
	while (k->i < k->n && walk_one(k))
		continue;
}

/* su and script: options and other words in any order. */
static void
walk_permuted(struct walk *k)
{
	bool dash = false, word = false;

	for (;;) {
		walk_options(k);
		if (k->done || k->i >= k->n || !k->permute)
			break;
		if (k->w->kind == W_SU && strcmp(k->argv[k->i], "-") == 0 &&
		    !dash && !word)
			dash = true;
		else if (!word)
			word = true; /* a user, or script's file */
		else {
			walk_end(k, PEEL_OPAQUE, "words for a shell");
			return;
		}
		k->i++;
	}
	if (!k->done && k->permute)
		walk_end(k, k->p->script != NULL ? PEEL_SCRIPT : PEEL_NOTHING,
		    NULL);
}

/* NAME=VALUE words of env and sudo. */
static void
walk_variables(struct walk *k)
{
	const char *word;
	size_t len;

	for (; k->i < k->n && !k->done; k->i++) {
		word = k->argv[k->i];
		len = strcspn(word, "=");
		if (word[len] != '=')
			return;
		if (k->flags != NULL && (k->flags[k->i] & W_SPLIT) != 0)
			return; /* the payload check says so */
		if (!sc_is_name(word, len) &&
		    (!is_certain(k, k->i) || k->w->kind == W_SUDO)) {
			walk_end(k, PEEL_OPAQUE, "a strange variable");
			return;
		}
		walk_variable(k, word);
		if (k->w->kind == W_SUDO && k->i + 1 < k->n &&
		    k->argv[k->i + 1][0] == '-')
			walk_end(k, PEEL_OPAQUE, "options after variables");
	}
}

static void
walk_flock(struct walk *k)
{
	if (k->i >= k->n || !is_certain(k, k->i) ||
	    (strcmp(k->argv[k->i], "-c") != 0 &&
		strcmp(k->argv[k->i], "--command") != 0))
		return;
	if (k->i + 2 == k->n) {
		k->p->at = k->i + 1;
		k->p->script = k->argv[k->i + 1];
		walk_end(k, PEEL_SCRIPT, NULL);
	} else
		walk_end(k, PEEL_OPAQUE, "flock -c with more words");
}

/* setarch [arch] [options] payload; the arch may be left out. */
static void
walk_setarch(struct walk *k)
{
	static const char *const archs[] = { "linux32", "linux64", "x86_64",
		"i386", "i486", "i586", "i686", "athlon", "uname26", "aarch64",
		"arm", "armv7l", "armv8l", "ppc", "ppc64", "ppc64le", "s390",
		"s390x", "riscv32", "riscv64", "mips", "mips64" };
	size_t i;

	for (i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (strcmp(wrappers[i].name, "linux64") == 0)
			k->w = &wrappers[i];
	}
	if (k->i < k->n && is_certain(k, k->i) && k->argv[k->i][0] != '-') {
		if (!in_list(archs, sizeof(archs) / sizeof(archs[0]),
			k->argv[k->i])) {
			walk_end(k, PEEL_OPAQUE, "setarch of what?");
			return;
		}
		k->i++;
	}
	walk_options(k);
}

/*
 * What the policy calls a wrapper: flags and NAME=VALUE are skipped. A flag
 * just before the payload may have it as its value.
 */
static void
walk_added(struct walk *k)
{
	const char *word;
	bool flags = false;

	for (; k->i < k->n && !k->done && is_certain(k, k->i); k->i++) {
		word = k->argv[k->i];
		if (strcmp(word, "--") == 0) {
			k->i++;
			k->p->unsure = flags;
			return;
		}
		if (word[0] == '-')
			flags = true;
		else if (sc_is_name(word, strcspn(word, "=")) &&
		    strchr(word, '=') != NULL)
			walk_variable(k, word);
		else
			break;
	}
	k->p->unsure = flags;
}

static void
walk_skip(struct walk *k)
{
	size_t i;

	for (i = 0; i < k->w->skip && k->i < k->n; i++, k->i++) {
		if (!is_certain(k, k->i)) {
			walk_end(k, PEEL_OPAQUE,
			    "an expansion before a wrapper's payload");
			return;
		}
		if (k->w->kind == W_NUMBER &&
		    k->argv[k->i][strspn(k->argv[k->i], "0123456789")] !=
			'\0') {
			walk_end(k, PEEL_OPAQUE, "a number was expected");
			return;
		}
	}
}

/* What stands at k->i is the payload. */
static void
walk_payload(struct walk *k)
{
	struct peel *p = k->p;

	p->at = k->i;
	if (k->i >= k->n)
		walk_end(k, k->w->kind == W_XARGS ? PEEL_ECHO : PEEL_NOTHING,
		    NULL);
	else if (!is_certain(k, k->i))
		walk_end(k, PEEL_OPAQUE, "an expansion in a wrapper's payload");
	else if (p->replace != NULL &&
	    (p->replace[0] == '\0' ||
		strstr(k->argv[k->i], p->replace) != NULL))
		walk_end(k, PEEL_OPAQUE, "xargs makes the name of the command");
	else if (k->w->kind == W_WATCH)
		walk_end(k, PEEL_JOIN, NULL);
	else
		walk_end(k, PEEL_PAYLOAD, NULL);
}

static void
walk_kind(struct walk *k)
{
	switch (k->w->kind) {
	case W_OPAQUE:
		walk_end(k, PEEL_OPAQUE, "a wrapper that is not understood");
		return;
	case W_FIND:
		walk_end(k, PEEL_FIND, NULL);
		return;
	case W_SU:
	case W_SCRIPT:
		k->permute = true;
		walk_permuted(k);
		return;
	case W_ADDED:
		walk_added(k);
		return;
	case W_SETARCH:
		walk_setarch(k);
		return;
	case W_CHROOT:
		k->p->root = true;
		break;
	case W_XARGS:
		k->p->more = true;
		break;
	default:
		break;
	}
	walk_options(k);
	if (!k->done)
		walk_skip(k);
	if (!k->done && (k->w->kind == W_ENV || k->w->kind == W_SUDO))
		walk_variables(k);
	if (!k->done && k->w->kind == W_FLOCK)
		walk_flock(k);
	if (k->p->replace != NULL)
		k->p->more = false;
}

void
sc_peel(struct peel *p, const char *const *argv, const uint8_t *flags, size_t n,
    const struct shellc_wrappers *extra)
{
	struct walk k = {
		.p = p, .argv = argv, .flags = flags, .n = n, .i = 1
	};

	memset(p, 0, sizeof(*p));
	k.w = wrapper_find(argv[0], extra);
	if (k.w == NULL)
		return;
	walk_kind(&k);
	if (!k.done)
		walk_payload(&k);
	if (k.w->kind == W_LOADER && p->kind == PEEL_PAYLOAD &&
	    strchr(argv[p->at], '/') == NULL)
		p->root = true; /* in the current directory, not in PATH */
}
