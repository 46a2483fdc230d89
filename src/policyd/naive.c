/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a policy one by one. What agentsh-policy(5) says of each family
 * is here as it is said there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"
#include "path.h"
#include "protected.h"
#include "regex.h"

#define OP(name) (1U << FILE_OP_##name)
#define LOOK_OPS (OP(STAT) | OP(ACCESS))
#define READ_OPS (LOOK_OPS | OP(OPEN) | OP(READ) | OP(LIST) | OP(READLINK))

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

static const char *const why_names[] = {
	[NAIVE_MATCHES] = "matches",
	[NAIVE_OPERATION] = "operation",
	[NAIVE_PATH] = "path",
	[NAIVE_COMMAND] = "command",
	[NAIVE_DEPTH] = "depth",
	[NAIVE_ARGS] = "arguments",
	[NAIVE_DOMAIN] = "domain",
	[NAIVE_ADDRESS] = "address",
	[NAIVE_PORT] = "port",
	[NAIVE_SIGNAL] = "signal",
	[NAIVE_TARGET] = "target",
	[NAIVE_PROCESS] = "process",
	[NAIVE_PID] = "process id",
	[NAIVE_SUBJECT] = "name",
	[NAIVE_FAILED] = "cannot be decided",
};

/* One regular expression, and whose it is. */
struct expression {
	enum family family;
	size_t rule;
	struct regex *regex;
};

struct naive {
	const struct policy *policy;
	const struct vars *vars;
	struct expression *e; /* in the order of families and rules */
	size_t n;
};

const char *
naive_why_name(enum naive_why why)
{
	return (size_t)why < NAIVE_WHY_MAX ? why_names[why] : "";
}

static int
add_expression(struct naive *nv, enum family family, size_t rule,
    const char *text)
{
	const char *what;
	size_t at;
	struct expression *e;

	e = reallocarray(nv->e, nv->n + 1, sizeof(*e));
	if (e == NULL)
		return -1;
	nv->e = e;
	e += nv->n;
	e->family = family;
	e->rule = rule;
	e->regex = regex_new(text, &what, &at);
	if (e->regex == NULL)
		return -1;
	nv->n++;
	return 0;
}

struct naive *
naive_new(const struct policy *p, const struct vars *vars)
{
	struct naive *nv = calloc(1, sizeof(*nv));
	const struct rules *r = &p->family[FAMILY_COMMAND];
	const struct words *w;
	size_t i, k;
	enum family f;

	if (nv == NULL)
		return NULL;
	nv->policy = p;
	nv->vars = vars;
	for (i = 0; i < r->n; i++) {
		w = &r->rule[i].command.args_patterns;
		for (k = 0; k < w->n; k++) {
			if (add_expression(nv, FAMILY_COMMAND, i, w->v[k]) ==
			    -1)
				goto fail;
		}
	}
	for (f = FAMILY_DNS; f <= FAMILY_CONNECT; f++) {
		r = &p->family[f];
		for (i = 0; i < r->n; i++) {
			if (add_expression(nv, f, i,
				r->rule[i].redirect.match) == -1)
				goto fail;
		}
	}
	return nv;
fail:
	naive_free(nv);
	return NULL;
}

void
naive_free(struct naive *nv)
{
	size_t i;

	if (nv == NULL)
		return;
	for (i = 0; i < nv->n; i++)
		regex_free(nv->e[i].regex);
	free(nv->e);
	free(nv);
}

/* Does any of a rule's expressions match? 1, 0, -1. */
static int
expressions_match(const struct naive *nv, enum family family, size_t rule,
    const char *subject, size_t len)
{
	size_t i;
	int ret;

	for (i = 0; i < nv->n; i++) {
		if (nv->e[i].family != family || nv->e[i].rule != rule)
			continue;
		ret = regex_match(nv->e[i].regex, subject, len);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static enum naive_why
path_rule(const struct rule *r, enum glob_kind kind,
    const struct naive_query *q)
{
	size_t i;
	int ret;

	if ((r->ops >> q->op & 1) == 0)
		return NAIVE_OPERATION;
	if (r->within != NULL && !path_is_beneath(q->path, r->within->path))
		return NAIVE_PATH;
	for (i = 0; i < r->nglobs; i++) {
		ret = naive_glob(r->globs[i], kind, q->path, q->len);
		if (ret != 0)
			return ret == 1 ? NAIVE_MATCHES : NAIVE_FAILED;
	}
	return NAIVE_PATH;
}

static void
to_lower(char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
	}
}

/* One pattern against one form of the command: as it is, or in lower case. */
static int
spelling_matches(const char *glob, enum glob_kind kind, const char *s,
    size_t len)
{
	char *lower = strndup(s, len);
	char *pattern = strdup(glob);
	int ret = -1;

	if (lower != NULL && pattern != NULL) {
		to_lower(lower, len);
		if (kind == GLOB_LITERAL)
			to_lower(pattern, strlen(pattern));
		ret = naive_glob(pattern, kind, lower, len);
		if (ret == 0 && kind != GLOB_LITERAL)
			ret = naive_glob(pattern, kind, s, len);
	}
	free(lower);
	free(pattern);
	return ret;
}

static int
command_matches(const struct rule *r, const char *command)
{
	const char *slash = strrchr(command, '/');
	const char *base = slash == NULL ? command : slash + 1;
	size_t blen = strlen(base), plen, i;
	enum glob_kind kind;
	bool whole;
	int ret;

	if (r->nglobs == 0)
		return 1;
	for (i = 0; i < r->nglobs; i++) {
		kind = command_kind(r->globs[i], &whole);
		if (whole && slash == NULL)
			continue;
		ret = spelling_matches(r->globs[i], kind,
		    whole ? command : base, whole ? strlen(command) : blen);
		plen = path_program_len(base, blen);
		if (ret == 0 && !whole && plen != blen)
			ret = spelling_matches(r->globs[i], kind, base, plen);
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* The arguments with a space between each; NULL: no memory. */
static char *
join(const struct command_query *q)
{
	size_t len = 1, i;
	char *text, *p;

	for (i = 0; i < q->argc; i++)
		len += strlen(q->argv[i]) + 1;
	p = text = calloc(1, len);
	for (i = 0; text != NULL && i < q->argc; i++) {
		if (i > 0)
			*p++ = ' ';
		p = stpcpy(p, q->argv[i]);
	}
	return text;
}

static enum naive_why
command_rule(const struct naive *nv, const struct rule *r, size_t number,
    const struct command_query *q)
{
	const struct command_part *part = &r->command;
	char *text;
	int ret;

	ret = command_matches(r, q->command);
	if (ret != 1)
		return ret == 0 ? NAIVE_COMMAND : NAIVE_FAILED;
	if (q->depth < part->min_depth || q->depth > part->max_depth)
		return NAIVE_DEPTH;
	if (part->args_patterns.n == 0)
		return NAIVE_MATCHES;
	/* for the stricter answer, whatever the arguments are */
	if (q->args_unknown)
		return r->decision == DECISION_ALLOW ||
			r->decision == DECISION_AUDIT ?
		    NAIVE_ARGS :
		    NAIVE_MATCHES;
	text = join(q);
	if (text == NULL)
		return NAIVE_FAILED;
	ret = expressions_match(nv, FAMILY_COMMAND, number, text, strlen(text));
	free(text);
	if (ret == -1)
		return NAIVE_FAILED;
	return ret == 1 ? NAIVE_MATCHES : NAIVE_ARGS;
}

static bool
is_ipv4(const uint8_t *addr)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
		0xff };

	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

static bool
cidr_matches(const struct cidr *c, const uint8_t *addr)
{
	uint32_t i;

	if (is_ipv4(addr) != (c->bits >= 96 && is_ipv4(c->addr)))
		return false;
	for (i = 0; i < c->bits; i++) {
		if (((c->addr[i / 8] ^ addr[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static int
domains_match(const struct words *domains, const char *host)
{
	char *name = strdup(host == NULL ? "" : host);
	size_t i, len;
	int ret = 0;

	if (name == NULL)
		return -1;
	len = strlen(name);
	if (len > 0 && name[len - 1] == '.')
		name[--len] = '\0';
	to_lower(name, len);
	for (i = 0; ret == 0 && len > 0 && i < domains->n; i++)
		ret = naive_glob(domains->v[i], GLOB_DOMAIN, name, len);
	free(name);
	return ret;
}

static enum naive_why
network_rule(const struct network_part *part, const struct net_query *q)
{
	size_t i;
	int ret;

	if (part->domains.n > 0) {
		ret = domains_match(&part->domains, q->host);
		if (ret != 1)
			return ret == 0 ? NAIVE_DOMAIN : NAIVE_FAILED;
	}
	for (i = 0; i < part->ncidrs; i++) {
		if (q->addr != NULL && cidr_matches(&part->cidr[i], q->addr))
			break;
	}
	if (part->ncidrs > 0 && i == part->ncidrs)
		return NAIVE_ADDRESS;
	for (i = 0; i < part->nports; i++) {
		if (part->port[i] == q->port)
			break;
	}
	return part->nports > 0 && i == part->nports ? NAIVE_PORT :
						       NAIVE_MATCHES;
}

static enum naive_why
signal_rule(const struct signal_part *part, const struct signal_query *q)
{
	int ret;

	if ((part->signals >> q->signo & 1) == 0)
		return NAIVE_SIGNAL;
	if (part->target == SIGNAL_PROCESS) {
		if (q->process == NULL || q->process[0] == '\0')
			return NAIVE_PROCESS;
		ret = naive_glob(part->pattern, GLOB_NAME, q->process,
		    strlen(q->process));
		if (ret == -1)
			return NAIVE_FAILED;
		return ret == 1 ? NAIVE_MATCHES : NAIVE_PROCESS;
	}
	if (part->target == SIGNAL_PID_RANGE)
		return q->target_pid >= part->min_pid &&
			q->target_pid <= part->max_pid ?
		    NAIVE_MATCHES :
		    NAIVE_PID;
	return (q->relations >> part->target & 1) != 0 ? NAIVE_MATCHES :
							 NAIVE_TARGET;
}

enum naive_why
naive_rule(const struct naive *nv, const struct naive_query *q, size_t rule)
{
	const struct rule *r = &nv->policy->family[q->family].rule[rule];
	int ret;

	switch (q->family) {
	case FAMILY_FILE:
		return path_rule(r, GLOB_PATH, q);
	case FAMILY_UNIX:
		return path_rule(r, GLOB_SOCKET, q);
	case FAMILY_COMMAND:
		return command_rule(nv, r, rule, q->command);
	case FAMILY_NETWORK:
		return network_rule(&r->network, q->network);
	case FAMILY_SIGNAL:
		return signal_rule(&r->signal, q->signal);
	case FAMILY_DNS:
	case FAMILY_CONNECT:
		ret = expressions_match(nv, q->family, rule, q->subject,
		    strlen(q->subject));
		if (ret == -1)
			return NAIVE_FAILED;
		return ret == 1 ? NAIVE_MATCHES : NAIVE_SUBJECT;
	case FAMILY_MAX:
		break;
	}
	return NAIVE_FAILED;
}

/* Is the directory above the place? */
static bool
is_above(const struct naive_query *q, const char *place)
{
	return q->len > 1 && q->len < strlen(place) && place[q->len] == '/' &&
	    memcmp(place, q->path, q->len) == 0;
}

/* Is it what a loader reads, or a look at the way to the workspace or to a
 * mount? */
static int
loader_matches(const struct naive *nv, const struct naive_query *q)
{
	const struct policy *p = nv->policy;
	size_t i, n = sizeof(loader_globs) / sizeof(loader_globs[0]);
	int ret = 0;

	if ((READ_OPS >> q->op & 1) == 0)
		return 0;
	for (i = 0; ret == 0 && i < n; i++)
		ret = naive_glob(loader_globs[i], GLOB_PATH, q->path, q->len);
	if (ret != 0 || (LOOK_OPS >> q->op & 1) == 0)
		return ret;
	for (i = 0; i < p->nmounts; i++) {
		if (is_above(q, p->mount[i].path))
			return 1;
	}
	return is_above(q, nv->vars->project_root);
}

static void
say(struct naive_answer *a, enum decision d, const char *rule_name)
{
	a->decision = d;
	a->rule_name = rule_name;
}

/* What is built in around the rules for files. */
static int
file_defaults(const struct naive *nv, const struct naive_query *q,
    struct naive_answer *a)
{
	const struct rules *rules = &nv->policy->family[FAMILY_FILE];
	bool none = a->rule == SIZE_MAX;
	int ret;

	/* the rules of a mount are all that there is for it */
	if (!none && rules->rule[a->rule].within != NULL)
		return 0;
	if (!none &&
	    (a->decision != DECISION_DENY ||
		strcmp(a->rule_name, RULE_CATCHALL) != 0))
		return 0;
	if (none && nv->policy->reads_allowed && (READ_OPS >> q->op & 1) != 0) {
		say(a, DECISION_ALLOW, RULE_READS);
		return 0;
	}
	ret = loader_matches(nv, q);
	if (ret == 1) {
		a->rule = SIZE_MAX;
		say(a, DECISION_ALLOW, RULE_LOADER);
	}
	return ret == -1 ? -1 : 0;
}

/* A path as the protected set takes it: letters in lower case, names without
 * the dots and blanks at their end. */
static char *
plain_path(const char *path, size_t len)
{
	char *out = calloc(1, len + 1);
	size_t i, n = 0;

	for (i = 0; out != NULL && i <= len; i++) {
		if (i == len || path[i] == '/') {
			while (n > 0 &&
			    (out[n - 1] == '.' || out[n - 1] == ' '))
				n--;
		}
		if (i < len)
			out[n++] = path[i];
	}
	if (out != NULL) {
		out[n] = '\0';
		to_lower(out, n);
	}
	return out;
}

/* Does the row speak of the path, or of a directory above? For root see
 * protected.def; "" is anywhere. */
static int
row_matches(const struct protect *row, const char *root,
    const struct naive_query *q)
{
	static const uint32_t dir = OP(MKDIR) | OP(RMDIR);
	static const uint32_t place = OP(CREATE) | OP(SYMLINK) | OP(MKNOD) |
	    OP(LINK) | OP(WRITE) | OP(DELETE);
	size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
	char glob[256], *text;
	int self, beneath;

	if (q->len < n || memcmp(q->path, root, n) != 0 ||
	    (n > 0 && q->path[n] != '/'))
		return 0;
	text = plain_path(q->path + n, q->len - n);
	if (text == NULL)
		return -1;
	snprintf(glob, sizeof(glob), "%s/%s",
	    row->where == PROTECTED_ANY ? "**" : "", row->name);
	self = naive_glob(glob, GLOB_PATH, text, strlen(text));
	snprintf(glob, sizeof(glob), "%s/%s/**",
	    row->where == PROTECTED_ANY ? "**" : "", row->name);
	beneath = naive_glob(glob, GLOB_PATH, text, strlen(text));
	free(text);
	if (self == -1 || beneath == -1)
		return -1;
	if (beneath == 1 && row->kind != PROTECTED_PLACE)
		return 1;
	if (self == 0)
		return 0;
	switch (row->kind) {
	case PROTECTED_DIR:
		return (dir >> q->op & 1) == 0;
	case PROTECTED_PLACE:
		return (place >> q->op & 1) != 0;
	case PROTECTED_CONFIG:
		return q->op != FILE_OP_CHMOD;
	case PROTECTED_FILE:
	case PROTECTED_FREE:
		break;
	}
	return 1;
}

/* What a rule lets happen, the protected set may not. */
static int
file_protected(const struct naive *nv, const struct naive_query *q,
    struct naive_answer *a)
{
	const struct policy *p = nv->policy;
	const struct rule *r;
	const struct protect *row;
	size_t i, k;
	int ret = 0;

	if (a->rule == SIZE_MAX || a->decision == DECISION_DENY ||
	    (READ_OPS >> q->op & 1) != 0)
		return 0;
	r = &p->family[FAMILY_FILE].rule[a->rule];
	if (r->within != NULL ? r->within->unprotected : p->unprotected)
		return 0;
	for (i = 0; ret == 0 && i < PROTECT_ROWS; i++) {
		row = &protect_rows[i];
		if (row->where == PROTECTED_ANY) {
			ret = row_matches(row, "", q);
		} else {
			ret = row_matches(row, nv->vars->project_root, q);
			if (ret == 0)
				ret = row_matches(row, nv->vars->home, q);
			for (k = 0; ret == 0 && k < p->nmounts; k++)
				ret = row_matches(row, p->mount[k].path, q);
		}
	}
	if (ret == 1 && row->kind != PROTECTED_FREE &&
	    !protect_named(r, (size_t)(row - protect_rows))) {
		a->rule = SIZE_MAX;
		say(a, DECISION_DENY, protect_groups[row->group].rule);
	}
	return ret == -1 ? -1 : 0;
}

int
naive_eval(const struct naive *nv, const struct naive_query *q,
    struct naive_answer *a)
{
	static const char *const defaults[] = {
		[FAMILY_FILE] = "default-deny-files",
		[FAMILY_COMMAND] = "default-deny-commands",
		[FAMILY_NETWORK] = "default-deny-network",
		[FAMILY_UNIX] = "default-deny-unix",
		[FAMILY_SIGNAL] = "default-deny-signals",
		[FAMILY_DNS] = "",
		[FAMILY_CONNECT] = "",
	};
	const struct rules *rules = &nv->policy->family[q->family];
	enum naive_why why = NAIVE_PATH;
	size_t i;

	a->rule = SIZE_MAX;
	say(a, DECISION_DENY, defaults[q->family]);
	for (i = 0; i < rules->n && why != NAIVE_MATCHES; i++) {
		why = naive_rule(nv, q, i);
		if (why == NAIVE_FAILED)
			return -1;
		if (why == NAIVE_MATCHES) {
			a->rule = i;
			say(a, rules->rule[i].decision, rules->rule[i].name);
		}
	}
	if (q->family == FAMILY_FILE)
		return file_defaults(nv, q, a) == -1 ? -1 :
						       file_protected(nv, q, a);
	if ((q->family == FAMILY_DNS || q->family == FAMILY_CONNECT))
		a->decision = why == NAIVE_MATCHES ? DECISION_REDIRECT :
						     DECISION_ALLOW;
	return 0;
}

static int
words_match(const char *const *w, size_t n, const char *name)
{
	size_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < n; i++)
		ret = naive_glob(w[i], GLOB_NAME, name, strlen(name));
	return ret;
}

int
naive_env(const struct naive *nv, size_t rule, const char *name,
    struct naive_answer *a)
{
	const struct rules *rules = &nv->policy->family[FAMILY_COMMAND];
	const struct env_rules *env = &nv->policy->env;
	int deny, allow, secret;

	if (rule < rules->n && rules->rule[rule].command.env.given)
		env = &rules->rule[rule].command.env;
	a->rule = SIZE_MAX;
	say(a, DECISION_DENY, "default-deny");
	deny = words_match((const char *const *)env->deny.v, env->deny.n, name);
	allow = words_match((const char *const *)env->allow.v, env->allow.n,
	    name);
	secret = words_match(secret_globs,
	    sizeof(secret_globs) / sizeof(secret_globs[0]), name);
	if (deny == -1 || allow == -1 || secret == -1)
		return -1;
	if (deny == 1)
		say(a, DECISION_DENY, "deny");
	else if (allow == 1)
		say(a, DECISION_ALLOW, "allow");
	else if (!env->has_allow && secret == 1)
		say(a, DECISION_DENY, "default-secret-deny");
	else if (!env->has_allow)
		say(a, DECISION_ALLOW, "default-allow");
	return 0;
}
