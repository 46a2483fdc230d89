/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a policy, answered twice: by its image, as a session would
 * be, and by its rules one after the other. Nothing is reported that the two do
 * not agree on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "ipport.h"
#include "netdecide.h"
#include "parse.h"
#include "path.h"
#include "precheck.h"
#include "try.h"

#define FILE_BIT(name) (1U << FILE_OP_##name)

static void
disagree(struct asking *k, const char *image, const char *rules)
{
	if (k->result != TRY_DONE)
		return;
	k->result = TRY_DISAGREES;
	snprintf(k->e->message, sizeof(k->e->message),
	    "the compiled policy says %s, its rules one by one %s", image,
	    rules);
}

static void
tell_rules(struct asking *k, const struct naive_query *nq, size_t winner)
{
	const struct rules *rules = &k->t->policy.family[nq->family];
	const struct policy_mount *within;
	struct try_rule row;
	enum naive_why why;
	size_t i;

	for (i = 0; i < rules->n; i++) {
		within = rules->rule[i].within;
		/* of another mount, or of one that the path is not in */
		if (within != NULL && !path_is_beneath(nq->path, within->path))
			continue;
		why = naive_rule(k->t->naive, nq, i);
		row = (struct try_rule){ .name = rules->rule[i].name,
			.number = try_number(rules, i),
			.line = rules->rule[i].line,
			.mount = within != NULL ? within->path : NULL,
			.decision = rules->rule[i].decision,
			.matches = why == NAIVE_MATCHES,
			.differs = why != NAIVE_MATCHES && why != NAIVE_FAILED,
			.why = naive_why_name(why) };
		k->watch->rule(k->watch->arg, &row);
		if (i == winner || why == NAIVE_MATCHES)
			break;
	}
}

/* The rules one by one must say what the image said (ret and v). */
static void
compare(struct asking *k, const struct naive_query *nq, const char *about,
    int ret, const struct verdict *v)
{
	struct naive_answer na;
	char want[320], have[320];
	int nret;

	if (k->t->unchecked)
		return;
	nret = naive_eval(k->t->naive, nq, &na);
	if (k->watch != NULL) {
		k->watch->about(k->watch->arg, about);
		tell_rules(k, nq, na.rule);
	}
	if (nret == -1 && ret == -1)
		return;
	snprintf(want, sizeof(want), "%s by %.128s",
	    nret == -1 ? "no answer" : decision_name(na.decision),
	    na.rule_name);
	snprintf(have, sizeof(have), "%s by %.128s",
	    ret == -1 ? "no answer" : decision_name(v->decision), v->rule_name);
	/* a redirect that none matches has a name in neither */
	if (strcmp(want, have) != 0)
		disagree(k, have, want);
}

/* The protected set is looked at last. */
static void
tell_protected(struct asking *k, const struct verdict *v)
{
	struct try_rule row = { .name = v->rule_name,
		.decision = v->decision,
		.matches = true,
		.why = "" };

	if (k->watch != NULL && v->rule != UINT32_MAX &&
	    v->rule >= k->t->policy.family[FAMILY_FILE].n &&
	    v->decision == DECISION_DENY)
		k->watch->rule(k->watch->arg, &row);
}

/* A verdict of all but commands. */
static void
conclude(struct asking *k, const struct naive_query *nq, int ret,
    const struct verdict *v)
{
	char about[AGENTSH_TEXT_MAX];

	try_text(about, sizeof(about), k->q);
	compare(k, nq, about, ret, v);
	if (nq->family == FAMILY_FILE)
		tell_protected(k, v);
	say_decision(k, nq->family, v);
	if (ret == -1)
		snprintf(k->a->why, sizeof(k->a->why),
		    "the rules could not be evaluated, which denies");
	say_message(k, v->message);
}

/* What fsd makes of a rule's word, operation by operation. */
static void
file_effective(struct asking *k, const struct verdict *v)
{
	struct try_answer *a = k->a;
	const uint32_t op = 1U << k->q->op;

	if (v->decision == DECISION_SOFT_DELETE &&
	    (op & (FILE_BIT(DELETE) | FILE_BIT(RMDIR))) == 0) {
		a->effective = DECISION_ALLOW;
		snprintf(a->note, sizeof(a->note),
		    "the operation deletes nothing");
	}
	if (v->decision == DECISION_REDIRECT &&
	    (op &
		(FILE_BIT(MKDIR) | FILE_BIT(RMDIR) | FILE_BIT(LINK) |
		    FILE_BIT(SYMLINK) | FILE_BIT(MKNOD) | FILE_BIT(LIST) |
		    FILE_BIT(READLINK))) != 0) {
		a->effective = DECISION_DENY;
		snprintf(a->note, sizeof(a->note), "only files are redirected");
	}
}

/* Where a redirect leads, as fsd makes the path. */
static void
file_instead(struct asking *k, const struct verdict *v)
{
	const char *path = k->q->object, *dir;
	bool tree;

	dir = image_file_redirect(&k->t->image, v, &tree);
	snprintf(k->a->instead, sizeof(k->a->instead), "%s%s",
	    strcmp(dir, "/") == 0 ? "" : dir, tree ? path : strrchr(path, '/'));
}

static void
ask_file(struct asking *k)
{
	const struct try_query *q = k->q;
	size_t len = strlen(q->object);
	struct naive_query nq = { .family = FAMILY_FILE,
		.op = q->op,
		.path = q->object,
		.len = len };
	struct verdict v;
	int ret;

	ret = image_eval_file(&k->t->image, (enum file_op)q->op, q->object, len,
	    &v);
	conclude(k, &nq, ret, &v);
	if (v.decision == DECISION_REDIRECT)
		file_instead(k, &v);
	if (ret == 0)
		file_effective(k, &v);
	if (image_file_logs(&k->t->image, &v))
		k->a->log = schema_word(SET_LOG, 1);
}

static void
ask_unix(struct asking *k)
{
	const struct try_query *q = k->q;
	size_t len = strlen(q->object);
	struct naive_query nq = { .family = FAMILY_UNIX,
		.op = q->op,
		.path = q->object,
		.len = len };
	struct verdict v;
	int ret;

	ret = image_eval_unix(&k->t->image, (enum unix_op)q->op, q->object, len,
	    &v);
	conclude(k, &nq, ret, &v);
	if (!image_has_unix_rules(&k->t->image)) {
		k->a->effective = DECISION_ALLOW;
		snprintf(k->a->note, sizeof(k->a->note),
		    "without unix_socket_rules sockets within a session are not decided, and none of the host is reached");
	}
	if ((q->op == UNIX_OP_CONNECT || q->op == UNIX_OP_SENDTO) &&
	    k->a->note[0] == '\0' &&
	    image_names_socket(&k->t->image, &v, q->object))
		snprintf(k->a->note, sizeof(k->a->note),
		    "reaches the host's socket where the session has none of that path");
}

/* What netd makes of what a rule lets happen: addresses that none of them opens
 * but by its cidrs, the host's own among them. Of a name without an address only
 * whether it is one. */
static void
connect_effective(struct asking *k)
{
	const struct try_query *q = k->q;
	const struct image *im = &k->t->image;
	const char *name = q->host[0] != '\0' ? q->host : NULL;
	static bool knows_host;
	struct net_ruling r;

	if (!knows_host)
		knows_host = decide_host_addresses() == 0;
	if (q->has_addr)
		decide_connect(im, name, q->addr, q->port, &r);
	else
		decide_name(im, name, &r);
	if (r.v.decision != DECISION_DENY) {
		if (!q->has_addr && k->a->note[0] == '\0')
			snprintf(k->a->note, sizeof(k->a->note),
			    "each address that the name leads to is decided as well, see --address");
		return;
	}
	k->a->effective = DECISION_DENY;
	snprintf(k->a->note, sizeof(k->a->note), "netd refuses it: %s",
	    r.reason != NULL ? r.reason : "its rules deny the name");
}

static void
ask_connect(struct asking *k)
{
	const struct try_query *q = k->q;
	struct net_query net = { q->host, q->has_addr ? q->addr : NULL,
		q->port };
	struct naive_query nq = { .family = FAMILY_NETWORK, .network = &net };
	struct verdict v;
	int ret;

	ret = image_eval_network(&k->t->image, &net, &v);
	conclude(k, &nq, ret, &v);
	if (k->a->effective != DECISION_DENY)
		connect_effective(k);
}

#define BIT(relation) (UINT32_C(1) << (relation))
#define SIGNAL_NEVER (BIT(SIGNAL_SYSTEM) | BIT(SIGNAL_EXTERNAL))

/* What holds as well of a target in a session, as execd finds it. */
static uint32_t
signal_kin(uint32_t relations)
{
	if ((relations & SIGNAL_NEVER) != 0)
		return relations;
	if ((relations & BIT(SIGNAL_CHILDREN)) != 0)
		relations |= BIT(SIGNAL_DESCENDANTS);
	return relations | BIT(SIGNAL_SESSION) | BIT(SIGNAL_USER);
}

static void
ask_signal(struct asking *k)
{
	const struct try_query *q = k->q;
	struct signal_query sq = { q->signo, signal_kin(q->relations), q->pid,
		q->process == NULL ? "" : q->process };
	struct naive_query nq = { .family = FAMILY_SIGNAL, .signal = &sq };
	struct signal_action act = { 0 };
	struct verdict v;
	int ret;

	ret = image_eval_signal(&k->t->image, &sq, &v, &act);
	conclude(k, &nq, ret, &v);
	if (v.decision == DECISION_REDIRECT)
		signal_text(k->a->instead, sizeof(k->a->instead),
		    act.redirect_signo);
	if (v.decision == DECISION_APPROVE && act.fallback != DECISION_DENY)
		snprintf(k->a->note, sizeof(k->a->note),
		    "waits for an operator's approval, and is denied without; where approvals.enabled is false, the rule's fallback holds: %s",
		    decision_name(act.fallback));
	if ((q->relations & SIGNAL_NEVER) != 0 &&
	    k->a->effective != DECISION_ABSORB) {
		k->a->effective = DECISION_DENY;
		snprintf(k->a->note, sizeof(k->a->note),
		    "no rule lets signals reach agentsh's processes, or leave the session");
	}
	if (!image_has_signal_rules(&k->t->image)) {
		k->a->effective = DECISION_ALLOW;
		snprintf(k->a->note, sizeof(k->a->note),
		    "without signal_rules signals within a command are not decided");
	}
}

static void
ask_redirect(struct asking *k, enum family family)
{
	struct naive_query nq = { .family = family, .subject = k->q->object };
	char addr[INET6_ADDRSTRLEN] = "";
	struct redirect r = { 0 };
	struct verdict v;
	int ret;

	ret = image_eval_redirect(&k->t->image, family, k->q->object, &v, &r);
	conclude(k, &nq, ret, &v);
	if (v.decision != DECISION_REDIRECT)
		return;
	if (family == FAMILY_DNS)
		ipport_addr_text(r.addr, addr);
	snprintf(k->a->instead, sizeof(k->a->instead), "%s",
	    family == FAMILY_DNS     ? addr :
		r.to_unix[0] != '\0' ? r.to_unix :
				       r.to);
}

/* execd's pre-check asked for a command. */
static void
asked_cb(void *arg, const struct command_query *cq, const struct verdict *v)
{
	struct asking *k = arg;
	struct naive_query nq = { .family = FAMILY_COMMAND, .command = cq };
	char about[AGENTSH_TEXT_MAX];
	size_t i, n;

	n = (size_t)snprintf(about, sizeof(about), "exec %s", cq->command);
	for (i = 0; i < cq->argc && n < sizeof(about); i++)
		n += (size_t)snprintf(about + n, sizeof(about) - n, " %s",
		    cq->argv[i]);
	if (cq->args_unknown && n < sizeof(about))
		snprintf(about + n, sizeof(about) - n,
		    " (arguments not known for certain)");
	compare(k, &nq, about, 0, v);
}

static void
add_word(struct try_answer *a, const char *word)
{
	size_t n = strlen(a->instead);

	snprintf(a->instead + n, sizeof(a->instead) - n, " %s", word);
}

/* The arguments that were asked for: of the whole, or of the command inside. */
static void
add_asked(struct try_answer *a, const struct precheck *pc,
    const struct try_query *q)
{
	size_t i;
	int w;

	if (pc->words == NULL) {
		for (w = 1; w < q->argc; w++)
			add_word(a, q->argv[w]);
		return;
	}
	for (i = strlen(pc->words) + 1; i < pc->words_len;
	     i += strlen(pc->words + i) + 1)
		add_word(a, pc->words + i);
}

static void
say_instead(struct try_answer *a, const struct precheck *pc,
    const struct try_query *q)
{
	const struct command_action *act = &pc->action;
	const struct image_words *lists[] = { &act->args, &act->append };
	const char *s;
	size_t i;
	uint32_t k;

	snprintf(a->instead, sizeof(a->instead), "%s", act->command);
	if (!act->replaces_args)
		add_asked(a, pc, q);
	for (i = act->replaces_args ? 0 : 1; i < 2; i++) {
		s = lists[i]->first;
		for (k = 0; k < lists[i]->n; k++) {
			add_word(a, s);
			s = image_words_next(s);
		}
	}
}

static void
precheck(struct asking *k, struct precheck *pc)
{
	struct precheck_how how = { .deny_opaque = k->t->opt.deny_opaque,
		.depth = k->q->depth,
		.asked = asked_cb,
		.arg = k };
	char user[256];
	bool usage;
	char *env[] = { user, NULL };
	struct spec spec = { .file = k->q->argv[0],
		.argv = k->q->argv,
		.argc = (size_t)k->q->argc,
		.env = env,
		.nenv = 1 };

	/* below it the name is a shell's affair, or a program's */
	if (k->q->depth == 0)
		spec.builtin = builtin_find(spec.file, spec.argc - 1, &usage);
	snprintf(user, sizeof(user), "USER=%s", k->t->vars.user);
	precheck_command(&k->t->image, &spec, &how, pc);
}

static void
ask_exec(struct asking *k)
{
	const struct rules *rules = &k->t->policy.family[FAMILY_COMMAND];
	struct try_answer *a = k->a;
	struct precheck pc;
	struct verdict v = { .rule = UINT32_MAX };
	uint32_t i;

	precheck(k, &pc);
	v.decision = pc.said;
	v.rule_name = pc.rule;
	v.timeout_ms = pc.timeout_ms;
	for (i = 0; i < rules->n; i++) {
		if (strcmp(rules->rule[i].name, pc.rule) == 0)
			v.rule = i;
	}
	say_decision(k, FAMILY_COMMAND, &v);
	a->effective = pc.decision;
	if (pc.said == DECISION_REDIRECT && pc.decision == DECISION_DENY)
		snprintf(a->note, sizeof(a->note),
		    "a session denies it: the environment of a command that another starts cannot be changed");
	if (v.rule == UINT32_MAX && strncmp(pc.rule, "shellc-", 7) == 0)
		snprintf(a->why, sizeof(a->why),
		    "the form of the command, not a rule");
	snprintf(a->message, sizeof(a->message), "%s", pc.message);
	snprintf(a->about, sizeof(a->about), "%s", pc.about);
	a->shell = shellc_kind_name(pc.kind);
	a->shell_why = pc.why;
	if (pc.said == DECISION_REDIRECT)
		say_instead(a, &pc, k->q);
	precheck_free(&pc);
}

static void
ask_env(struct asking *k)
{
	const struct try_query *q = k->q;
	struct try_answer *a = k->a;
	struct precheck pc = { 0 };
	struct naive_answer na;
	struct verdict v;
	int ret, nret;

	pc.env.rule = UINT32_MAX;
	if (q->argc > 0)
		precheck(k, &pc);
	ret = image_eval_env(&k->t->image, q->argc > 0 ? &pc.env : NULL,
	    q->object, strlen(q->object), &v);
	nret = naive_env(k->t->naive,
	    pc.env.rule == UINT32_MAX ? SIZE_MAX : pc.env.rule, q->object, &na);
	if (ret != nret ||
	    (ret == 0 &&
		(v.decision != na.decision ||
		    strcmp(v.rule_name, na.rule_name) != 0)))
		disagree(k, v.rule_name, na.rule_name);
	a->decision = a->effective = v.decision;
	snprintf(a->rule, sizeof(a->rule), "%s", v.rule_name);
	snprintf(a->why, sizeof(a->why), "%s",
	    pc.env.rule < k->t->policy.family[FAMILY_COMMAND].n &&
		    k->t->policy.family[FAMILY_COMMAND]
			.rule[pc.env.rule]
			.command.env.given ?
		"the lists of the command's rule" :
		"env_policy");
	precheck_free(&pc);
}

enum try_result
try_ask(struct policy_try *t, const struct try_query *q, struct try_answer *a,
    const struct try_watch *watch, struct aerr *e)
{
	struct asking k = { .t = t,
		.q = q,
		.watch = watch,
		.a = a,
		.e = e,
		.result = TRY_DONE };

	memset(a, 0, sizeof(*a));
	switch (q->kind) {
	case TRY_FILE:
		ask_file(&k);
		break;
	case TRY_EXEC:
		ask_exec(&k);
		break;
	case TRY_CONNECT:
		ask_connect(&k);
		break;
	case TRY_UNIX:
		ask_unix(&k);
		break;
	case TRY_SIGNAL:
		ask_signal(&k);
		break;
	case TRY_DNS:
	case TRY_CONNECT_REDIRECT:
		ask_redirect(&k,
		    q->kind == TRY_DNS ? FAMILY_DNS : FAMILY_CONNECT);
		break;
	case TRY_ENV:
		ask_env(&k);
		break;
	case TRY_KIND_MAX:
		break;
	}
	return k.result;
}
