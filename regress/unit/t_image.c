/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The automata against a matcher too simple to be wrong: random globs, random
 * paths, the DFA and the fallback must both say what the first rule that
 * matches says. And: a damaged image is refused or at least harmless.
 */
#include <time.h>

#include "p.h"
#include "t.h"

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Length of the character at s: a first byte and what goes on with it. */
static size_t
char_len(const char *s)
{
	size_t n = 1;

	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Does the set at *p (after "[") have c? Advances *p behind the set. */
static bool
naive_set(const char **p, char c)
{
	bool negated = **p == '!', found = false;

	for (*p += negated; **p != ']'; (*p)++) {
		if ((*p)[1] == '-') {
			found |= c >= (*p)[0] && c <= (*p)[2];
			*p += 2;
		} else
			found |= c == **p;
	}
	(*p)++;
	return found != negated && c != '/';
}

/* Backtracking, recursive, for globs without braces. */
static bool
naive(const char *p, const char *s)
{
	const char *q;
	size_t n;
	bool deep;

	for (;;) {
		if (*p == '\0')
			return *s == '\0';
		if (*p == '*') {
			deep = p[1] == '*';
			p += strspn(p, "*");
			for (;; s++) {
				if (naive(p, s))
					return true;
				if (*s == '\0' || (!deep && *s == '/'))
					return false;
			}
		}
		if (*s == '\0')
			return false;
		n = 1;
		if (*p == '?' || (*p == '[' && p[1] == '!')) {
			/* in the middle of a character nothing begins */
			if (((unsigned char)*s & 0xc0) == 0x80)
				return false;
			n = char_len(s);
		}
		if (*p == '?') {
			if (*s == '/')
				return false;
			p++;
		} else if (*p == '[') {
			q = p + 1;
			if (!naive_set(&q, *s))
				return false;
			p = q;
		} else {
			if (*p == '\\')
				p++;
			if (*p++ != *s)
				return false;
		}
		s += n;
	}
}

static void
random_glob(char *dst, size_t max)
{
	static const char *const parts[] = { "a", "b", "/", "*", "**", "?",
		"[ab]", "[!a]", "\\*", "c", "/**", "\xc3\xa9", "/**/" };
	size_t n = 1 + rnd(7), len;
	const char *part;

	snprintf(dst, max, rnd(3) == 0 ? "**" : "/");
	while (n-- > 0) {
		part = parts[rnd(sizeof(parts) / sizeof(parts[0]))];
		len = strlen(dst);
		/* keep it a glob that a clean path can match */
		if (dst[len - 1] == '/' && part[0] == '/')
			continue;
		snprintf(dst + len, max - len, "%s", part);
	}
	len = strlen(dst);
	if (len > 1 && dst[len - 1] == '/')
		dst[len - 1] = '\0';
}

static void
random_path(char *dst, size_t max)
{
	static const char *const parts[] = { "a", "b", "c", "/", "*",
		"\xc3\xa9", "/a" };
	size_t n = rnd(9);

	snprintf(dst, max, "/");
	while (n-- > 0) {
		size_t len = strlen(dst);

		snprintf(dst + len, max - len, "%s",
		    parts[rnd(sizeof(parts) / sizeof(parts[0]))]);
	}
}

struct given {
	char glob[8][64];
	uint32_t ops[8];
	size_t n;
};

static bool
naive_rule(const struct given *g, size_t i, uint32_t op, const char *path)
{
	return (g->ops[i] >> op & 1) != 0 && naive(g->glob[i], path);
}

static uint32_t
naive_first(const struct given *g, const struct nfa *nfa, uint32_t op,
    const char *path)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		if (!naive_rule(g, i, op, path))
			continue;
		if (i == nfa->catchall && naive_rule(g, nfa->loader, op, path))
			return nfa->loader;
		return (uint32_t)i;
	}
	return IMG_NONE;
}

static void
random_given(struct given *g, struct nfa *nfa)
{
	struct glob_owner owner;
	const char *what = "";
	size_t i;

	g->n = 1 + rnd(8);
	nfa_init(nfa, 3);
	for (i = 0; i < g->n; i++) {
		do {
			random_glob(g->glob[i], sizeof(g->glob[i]));
		} while (glob_check(g->glob[i], GLOB_PATH, &what) == -1);
		g->ops[i] = 1 + rnd(7);
		owner.rule = (uint32_t)i;
		owner.ops = g->ops[i];
		glob_add(nfa, g->glob[i], GLOB_PATH, &owner, &what);
	}
	/* the last rule is the built-in one; any but it the catch-all */
	if (g->n > 1 && rnd(2) == 0) {
		nfa->loader = (uint32_t)g->n - 1;
		nfa->catchall = rnd(nfa->loader);
	}
	nfa_finish(nfa);
}

/* The rule of the DFA, and that of the positions without any pruning. */
static void
both(struct nfa *nfa, const struct dfa *dfa, uint32_t op, const char *path,
    uint32_t got[2])
{
	uint64_t a[IMG_MAX_WORDS], b[IMG_MAX_WORDS];
	uint16_t row[32];
	uint32_t state = 0;

	memcpy(a, nfa->begin, nfa->nwords * 8);
	for (; *path != '\0'; path++) {
		size_t class = nfa->classes[(uint8_t)*path];

		state = dfa->trans[state * nfa->nclasses + class];
		nfa_move(nfa, class, a, b);
		memcpy(a, b, nfa->nwords * 8);
	}
	nfa_accept(nfa, a, row);
	got[0] = dfa->rows[dfa->accept[state] * nfa->nops + op];
	got[1] = row[op];
}

static void
test_property(void)
{
	struct given g;
	struct nfa nfa;
	struct dfa dfa;
	char path[128];
	uint32_t got[2], want, op;
	size_t i, j, wrong = 0;

	for (i = 0; i < 1500; i++) {
		random_given(&g, &nfa);
		if (dfa_build(&dfa, &nfa, IMG_MAX_STATES) != 0) {
			wrong++;
			nfa_free(&nfa);
			continue;
		}
		for (j = 0; j < 100; j++) {
			random_path(path, sizeof(path));
			op = rnd(3);
			want = naive_first(&g, &nfa, op, path);
			both(&nfa, &dfa, op, path, got);
			if ((got[0] == want && got[1] == want) || wrong++ > 3)
				continue;
			printf("# %s: want %u, dfa %u, nfa %u\n", path, want,
			    got[0], got[1]);
			printf("# first glob %s\n", g.glob[0]);
		}
		dfa_free(&dfa);
		nfa_free(&nfa);
	}
	T(wrong == 0, "150000 paths: both automata agree with the simple way");
}

static const char many[] = "version: 1\nname: t\nfile_rules:\n"
			   "- {name: a, paths: ['/w/*.c'], decision: audit}\n"
			   "- {name: b, paths: ['/w/**'], decision: allow}\n"
			   "command_rules:\n"
			   "- {name: c, commands: [git], decision: allow}\n";

/* Every byte of the image changed in turn: never a crash. */
static void
test_damage(void)
{
	struct p p;
	struct image im;
	struct verdict v;
	uint8_t *copy;
	size_t i, accepted = 0;

	T(p_load(&p, many, NULL) == 0, "an image maps: %s", p.e.message);
	copy = aligned_alloc(8, (p.image.size + 7) / 8 * 8);
	im.base = copy;
	im.size = p.image.size;
	for (i = 0; i < im.size; i++) {
		memcpy(copy, p.image.base, im.size);
		copy[i] ^= (uint8_t)(1 + rnd(255));
		if (image_verify(&im) == -1)
			continue;
		accepted++;
		(void)image_eval_file(&im, FILE_OP_OPEN, "/w/x.c", 6, &v);
		(void)image_eval_command(&im,
		    &(struct command_query){ .command = "/usr/bin/GIT" }, &v);
	}
	T(accepted < im.size, "%zu of %zu changes are within bounds", accepted,
	    im.size);
	memcpy(copy, p.image.base, im.size);
	for (i = 0; i < im.size; i++) {
		im.size--;
		if (image_verify(&im) == 0)
			break;
	}
	T(i >= p.image.size / 2, "no shorter image passes");
	free(copy);
	p_free(&p);
}

static void
test_seals(void)
{
	struct image im;
	struct aerr e;
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (ftruncate(fd, 65536) == -1)
		exit(1);
	T(image_map(&im, fd, &e) == -1 &&
		strcmp(e.message, "compiled policy: not sealed") == 0,
	    "an unsealed image: %s", e.message);
	fcntl(fd, F_ADD_SEALS,
	    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	T(image_map(&im, fd, &e) == -1, "a sealed nothing: %s", e.message);
	close(fd);
}

/* Words that can occur in any order blow up a DFA: the fallback takes over. */
static void
test_fallback(void)
{
	static char text[16384];
	size_t len;
	struct p p;
	int i;

	len = (size_t)snprintf(text, sizeof(text),
	    "version: 1\nname: t\nfile_rules:\n");
	for (i = 0; i < 24; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "- {name: r%d, paths: ['/w/*%c%c*'], decision: audit}\n", i,
		    'a' + i, 'b' + i);
	snprintf(text + len, sizeof(text) - len,
	    "- {name: default-deny-files, paths: ['/**'], decision: deny}\n");
	T(p_load(&p, text, NULL) == 0, "it loads: %s", p.e.message);
	T(p.out.fallback, "and says that it fell back");
	T(strcmp(p_file(&p, FILE_OP_WRITE, "/w/xxhi"), "audit r7") == 0,
	    "first rule");
	T(strcmp(p_file(&p, FILE_OP_WRITE, "/w/hi-ab"), "audit r0") == 0,
	    "the first in order, not in place");
	T(strcmp(p_file(&p, FILE_OP_WRITE, "/w/ac"),
	      "deny default-deny-files") == 0,
	    "catch-all");
	T(strcmp(p_file(&p, FILE_OP_READ, "/usr/x"),
	      "allow default-allow-loader") == 0,
	    "the loader over the catch-all");
	T(p.out.plan.n == 0, "no plan without a proof");
	p_free(&p);
}

int
main(void)
{
	test_property();
	test_damage();
	test_seals();
	test_fallback();
	return done_testing();
}
