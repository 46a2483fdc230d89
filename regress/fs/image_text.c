/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for common/image.c in tests of fsd alone: the "image" is text, a
 * rule a line: decision, operations (comma-separated, or *), fnmatch pattern.
 * The first match decides; reads are allowed by default.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "event.h"
#include "image.h"

#define TEXT_RULES 64

static struct {
	enum decision decision;
	char ops[128];
	char pattern[256];
	char name[32];
} rules[TEXT_RULES];
static size_t nrules;

int
image_map(struct image *img, int fd, struct aerr *e)
{
	char text[8192], word[16];
	char *line, *save = NULL;
	ssize_t n;

	(void)e;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -1;
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (nrules == TEXT_RULES ||
		    sscanf(line, "%15s %127s %255s", word, rules[nrules].ops,
			rules[nrules].pattern) != 3)
			continue;
		rules[nrules].decision = DECISION_DENY;
		if (strcmp(word, "allow") == 0)
			rules[nrules].decision = DECISION_ALLOW;
		if (strcmp(word, "audit") == 0)
			rules[nrules].decision = DECISION_AUDIT;
		snprintf(rules[nrules].name, sizeof(rules[nrules].name),
		    "rule-%zu", nrules);
		nrules++;
	}
	img->base = (const uint8_t *)"";
	img->size = 1;
	return 0;
}

void
image_unmap(struct image *img)
{
	img->base = NULL;
}

const char *
image_name(const struct image *img)
{
	(void)img;
	return "text";
}

static bool
has_op(const char *ops, const char *name)
{
	size_t len = strlen(name);
	const char *s;

	if (strcmp(ops, "*") == 0)
		return true;
	for (s = ops; (s = strstr(s, name)) != NULL; s += len) {
		if ((s == ops || s[-1] == ',') &&
		    (s[len] == ',' || s[len] == '\0'))
			return true;
	}
	return false;
}

int
image_eval_file(const struct image *img, enum file_op op, const char *path,
    size_t len, struct verdict *v)
{
	size_t i;

	(void)img;
	if (path[0] != '/' || strlen(path) != len)
		return -1;
	for (i = 0; i < nrules; i++) {
		if (has_op(rules[i].ops, file_op_name(op)) &&
		    fnmatch(rules[i].pattern, path, 0) == 0) {
			v->decision = rules[i].decision;
			v->rule_name = rules[i].name;
			v->message = "";
			return 0;
		}
	}
	v->rule_name = "default";
	v->message = "";
	v->decision = DECISION_DENY;
	if (op == FILE_OP_OPEN || op == FILE_OP_READ || op == FILE_OP_STAT ||
	    op == FILE_OP_LIST || op == FILE_OP_READLINK ||
	    op == FILE_OP_ACCESS)
		v->decision = DECISION_ALLOW;
	return 0;
}

int
image_eval_command(const struct image *img, const char *command,
    uint32_t depth, struct verdict *v)
{
	(void)img;
	(void)command;
	(void)depth;
	(void)v;
	return -1;
}
