/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: lines of globs, then a subject. Globs that are taken must decide
 * it, as rules for files or for names of hosts, as they do when they are read
 * one by one.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "policyd/naive.h"
#include "policyd/policy.h"

#define GLOBS 4

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct vars vars = { "/workspace", "/home/u", "u", "1000" };

struct input {
	char *text;
	char *glob[GLOBS];
	size_t nglobs;
	char *subject;
};

/* The last line is the subject; lines that are no globs are left out. */
static bool
split(struct input *in, enum glob_kind kind)
{
	const char *what;
	char *line = in->text, *end;

	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		if (in->nglobs < GLOBS && line[0] != '\0' &&
		    glob_check(line, kind, &what) == 0)
			in->glob[in->nglobs++] = line;
		line = end + 1;
	}
	in->subject = line;
	return in->nglobs > 0;
}

static void
compare(const struct policy *p, const struct input *in, enum family family)
{
	struct net_query net = { .host = in->subject };
	struct naive_query q = { .family = family,
		.op = FILE_OP_WRITE,
		.path = in->subject,
		.len = strlen(in->subject),
		.network = &net };
	struct naive_answer want;
	struct compiled out;
	struct verdict v = { 0 };
	struct image im = { 0 };
	struct naive *n;
	struct aerr e;
	int ret;

	if (policy_compile(p, &vars, false, &out, &e) == -1)
		return;
	im.base = out.image.data;
	im.size = out.image.len;
	if (image_verify(&im) == -1)
		abort();
	if (family == FAMILY_FILE)
		ret = image_eval_file(&im, FILE_OP_WRITE, q.path, q.len, &v);
	else
		ret = image_eval_network(&im, &net, &v);
	n = naive_new(p, &vars);
	if (n == NULL)
		abort();
	if (ret == 0 && naive_eval(n, &q, &want) == 0 &&
	    (v.decision != want.decision ||
		strcmp(v.rule_name, want.rule_name) != 0))
		abort();
	naive_free(n);
	compiled_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char names[GLOBS][4] = { "r0", "r1", "r2", "r3" };
	static char none[] = "";
	struct rule rules[GLOBS];
	struct policy p;
	struct input in = { 0 };
	enum family family;
	size_t i;

	if (size < 2 || size > 600)
		return 0;
	family = data[0] % 2 == 0 ? FAMILY_FILE : FAMILY_NETWORK;
	in.text = calloc(1, size);
	if (in.text == NULL)
		return 0;
	memcpy(in.text, data + 1, size - 1);
	memset(rules, 0, sizeof(rules));
	memset(&p, 0, sizeof(p));
	if (strlen(in.text) == size - 1 &&
	    split(&in, family == FAMILY_FILE ? GLOB_PATH : GLOB_DOMAIN)) {
		for (i = 0; i < in.nglobs; i++) {
			rules[i].name = names[i];
			rules[i].message = none;
			rules[i].decision = i % 2 == 0 ? DECISION_ALLOW :
							 DECISION_AUDIT;
			rules[i].ops = family == FAMILY_FILE ?
			    1U << FILE_OP_WRITE :
			    1;
			if (family == FAMILY_FILE) {
				rules[i].globs = &in.glob[i];
				rules[i].nglobs = 1;
			} else {
				rules[i].network.domains.v = &in.glob[i];
				rules[i].network.domains.n = 1;
			}
		}
		p.family[family].rule = rules;
		p.family[family].n = in.nglobs;
		p.family[family].nglobs = in.nglobs;
		compare(&p, &in, family);
	}
	free(in.text);
	return 0;
}
