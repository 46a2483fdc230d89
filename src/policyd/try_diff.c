/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two policies asked the same: everything that a rule, or a list of variables,
 * of either is about, and what is next to it. What neither of them names is
 * not asked, so no difference is no proof.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "ipport.h"
#include "try.h"

static const char *const secret_globs[] = {
#define ENV_SECRET(glob) glob,
#include "envsecret.def"
#undef ENV_SECRET
};

/* Places and commands that a default may be about. */
static const char *const usual_paths[] = { "/", "/bin/sh", "/boot/x",
	"/dev/sda", "/dev/null", "/etc", "/etc/passwd", "/etc/shadow",
	"/home/x/y", "/lib/x.so", "/mnt/x", "/opt/x", "/proc/1/environ",
	"/proc/self/maps", "/root/x", "/run/x", "/srv/x", "/sys/x", "/tmp",
	"/tmp/x", "/usr/bin/x", "/usr/lib/x.so", "/var/lib/x", "/var/log/x",
	"/workspace", "/workspace/x", "/workspace/.bashrc",
	"/workspace/.git/config", "/workspace/.git/hooks/x",
	"/workspace/.mcp.json", "/workspace/.vscode/x", "/workspace/d/e.c" };
static const char *const usual_commands[] = { "ls", "sh", "/usr/bin/env", "x" };

struct diff {
	struct policy_try *policy[2];
	void (*change)(void *arg, const struct try_change *);
	void *arg;
	size_t asked;
	struct aerr *e;
	bool failed;
	struct try_query q;
};

static void
ask_both(struct diff *d)
{
	static struct try_answer a[2]; /* large */
	char object[AGENTSH_TEXT_MAX], *text;
	struct try_change c;
	size_t i;

	if (d->failed)
		return;
	for (i = 0; i < 2; i++) {
		if (try_ask(d->policy[i], &d->q, &a[i], NULL, d->e) !=
		    TRY_DONE) {
			d->failed = true;
			return;
		}
	}
	d->asked++;
	if (a[0].decision == a[1].decision &&
	    strcmp(a[0].instead, a[1].instead) == 0)
		return;
	try_text(object, sizeof(object), &d->q);
	text = strchr(object, ' ');
	c = (struct try_change){ try_op_name(&d->q),
		text == NULL ? "" : text + 1, a[0].decision, a[1].decision,
		a[0].rule, a[1].rule };
	d->change(d->arg, &c);
}

/* Each rule of a family, of both policies. */
static const struct rule *
next_rule(const struct diff *d, enum family family, size_t *at)
{
	const struct rules *r = &d->policy[0]->policy.family[family];
	size_t i = (*at)++;

	if (i < r->n)
		return &r->rule[i];
	i -= r->n;
	r = &d->policy[1]->policy.family[family];
	return i < r->n ? &r->rule[i] : NULL;
}

static void
set_object(struct diff *d, const char *text)
{
	snprintf(d->q.object, sizeof(d->q.object), "%s", text);
}

static void
diff_paths(struct diff *d, enum family family)
{
	enum glob_kind kind = family == FAMILY_FILE ? GLOB_PATH : GLOB_SOCKET;
	uint32_t nops = family == FAMILY_FILE ? FILE_OP_MAX : UNIX_OP_MAX;
	struct subjects s = { 0 }, roots = { 0 };
	const struct rule *r;
	size_t at = 0, i;

	while ((r = next_rule(d, family, &at)) != NULL) {
		for (i = 0; i < r->nglobs; i++) {
			witness_glob(&s, r->globs[i], kind);
			witness_root(&roots, r->globs[i]);
		}
	}
	at = 0;
	while ((r = next_rule(d, family, &at)) != NULL) {
		for (i = 0; i < r->nglobs; i++)
			witness_beneath(&s, r->globs[i], &roots);
	}
	s.failed = s.failed || roots.failed;
	subjects_free(&roots);
	for (i = 0; i < sizeof(usual_paths) / sizeof(usual_paths[0]); i++)
		subjects_add(&s, usual_paths[i]);
	subjects_sort(&s);
	d->failed = d->failed || s.failed;
	memset(&d->q, 0, sizeof(d->q));
	d->q.kind = family == FAMILY_FILE ? TRY_FILE : TRY_UNIX;
	for (i = 0; i < s.n; i++) {
		set_object(d, s.v[i]);
		for (d->q.op = 0; d->q.op < nops; d->q.op++)
			ask_both(d);
	}
	subjects_free(&s);
}

/* One command with each of some arguments, at the depths that matter. */
static void
ask_command(struct diff *d, const char *name, const struct subjects *args,
    const struct rule *r)
{
	uint32_t depths[4] = { 0, 1 }, n = 2, k;
	char *argv[3] = { (char *)(uintptr_t)name, NULL, NULL };
	size_t i;

	if (r != NULL && r->command.min_depth > 1)
		depths[n++] = r->command.min_depth;
	if (r != NULL && r->command.max_depth != UINT32_MAX)
		depths[n++] = r->command.max_depth + 1;
	memset(&d->q, 0, sizeof(d->q));
	d->q.kind = TRY_EXEC;
	d->q.argv = argv;
	for (k = 0; k < n; k++) {
		d->q.depth = depths[k];
		d->q.argc = 1;
		argv[1] = NULL;
		ask_both(d);
		d->q.argc = 2;
		for (i = 0; i < args->n; i++) {
			argv[1] = args->v[i];
			ask_both(d);
		}
	}
	d->q.argv = NULL;
	d->q.argc = 0;
}

static void
command_names(struct subjects *s, const struct rule *r)
{
	enum glob_kind kind;
	bool whole;
	size_t i;

	for (i = 0; i < r->nglobs; i++) {
		kind = command_kind(r->globs[i], &whole);
		witness_glob(s, r->globs[i], kind);
	}
}

static void
diff_commands(struct diff *d)
{
	struct subjects all = { 0 }, names, args, none = { 0 };
	const struct rule *r;
	size_t at = 0, i;

	while ((r = next_rule(d, FAMILY_COMMAND, &at)) != NULL) {
		names = args = none;
		command_names(&names, r);
		command_names(&all, r);
		for (i = 0; i < r->command.args_patterns.n; i++)
			witness_regex(&args, r->command.args_patterns.v[i]);
		if (r->nglobs == 0)
			subjects_add(&names, "x");
		subjects_sort(&names);
		subjects_sort(&args);
		d->failed = d->failed || names.failed || args.failed;
		for (i = 0; i < names.n &&
		     (args.n > 0 || r->command.min_depth > 0 ||
			 r->command.max_depth != UINT32_MAX);
		     i++)
			ask_command(d, names.v[i], &args, r);
		subjects_free(&names);
		subjects_free(&args);
	}
	for (i = 0; i < sizeof(usual_commands) / sizeof(usual_commands[0]); i++)
		subjects_add(&all, usual_commands[i]);
	subjects_sort(&all);
	d->failed = d->failed || all.failed;
	for (i = 0; i < all.n; i++)
		ask_command(d, all.v[i], &none, NULL);
	subjects_free(&all);
}

/* The first and the last address of a block, and those around it. */
static size_t
cidr_ends(const struct cidr *c, uint8_t addr[4][16])
{
	int i, k;

	for (i = 0; i < 4; i++)
		memcpy(addr[i], c->addr, 16);
	for (i = (int)c->bits; i < 128; i++) {
		addr[1][i / 8] |= (uint8_t)(0x80U >> (i % 8));
		addr[3][i / 8] |= (uint8_t)(0x80U >> (i % 8));
	}
	for (k = 15; k >= 0 && addr[2][k]-- == 0; k--)
		continue;
	for (k = 15; k >= 0 && ++addr[3][k] == 0; k--)
		continue;
	return 4;
}

static void
ask_destination(struct diff *d, const char *host, const uint8_t *addr,
    uint16_t port)
{
	char place[IPPORT_TEXT];

	memset(&d->q, 0, sizeof(d->q));
	d->q.kind = TRY_CONNECT;
	d->q.port = port;
	snprintf(d->q.host, sizeof(d->q.host), "%s", host);
	if (addr != NULL) {
		d->q.has_addr = true;
		memcpy(d->q.addr, addr, 16);
		ipport_text(addr, port, place);
	} else {
		snprintf(place, sizeof(place), ":%u", port);
	}
	snprintf(d->q.object, sizeof(d->q.object), "%s%s%s", host,
	    host[0] != '\0' && addr != NULL ? " at " : "", place);
	ask_both(d);
}

static void
ask_hosts(struct diff *d, const struct subjects *hosts, const uint8_t *addr,
    const struct network_part *part)
{
	size_t i, k;

	for (i = 0; i < hosts->n; i++) {
		ask_destination(d, hosts->v[i], addr, 443);
		ask_destination(d, hosts->v[i], addr, 1);
		for (k = 0; k < part->nports; k++) {
			ask_destination(d, hosts->v[i], addr, part->port[k]);
			ask_destination(d, hosts->v[i], addr,
			    (uint16_t)(part->port[k] + 1));
		}
	}
}

static void
diff_network(struct diff *d)
{
	const struct network_part *part;
	const struct rule *r;
	struct subjects hosts;
	uint8_t addr[4][16];
	size_t at = 0, i, k;

	while ((r = next_rule(d, FAMILY_NETWORK, &at)) != NULL) {
		part = &r->network;
		memset(&hosts, 0, sizeof(hosts));
		for (i = 0; i < part->domains.n; i++)
			witness_glob(&hosts, part->domains.v[i], GLOB_DOMAIN);
		subjects_add(&hosts, "");
		subjects_sort(&hosts);
		d->failed = d->failed || hosts.failed;
		ask_hosts(d, &hosts, NULL, part);
		for (i = 0; i < part->ncidrs; i++) {
			cidr_ends(&part->cidr[i], addr);
			for (k = 0; k < 4; k++)
				ask_hosts(d, &hosts, addr[k], part);
		}
		subjects_free(&hosts);
	}
	ask_destination(d, "example.org", NULL, 443);
}

static void
ask_signals(struct diff *d)
{
	for (d->q.signo = 1; d->q.signo < 64; d->q.signo++)
		ask_both(d);
}

static void
diff_signals(struct diff *d)
{
	const struct signal_part *part;
	struct subjects names = { 0 };
	const struct rule *r;
	size_t at = 0, i;
	uint32_t t;

	memset(&d->q, 0, sizeof(d->q));
	d->q.kind = TRY_SIGNAL;
	while ((r = next_rule(d, FAMILY_SIGNAL, &at)) != NULL) {
		part = &r->signal;
		if (part->target == SIGNAL_PROCESS)
			witness_glob(&names, part->pattern, GLOB_NAME);
		if (part->target != SIGNAL_PID_RANGE)
			continue;
		for (i = 0; i < 4; i++) {
			d->q.pid = i < 2 ? part->min_pid - (uint32_t)i :
					   part->max_pid + (uint32_t)i - 2;
			ask_signals(d);
		}
		d->q.pid = 0;
	}
	if (at == 1)
		return;
	for (t = 0; t < SIGNAL_PROCESS; t++) {
		d->q.relations = 1U << t;
		ask_signals(d);
	}
	d->q.relations = 0;
	d->failed = d->failed || names.failed;
	subjects_sort(&names);
	for (i = 0; i < names.n; i++) {
		d->q.process = names.v[i];
		ask_signals(d);
	}
	subjects_free(&names);
}

static void
diff_redirects(struct diff *d, enum family family)
{
	struct subjects s = { 0 };
	const struct rule *r;
	size_t at = 0, i;

	while ((r = next_rule(d, family, &at)) != NULL)
		witness_regex(&s, r->redirect.match);
	subjects_sort(&s);
	d->failed = d->failed || s.failed;
	memset(&d->q, 0, sizeof(d->q));
	d->q.kind = family == FAMILY_DNS ? TRY_DNS : TRY_CONNECT_REDIRECT;
	for (i = 0; i < s.n; i++) {
		set_object(d, s.v[i]);
		ask_both(d);
	}
	subjects_free(&s);
}

static void
env_names(struct subjects *s, const struct env_rules *env)
{
	size_t i;

	for (i = 0; i < env->allow.n; i++)
		witness_glob(s, env->allow.v[i], GLOB_NAME);
	for (i = 0; i < env->deny.n; i++)
		witness_glob(s, env->deny.v[i], GLOB_NAME);
}

static void
ask_names(struct diff *d, const struct subjects *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->v[i][0] == '\0' || strchr(s->v[i], '=') != NULL)
			continue;
		set_object(d, s->v[i]);
		ask_both(d);
	}
}

static void
diff_env(struct diff *d)
{
	struct subjects s = { 0 }, names;
	char *argv[2] = { NULL, NULL };
	const struct rule *r;
	size_t at = 0, i;

	for (i = 0; i < 2; i++)
		env_names(&s, &d->policy[i]->policy.env);
	for (i = 0; i < sizeof(secret_globs) / sizeof(secret_globs[0]); i++)
		witness_glob(&s, secret_globs[i], GLOB_NAME);
	subjects_add(&s, "PATH");
	subjects_add(&s, "X");
	while ((r = next_rule(d, FAMILY_COMMAND, &at)) != NULL) {
		if (r->command.env.given)
			env_names(&s, &r->command.env);
	}
	subjects_sort(&s);
	memset(&d->q, 0, sizeof(d->q));
	d->q.kind = TRY_ENV;
	ask_names(d, &s);
	at = 0;
	while ((r = next_rule(d, FAMILY_COMMAND, &at)) != NULL) {
		if (!r->command.env.given)
			continue;
		memset(&names, 0, sizeof(names));
		command_names(&names, r);
		d->failed = d->failed || names.failed;
		argv[0] = names.n > 0 ? names.v[0] : (char *)(uintptr_t) "x";
		d->q.argv = argv;
		d->q.argc = 1;
		ask_names(d, &s);
		d->q.argv = NULL;
		d->q.argc = 0;
		subjects_free(&names);
	}
	d->failed = d->failed || s.failed;
	subjects_free(&s);
}

int
try_diff(struct policy_try *a, struct policy_try *b,
    void (*change)(void *arg, const struct try_change *), void *arg,
    size_t *asked, struct aerr *e)
{
	struct diff *d = calloc(1, sizeof(*d));
	int ret;

	snprintf(e->message, sizeof(e->message), "out of memory");
	if (d == NULL)
		return -1;
	d->policy[0] = a;
	d->policy[1] = b;
	d->change = change;
	d->arg = arg;
	d->e = e;
	a->unchecked = b->unchecked = true;
	diff_paths(d, FAMILY_FILE);
	diff_commands(d);
	diff_network(d);
	diff_paths(d, FAMILY_UNIX);
	diff_signals(d);
	diff_redirects(d, FAMILY_DNS);
	diff_redirects(d, FAMILY_CONNECT);
	diff_env(d);
	a->unchecked = b->unchecked = false;
	*asked = d->asked;
	ret = d->failed ? -1 : 0;
	free(d);
	return ret;
}
