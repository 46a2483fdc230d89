/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies and random things to ask them, of few letters each, so that
 * rules match often and overlap.
 */
#ifndef RNDPOLICY_H
#define RNDPOLICY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/automaton.h"
#include "policyd/naive.h"

#define ALL_OPS ((1U << FILE_OP_MAX) - 1)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t rnd_seed = 1;

static inline uint32_t
rnd(uint32_t n)
{
	rnd_seed = rnd_seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(rnd_seed >> 4) * n >> 28);
}

/* n parts in a row. */
static inline void
rnd_text(char *dst, size_t max, const char *const *parts, size_t nparts,
    uint32_t n)
{
	size_t len = 0;

	dst[0] = '\0';
	for (; n > 0 && len + 16 < max; n--)
		len += (size_t)snprintf(dst + len, max - len, "%s",
		    parts[rnd((uint32_t)nparts)]);
}

static const char *const rnd_path_globs[] = { "a", "b", "/", "/", "*", "**",
	"/**", "?", "[ab]", "[!a]", "{a,b}", "{a/b,c}", "{,*.}x", "\\*", "c",
	"\xc3\xa9", ".x", "[a-c.]", "/a", "/.git/hooks", "{.git/config,a}" };
static const char *const rnd_paths[] = { "a", "b", "c", "/", "/a", "/b", "*",
	"\xc3\xa9", ".x", "x", "\xa9", "/.git", "/.GIT.", "/hooks", "/config",
	"/modules/a", "/pre.sample", "/worktrees", "/gitDir", " " };
static const char *const rnd_roots[] = { "/", "/", "/", "/a", "/usr", "/lib",
	"/etc", "/opt", "/root", "/usr/bin/", "/a/b/c/.vscode",
	"/a/b/c/.mcp.json", "/home/u/.Config/fish", "/a/.git" };

static inline void
rnd_glob(char *dst, size_t max, enum glob_kind kind)
{
	const char *what;
	size_t n;

	do {
		n = 0;
		if (kind == GLOB_PATH || (kind == GLOB_SOCKET && rnd(2) == 0))
			n = (size_t)snprintf(dst, max, "%s",
			    rnd(4) == 0 ? "**" :
					  rnd_roots[rnd(COUNT(rnd_roots))]);
		else if (kind == GLOB_SOCKET)
			n = (size_t)snprintf(dst, max, "@");
		rnd_text(dst + n, max - n, rnd_path_globs,
		    COUNT(rnd_path_globs), rnd(6));
	} while (glob_check(dst, kind, &what) == -1);
}

static inline void
rnd_path(char *dst, size_t max, bool sockets)
{
	size_t n;

	n = (size_t)snprintf(dst, max, "%s",
	    sockets && rnd(2) == 0 ? "@" : rnd_roots[rnd(COUNT(rnd_roots))]);
	rnd_text(dst + n, max - n, rnd_paths, COUNT(rnd_paths), rnd(7));
}

static inline void
rnd_words(struct words *w, uint32_t n, const char *const *parts, size_t nparts,
    enum glob_kind kind)
{
	char text[64];
	const char *what;

	w->v = calloc(n + 1, sizeof(*w->v));
	for (w->n = 0; w->n < n; w->n++) {
		do {
			rnd_text(text, sizeof(text), parts, nparts, 1 + rnd(4));
		} while (kind != GLOB_LITERAL &&
		    glob_check(text, kind, &what) == -1);
		w->v[w->n] = strdup(text);
	}
}

/* As they are, one of them each. */
static inline void
rnd_pick(struct words *w, uint32_t n, const char *const *from, size_t nfrom)
{
	w->v = calloc(n + 1, sizeof(*w->v));
	for (w->n = 0; w->n < n; w->n++)
		w->v[w->n] = strdup(from[rnd((uint32_t)nfrom)]);
}

static const char *const rnd_regexes[] = { "^a", "b$", "a b", "(a|c)d?", "x{2}",
	"^$", "-r", "(^|\\s)-[a-z]*f", "a.*b", "\xc3\xa9" };
static const char *const rnd_args[] = { "a", "b", "-rf", "-f", "xx", "c", "",
	"\xc3\xa9", "\xff" };
static const char *const rnd_commands[] = { "a", "b", "A", ".real", "/", "ab",
	"*", "?", "[ab]", "{a,b}", "/bin/" };
static const char *const rnd_names[] = { "A", "B", "_", "*", "?", "LD_",
	"PRELOAD", "[AB]", "{A,B}" };
static const char *const rnd_domains[] = { "a", "b", ".", "a.b", "*", "**", "?",
	"{a,b}", "*.", "**." };

static inline void
rnd_env(struct env_rules *env)
{
	env->given = true;
	env->has_allow = rnd(2) == 0;
	rnd_words(&env->allow, env->has_allow ? rnd(3) : 0, rnd_names,
	    COUNT(rnd_names), GLOB_NAME);
	rnd_words(&env->deny, rnd(3), rnd_names, COUNT(rnd_names), GLOB_NAME);
	env->max_bytes = rnd(100);
	env->max_keys = rnd(100);
	env->block_iteration = rnd(2) == 0;
}

static inline void
rnd_addr(uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (rnd(2) == 0) {
		addr[10] = addr[11] = 0xff;
		addr[12] = rnd(2) == 0 ? 10 : 127;
		addr[13] = (uint8_t)rnd(2);
	} else {
		addr[0] = rnd(2) == 0 ? 0xfd : 0;
	}
	addr[15] = (uint8_t)rnd(4);
}

static inline void
rnd_network(struct network_part *part)
{
	static const uint32_t bits[] = { 0, 8, 64, 96, 97, 104, 112, 125, 126,
		127, 128 };
	static const uint16_t ports[] = { 80, 443, 1, 2, 0 };
	size_t i;

	rnd_words(&part->domains, rnd(2) * rnd(3), rnd_domains,
	    COUNT(rnd_domains), GLOB_DOMAIN);
	part->ncidrs = rnd(2) * rnd(3);
	part->cidr = calloc(part->ncidrs + 1, sizeof(*part->cidr));
	for (i = 0; i < part->ncidrs; i++) {
		rnd_addr(part->cidr[i].addr);
		part->cidr[i].bits = bits[rnd(COUNT(bits))];
	}
	part->nports = rnd(2) * rnd(3);
	part->port = calloc(part->nports + 1, sizeof(*part->port));
	for (i = 0; i < part->nports; i++)
		part->port[i] = ports[rnd(COUNT(ports))];
}

static inline void
rnd_signal(struct signal_part *part)
{
	char text[32];
	const char *what;

	part->signals = (uint64_t)rnd(16) << 8 | 1ULL << (1 + rnd(63));
	part->target = (enum signal_target)rnd(SIGNAL_TARGET_MAX);
	do {
		rnd_text(text, sizeof(text), rnd_names, COUNT(rnd_names),
		    1 + rnd(3));
	} while (glob_check(text, GLOB_NAME, &what) == -1);
	part->pattern = strdup(text);
	part->min_pid = rnd(4);
	part->max_pid = rnd(8);
	part->fallback = (enum decision)rnd(3);
	part->redirect_signo = rnd(3);
}

static inline void
rnd_globs(struct rule *r, uint32_t n, enum family family)
{
	char text[128];
	const char *what;
	enum glob_kind kind;
	bool whole;

	r->globs = calloc(n + 1, sizeof(*r->globs));
	for (r->nglobs = 0; r->nglobs < n; r->nglobs++) {
		if (family == FAMILY_FILE) {
			rnd_glob(text, sizeof(text), GLOB_PATH);
		} else if (family == FAMILY_UNIX) {
			rnd_glob(text, sizeof(text), GLOB_SOCKET);
		} else {
			do {
				rnd_text(text, sizeof(text), rnd_commands,
				    COUNT(rnd_commands), 1 + rnd(4));
				kind = command_kind(text, &whole);
			} while (glob_check(text, kind, &what) == -1);
		}
		r->globs[r->nglobs] = strdup(text);
	}
}

static inline void
rnd_rule(struct rule *r, enum family family, size_t i, bool catchall)
{
	static const enum decision file_decisions[] = { DECISION_DENY,
		DECISION_ALLOW, DECISION_ALLOW, DECISION_AUDIT,
		DECISION_APPROVE, DECISION_REDIRECT, DECISION_SOFT_DELETE };
	char name[32];

	snprintf(name, sizeof(name), "rule-%zu", i);
	r->name = strdup(catchall ? RULE_CATCHALL : name);
	r->message = strdup("");
	r->decision = catchall ? DECISION_DENY :
				 file_decisions[rnd(COUNT(file_decisions))];
	r->timeout_ms = rnd(3) * 1000;
	r->ops = 1;
	switch (family) {
	case FAMILY_FILE:
		r->ops = rnd(3) == 0 ? 1 + rnd(ALL_OPS) : ALL_OPS;
		rnd_globs(r, 1 + rnd(3), family);
		if (rnd(4) == 0)
			r->file.redirect_to = strdup("/a/b");
		r->file.preserve_tree = rnd(2) == 0;
		r->file.log_full = rnd(2) == 0;
		break;
	case FAMILY_UNIX:
		r->ops = 1 + rnd(15);
		rnd_globs(r, 1 + rnd(3), family);
		break;
	case FAMILY_COMMAND:
		rnd_globs(r, rnd(3), family);
		rnd_pick(&r->command.args_patterns, rnd(2) * rnd(3),
		    rnd_regexes, COUNT(rnd_regexes));
		r->command.min_depth = rnd(2) * rnd(2);
		r->command.max_depth = rnd(2) == 0 ? UINT32_MAX : rnd(3);
		if (rnd(3) == 0)
			rnd_env(&r->command.env);
		if (rnd(3) == 0)
			r->command.redirect_command = strdup("/bin/echo");
		rnd_pick(&r->command.redirect_args, rnd(3), rnd_args,
		    COUNT(rnd_args));
		break;
	case FAMILY_NETWORK:
		rnd_network(&r->network);
		break;
	case FAMILY_SIGNAL:
		rnd_signal(&r->signal);
		break;
	case FAMILY_DNS:
	case FAMILY_CONNECT:
		r->decision = DECISION_REDIRECT;
		r->redirect.match =
		    strdup(rnd_regexes[rnd(COUNT(rnd_regexes))]);
		r->redirect.to = strdup("a:1");
		break;
	case FAMILY_MAX:
		break;
	}
}

/* Some rules of files count beneath a mount only. */
static inline void
rnd_mounts(struct policy *p)
{
	static const char *const dirs[] = { "/a", "/b", "/opt", "/usr/a",
		"/a/\xc3\xa9" };
	struct rules *files = &p->family[FAMILY_FILE];
	const struct policy_mount *m;
	size_t i;

	p->nmounts = rnd(2) == 0 ? 0 : 1 + rnd(2);
	p->mount = calloc(p->nmounts + 1, sizeof(*p->mount));
	for (i = 0; i < p->nmounts; i++) {
		snprintf(p->mount[i].path, sizeof(p->mount[i].path), "%s",
		    dirs[rnd(COUNT(dirs))]);
		snprintf(p->mount[i].policy, sizeof(p->mount[i].policy), "%s",
		    rnd(2) == 0 ? "m" : "");
		p->mount[i].unprotected = rnd(3) == 0;
	}
	for (i = 0; i < files->n && p->nmounts > 0; i++) {
		m = &p->mount[rnd((uint32_t)p->nmounts)];
		if (rnd(2) == 0 && m->policy[0] != '\0')
			files->rule[i].within = m;
	}
}

static inline void
rnd_policy(struct policy *p)
{
	enum family f;
	uint32_t n, catchall;
	size_t i;

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "random");
	for (f = 0; f < FAMILY_MAX; f++) {
		n = rnd(9);
		catchall = rnd(4) == 0 ? n : rnd(n + 1);
		p->family[f].rule = calloc(n + 1, sizeof(struct rule));
		for (i = 0; i < n; i++)
			rnd_rule(&p->family[f].rule[i], f, i,
			    f == FAMILY_FILE && i == catchall);
		p->family[f].n = n;
	}
	p->reads_allowed = rnd(3) == 0;
	p->unprotected = rnd(8) == 0;
	rnd_mounts(p);
	if (rnd(2) == 0)
		rnd_env(&p->env);
}

static inline void
rnd_words_free(struct words *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
}

static inline void
rnd_rule_free(struct rule *r, enum family f)
{
	size_t i;

	for (i = 0; i < r->nglobs; i++)
		free(r->globs[i]);
	free(r->globs);
	free(r->name);
	free(r->message);
	if (f == FAMILY_FILE) {
		free(r->file.redirect_to);
	} else if (f == FAMILY_COMMAND) {
		rnd_words_free(&r->command.args_patterns);
		rnd_words_free(&r->command.redirect_args);
		rnd_words_free(&r->command.env.allow);
		rnd_words_free(&r->command.env.deny);
		free(r->command.redirect_command);
	} else if (f == FAMILY_NETWORK) {
		rnd_words_free(&r->network.domains);
		free(r->network.cidr);
		free(r->network.port);
	} else if (f == FAMILY_SIGNAL) {
		free(r->signal.pattern);
	} else if (f == FAMILY_DNS || f == FAMILY_CONNECT) {
		free(r->redirect.match);
		free(r->redirect.to);
	}
}

static inline void
rnd_policy_free(struct policy *p)
{
	enum family f;
	size_t i;

	for (f = 0; f < FAMILY_MAX; f++) {
		for (i = 0; i < p->family[f].n; i++)
			rnd_rule_free(&p->family[f].rule[i], f);
		free(p->family[f].rule);
	}
	rnd_words_free(&p->env.allow);
	rnd_words_free(&p->env.deny);
	free(p->mount);
}

#endif
