/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one policy file as agentsh policy validate does, for the goldens:
 * prints what is wrong with it and exits 1, or its warnings and, with -p, its
 * normal form. That form must be a policy with the same image and the same
 * normal form.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/policy.h"
#include "policyd/policyfile.h"

static const struct vars vars = { "/workspace", "/home/a,b", "a", "1000" };

struct built {
	struct policy policy;
	struct compiled out;
	struct buf text;
};

static int
build(struct built *b, const char *name, const uint8_t *text, size_t len)
{
	struct aerr e;

	if (policy_build(name, text, len, &vars, false, &b->policy, &b->out,
		&e) == -1) {
		printf("%s\n", e.message);
		return -1;
	}
	if (policy_print(&b->policy, &b->text) == -1) {
		printf("%s: cannot be printed\n", name);
		return -1;
	}
	return 0;
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static int
check(const char *file, const uint8_t *text, size_t len, bool print)
{
	struct built a, b;
	size_t i;

	if (build(&a, file, text, len) == -1)
		return 1;
	for (i = 0; i < a.policy.warnings.n; i++)
		printf("warning: %s\n", a.policy.warnings.text[i]);
	if (print)
		fwrite(a.text.data, 1, a.text.len, stdout);
	if (build(&b, "printed", a.text.data, a.text.len) == -1) {
		fwrite(a.text.data, 1, a.text.len, stdout);
		return 1;
	}
	if (!same(&a.out.image, &b.out.image) || !same(&a.text, &b.text)) {
		printf("%s: its normal form is another policy\n", file);
		fwrite(a.text.data, 1, a.text.len, stdout);
		fwrite(b.text.data, 1, b.text.len, stdout);
		return 1;
	}
	buf_free(&a.text);
	buf_free(&b.text);
	compiled_free(&a.out);
	compiled_free(&b.out);
	policy_free(&a.policy);
	policy_free(&b.policy);
	return 0;
}

int
main(int argc, char **argv)
{
	struct aerr e;
	uint8_t *text = NULL;
	size_t len = 0;
	bool print = argc == 3 && strcmp(argv[1], "-p") == 0;
	int fd, ret;

	if (argc != 2 && !print) {
		fprintf(stderr, "usage: check [-p] file\n");
		return 2;
	}
	fd = open(argv[argc - 1], O_RDONLY | O_CLOEXEC);
	if (fd == -1 ||
	    policy_read(fd, argv[argc - 1], &text, &len, &e) == -1) {
		perror(argv[argc - 1]);
		return 2;
	}
	close(fd);
	ret = check(argv[argc - 1], text, len, print);
	free(text);
	return ret;
}
