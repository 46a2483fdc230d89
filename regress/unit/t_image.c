/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: a damaged one is refused or at least harmless; what is too much for
 * one DFA is divided or simulated, with the same answers.
 */
#include <sys/mman.h>

#include <fcntl.h>

#include "p.h"
#include "policyd/automaton.h"
#include "t.h"

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char many[] = "version: 1\nname: t\nfile_rules:\n"
			   "- {name: a, paths: ['/w/*.c'], decision: audit}\n"
			   "- {name: b, paths: ['/w/**'], decision: allow}\n"
			   "command_rules:\n"
			   "- {name: c, commands: [git], decision: allow}\n";

/* A question of every kind. */
static void
ask_all(const struct image *im)
{
	static const uint8_t addr[16] = { 0xfd, 1 };
	struct signal_action action;
	struct command_action act;
	struct env_limits limits;
	struct redirect r;
	struct verdict v;
	bool tree;

	(void)image_eval_file(im, FILE_OP_OPEN, "/w/x.c", 6, &v);
	(void)strlen(image_file_redirect(im, &v, &tree));
	(void)image_eval_unix(im, UNIX_OP_BIND, "@x", 2, &v);
	(void)image_names_socket(im, &v, "/run/x");
	(void)image_eval_network(im,
	    &(struct net_query){ .host = "A.b", .addr = addr, .port = 80 }, &v);
	(void)image_eval_signal(im,
	    &(struct signal_query){ .signo = 9, .process = "x" }, &v, &action);
	(void)image_eval_redirect(im, FAMILY_DNS, "x", &v, &r);
	(void)image_eval_command(im,
	    &(struct command_query){ .command = "/usr/bin/GIT.real" }, &v);
	image_command_action(im, &v, &act);
	image_env_limits(im, &v, &limits);
	(void)image_eval_env(im, &v, "LD_PRELOAD", 10, &v);
}

/* Every byte of the image changed in turn: never a crash. */
static void
test_damage(void)
{
	struct p p;
	struct image im = { 0 };
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
		ask_all(&im);
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

/* The seeds of fz_image are images of today: t_policy_random -w makes them. */
static void
test_corpus(void)
{
	static const char *const names[] = { "good-empty", "good-all",
		"good-mixed" };
	static _Alignas(8) uint8_t data[1048576];
	const char *srcdir = getenv("srcdir");
	struct image im = { 0 };
	char path[512];
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/regress/fuzz/corpus/image/%s",
		    srcdir == NULL ? "." : srcdir, names[i]);
		f = fopen(path, "rb");
		im.base = data;
		im.size = f == NULL ? 0 : fread(data, 1, sizeof(data), f);
		if (f != NULL)
			fclose(f);
		T(im.size > 0 && image_verify(&im) == 0, "%s is an image",
		    path);
	}
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

static void
glob_file(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "/srv/project-%zu/file-%zu.txt", i / 7, i);
}

static void
glob_tree(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "/srv/%zu/%zu/**", i / 7, i);
}

static void
glob_kind_of_file(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "/srv/%zu/%zu/*.c", i / 7, i);
}

static void
glob_anywhere(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "**/name-%zu.c", i);
}

static void
glob_words(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "/w/*%c%c*", (int)('a' + i), (int)('b' + i));
}

static void
glob_tree_anywhere(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "**/dir-%zu/**", i);
}

static void
glob_word_anywhere(char *dst, size_t max, size_t i)
{
	snprintf(dst, max, "**/*word-%zu*", i);
}

/* One rule a glob, n of each kind. */
static void
build_globs(struct automaton *a, size_t n,
    void (*const *make)(char *, size_t, size_t), size_t kinds)
{
	struct glob_owner owner = { 0, 1, true };
	const char *what = "";
	char glob[64];
	size_t i;

	memset(a, 0, sizeof(*a));
	globs_init(&a->globs, 1, false);
	for (i = 0; i < n * kinds; i++) {
		owner.rule = (uint32_t)i;
		make[i % kinds](glob, sizeof(glob), i / kinds);
		if (glob_add(&a->globs, glob, GLOB_PATH, &owner, &what) == -1)
			printf("# %s: %s\n", glob, what);
	}
	if (auto_build(a, &what) == -1)
		printf("# %s\n", what);
}

/* How many DFA, and is anything simulated? */
static void
test_sizes(void)
{
	static void (*const file[])(char *, size_t, size_t) = { glob_file };
	static void (*const tree[])(char *, size_t, size_t) = { glob_tree };
	static void (*const anywhere[])(char *, size_t,
	    size_t) = { glob_anywhere };
	static void (*const words[])(char *, size_t, size_t) = { glob_words };
	static void (*const many_kinds[])(char *, size_t, size_t) = { glob_file,
		glob_tree, glob_kind_of_file, glob_anywhere };
	static void (*const trees[])(char *, size_t, size_t) = { glob_file,
		glob_tree_anywhere };
	static void (*const some_hard[])(char *, size_t, size_t) = { glob_file,
		glob_word_anywhere };
	struct automaton a;

	build_globs(&a, 10000, file, 1);
	T(a.ndfas == 1 && !a.has_bits, "10000 files are one DFA");
	auto_free(&a);
	build_globs(&a, 10000, tree, 1);
	T(a.ndfas == 1 && !a.has_bits, "10000 trees are one DFA");
	auto_free(&a);
	build_globs(&a, 4000, anywhere, 1);
	T(a.ndfas == 1 && !a.has_bits, "4000 names anywhere are one DFA");
	auto_free(&a);
	build_globs(&a, 2500, many_kinds, 4);
	T(a.ndfas == 2 && !a.has_bits, "2500 of each kind are two");
	auto_free(&a);
	build_globs(&a, 24, words, 1);
	T(a.has_bits, "words in any order are simulated");
	auto_free(&a);
	build_globs(&a, 600, trees, 2);
	T(!a.has_bits && a.ndfas == 2 && auto_has_hits(&a),
	    "600 files and 600 trees anywhere are two, one with hits");
	auto_free(&a);
	build_globs(&a, 600, some_hard, 2);
	T(a.has_bits && a.ndfas == 1 && a.bits.nfinal == a.globs.npatterns / 2,
	    "of 600 files and 600 words anywhere, only the words are");
	auto_free(&a);
}

int
main(void)
{
	test_damage();
	test_seals();
	test_corpus();
	test_fallback();
	test_sizes();
	return done_testing();
}
