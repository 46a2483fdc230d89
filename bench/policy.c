/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Benchmark of policies: time and memory to compile them, time to ask them.
 * The time of a question must not depend on the number of rules: more than 1.5
 * times the least median is a failure.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "policyd/automaton.h"

#define PATHS 4096
#define ROUNDS 20
#define FLAT 1.5

static const struct vars vars = { "/workspace", "/home/u", "u" };
static uint32_t seed = 7;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static double
now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
random_name(char *dst, size_t len)
{
	static const char letters[] = "etaoinshrdlucmfwypvbgkqjxz_-0123456789";
	size_t i;

	for (i = 0; i < len; i++)
		dst[i] = letters[rnd(sizeof(letters) - 1)];
	dst[len] = '\0';
}

/* A clean path of so many bytes. */
static void
random_path(char *dst, size_t len)
{
	size_t n = 0, part;

	while (n < len) {
		part = 3 + rnd(9);
		if (part + 1 > len - n || len - n - part - 1 < 3)
			part = len - n - 1;
		dst[n++] = '/';
		random_name(dst + n, part);
		n += part;
	}
	dst[n] = '\0';
}

struct given {
	struct policy p;
	char (*path)[256]; /* what the globs were made from */
	size_t n;
};

static void
make_rule(struct rule *r, const char *name, const char *glob, uint32_t ops,
    enum decision decision)
{
	memset(r, 0, sizeof(*r));
	r->globs = calloc(1, sizeof(*r->globs));
	r->globs[0] = strdup(glob);
	r->nglobs = 1;
	r->name = strdup(name);
	r->message = strdup("");
	r->decision = decision;
	r->ops = ops;
}

#define ALL ((1U << FILE_OP_MAX) - 1)
#define READ (1U << FILE_OP_OPEN | 1U << FILE_OP_READ)

/* Rules as people write them: secrets anywhere, then n of a file, a tree, files
 * of a kind in a place; then the rest. */
static void
make_policy(struct given *g, size_t n)
{
	struct rule *r;
	char glob[300], name[32];
	size_t i;

	memset(g, 0, sizeof(*g));
	snprintf(g->p.name, sizeof(g->p.name), "bench");
	g->n = n;
	g->path = calloc(n, sizeof(*g->path));
	r = calloc(n + 4, sizeof(*r));
	g->p.family[FAMILY_FILE].n = n + 4;
	g->p.family[FAMILY_FILE].rule = r;
	make_rule(r++, "keys", "**/*.{pem,key,p12}", ALL, DECISION_DENY);
	make_rule(r++, "ssh", "**/.{ssh,aws,gnupg}/**", ALL, DECISION_DENY);
	make_rule(r++, "env", "**/.env", ALL, DECISION_DENY);
	for (i = 0; i < n; i++) {
		random_path(g->path[i], 20 + rnd(60));
		snprintf(glob, sizeof(glob), "%s%s", g->path[i],
		    (const char *const[]){ "", "/**", "/*.c", "" }[i % 4]);
		snprintf(name, sizeof(name), "rule-%zu", i);
		make_rule(r++, name, glob, rnd(2) == 0 ? ALL : READ,
		    rnd(2) == 0 ? DECISION_ALLOW : DECISION_DENY);
	}
	make_rule(r, RULE_CATCHALL, "/**", ALL, DECISION_DENY);
}

static void
free_policy(struct given *g)
{
	struct rules *rules = &g->p.family[FAMILY_FILE];
	size_t i;

	for (i = 0; i < rules->n; i++) {
		free(rules->rule[i].globs[0]);
		free(rules->rule[i].globs);
		free(rules->rule[i].name);
		free(rules->rule[i].message);
	}
	free(rules->rule);
	free(g->path);
}

/* Subjects of 20 to 200 bytes: half are beneath or beside what rules name. */
static void
make_subjects(const struct given *g, char (*subject)[256], size_t *len)
{
	size_t i, n, want;

	for (i = 0; i < PATHS; i++) {
		want = 20 + rnd(181);
		random_path(subject[i], want);
		if (i % 2 == 0) {
			n = strlen(g->path[rnd((uint32_t)g->n)]);
			memcpy(subject[i], g->path[rnd((uint32_t)g->n)], n);
			if (subject[i][n] == '\0' && n < want)
				subject[i][n] = '/';
			if (n > want)
				subject[i][want] = '\0';
			if (n < want && subject[i][n] != '/' && n + 1 < want)
				subject[i][n] = '/';
		}
		len[i] = strlen(subject[i]);
	}
}

static int
cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Median and 99th percentile of one question, in ns. */
static double
time_questions(const struct image *im, char (*subject)[256], const size_t *len,
    double *p99)
{
	static double t[PATHS];
	struct verdict v;
	double start, one;
	size_t i, k;

	for (i = 0; i < PATHS; i++)
		t[i] = 1e12;
	for (k = 0; k < ROUNDS; k++) {
		for (i = 0; i < PATHS; i++) {
			start = now(CLOCK_MONOTONIC);
			image_eval_file(im, (enum file_op)(i % FILE_OP_MAX),
			    subject[i], len[i], &v);
			one = now(CLOCK_MONOTONIC) - start;
			if (one < t[i])
				t[i] = one;
		}
	}
	qsort(t, PATHS, sizeof(t[0]), cmp);
	*p99 = t[PATHS * 99 / 100];
	return t[PATHS / 2];
}

/* What asking for the time costs. */
static double
time_nothing(void)
{
	double least = 1e12, t;
	size_t i;

	for (i = 0; i < 100000; i++) {
		t = now(CLOCK_MONOTONIC);
		t = now(CLOCK_MONOTONIC) - t;
		least = t < least ? t : least;
	}
	return least;
}

static double
bench_files(size_t n, double clock)
{
	static char subject[PATHS][256];
	static size_t len[PATHS];
	struct given g;
	struct compiled out;
	struct image im = { 0 };
	struct rusage before, after;
	struct aerr e = { 0 };
	double start, ms, p50, p99;

	make_policy(&g, n);
	getrusage(RUSAGE_SELF, &before);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	if (policy_compile(&g.p, &vars, false, &out, &e) == -1) {
		fprintf(stderr, "%s\n", e.message);
		exit(1);
	}
	ms = (now(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e6;
	getrusage(RUSAGE_SELF, &after);
	make_subjects(&g, subject, len);
	im.base = out.image.data;
	im.size = out.image.len;
	start = now(CLOCK_MONOTONIC);
	if (image_verify(&im) == -1) {
		fprintf(stderr, "the image is malformed\n");
		exit(1);
	}
	p50 = time_questions(&im, subject, len, &p99) - clock;
	printf("%6zu rules: compiled in %7.1f ms, %5.1f MiB more at most, "
	       "image %7.1f KiB%s; a question %4.0f ns p50, %4.0f ns p99\n",
	    n, ms, (double)(after.ru_maxrss - before.ru_maxrss) / 1024,
	    (double)out.image.len / 1024, out.fallback ? " (simulated)" : "",
	    p50, p99 - clock);
	compiled_free(&out);
	free_policy(&g);
	return p50;
}

/* What multiplies states: words anywhere in a part, for which no DFA is
 * possible, or directories anywhere. */
static void
bench_anywhere(size_t n, bool directories, double clock)
{
	static char subject[PATHS][256];
	static size_t len[PATHS];
	struct given g;
	struct compiled out;
	struct image im = { 0 };
	struct aerr e = { 0 };
	double start, ms, p50, p99;
	char glob[64];
	size_t i;

	make_policy(&g, n);
	for (i = 0; i < n; i++) {
		if (directories)
			snprintf(glob, sizeof(glob), "**/%.2s%zu/**",
			    g.path[i] + 1, i);
		else
			snprintf(glob, sizeof(glob), "/*%.2s*%.2s*/**",
			    g.path[i] + 1, g.path[i] + 3);
		free(g.p.family[FAMILY_FILE].rule[i + 3].globs[0]);
		g.p.family[FAMILY_FILE].rule[i + 3].globs[0] = strdup(glob);
	}
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	if (policy_compile(&g.p, &vars, false, &out, &e) == -1) {
		fprintf(stderr, "%s\n", e.message);
		exit(1);
	}
	ms = (now(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e6;
	make_subjects(&g, subject, len);
	im.base = out.image.data;
	im.size = out.image.len;
	p50 = time_questions(&im, subject, len, &p99);
	printf("%6zu rules with %s anywhere: compiled in %.1f ms%s; a "
	       "question %.1f us p50, %.1f us p99\n",
	    n, directories ? "directories" : "words", ms,
	    out.fallback ? ", simulated" : "", (p50 - clock) / 1e3,
	    (p99 - clock) / 1e3);
	compiled_free(&out);
	free_policy(&g);
}

static double
least_time(const struct image *im, enum file_op op, const char *path)
{
	struct verdict v;
	double least = 1e12, t;
	size_t i;

	for (i = 0; i < 10000; i++) {
		t = now(CLOCK_MONOTONIC);
		image_eval_file(im, op, path, strlen(path), &v);
		t = now(CLOCK_MONOTONIC) - t;
		least = t < least ? t : least;
	}
	return least;
}

/* Changes are looked up in the protected set as well. */
static void
bench_protected(double clock)
{
	static const char *const paths[] = { "/workspace/src/main.c",
		"/workspace/a/b/c/d/e/f/main.c",
		"/workspace/.git/objects/ab/cdef0123456789abcdef" };
	struct given g;
	struct compiled out;
	struct image im = { 0 };
	struct aerr e = { 0 };
	size_t i;

	make_policy(&g, 1);
	g.p.family[FAMILY_FILE].rule[4].decision = DECISION_ALLOW;
	if (policy_compile(&g.p, &vars, false, &out, &e) == -1) {
		fprintf(stderr, "%s\n", e.message);
		exit(1);
	}
	im.base = out.image.data;
	im.size = out.image.len;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		printf("to read %3.0f ns, to write %4.0f ns: %s\n",
		    least_time(&im, FILE_OP_READ, paths[i]) - clock,
		    least_time(&im, FILE_OP_WRITE, paths[i]) - clock, paths[i]);
	compiled_free(&out);
	free_policy(&g);
}

/* In a child, so that each starts with as little memory. */
static double
bench_apart(size_t n, double clock)
{
	int p[2], status;
	double t = 0;
	pid_t pid;

	fflush(stdout);
	if (pipe(p) == -1 || (pid = fork()) == -1)
		return -1;
	if (pid == 0) {
		t = bench_files(n, clock);
		fflush(stdout);
		_exit(write(p[1], &t, sizeof(t)) == sizeof(t) ? 0 : 1);
	}
	close(p[1]);
	if (read(p[0], &t, sizeof(t)) != sizeof(t))
		t = -1;
	close(p[0]);
	waitpid(pid, &status, 0);
	return status == 0 ? t : -1;
}

static int
bench_text(const char *path)
{
	static uint8_t text[1048576];
	struct policy p;
	struct compiled out;
	struct aerr e = { 0 };
	FILE *f = fopen(path, "r");
	double start, parsed, compiled;
	size_t len;

	if (f == NULL) {
		perror(path);
		return 1;
	}
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	if (policy_parse(&p, "p", text, len, &vars, &e) == -1) {
		fprintf(stderr, "%s\n", e.message);
		return 1;
	}
	parsed = now(CLOCK_PROCESS_CPUTIME_ID);
	if (policy_compile(&p, &vars, false, &out, &e) == -1) {
		fprintf(stderr, "%s\n", e.message);
		return 1;
	}
	compiled = now(CLOCK_PROCESS_CPUTIME_ID);
	printf("%s: parsed in %.1f ms, compiled in %.1f ms, image %.1f KiB%s\n",
	    path, (parsed - start) / 1e6, (compiled - parsed) / 1e6,
	    (double)out.image.len / 1024, out.fallback ? " (simulated)" : "");
	compiled_free(&out);
	policy_free(&p);
	return 0;
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = { 10, 100, 1000, 10000 };
	double clock = time_nothing(), t, least = 0, most = 0;
	size_t i;

	for (i = 1; i < (size_t)argc; i++) {
		if (bench_text(argv[i]) != 0)
			return 1;
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		t = bench_apart(sizes[i], clock);
		if (t < 0)
			return 1;
		least = i == 0 || t < least ? t : least;
		most = t > most ? t : most;
	}
	bench_protected(clock);
	bench_anywhere(30, false, clock);
	bench_anywhere(300, false, clock);
	bench_anywhere(2500, false, clock);
	bench_anywhere(10000, true, clock);
	printf("the slowest is %.2f times the fastest\n", most / least);
	return most <= least * FLAT ? 0 : 1;
}
