/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands within a command: the memory of the result, shells' own
 * options, and what becomes of one command once its words are known.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "path.h"
#include "shellc_priv.h"

#define BLOCK_SIZE 16384

struct shellc_block {
	struct shellc_block *next;
	size_t size, used;
	_Alignas(max_align_t) char data[];
};

/* clang-format off */
static const struct {
	const char *name;
	unsigned shells;
} shells[] = {
#define SHELL(name, which) { name, which },
#include "shellc.def"
#undef SHELL
};

enum longopt_effect {
	LO_PLAIN,
	LO_LOGIN,
	LO_FILE,
	LO_NONE
};

static const struct {
	const char *name;
	bool value;
	enum longopt_effect effect;
} longopts[] = {
#define LONGOPT(name, value, effect) { name, value, effect },
#include "shellc.def"
#undef LONGOPT
};
/* clang-format on */

/*
 * Zeroed memory that lives as long as the result; NULL with c->err when there
 * is none, or the result became too big.
 */
void *
sc_alloc(struct sc *c, size_t n, size_t size)
{
	struct shellc *out = c->out;
	struct shellc_block *b = out->blocks;
	size_t len, room;
	void *p;

	if (c->err != 0)
		return NULL;
	if (size != 0 && n > SHELLC_MEM_MAX / size)
		goto big;
	len = (n * size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (b == NULL || b->size - b->used < len) {
		room = len > BLOCK_SIZE ? len : BLOCK_SIZE;
		if (room > SHELLC_MEM_MAX - out->used)
			goto big;
		b = calloc(1, sizeof(*b) + room);
		if (b == NULL) {
			c->err = ENOMEM;
			return NULL;
		}
		b->size = room;
		b->next = out->blocks;
		out->blocks = b;
		out->used += room;
	}
	p = b->data + b->used;
	b->used += len;
	return p;
big:
	c->err = E2BIG;
	return NULL;
}

bool
sc_spend(struct sc *c, size_t n)
{
	if (n > SHELLC_MEM_MAX - c->spent) {
		c->err = E2BIG;
		return false;
	}
	c->spent += n;
	return true;
}

void
sc_mark(struct sc *c, enum shellc_kind kind, const char *why)
{
	if (kind <= c->out->kind)
		return;
	c->out->kind = kind;
	c->out->why = why;
}

/* The name rules and tables know a program by; false when it is too long. */
bool
sc_base_name(char *dst, size_t size, const char *word)
{
	const char *s = word + strlen(word);
	size_t len, i;

	while (s > word && s[-1] != '/' && s[-1] != '\\')
		s--;
	len = path_program_len(s, strlen(s));
	if (len >= size)
		return false;
	for (i = 0; i < len; i++)
		dst[i] = (char)tolower((unsigned char)s[i]);
	dst[len] = '\0';
	return true;
}

/* SH_*, or 0 for what is no shell. */
static unsigned
shell_of(const char *word)
{
	char name[32];
	size_t i;

	if (!sc_base_name(name, sizeof(name), word))
		return 0;
	for (i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, name) == 0)
			return shells[i].shells;
	}
	return 0;
}

/* What a shell makes of its words. */
struct shell_argv {
	unsigned shells;
	size_t at;	 /* of the next word */
	bool c;		 /* has -c */
	bool start;	 /* login or interactive */
	bool nothing;	 /* --version */
	const char *why; /* not NULL: opaque */
	bool bypass;
};

/* bash's long options come first, with one dash or two. */
static void
shell_long(struct shell_argv *s, const struct sc_words *w)
{
	const char *word;
	size_t i;

	for (; s->at < w->n && w->argv[s->at][0] == '-'; s->at++) {
		if ((w->flags[s->at] & (W_UNC | W_SPLIT)) != 0)
			return;
		word = w->argv[s->at] + 1;
		if (word[0] == '-')
			word++;
		for (i = 0; i < sizeof(longopts) / sizeof(longopts[0]); i++) {
			if (strcmp(longopts[i].name, word) == 0)
				break;
		}
		if (i == sizeof(longopts) / sizeof(longopts[0]))
			return;
		s->at += longopts[i].value;
		if (longopts[i].effect == LO_LOGIN)
			s->start = true;
		else if (longopts[i].effect == LO_NONE)
			s->nothing = true;
		else if (longopts[i].effect == LO_FILE)
			s->bypass = true;
	}
}

/* One cluster of short options. */
static void
shell_short(struct shell_argv *s, const struct sc_words *w, const char *word)
{
	const char *name;

	for (word++; *word != '\0'; word++) {
		if (*word == 'c')
			s->c = true;
		else if (*word == 'l' || *word == 'i')
			s->start = true;
		else if (*word == 'o' || *word == 'O') {
			name = s->at < w->n ? w->argv[s->at] : "";
			if (word[1] != '\0' || *word == 'O' ||
			    !sc_is_setopt(name) ||
			    (w->flags[s->at] & (W_UNC | W_SPLIT)) != 0)
				s->why = "an option of a shell";
			else
				s->at++;
		} else if (*word == 's')
			s->why = "a shell that reads its input too";
		else if (strchr("abefhmnprtuvxBCETP", *word) == NULL)
			s->why = "an unknown option of a shell";
	}
}

static void
shell_options(struct shell_argv *s, const struct sc_words *w)
{
	const char *word;
	size_t i;

	s->at = 1;
	if ((s->shells & SH_B) != 0)
		shell_long(s, w);
	while (s->at < w->n && s->why == NULL) {
		word = w->argv[s->at];
		if ((w->flags[s->at] & (W_UNC | W_SPLIT)) != 0) {
			s->why = "an expansion among a shell's words";
			break;
		}
		if (word[0] != '-' && word[0] != '+')
			break;
		s->at++;
		if (strcmp(word, "-") == 0 || strcmp(word, "--") == 0)
			break;
		if (word[1] == '-')
			s->why = "an unknown option of a shell";
		else
			shell_short(s, w, word);
	}
	if (s->why == NULL || s->c)
		return;
	/* not understood, so any later -c may count; without one it is a
	 * matter of the outer rule */
	for (i = 1; i < w->n; i++) {
		if ((w->flags[i] & (W_UNC | W_SPLIT)) != 0 ||
		    ((w->argv[i][0] == '-' || w->argv[i][0] == '+') &&
			strchr(w->argv[i], 'c') != NULL))
			return;
	}
	s->why = NULL;
}

/* sh -c SCRIPT NAME WORD ... */
static void
shell_command(struct sc *c, struct sc_env *env, const struct sc_words *w,
    unsigned which, const struct sc_how *how)
{
	struct shell_argv s = { .shells = which };
	struct sc_env inner = { .shells = which, .depth = env->depth + 1 };

	shell_options(&s, w);
	if (s.nothing)
		return;
	if (s.why != NULL) {
		sc_mark(c, SHELLC_OPAQUE, s.why);
		return;
	}
	if (s.at >= w->n && how->more) {
		sc_mark(c, SHELLC_OPAQUE, "a shell with unknown words");
		return;
	}
	if (s.bypass)
		sc_mark(c, s.c ? SHELLC_BYPASS : SHELLC_OPAQUE,
		    "a start-up file of a shell");
	if (!s.c || s.at >= w->n)
		return;
	if ((w->flags[s.at] & (W_UNC | W_SPLIT)) != 0 || (which & SH_F) != 0) {
		sc_mark(c, SHELLC_OPAQUE,
		    (which & SH_F) != 0 ? "a script in another language" :
					  "an expansion in a script");
		return;
	}
	if (s.start && env->home)
		sc_mark(c, SHELLC_BYPASS, "HOME of a shell that starts there");
	if (w->argv[s.at][0] == '\0')
		return;
	inner.cd = env->cd || how->cd || how->root;
	inner.home = env->home;
	inner.params = w->argv + s.at + 1;
	inner.param_flags = w->flags + s.at + 1;
	inner.nparams = w->n - s.at - 1;
	while (inner.nfixed < inner.nparams &&
	    (inner.param_flags[inner.nfixed] & W_SPLIT) == 0)
		inner.nfixed++;
	inner.params_lost = how->more;
	sc_script(c, &inner, w->argv[s.at]);
}

static void
emit(struct sc *c, const struct sc_env *env, const struct sc_words *w,
    const struct sc_how *how)
{
	struct shellc *out = c->out;
	struct shellc_cmd *cmd;
	const char *name = w->argv[0];
	size_t i, max;

	if (out->ncmds == out->maxcmds) {
		max = out->maxcmds == 0 ? 8 : out->maxcmds * 2;
		if (max > SHELLC_MEM_MAX / sizeof(*cmd)) {
			c->err = E2BIG;
			return;
		}
		cmd = reallocarray(out->cmd, max, sizeof(*cmd));
		if (cmd == NULL) {
			c->err = ENOMEM;
			return;
		}
		out->cmd = cmd;
		out->maxcmds = max;
	}
	cmd = &out->cmd[out->ncmds++];
	cmd->argv = w->argv;
	cmd->argc = w->n;
	cmd->depth = env->depth;
	cmd->args_uncertain = how->more;
	for (i = 1; i < w->n && !cmd->args_uncertain; i++)
		cmd->args_uncertain = (w->flags[i] & (W_UNC | W_SPLIT)) != 0;
	cmd->path_uncertain = how->root ||
	    (name[0] != '/' && strchr(name, '/') != NULL &&
		(env->cd || how->cd));
	sc_mark(c, SHELLC_DERIVED, NULL);
}

/* A copy of n words from at on: a payload that is not the rest of its argv. */
static bool
copy_words(struct sc *c, struct sc_words *dst, const struct sc_words *src,
    size_t at, size_t n, const char *replace)
{
	const char **argv = sc_alloc(c, n + 1, sizeof(*argv));
	uint8_t *flags = sc_alloc(c, n + 1, 1);
	size_t i;

	if (argv == NULL || flags == NULL)
		return false;
	for (i = 0; i < n; i++) {
		argv[i] = src->argv[at + i];
		flags[i] = src->flags[at + i];
		if (replace != NULL && strstr(argv[i], replace) != NULL)
			flags[i] |= W_UNC;
	}
	*dst = (struct sc_words){ argv, flags, n };
	return true;
}

/* find: each of its payloads ends with ; or with {} and +. */
static void
find_command(struct sc *c, struct sc_env *env, const struct sc_words *w,
    const struct sc_how *how)
{
	struct sc_how next = *how;
	struct sc_words payload;
	size_t i, end;

	if (how->more)
		sc_mark(c, SHELLC_OPAQUE, "find with unknown words");
	for (i = 1; i < w->n; i++) {
		if ((w->flags[i] & W_SPLIT) != 0 ||
		    ((w->flags[i] & W_UNC) != 0 && w->n - i > 2))
			sc_mark(c, SHELLC_OPAQUE,
			    "an expansion in find's words");
	}
	next.program = true;
	next.more = true;
	next.silent = false;
	next.level++;
	for (i = 1; i < w->n && c->err == 0; i = end) {
		end = i + 1;
		if (strcmp(w->argv[i], "-exec") != 0 &&
		    strcmp(w->argv[i], "-execdir") != 0 &&
		    strcmp(w->argv[i], "-ok") != 0 &&
		    strcmp(w->argv[i], "-okdir") != 0)
			continue;
		next.cd = how->cd || strchr(w->argv[i], 'd') != NULL;
		while (end < w->n && strcmp(w->argv[end], ";") != 0 &&
		    (strcmp(w->argv[end], "+") != 0 ||
			strcmp(w->argv[end - 1], "{}") != 0))
			end++;
		if (end == i + 1 || end == w->n)
			continue; /* it will complain */
		if (strstr(w->argv[i + 1], "{}") != NULL) {
			sc_mark(c, SHELLC_OPAQUE,
			    "find makes the command's name");
			continue;
		}
		next.more = w->argv[end][0] == '+';
		if (copy_words(c, &payload, w, i + 1, end - i - 1, "{}"))
			sc_command(c, env, &payload, &next);
	}
}

/* Words as one script, separated by blanks: eval, watch. */
static char *
join_words(struct sc *c, const struct sc_words *w, size_t at)
{
	size_t i, len = 1;
	char *s, *p;

	for (i = at; i < w->n; i++) {
		if ((w->flags[i] & (W_UNC | W_SPLIT)) != 0) {
			sc_mark(c, SHELLC_OPAQUE, "an expansion in a script");
			return NULL;
		}
		len += strlen(w->argv[i]) + 1;
	}
	s = p = sc_alloc(c, len, 1);
	for (i = at; i < w->n && s != NULL; i++) {
		len = strlen(w->argv[i]);
		memcpy(p, w->argv[i], len);
		p += len;
		*p++ = i + 1 < w->n ? ' ' : '\0';
	}
	return s;
}

/* A script that sh would be given by another program. */
static void
other_script(struct sc *c, struct sc_env *env, const struct peel *p,
    const char *script)
{
	struct sc_env inner = { .shells = SH_D | SH_B | SH_A,
		.depth = env->depth + 1,
		.params_lost = true };

	if (script == NULL || script[0] == '\0')
		return;
	inner.cd = env->cd || p->cd || p->root;
	inner.home = env->home;
	sc_script(c, &inner, script);
}

/* What a wrapper runs; true when *w and *how are the next command. */
static bool
unwrap(struct sc *c, struct sc_env *env, struct sc_words *w, struct sc_how *how)
{
	static const char *const echo[] = { "echo", NULL };
	static const uint8_t none[] = { 0, 0 };
	struct sc_words all = *w;
	struct peel p;

	sc_peel(&p, w->argv, w->flags, w->n, c->extra);
	how->cd = how->cd || p.cd || p.root;
	how->root = how->root || p.root;
	env->home = env->home || p.home;
	if (p.bypass != NULL)
		sc_mark(c, SHELLC_BYPASS, p.bypass);
	if (how->more && p.kind == PEEL_NOTHING)
		sc_mark(c, SHELLC_OPAQUE, "a wrapper with unknown words");
	if (p.unsure && p.kind == PEEL_PAYLOAD)
		sc_mark(c, SHELLC_OPAQUE, "an option of a wrapper");
	how->more = how->more || p.more;
	switch (p.kind) {
	case PEEL_NO:
	case PEEL_NOTHING:
		return false;
	case PEEL_PAYLOAD:
		if (p.replace != NULL)
			return copy_words(c, w, &all, p.at, all.n - p.at,
			    p.replace);
		w->argv += p.at;
		w->flags += p.at;
		w->n -= p.at;
		return true;
	case PEEL_SCRIPT:
		if ((w->flags[p.at] & (W_UNC | W_SPLIT)) != 0 || how->more)
			sc_mark(c, SHELLC_OPAQUE, "an expansion in a script");
		else
			other_script(c, env, &p, p.script);
		return false;
	case PEEL_JOIN:
		if (how->more)
			sc_mark(c, SHELLC_OPAQUE, "an unknown script");
		else
			other_script(c, env, &p, join_words(c, w, p.at));
		return false;
	case PEEL_FIND:
		find_command(c, env, w, how);
		return false;
	case PEEL_ECHO:
		*w = (struct sc_words){ echo, none, 1 };
		return true;
	case PEEL_OPAQUE:
		sc_mark(c, SHELLC_OPAQUE, p.why);
		return false;
	}
	return false;
}

/*
 * One command with the words the shell would give it: it and all that it runs
 * go into the result.
 */
void
sc_command(struct sc *c, struct sc_env *env, const struct sc_words *words,
    const struct sc_how *start)
{
	struct sc_how how = *start;
	struct sc_words w = *words, left;
	enum sc_left r;
	unsigned which;

	for (; c->err == 0; how.level++) {
		if (how.level > SHELLC_WRAPPERS_MAX) {
			sc_mark(c, SHELLC_DEPTH, "wrappers within wrappers");
			return;
		}
		if (w.n == 0)
			return;
		if ((w.flags[0] & (W_UNC | W_SPLIT)) != 0) {
			sc_mark(c, SHELLC_OPAQUE,
			    "an expansion is the command");
			return;
		}
		r = LEFT_ALL;
		if (!how.program) /* which exec makes true */
			r = sc_builtin(c, env, &w, &left, &how);
		if (r == LEFT_NONE)
			return;
		if (r == LEFT_WORDS) {
			w = left;
			continue;
		}
		if (!how.silent)
			emit(c, env, &w, &how);
		if (how.alone || r == LEFT_PROGRAM)
			return;
		how.program = true;
		how.silent = false;
		which = shell_of(w.argv[0]);
		if (which != 0) {
			shell_command(c, env, &w, which, &how);
			return;
		}
		if (!unwrap(c, env, &w, &how))
			return;
	}
}

int
shellc_analyse(struct shellc *out, const char *const *argv, size_t argc,
    const struct shellc_wrappers *extra)
{
	struct sc c = { .out = out, .extra = extra };
	struct sc_env env = { .params_lost = true };
	struct sc_how how = { .program = true, .silent = true };
	struct sc_words w = { argv, NULL, argc };

	memset(out, 0, sizeof(*out));
	if (argc > 0) {
		w.flags = sc_alloc(&c, argc, 1);
		if (w.flags != NULL)
			sc_command(&c, &env, &w, &how);
	}
	if (c.err == 0)
		return 0;
	out->kind = SHELLC_BYPASS;
	out->why = c.err == E2BIG ? "too big" : "no memory";
	out->ncmds = 0;
	errno = c.err;
	return -1;
}

void
shellc_free(struct shellc *out)
{
	struct shellc_block *b;

	while ((b = out->blocks) != NULL) {
		out->blocks = b->next;
		free(b);
	}
	free(out->cmd);
	memset(out, 0, sizeof(*out));
}

const char *
shellc_kind_name(enum shellc_kind kind)
{
	static const char *const names[SHELLC_MAX] = { "none", "derived",
		"opaque", "bypass", "depth" };

	return kind < SHELLC_MAX ? names[kind] : "?";
}
