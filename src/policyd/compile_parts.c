/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules of each family have besides their globs, as tables.
 */
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "protected.h"

static struct img_words
put_words(struct compiler *c, const struct words *w)
{
	struct img_words out = { 0 };
	size_t i, at;

	if (w->n == 0)
		return out;
	out.first = emit_begin(c->b);
	at = c->b->len;
	for (i = 0; i < w->n; i++)
		buf_put(c->b, w->v[i], strlen(w->v[i]) + 1);
	out.n = (uint32_t)w->n;
	out.size = (uint32_t)(c->b->len - at);
	return out;
}

static int
put_regex(struct compiler *c, const char *text)
{
	c->what = "too many regular expressions";
	if (c->nregex >= IMG_MAX_REGEX)
		return -1;
	c->what = "out of memory";
	if (grow(&c->regex, &c->regex_cap, c->nregex + 1, sizeof(*c->regex)) ==
	    -1)
		return -1;
	c->regex[c->nregex++] = put_string(c, text);
	return 0;
}

/* A table of one part a rule; NULL: no memory. */
static void *
parts_new(struct compiler *c, enum family f, size_t size)
{
	c->what = "out of memory";
	return calloc(c->head.family[f].nrules + 1, size);
}

static int
parts_put(struct compiler *c, enum family f, void *part, size_t size, int ret)
{
	if (ret == 0)
		c->head.family[f].parts = emit_bytes(c->b, part,
		    c->head.family[f].nrules, size);
	free(part);
	return ret;
}

/* Which rows of the protected set each rule names. One of a policy without the
 * set stands against all of them. */
static void
put_protected_names(const struct policy *p, struct img_file *part)
{
	const struct rules *rules = &p->family[FAMILY_FILE];
	const struct rule *r;
	size_t i, k;

	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		for (k = 0; k < PROTECT_ROWS; k++) {
			if ((r->within != NULL ? r->within->unprotected :
						 p->unprotected) ||
			    protect_named(r, k))
				part[i].named[k / 32] |= 1U << (k % 32);
		}
	}
}

/* The rows, in the order of their rules. */
static void
put_protected(struct compiler *c)
{
	const char *home = c->vars->home;
	struct img_protected rows[PROTECT_ROWS];
	uint32_t roots[IMG_MAX_ROOTS], n = 0;
	size_t i;

	roots[n++] = put_string(c, c->vars->project_root);
	roots[n++] = put_string(c, strcmp(home, "/") == 0 ? "" : home);
	for (i = 0; i < c->p->nmounts; i++)
		roots[n++] = put_string(c, c->p->mount[i].path);
	c->head.protected_root = emit_bytes(c->b, roots, n, sizeof(roots[0]));
	c->head.nroots = n;
	if (!policy_protects(c->p))
		return;
	for (i = 0; i < PROTECT_ROWS; i++) {
		rows[i].where = protect_rows[i].where;
		rows[i].kind = protect_rows[i].kind;
		rows[i].name = put_string(c, protect_rows[i].name);
	}
	c->head.protected = emit_bytes(c->b, rows, PROTECT_ROWS,
	    sizeof(rows[0]));
}

static int
put_files(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_FILE];
	struct img_file *part = parts_new(c, FAMILY_FILE, sizeof(*part));
	size_t i;

	if (part == NULL)
		return -1;
	for (i = 0; i < c->head.family[FAMILY_FILE].nrules; i++)
		part[i].redirect_to = c->empty;
	for (i = 0; i < rules->n; i++) {
		part[i].redirect_to = put_string(c,
		    rules->rule[i].file.redirect_to);
		part[i].preserve_tree = rules->rule[i].file.preserve_tree;
		part[i].log_full = rules->rule[i].file.log_full;
	}
	if (policy_protects(c->p))
		put_protected_names(c->p, part);
	return parts_put(c, FAMILY_FILE, part, sizeof(*part), 0);
}

static int
put_command(struct compiler *c, const struct command_part *in,
    struct img_command *out, uint32_t *nenv)
{
	size_t i;

	out->min_depth = in->min_depth;
	out->max_depth = in->max_depth;
	out->regex = (uint32_t)c->nregex;
	out->nregex = (uint32_t)in->args_patterns.n;
	for (i = 0; i < in->args_patterns.n; i++) {
		if (put_regex(c, in->args_patterns.v[i]) == -1)
			return -1;
	}
	out->redirect_command = put_string(c, in->redirect_command);
	out->replaces_args = in->redirect_has_args;
	out->args = put_words(c, &in->redirect_args);
	out->append = put_words(c, &in->redirect_append);
	out->env = put_words(c, &in->redirect_env);
	if (in->env.given)
		out->env_rules = (*nenv)++;
	return 0;
}

static int
put_commands(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_COMMAND];
	struct img_command *part = parts_new(c, FAMILY_COMMAND, sizeof(*part));
	uint32_t nenv = 1;
	size_t i;
	int ret = 0;

	if (part == NULL)
		return -1;
	for (i = 0; ret == 0 && i < rules->n; i++) {
		ret = put_command(c, &rules->rule[i].command, &part[i], &nenv);
		if (rules->rule[i].decision != DECISION_ALLOW)
			c->head.restricts_commands = 1;
	}
	c->head.nenv = nenv;
	return parts_put(c, FAMILY_COMMAND, part, sizeof(*part), ret);
}

static int
port_cmp(const void *a, const void *b)
{
	const struct img_port *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* Sorts by port and rule, and keeps the first rule of each port. */
static size_t
ports_sort(struct img_port *p, size_t n)
{
	size_t i, kept = 0;

	qsort(p, n, sizeof(*p), port_cmp);
	for (i = 0; i < n; i++) {
		if (kept == 0 || p[kept - 1].port != p[i].port)
			p[kept++] = p[i];
	}
	return kept;
}

/* The ports of one rule, ascending. */
static int
put_ports(struct compiler *c, const struct network_part *in,
    struct img_network *out)
{
	struct img_port *p;
	size_t i, n = in->nports;

	if (n == 0)
		return 0;
	c->what = "out of memory";
	p = calloc(n, sizeof(*p));
	if (p == NULL)
		return -1;
	for (i = 0; i < n; i++)
		p[i].port = in->port[i];
	n = ports_sort(p, n);
	out->ports = emit_begin(c->b);
	out->nports = (uint32_t)n;
	for (i = 0; i < n; i++)
		buf_put_u16(c->b, (uint16_t)p[i].port);
	free(p);
	return 0;
}

/* The rules that name no domains and addresses, by port. */
static int
put_port_table(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_NETWORK];
	const struct network_part *in;
	struct img_port *p = NULL;
	size_t i, j, n = 0, cap = 0;

	c->head.port_any = IMG_NONE;
	for (i = 0; i < rules->n; i++) {
		in = &rules->rule[i].network;
		if (in->domains.n > 0 || in->ncidrs > 0)
			continue;
		if (in->nports == 0 && c->head.port_any == IMG_NONE)
			c->head.port_any = (uint32_t)i;
		c->what = "out of memory";
		if (grow(&p, &cap, n + in->nports, sizeof(*p)) == -1) {
			free(p);
			return -1;
		}
		for (j = 0; j < in->nports; j++)
			p[n++] = (struct img_port){ in->port[j], (uint32_t)i };
	}
	if (n > 0)
		n = ports_sort(p, n);
	c->head.port = emit_bytes(c->b, p, n, sizeof(*p));
	c->head.nports = (uint32_t)n;
	free(p);
	return 0;
}

static uint32_t
cidr_flags(const struct network_part *n)
{
	uint32_t flags = n->ncidrs > 0 ? IMG_CIDRS : 0;
	size_t i;

	for (i = 0; i < n->ncidrs; i++) {
		if (n->cidr[i].bits == 0)
			flags |= IMG_CIDRS_ALL6;
		else if (n->cidr[i].bits == 96 && cidr_is_mapped(&n->cidr[i]))
			flags |= IMG_CIDRS_ALL4;
	}
	return flags;
}

static int
put_networks(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_NETWORK];
	struct img_network *part = parts_new(c, FAMILY_NETWORK, sizeof(*part));
	size_t i;
	int ret = part == NULL ? -1 : 0;

	for (i = 0; ret == 0 && i < rules->n; i++) {
		part[i].has_domains = rules->rule[i].network.domains.n > 0;
		part[i].has_cidrs = cidr_flags(&rules->rule[i].network);
		ret = put_ports(c, &rules->rule[i].network, &part[i]);
	}
	if (ret == 0)
		ret = put_port_table(c);
	return parts_put(c, FAMILY_NETWORK, part, sizeof(*part), ret);
}

static int
put_signals(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_SIGNAL];
	struct img_signal *part = parts_new(c, FAMILY_SIGNAL, sizeof(*part));
	const struct signal_part *in;
	size_t i;

	if (part == NULL)
		return -1;
	for (i = 0; i < rules->n; i++) {
		in = &rules->rule[i].signal;
		part[i].signals = in->signals;
		part[i].target = in->target;
		part[i].min_pid = in->min_pid;
		part[i].max_pid = in->max_pid;
		part[i].fallback = in->fallback;
		part[i].redirect_signo = in->redirect_signo;
	}
	c->head.has_signal_rules = c->p->has_signal_rules || rules->n > 0;
	return parts_put(c, FAMILY_SIGNAL, part, sizeof(*part), 0);
}

/* The paths that are no patterns, as text, without the escapes. */
static int
put_named(struct compiler *c, const struct rule *r, struct img_unix *out)
{
	struct words named = { 0 };
	char *text;
	size_t i;

	c->what = "out of memory";
	named.v = calloc(r->nglobs + 1, sizeof(*named.v));
	if (named.v == NULL)
		return -1;
	for (i = 0; i < r->nglobs; i++) {
		text = r->globs[i][0] == '/' ? glob_plain(r->globs[i]) : NULL;
		if (text != NULL)
			named.v[named.n++] = text;
	}
	out->named = put_words(c, &named);
	for (i = 0; i < named.n; i++)
		free(named.v[i]);
	free(named.v);
	return 0;
}

/* May every process send to every address, without a word of it? */
static bool
may_send_all(const struct rules *rules)
{
	bool paths = false, names = false;
	const struct rule *r;
	size_t i, j;

	for (i = 0; i < rules->n && !(paths && names); i++) {
		r = &rules->rule[i];
		if ((r->ops & (1U << UNIX_OP_SENDTO)) == 0)
			continue;
		if (r->decision != DECISION_ALLOW)
			return false;
		for (j = 0; j < r->nglobs; j++) {
			if (strcmp(r->globs[j], "**") == 0)
				paths = names = true;
			else if (strcmp(r->globs[j], "/**") == 0)
				paths = true;
			else if (strcmp(r->globs[j], "@**") == 0)
				names = true;
		}
	}
	return paths && names;
}

static int
put_sockets(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_UNIX];
	struct img_unix *part = parts_new(c, FAMILY_UNIX, sizeof(*part));
	size_t i;
	int ret = part == NULL ? -1 : 0;

	for (i = 0; ret == 0 && i < rules->n; i++)
		ret = put_named(c, &rules->rule[i], &part[i]);
	c->head.unix_asks = rules->n == 0 ? UNIX_ASKS_NONE :
	    may_send_all(rules)		  ? UNIX_ASKS_CALLS :
					    UNIX_ASKS_ALL;
	return parts_put(c, FAMILY_UNIX, part, sizeof(*part), ret);
}

static int
put_redirects(struct compiler *c, enum family f)
{
	const struct rules *rules = &c->p->family[f];
	struct img_redirect *part = parts_new(c, f, sizeof(*part));
	const struct redirect_part *in;
	size_t i;
	int ret = part == NULL ? -1 : 0;

	for (i = 0; ret == 0 && i < rules->n; i++) {
		in = &rules->rule[i].redirect;
		part[i].regex = (uint32_t)c->nregex;
		ret = put_regex(c, in->match);
		part[i].to = put_string(c, in->to);
		part[i].to_unix = put_string(c, in->to_unix);
		part[i].sni = put_string(c, in->sni);
		part[i].tell = in->tell;
		part[i].fail = in->fail;
		memcpy(part[i].addr, in->addr, sizeof(part[i].addr));
	}
	return parts_put(c, f, part, sizeof(*part), ret);
}

static void
env_fill(struct img_env *out, const struct env_rules *in)
{
	out->max_bytes = in->max_bytes;
	out->max_keys = in->max_keys;
	out->has_allow = in->has_allow;
	out->block_iteration = in->block_iteration;
}

static int
put_env(struct compiler *c)
{
	const struct rules *rules = &c->p->family[FAMILY_COMMAND];
	struct img_env *env;
	size_t i, n = 0;

	c->what = "out of memory";
	env = calloc(c->head.nenv, sizeof(*env));
	if (env == NULL)
		return -1;
	env_fill(&env[n++], &c->p->env);
	for (i = 0; i < rules->n; i++) {
		if (rules->rule[i].command.env.given)
			env_fill(&env[n++], &rules->rule[i].command.env);
	}
	c->head.env = emit_bytes(c->b, env, n, sizeof(*env));
	free(env);
	return 0;
}

int
put_parts(struct compiler *c)
{
	put_protected(c);
	if (put_files(c) == -1 || put_commands(c) == -1 ||
	    put_networks(c) == -1 || put_signals(c) == -1 ||
	    put_sockets(c) == -1 || put_redirects(c, FAMILY_DNS) == -1 ||
	    put_redirects(c, FAMILY_CONNECT) == -1 || put_env(c) == -1)
		return -1;
	c->head.env_inject = put_words(c, &c->p->env_inject);
	c->head.wrappers_add = put_words(c, &c->p->wrappers_add);
	c->head.wrappers_remove = put_words(c, &c->p->wrappers_remove);
	c->head.nregex = (uint32_t)c->nregex;
	c->head.regex = emit_bytes(c->b, c->regex, c->nregex,
	    sizeof(*c->regex));
	return 0;
}
