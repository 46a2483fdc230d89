/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles a policy text inside a unit test: into a sealed memfd and mapped,
 * by the same steps as policyd's.
 */
#ifndef P_H
#define P_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "image.h"
#include "policyd/policy.h"

struct p {
	struct policy policy;
	struct compiled out;
	struct image image;
	struct aerr e;
};

static const struct vars p_vars = { "/workspace", "/home/u", "u" };

static int
p_load(struct p *p, const char *text, const struct vars *vars)
{
	int fd, ret;

	memset(p, 0, sizeof(*p));
	if (policy_build("p.yaml", (const uint8_t *)text, strlen(text),
		vars == NULL ? &p_vars : vars, false, &p->policy, &p->out,
		&p->e) == -1)
		return -1;
	fd = memfd_sealed("policy", p->out.image.data, p->out.image.len);
	if (fd == -1)
		return -1;
	ret = image_map(&p->image, fd, &p->e);
	close(fd);
	return ret;
}

static void
p_free(struct p *p)
{
	image_unmap(&p->image);
	compiled_free(&p->out);
	policy_free(&p->policy);
}

/* "decision rule" of a file operation or, without path, a command. */
static inline const char *
p_file(const struct p *p, enum file_op op, const char *path)
{
	static const char *const names[] = { "deny", "allow", "audit" };
	static char text[AGENTSH_NAME_MAX + 16];
	struct verdict v;

	if (image_eval_file(&p->image, op, path, strlen(path), &v) == -1)
		return "malformed";
	snprintf(text, sizeof(text), "%s %s", names[v.decision], v.rule_name);
	return text;
}

static inline const char *
p_command(const struct p *p, const char *command)
{
	static const char *const names[] = { "deny", "allow", "audit" };
	static char text[AGENTSH_NAME_MAX + 16];
	struct verdict v;

	if (image_eval_command(&p->image,
		&(struct command_query){ .command = command }, &v) == -1)
		return "malformed";
	snprintf(text, sizeof(text), "%s %s", names[v.decision], v.rule_name);
	return text;
}

#endif
