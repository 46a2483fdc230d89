/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler against a reading of the policy that is too simple to be wrong:
 * random policies of all families, by every form of automaton, must decide
 * random questions as naive.c does. And no row of a mount plan may change a
 * decision.
 */
#include <time.h>

#include "image.h"
#include "policyd/compile.h"
#include "rndpolicy.h"
#include "t.h"

#define QUESTIONS 500 /* a policy */
#define READ_OPS                                                               \
	(1U << FILE_OP_OPEN | 1U << FILE_OP_READ | 1U << FILE_OP_STAT |        \
	    1U << FILE_OP_LIST | 1U << FILE_OP_READLINK |                      \
	    1U << FILE_OP_ACCESS)

static const struct vars vars = { "/a/b/c", "/home/u", "u" };

/* A policy, compiled, and read by itself. */
struct both {
	struct policy policy;
	struct compiled out;
	struct image image;
	struct naive *naive;
};

static size_t asked, wrong, decided[FAMILY_MAX], logged[2];
static size_t anyport[3]; /* allowed, to be approved, denied */
static size_t reasons[PLAN_WHY_UNPROVEN + 1];
/* of automata: by their number of DFA, and whether something is simulated */
static size_t forms[IMG_MAX_DFAS + 1][2];

static bool
both_make(struct both *b, enum auto_force force)
{
	struct aerr e = { 0 };
	int ret;

	memset(&b->image, 0, sizeof(b->image));
	auto_force = force;
	ret = policy_compile(&b->policy, &vars, false, &b->out, &e);
	auto_force = AUTO_BEST;
	if (ret == -1) {
		printf("# %s\n", e.message);
		return false;
	}
	b->image.base = b->out.image.data;
	b->image.size = b->out.image.len;
	b->naive = naive_new(&b->policy, &vars);
	return image_verify(&b->image) == 0 &&
	    image_prepare(&b->image, &e) == 0 && b->naive != NULL;
}

static void
both_free(struct both *b)
{
	naive_free(b->naive);
	if (b->image.unprepare != NULL)
		b->image.unprepare(&b->image);
	compiled_free(&b->out);
}

static void
compare(const struct both *b, const struct naive_query *q, int ret,
    const struct verdict *v, const char *subject)
{
	struct naive_answer a;
	int want = naive_eval(b->naive, q, &a);

	asked++;
	if (want == 0 && a.rule != SIZE_MAX)
		decided[q->family]++;
	if (ret == want &&
	    (ret == -1 ? v->decision == DECISION_DENY :
			 v->decision == a.decision &&
			strcmp(v->rule_name, a.rule_name) == 0))
		return;
	if (wrong++ < 5)
		printf("# family %d op %u %s: %d %d %s, want %d %d %s\n",
		    q->family, q->op, subject, ret, v->decision, v->rule_name,
		    want, a.decision, a.rule_name);
}

/* What the image says of log is what the rule that decides says. */
static void
ask_log(const struct both *b, const struct naive_query *q, int ret,
    const struct verdict *v)
{
	struct naive_answer a;
	bool full;

	if (naive_eval(b->naive, q, &a) == -1 || ret == -1)
		return;
	full = a.rule != SIZE_MAX &&
	    b->policy.family[FAMILY_FILE].rule[a.rule].file.log_full;
	logged[full]++;
	wrong += image_file_logs(&b->image, v) != full;
}

static void
ask_path(const struct both *b, bool sockets)
{
	struct naive_query q = { 0 };
	struct verdict v;
	char path[128];
	bool tree;
	int ret;

	rnd_path(path, sizeof(path), sockets);
	q.path = path;
	q.len = strlen(path);
	if (sockets) {
		q.family = FAMILY_UNIX;
		q.op = rnd(UNIX_OP_MAX);
		ret = image_eval_unix(&b->image, (enum unix_op)q.op, path,
		    q.len, &v);
	} else {
		q.op = rnd(FILE_OP_MAX);
		ret = image_eval_file(&b->image, (enum file_op)q.op, path,
		    q.len, &v);
		if (v.rule < b->policy.family[FAMILY_FILE].n) {
			const struct rule *r =
			    &b->policy.family[FAMILY_FILE].rule[v.rule];
			const char *to = image_file_redirect(&b->image, &v,
			    &tree);

			wrong += strcmp(to,
				     r->file.redirect_to == NULL ?
					 "" :
					 r->file.redirect_to) != 0 ||
			    tree != r->file.preserve_tree ||
			    v.timeout_ms != r->timeout_ms;
		}
		ask_log(b, &q, ret, &v);
	}
	compare(b, &q, ret, &v, path);
}

static void
ask_env(const struct both *b, const struct verdict *rule)
{
	static const char *const parts[] = { "A", "B", "_", "LD_", "PRELOAD",
		"C" };
	const struct rules *rules = &b->policy.family[FAMILY_COMMAND];
	const struct env_rules *env = &b->policy.env;
	struct naive_answer a;
	struct env_limits l;
	struct verdict v;
	char name[64];

	rnd_text(name, sizeof(name), parts, COUNT(parts), 1 + rnd(3));
	naive_env(b->naive, rule->rule, name, &a);
	asked++;
	if (image_eval_env(&b->image, rule, name, strlen(name), &v) == -1 ||
	    v.decision != a.decision || strcmp(v.rule_name, a.rule_name) != 0) {
		if (wrong++ < 5)
			printf("# env %s: %s, want %s\n", name, v.rule_name,
			    a.rule_name);
	}
	if (rule->rule < rules->n && rules->rule[rule->rule].command.env.given)
		env = &rules->rule[rule->rule].command.env;
	image_env_limits(&b->image, rule, &l);
	wrong += l.max_bytes != env->max_bytes || l.max_keys != env->max_keys ||
	    l.block_iteration != env->block_iteration;
}

static void
ask_command(const struct both *b)
{
	static const char *const parts[] = { "a", "b", "A", ".real", "/", "ab",
		"B", "{a,b}", "/bin/" };
	const char *argv[4];
	struct command_query c = { .argv = argv, .depth = rnd(3) };
	struct naive_query q = { .family = FAMILY_COMMAND, .command = &c };
	struct command_action act;
	struct verdict v;
	char command[64];
	size_t len;
	int ret;

	do {
		rnd_text(command, sizeof(command), parts, COUNT(parts),
		    1 + rnd(4));
		len = strlen(command);
	} while (command[len - 1] == '/');
	c.command = command;
	for (c.argc = 0; c.argc < rnd(4); c.argc++)
		argv[c.argc] = rnd_args[rnd(COUNT(rnd_args))];
	ret = image_eval_command(&b->image, &c, &v);
	compare(b, &q, ret, &v, command);
	if (rnd(8) == 0)
		ask_env(b, &v);
	image_command_action(&b->image, &v, &act);
	if (v.rule < b->policy.family[FAMILY_COMMAND].n) {
		const struct words *w = &b->policy.family[FAMILY_COMMAND]
					     .rule[v.rule]
					     .command.redirect_args;
		const char *word = act.args.first;
		size_t i;

		wrong += act.args.n != w->n;
		for (i = 0; i < w->n && i < act.args.n; i++) {
			wrong += strcmp(word, w->v[i]) != 0;
			word = image_words_next(word);
		}
	}
}

static void
ask_network(const struct both *b)
{
	static const char *const parts[] = { "a", "b", ".", "A", "a.b", ".b" };
	static const uint16_t ports[] = { 80, 443, 1, 2, 0, 99 };
	uint8_t addr[16];
	struct net_query n = { 0 };
	struct naive_query q = { .family = FAMILY_NETWORK, .network = &n };
	struct verdict v;
	char host[64];
	int ret;

	rnd_text(host, sizeof(host), parts, COUNT(parts), rnd(5));
	rnd_addr(addr);
	n.host = rnd(5) == 0 ? NULL : host;
	n.addr = rnd(5) == 0 ? NULL : addr;
	n.port = ports[rnd(COUNT(ports))];
	ret = image_eval_network(&b->image, &n, &v);
	compare(b, &q, ret, &v, host);
}

/* Has the rule cidrs, and none of them all addresses of that kind? */
static bool
names_it(const struct both *b, size_t rule, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct network_part *part =
	    &b->policy.family[FAMILY_NETWORK].rule[rule].network;
	bool v4 = memcmp(addr, mapped, sizeof(mapped)) == 0;
	size_t i;

	for (i = 0; i < part->ncidrs; i++) {
		if (cidr_is_mapped(&part->cidr[i]) == v4 &&
		    part->cidr[i].bits == (v4 ? 96 : 0))
			return false;
	}
	return part->ncidrs > 0;
}

/* The rule that decides for a port, or for none of the rules that could if the
 * address is not known, all of them before the first that does for certain.
 * best: as image_eval_network_any() has it. */
static void
any_port(const struct both *b, struct net_query *n, bool naming, size_t *best)
{
	const struct rules *rules = &b->policy.family[FAMILY_NETWORK];
	struct naive_query q = { .family = FAMILY_NETWORK, .network = n };
	enum naive_why why;
	enum decision d;
	size_t i, k;

	for (i = 0; i < rules->n; i++) {
		why = naive_rule(b->naive, &q, i);
		if (why == NAIVE_ADDRESS && n->addr == NULL) {
			for (k = 0; k < rules->rule[i].network.nports; k++) {
				if (rules->rule[i].network.port[k] == n->port)
					break;
			}
			if (k == rules->rule[i].network.nports && k > 0)
				continue;
		} else if (why != NAIVE_MATCHES) {
			continue;
		}
		d = rules->rule[i].decision;
		k = d == DECISION_ALLOW || d == DECISION_AUDIT ? 0 :
		    d == DECISION_APPROVE		       ? 1 :
								 2;
		if (naming && !names_it(b, i, n->addr))
			k = 2;
		if (i < best[k])
			best[k] = i;
		if (why == NAIVE_MATCHES)
			break;
	}
}

static void
ask_any_port(const struct both *b)
{
	static const char *const parts[] = { "a", "b", ".", "A", "a.b", ".b" };
	/* of the rules, and one of none */
	static const uint16_t ports[] = { 80, 443, 1, 2, 99 };
	const struct rules *rules = &b->policy.family[FAMILY_NETWORK];
	size_t best[3] = { SIZE_MAX, SIZE_MAX, SIZE_MAX }, i, rest;
	struct net_query n = { 0 };
	struct naive_query q = { .family = FAMILY_NETWORK, .network = &n };
	struct net_selectors s;
	struct verdict v;
	uint8_t addr[16];
	char host[64];
	bool naming;

	rnd_text(host, sizeof(host), parts, COUNT(parts), rnd(5));
	rnd_addr(addr);
	n.host = rnd(5) == 0 ? NULL : host;
	n.addr = rnd(2) == 0 ? NULL : addr;
	naming = n.addr != NULL && rnd(2) == 0;
	wrong += image_eval_network_any(&b->image, &n, naming, &v) != 0;
	for (i = 0; i < COUNT(ports); i++) {
		n.port = ports[i];
		any_port(b, &n, naming, best);
	}
	asked++;
	for (i = 0; i < 2 && best[i] == SIZE_MAX; i++)
		continue;
	anyport[i]++;
	if (i < 2) {
		image_network_selectors(&b->image, &v, addr, &s);
		wrong += s.domains !=
			(rules->rule[v.rule].network.domains.n > 0) ||
		    s.cidrs != (rules->rule[v.rule].network.ncidrs > 0) ||
		    s.ports != (rules->rule[v.rule].network.nports > 0) ||
		    s.naming != names_it(b, v.rule, addr);
	}
	/* a denial is by the first rule that is about all ports */
	n.port = 99;
	for (rest = 0; i == 2 && rest < rules->n; rest++) {
		if (naive_rule(b->naive, &q, rest) == NAIVE_MATCHES)
			break;
	}
	if (i < 2 ? v.decision == rules->rule[best[i]].decision &&
		    v.rule == best[i] :
		    v.decision == DECISION_DENY &&
		    v.rule == (rest < rules->n ? rest : UINT32_MAX))
		return;
	if (wrong++ < 5)
		printf("# any port of %s: %d %s, want rule %zu\n", host,
		    v.decision, v.rule_name, best[i < 2 ? i : 2]);
}

static void
ask_signal(const struct both *b)
{
	static const char *const parts[] = { "A", "B", "LD_", "_" };
	struct signal_query s = { 0 };
	struct naive_query q = { .family = FAMILY_SIGNAL, .signal = &s };
	struct signal_action act;
	struct verdict v;
	char process[32];
	int ret;

	rnd_text(process, sizeof(process), parts, COUNT(parts), rnd(4));
	s.signo = rnd(2) == 0 ? 8 + rnd(5) : 1 + rnd(63);
	s.relations = rnd(1U << SIGNAL_TARGET_MAX);
	s.target_pid = rnd(8);
	s.process = process;
	ret = image_eval_signal(&b->image, &s, &v, &act);
	compare(b, &q, ret, &v, process);
	if (v.rule < b->policy.family[FAMILY_SIGNAL].n) {
		const struct signal_part *part =
		    &b->policy.family[FAMILY_SIGNAL].rule[v.rule].signal;

		wrong += act.fallback != part->fallback ||
		    act.redirect_signo != part->redirect_signo;
	}
}

static void
ask_redirect(const struct both *b)
{
	struct naive_query q = { .family = FAMILY_DNS + rnd(2) };
	struct redirect r;
	struct verdict v;
	char subject[64];
	int ret;

	rnd_text(subject, sizeof(subject), rnd_args, COUNT(rnd_args), rnd(4));
	q.subject = subject;
	ret = image_eval_redirect(&b->image, q.family, subject, &v, &r);
	compare(b, &q, ret, &v, subject);
	wrong += (v.decision == DECISION_REDIRECT) != (r.to[0] != '\0');
}

static void
ask(const struct both *b)
{
	switch (rnd(8)) {
	case 0:
	case 1:
		ask_path(b, false);
		break;
	case 2:
		ask_path(b, true);
		break;
	case 3:
		ask_command(b);
		break;
	case 4:
		ask_network(b);
		break;
	case 5:
		ask_any_port(b);
		break;
	case 6:
		ask_signal(b);
		break;
	default:
		ask_redirect(b);
		break;
	}
}

/* A row says what each question beneath its directory is answered. */
static void
check_plan(const struct both *b)
{
	const struct plan_row *row;
	struct verdict v, first;
	char path[512];
	size_t i, k, n;
	uint32_t op;
	bool allow;

	for (i = 0; i < b->out.plan.n; i++) {
		row = &b->out.plan.row[i];
		n = (size_t)snprintf(path, sizeof(path), "%s", row->path);
		image_eval_file(&b->image, 0, path, n, &first);
		for (k = 0; k < 30; k++) {
			path[n] = '\0';
			if (k > 0) {
				path[n] = '/';
				rnd_text(path + n + 1, 100, rnd_paths,
				    COUNT(rnd_paths), 1 + rnd(5));
			}
			op = rnd(FILE_OP_MAX);
			image_eval_file(&b->image, (enum file_op)op, path,
			    strlen(path), &v);
			asked++;
			allow = row->kind == MOUNT_NATIVE_RO &&
			    (READ_OPS >> op & 1) != 0;
			if (v.decision ==
				(allow ? DECISION_ALLOW : DECISION_DENY) &&
			    (row->kind != MOUNT_HIDDEN || v.rule == first.rule))
				continue;
			if (wrong++ < 5)
				printf("# plan %s %d: %u %s: %s\n", row->path,
				    row->kind, op, path, v.rule_name);
		}
	}
}

/* What a plan says of itself: of a directory that is decided, the example it
 * gives must be decided as it says, and in the way that is in the way. */
static void
reason_cb(void *arg, enum mount_kind kind, const struct plan_reason *r)
{
	const struct both *b = arg;
	const char *path = r->path[0] == '\0' ? r->dir : r->path;
	struct verdict v, first;
	bool fits;

	reasons[r->why]++;
	asked++;
	if ((kind == MOUNT_FSD) == (r->why == PLAN_WHY_CONSTANT)) {
		wrong++;
		return;
	}
	image_eval_file(&b->image, 0, r->dir, strlen(r->dir), &first);
	if (r->why != PLAN_WHY_DIFFERS)
		return;
	/* a plan is about the rules: what is protected besides is denied where
	 * they allow, which makes nothing native */
	image_eval_file_rules(&b->image, r->op, path, strlen(path), &v);
	fits = v.decision ==
	    ((READ_OPS >> r->op & 1) != 0 ? DECISION_ALLOW : DECISION_DENY);
	if (v.rule == (r->rule == IMG_NONE ? UINT32_MAX : r->rule) &&
	    (!fits || v.decision != DECISION_DENY || v.rule != first.rule))
		return;
	if (wrong++ < 5)
		printf("# %s: %u %s: rule %u, not %u\n", r->dir, r->op, path,
		    v.rule, r->rule);
}

static void
check_reasons(struct both *b)
{
	struct compiler c = { .p = &b->policy, .vars = &vars };
	struct automaton a = { 0 };

	if (patterns_files(&c, &a.globs) == -1 ||
	    auto_build(&a, &c.what) == -1 ||
	    plan_explain(&b->policy, &a, vars.project_root, true, reason_cb,
		b) == -1)
		wrong++;
	auto_free(&a);
}

/* n policies by one form of automaton. */
static size_t
run(enum auto_force force, size_t n)
{
	const struct img_head *h;
	size_t i, k, plans = 0;
	struct both b;

	for (i = 0; i < n; i++) {
		rnd_policy(&b.policy);
		if (!both_make(&b, force)) {
			wrong++;
		} else {
			for (k = 0; k < QUESTIONS; k++)
				ask(&b);
			check_plan(&b);
			check_reasons(&b);
			plans += b.out.plan.n;
			h = (const struct img_head *)(const void *)b.image.base;
			for (k = 0; k < IMG_AUTO_MAX; k++) {
				forms[h->automaton[k].ndfas]
				     [h->automaton[k].flags & IMG_NFA]++;
			}
		}
		both_free(&b);
		rnd_policy_free(&b.policy);
	}
	return plans;
}

/* It would not be a test if it found nothing wrong in what is. */
static void
test_notices(void)
{
	enum family f;
	struct both b;
	struct rule r;
	size_t i, k, was, noticed[FAMILY_MAX] = { 0 };

	for (f = 0; f < FAMILY_MAX; f++) {
		for (i = 0; i < 400 && noticed[f] == 0; i++) {
			rnd_policy(&b.policy);
			if (b.policy.family[f].n >= 2 &&
			    both_make(&b, AUTO_BEST)) {
				/* after it was compiled */
				r = b.policy.family[f].rule[0];
				b.policy.family[f].rule[0] =
				    b.policy.family[f].rule[1];
				b.policy.family[f].rule[1] = r;
				was = wrong;
				wrong = 1000;
				naive_free(b.naive);
				b.naive = naive_new(&b.policy, &vars);
				for (k = 0; k < QUESTIONS; k++)
					ask(&b);
				noticed[f] = wrong - 1000;
				wrong = was;
				both_free(&b);
			}
			rnd_policy_free(&b.policy);
		}
		T(noticed[f] > 0,
		    "family %d: two rules in the wrong order are "
		    "noticed",
		    f);
	}
}

/* The same policy always gives the same bytes. */
static void
test_same(void)
{
	struct compiled one, two;
	struct policy p;
	struct aerr e;
	size_t i, differ = 0;

	for (i = 0; i < 100; i++) {
		rnd_policy(&p);
		if (policy_compile(&p, &vars, false, &one, &e) == -1 ||
		    policy_compile(&p, &vars, false, &two, &e) == -1 ||
		    one.image.len != two.image.len ||
		    memcmp(one.image.data, two.image.data, one.image.len) != 0)
			differ++;
		compiled_free(&one);
		compiled_free(&two);
		rnd_policy_free(&p);
	}
	T(differ == 0, "100 policies give the same bytes twice");
}

/* The corpus of fz_image, anew after a change of the format. */
static int
write_corpus(const char *dir)
{
	static const struct {
		const char *name;
		uint32_t seed; /* 0: a policy without rules */
		enum auto_force force;
	} files[] = { { "good-empty", 0, AUTO_BEST },
		{ "good-all", 12, AUTO_BEST },
		{ "good-mixed", 7, AUTO_MIXED } };
	struct both b;
	char path[512];
	FILE *f;
	size_t i;

	for (i = 0; i < COUNT(files); i++) {
		rnd_seed = files[i].seed;
		memset(&b.policy, 0, sizeof(b.policy));
		if (files[i].seed != 0)
			rnd_policy(&b.policy);
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		f = fopen(path, "wb");
		if (f == NULL || !both_make(&b, files[i].force) ||
		    fwrite(b.image.base, 1, b.image.size, f) != b.image.size ||
		    fclose(f) == EOF) {
			perror(path);
			return 1;
		}
		both_free(&b);
		rnd_policy_free(&b.policy);
	}
	return 0;
}

/* t_policy_random -w DIR writes the corpus of fz_image. */
int
main(int argc, char **argv)
{
	static const char *const names[] = { "as policies are compiled",
		"bit sets", "two automata", "all of them",
		"what low limits lead to" };
	static const size_t n[] = { 900, 300, 300, 300, 600 };
	enum auto_force force;
	enum family f;
	size_t plans;

	if (argc == 3 && strcmp(argv[1], "-w") == 0)
		return write_corpus(argv[2]);
	for (force = 0; force < AUTO_FORCE_MAX; force++) {
		wrong = 0;
		asked = 0;
		memset(forms, 0, sizeof(forms));
		plans = run(force, n[force]);
		T(wrong == 0, "%s: %zu questions, %zu wrong", names[force],
		    asked, wrong);
		if (force == AUTO_BEST)
			T(plans > 100 && reasons[PLAN_WHY_CONSTANT] >= plans &&
				reasons[PLAN_WHY_DIFFERS] > 1000 &&
				reasons[PLAN_WHY_SOCKETS] > 0,
			    "%zu rows of mount plans, %zu of %zu reasons "
			    "with an example",
			    plans, reasons[PLAN_WHY_DIFFERS],
			    reasons[PLAN_WHY_DIFFERS] +
				reasons[PLAN_WHY_CONSTANT]);
		if (force == AUTO_TIGHT)
			T(forms[1][0] > 0 && forms[2][0] > 0 &&
				forms[1][1] > 0 && forms[2][1] > 0 &&
				forms[0][1] > 0,
			    "one DFA %zu, two %zu; simulated besides %zu, %zu; "
			    "only %zu",
			    forms[1][0], forms[2][0], forms[1][1], forms[2][1],
			    forms[0][1]);
	}
	T(logged[false] > 1000 && logged[true] > 1000,
	    "log: %zu are, %zu are not", logged[true], logged[false]);
	for (f = 0; f < FAMILY_MAX; f++)
		T(decided[f] > 10000, "family %d: %zu decided by a rule", f,
		    decided[f]);
	T(anyport[0] > 10000 && anyport[1] > 1000 && anyport[2] > 10000,
	    "any port: %zu allowed, %zu to be approved, %zu denied", anyport[0],
	    anyport[1], anyport[2]);
	test_notices();
	test_same();
	return done_testing();
}
