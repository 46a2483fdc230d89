/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a compiled policy; what passes the check must be
 * safe to evaluate.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

static size_t
words_length(struct image_words w)
{
	size_t n = 0;

	for (; w.n > 0; w.n--, w.first = image_words_next(w.first))
		n += strlen(w.first);
	return n;
}

static size_t
verdict_length(const struct verdict *v)
{
	return strlen(v->rule_name) + strlen(v->message);
}

static size_t
ask_paths(const struct image *im)
{
	static const char *const paths[] = { "/", "/workspace/a.c", "/a/b/.x",
		"/usr/lib/x86_64-linux-gnu/libc.so.6", "@abstract" };
	struct verdict v;
	size_t i, n = 0;
	uint32_t op;
	bool tree;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (op = 0; op < FILE_OP_MAX; op++) {
			(void)image_eval_file(im, (enum file_op)op, paths[i],
			    strlen(paths[i]), &v);
			n += verdict_length(&v);
			n += strlen(image_file_redirect(im, &v, &tree));
		}
		for (op = 0; op < UNIX_OP_MAX; op++) {
			(void)image_eval_unix(im, (enum unix_op)op, paths[i],
			    strlen(paths[i]), &v);
			n += verdict_length(&v);
		}
	}
	return n;
}

static size_t
ask_commands(const struct image *im)
{
	static const char *const argv[] = { "-rf", "a b" };
	static const char *const commands[] = { "a", "/usr/bin/Git.real" };
	struct command_query q = { .argv = argv, .argc = 2 };
	struct command_action a;
	struct env_limits limits;
	struct verdict v, env;
	size_t i, n = 0;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		q.command = commands[i];
		(void)image_eval_command(im, &q, &v);
		n += verdict_length(&v);
		image_command_action(im, &v, &a);
		n += strlen(a.command) + words_length(a.args) +
		    words_length(a.append) + words_length(a.env);
		(void)image_eval_env(im, &v, "LD_PRELOAD", 10, &env);
		n += verdict_length(&env);
		image_env_limits(im, &v, &limits);
		n += limits.max_keys != 0;
	}
	return n + words_length(image_env_inject(im)) +
	    words_length(image_wrappers(im, true)) +
	    words_length(image_wrappers(im, false));
}

static size_t
ask_others(const struct image *im)
{
	static const uint8_t addr[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
		0xff, 10, 0, 0, 1 };
	struct net_query q = { .host = "A.b.Test.", .addr = addr, .port = 443 };
	struct signal_query s = { .signo = 9, .relations = 5, .process = "a" };
	struct signal_action action;
	struct redirect r;
	struct verdict v;
	size_t n;

	(void)image_eval_network(im, &q, &v);
	n = verdict_length(&v);
	(void)image_eval_signal(im, &s, &v, &action);
	n += verdict_length(&v);
	(void)image_eval_redirect(im, FAMILY_DNS, "a.b", &v, &r);
	n += verdict_length(&v) + strlen(r.to);
	(void)image_eval_redirect(im, FAMILY_CONNECT, "a.b:443", &v, &r);
	return n + verdict_length(&v) + strlen(r.to_unix) + strlen(r.sni);
}

/* So that all is read. */
extern volatile size_t keep;
volatile size_t keep;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sum = 0;
	struct image im = { 0 };
	struct aerr e;
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* exactly so many bytes, so that a sanitizer sees the first too many */
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	im.base = copy;
	im.size = size;
	if (image_verify(&im) == 0) {
		(void)image_prepare(&im, &e);
		sum += (size_t)image_audits_files(&im) +
		    image_has_signal_rules(&im) +
		    image_restricts_commands(&im) + (image_pids_max(&im) != 0);
		sum += ask_paths(&im) + ask_commands(&im) + ask_others(&im);
		if (im.unprepare != NULL)
			im.unprepare(&im);
	}
	free(copy);
	keep = sum;
	return 0;
}

/* Numbers change where they are. What libFuzzer does by itself moves all that
 * follows, and nothing of it passes the check. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint64_t r = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	uint32_t v, other, changes;
	size_t at, words = size / sizeof(v);

	(void)max;
	for (changes = 1 + seed % 3; words > 0 && changes > 0; changes--) {
		r = r * UINT64_C(6364136223846793005) + 1442695040888963407;
		/* the head, which all else hangs on, as often as the rest */
		at = (r >> 20) % (r >> 63 != 0 && words > 1024 ? 1024 : words);
		memcpy(&v, data + at * sizeof(v), sizeof(v));
		memcpy(&other, data + (r >> 33) % words * sizeof(v), sizeof(v));
		switch (r >> 8 & 7) {
		case 0:
			v++;
			break;
		case 1:
			v--;
			break;
		case 2:
			v ^= UINT32_C(1) << (r >> 12 & 31);
			break;
		case 3:
			v = other;
			break;
		case 4:
			v = 0;
			break;
		case 5:
			v = UINT32_MAX >> (r >> 12 & 1);
			break;
		case 6:
			v = (uint32_t)size - (r >> 12 & 15);
			break;
		default:
			v += 8 * (uint32_t)(r >> 12 & 7);
			break;
		}
		memcpy(data + at * sizeof(v), &v, sizeof(v));
	}
	return size;
}
