/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which globs of a policy are in which automaton.
 */
#include <stdio.h>
#include <string.h>

#include "compile.h"

#define OP(name) (1U << FILE_OP_##name)
#define LOOK_OPS (OP(STAT) | OP(ACCESS))
#define READ_OPS (LOOK_OPS | OP(OPEN) | OP(READ) | OP(LIST) | OP(READLINK))

/* What any program needs to start at all; see agentsh-policy(5). */
static const char *const loader_globs[] = {
#define LOADER(glob) glob,
#include "loader.def"
#undef LOADER
};

static const char *const secret_globs[] = {
#define ENV_SECRET(glob) glob,
#include "envsecret.def"
#undef ENV_SECRET
};

/* realpath(3) and getcwd(3) look at every directory above. */
static int
add_way(struct compiler *c, struct globs *g, const char *path)
{
	const struct glob_owner owner = { g->loader, LOOK_OPS, true };
	char dir[AGENTSH_PATH_MAX + 1];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = '\0';
		if (glob_add(g, dir, GLOB_LITERAL, &owner, &c->what) == -1)
			return -1;
	}
	return 0;
}

/* The built-in rule: reads of the loader, looks at the way to the workspace and
 * to mounts. */
static int
add_loader(struct compiler *c, struct globs *g)
{
	const struct glob_owner owner = { g->loader, READ_OPS, true };
	size_t i;

	for (i = 0; i < sizeof(loader_globs) / sizeof(loader_globs[0]); i++) {
		if (glob_add(g, loader_globs[i], GLOB_PATH, &owner, &c->what) ==
		    -1)
			return -1;
	}
	for (i = 0; i < c->p->nmounts; i++) {
		if (add_way(c, g, c->p->mount[i].path) == -1)
			return -1;
	}
	return add_way(c, g, c->vars->project_root);
}

/* Every glob of every rule of a family. */
static int
add_family(struct compiler *c, struct globs *g, enum family family,
    enum glob_kind kind)
{
	const struct rules *rules = &c->p->family[family];
	struct glob_owner owner = { .sure = true };
	const struct rule *r;
	size_t i, j;

	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		owner.rule = (uint32_t)i;
		owner.ops = r->ops;
		for (j = 0; j < r->nglobs; j++) {
			if (r->within == NULL ?
				glob_add(g, r->globs[j], kind, &owner,
				    &c->what) == -1 :
				glob_add_within(g, r->globs[j], r->within->path,
				    &owner, &c->what) == -1)
				return -1;
		}
	}
	return 0;
}

int
patterns_files(struct compiler *c, struct globs *g)
{
	const struct rules *rules = &c->p->family[FAMILY_FILE];
	struct glob_owner reads = { rule_reads(c->p), READ_OPS, true };
	size_t i;

	globs_init(g, FILE_OP_MAX, false);
	g->loader = rule_loader(c->p);
	for (i = 0; i < rules->n && g->catchall == IMG_NONE; i++) {
		if (rules->rule[i].within == NULL &&
		    strcmp(rules->rule[i].name, RULE_CATCHALL) == 0 &&
		    rules->rule[i].decision == DECISION_DENY)
			g->catchall = (uint32_t)i;
	}
	if (add_family(c, g, FAMILY_FILE, GLOB_PATH) == -1 ||
	    add_loader(c, g) == -1)
		return -1;
	return c->p->reads_allowed ?
	    glob_add(g, "/**", GLOB_PATH, &reads, &c->what) :
	    0;
}

int
patterns_unix(struct compiler *c, struct globs *g)
{
	globs_init(g, UNIX_OP_MAX, false);
	return add_family(c, g, FAMILY_UNIX, GLOB_SOCKET);
}

/* A name without metacharacters is compared in lower case. */
static int
add_command(struct compiler *c, struct globs *g, const char *text,
    enum glob_kind kind, const struct glob_owner *owner)
{
	char lower[AGENTSH_PATH_MAX + 1];
	size_t i, len = strlen(text);

	if (kind != GLOB_LITERAL)
		return glob_add(g, text, kind, owner, &c->what);
	c->what = "a command is too long";
	if (len > AGENTSH_PATH_MAX)
		return -1;
	for (i = 0; i <= len; i++)
		lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ?
			text[i] | 0x20 :
			text[i]);
	return glob_add(g, lower, kind, owner, &c->what);
}

/* The patterns of names, or those of paths. */
int
patterns_commands(struct compiler *c, struct globs *g, bool paths)
{
	const struct rules *rules = &c->p->family[FAMILY_COMMAND];
	struct glob_owner owner = { .ops = 1 };
	const struct rule *r;
	enum glob_kind kind;
	bool whole;
	size_t i, j;

	globs_init(g, IMG_COMMAND_OPS, true);
	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		owner.rule = (uint32_t)i;
		owner.sure = r->command.args_patterns.n == 0 &&
		    r->command.min_depth == 0 &&
		    r->command.max_depth == UINT32_MAX;
		/* no list is every command, and every command has a name */
		if (r->nglobs == 0 && !paths &&
		    glob_add(g, "*", GLOB_NAME, &owner, &c->what) == -1)
			return -1;
		for (j = 0; j < r->nglobs; j++) {
			kind = command_kind(r->globs[j], &whole);
			if (whole == paths &&
			    add_command(c, g, r->globs[j], kind, &owner) == -1)
				return -1;
		}
	}
	return 0;
}

int
patterns_domains(struct compiler *c, struct globs *g)
{
	const struct rules *rules = &c->p->family[FAMILY_NETWORK];
	struct glob_owner owner = { .ops = 1 };
	const struct network_part *part;
	size_t i, j;

	globs_init(g, 1, true);
	for (i = 0; i < rules->n; i++) {
		part = &rules->rule[i].network;
		owner.rule = (uint32_t)i;
		owner.sure = part->ncidrs == 0 && part->nports == 0;
		for (j = 0; j < part->domains.n; j++) {
			if (glob_add(g, part->domains.v[j], GLOB_DOMAIN, &owner,
				&c->what) == -1)
				return -1;
		}
	}
	return 0;
}

/* What a CIDR says of a byte of an address: some of its bits, or nothing. */
static int
add_cidr(struct compiler *c, struct globs *g, const struct cidr *cidr,
    const struct glob_owner *owner)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
		0xff };
	struct byteset set = { { 0 } };
	size_t base = g->ncodes;
	uint32_t bits, byte, i;
	uint8_t mask;

	/* the family comes first: ::/0 is every IPv6 address, no IPv4 one */
	set.w[0] = UINT64_C(1) << (cidr->bits >= 96 &&
			       memcmp(cidr->addr, mapped, sizeof(mapped)) == 0 ?
			   4 :
			   6);
	if (globs_elem(g, base, false, &set, &c->what) == -1)
		return -1;
	for (i = 0, bits = cidr->bits; i < 16 && bits > 0; i++) {
		mask = (uint8_t)(bits >= 8 ? 0xff : 0xff << (8 - bits));
		bits -= bits >= 8 ? 8 : bits;
		memset(&set, 0, sizeof(set));
		for (byte = 0; byte < 256; byte++) {
			if ((byte & mask) == (cidr->addr[i] & mask))
				set.w[byte / 64] |= UINT64_C(1) << (byte % 64);
		}
		if (globs_elem(g, base, false, &set, &c->what) == -1)
			return -1;
	}
	memset(&set, 0xff, sizeof(set));
	if (i < 16 && globs_elem(g, base, true, &set, &c->what) == -1)
		return -1;
	return globs_pattern(g, base, owner, &c->what);
}

int
patterns_cidrs(struct compiler *c, struct globs *g)
{
	const struct rules *rules = &c->p->family[FAMILY_NETWORK];
	struct glob_owner owner = { .ops = 1 };
	const struct network_part *part;
	size_t i, j;

	globs_init(g, 1, true);
	for (i = 0; i < rules->n; i++) {
		part = &rules->rule[i].network;
		owner.rule = (uint32_t)i;
		owner.sure = part->domains.n == 0 && part->nports == 0;
		for (j = 0; j < part->ncidrs; j++) {
			if (add_cidr(c, g, &part->cidr[j], &owner) == -1)
				return -1;
		}
	}
	return 0;
}

int
patterns_processes(struct compiler *c, struct globs *g)
{
	const struct rules *rules = &c->p->family[FAMILY_SIGNAL];
	struct glob_owner owner = { .ops = 1 };
	const struct signal_part *part;
	size_t i;

	globs_init(g, 1, true);
	for (i = 0; i < rules->n; i++) {
		part = &rules->rule[i].signal;
		owner.rule = (uint32_t)i;
		if (part->target == SIGNAL_PROCESS && part->pattern != NULL &&
		    glob_add(g, part->pattern, GLOB_NAME, &owner, &c->what) ==
			-1)
			return -1;
	}
	return 0;
}

static int
add_names(struct compiler *c, struct globs *g, const struct words *w,
    uint32_t list)
{
	struct glob_owner owner = { list, 1, false };
	size_t i;

	for (i = 0; i < w->n; i++) {
		if (glob_add(g, w->v[i], GLOB_NAME, &owner, &c->what) == -1)
			return -1;
	}
	return 0;
}

/* All lists of variables; their numbers are like those of rules. */
int
patterns_env(struct compiler *c, struct globs *g)
{
	const struct rules *rules = &c->p->family[FAMILY_COMMAND];
	struct glob_owner secret = { IMG_ENV_SECRET, 1, false };
	const struct env_rules *env = &c->p->env;
	uint32_t number = 0;
	size_t i;

	globs_init(g, 1, true);
	for (i = 0; i < sizeof(secret_globs) / sizeof(secret_globs[0]); i++) {
		if (glob_add(g, secret_globs[i], GLOB_NAME, &secret,
			&c->what) == -1)
			return -1;
	}
	for (i = 0;; i++) {
		if (add_names(c, g, &env->deny, IMG_ENV_DENY(number)) == -1 ||
		    add_names(c, g, &env->allow, IMG_ENV_ALLOW(number)) == -1)
			return -1;
		while (i < rules->n && !rules->rule[i].command.env.given)
			i++;
		if (i == rules->n)
			return 0;
		env = &rules->rule[i].command.env;
		number++;
	}
}
