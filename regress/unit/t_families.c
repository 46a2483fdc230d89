/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each family of rules decides, case by case: policies made by hand, so
 * that nothing but the compiler and the evaluator is under test.
 */
#include <arpa/inet.h>

#include "image.h"
#include "policyd/policy.h"
#include "t.h"

#define ALL ((1U << FILE_OP_MAX) - 1)
#define WORDS(...)                                                             \
	{                                                                      \
		(char *[]){ __VA_ARGS__ },                                     \
		    sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)         \
	}
#define GLOBS(...)                                                             \
	.globs = (char *[]){ __VA_ARGS__ },                                    \
	.nglobs = sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)
#define FAMILY(r)                                                              \
	{                                                                      \
		r, sizeof(r) / sizeof((r)[0]), 0                               \
	}

static const struct vars vars = { "/workspace", "/home/u", "u" };
static struct compiled out;
static struct image im;

static void
load(const struct policy *p)
{
	struct aerr e = { 0 };

	if (im.unprepare != NULL)
		im.unprepare(&im);
	compiled_free(&out);
	memset(&im, 0, sizeof(im));
	if (!T(policy_compile(p, &vars, false, &out, &e) == 0, "compiles: %s",
		e.message))
		exit(1);
	im.base = out.image.data;
	im.size = out.image.len;
	if (!T(image_verify(&im) == 0, "is an image"))
		exit(1);
}

static void
is(int ret, const struct verdict *v, int want, enum decision d,
    const char *rule, const char *what)
{
	T(ret == want && v->decision == d && strcmp(v->rule_name, rule) == 0,
	    "%s: %d %s [%d %d %s]", what, d, rule, ret, v->decision,
	    v->rule_name);
}

static void
file(enum file_op op, const char *path, enum decision d, const char *rule)
{
	struct verdict v;
	int ret = image_eval_file(&im, op, path, strlen(path), &v);

	is(ret, &v, 0, d, rule, path);
}

static void
test_files(void)
{
	struct rule r[] = {
		{ .name = "away",
		    .message = "",
		    .decision = DECISION_REDIRECT,
		    .ops = 1U << FILE_OP_OPEN | 1U << FILE_OP_READ,
		    GLOBS("/etc/passwd"),
		    .file = { "/workspace/etc", true } },
		{ .name = "ask",
		    .message = "why",
		    .decision = DECISION_APPROVE,
		    .timeout_ms = 90000,
		    .ops = ALL,
		    GLOBS("/etc/**") },
		{ .name = "trash",
		    .message = "",
		    .decision = DECISION_SOFT_DELETE,
		    .ops = 1U << FILE_OP_DELETE,
		    GLOBS("/workspace/**") },
	};
	struct policy p = { .name = "t",
		.family[FAMILY_FILE] = FAMILY(r),
		.reads_allowed = true };
	struct verdict v;
	bool tree;

	load(&p);
	file(FILE_OP_OPEN, "/etc/passwd", DECISION_REDIRECT, "away");
	image_eval_file(&im, FILE_OP_READ, "/etc/passwd", 11, &v);
	T(strcmp(image_file_redirect(&im, &v, &tree), "/workspace/etc") == 0 &&
		tree && v.timeout_ms == 0,
	    "where to, and the whole path beneath");
	file(FILE_OP_WRITE, "/etc/passwd", DECISION_APPROVE, "ask");
	image_eval_file(&im, FILE_OP_READ, "/etc/x", 6, &v);
	T(v.timeout_ms == 90000 && strcmp(v.message, "why") == 0 &&
		image_file_redirect(&im, &v, &tree)[0] == '\0' && !tree,
	    "how long an approval waits; no other place");
	file(FILE_OP_DELETE, "/workspace/a", DECISION_SOFT_DELETE, "trash");
	file(FILE_OP_READ, "/opt/x", DECISION_ALLOW, "default-allow-reads");
	file(FILE_OP_LIST, "/", DECISION_ALLOW, "default-allow-reads");
	file(FILE_OP_WRITE, "/opt/x", DECISION_DENY, "default-deny-files");
	T(out.plan.n == 7,
	    "%zu rows in the plan: what is reads and nothing "
	    "else",
	    out.plan.n);
	p.reads_allowed = false;
	load(&p);
	file(FILE_OP_READ, "/opt/x", DECISION_DENY, "default-deny-files");
	file(FILE_OP_READ, "/usr/x", DECISION_ALLOW, "default-allow-loader");
}

/* With the catch-all, reads of the loader pass, others do not. */
static void
test_catchall(void)
{
	struct rule r[] = {
		{ .name = "default-deny-files",
		    .message = "",
		    .ops = ALL,
		    GLOBS("/**") },
	};
	struct policy p = { .name = "t",
		.family[FAMILY_FILE] = FAMILY(r),
		.reads_allowed = true };

	load(&p);
	file(FILE_OP_READ, "/usr/x", DECISION_ALLOW, "default-allow-loader");
	file(FILE_OP_READ, "/opt/x", DECISION_DENY, "default-deny-files");
}

static void
command(const char *name, const char *const *argv, size_t argc, uint32_t depth,
    enum decision d, const char *rule)
{
	struct command_query q = { name, argv, argc, depth };
	struct verdict v;
	int ret = image_eval_command(&im, &q, &v);

	is(ret, &v, 0, d, rule, name);
}

static void
test_commands(void)
{
	struct rule r[] = {
		{ .name = "no-wipe",
		    .message = "",
		    .ops = 1,
		    GLOBS("rm"),
		    .command = { .args_patterns =
				     WORDS("(^|\\s)-[a-z]*r[a-z]*f",
					 "--recursive"),
			.max_depth = UINT32_MAX } },
		{ .name = "nested",
		    .message = "",
		    .decision = DECISION_AUDIT,
		    .ops = 1,
		    .command = { .min_depth = 1, .max_depth = 2 } },
		{ .name = "echo",
		    .message = "",
		    .decision = DECISION_REDIRECT,
		    .ops = 1,
		    GLOBS("git*"),
		    .command = { .args_patterns = WORDS("^push"),
			.max_depth = UINT32_MAX,
			.redirect_command = "/bin/echo",
			.redirect_has_args = true,
			.redirect_args = WORDS("not", "now"),
			.redirect_append = WORDS("-n"),
			.redirect_env = WORDS("A=1", "B=") } },
		{ .name = "tools",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .ops = 1,
		    GLOBS("rm", "/usr/bin/git"),
		    .command = { .max_depth = UINT32_MAX } },
	};
	struct policy p = { .name = "t", .family[FAMILY_COMMAND] = FAMILY(r) };
	static char huge[140000];
	const char *rf[] = { "-v", "-rf", "x" }, *push[] = { "push", "-f" };
	const char *big[] = { huge };
	struct command_query q = { "rm", big, 1, 0 };
	struct command_action a;
	struct verdict v;
	struct aerr e;
	int ret;

	load(&p);
	T(image_restricts_commands(&im), "it does not only allow");
	ret = image_eval_command(&im, &(struct command_query){ "rm", rf, 3, 0 },
	    &v);
	is(ret, &v, -1, DECISION_DENY, "default-deny-commands",
	    "patterns are not prepared");
	command("cat", rf, 3, 0, DECISION_DENY, "default-deny-commands");
	T(image_prepare(&im, &e) == 0 && im.nregex == 3, "prepared");
	command("rm", rf, 3, 0, DECISION_DENY, "no-wipe");
	command("/bin/RM", rf, 3, 0, DECISION_DENY, "no-wipe");
	command("rm", rf, 1, 0, DECISION_ALLOW, "tools");
	command("rm", rf, 1, 1, DECISION_AUDIT, "nested");
	command("rm", rf, 1, 2, DECISION_AUDIT, "nested");
	command("rm", rf, 1, 3, DECISION_ALLOW, "tools");
	command("/usr/bin/git", push, 2, 0, DECISION_REDIRECT, "echo");
	command("/usr/bin/git", push + 1, 1, 0, DECISION_ALLOW, "tools");
	command("git", push + 1, 1, 0, DECISION_DENY, "default-deny-commands");
	memset(huge, 'a', sizeof(huge) - 1);
	ret = image_eval_command(&im, &q, &v);
	is(ret, &v, -1, DECISION_DENY, "default-deny-commands",
	    "arguments too long for the pattern");
	/* of this command no pattern is looked at */
	q.command = "cat";
	q.depth = 1;
	ret = image_eval_command(&im, &q, &v);
	is(ret, &v, 0, DECISION_AUDIT, "nested", "long arguments");
	q.command = NULL;
	T(image_eval_command(&im, &q, &v) == -1, "no command");
	image_eval_command(&im, &(struct command_query){ "git", push, 2, 0 },
	    &v);
	image_command_action(&im, &v, &a);
	T(strcmp(a.command, "/bin/echo") == 0 && a.replaces_args &&
		a.args.n == 2 && strcmp(a.args.first, "not") == 0 &&
		strcmp(image_words_next(a.args.first), "now") == 0 &&
		a.append.n == 1 && strcmp(a.append.first, "-n") == 0 &&
		a.env.n == 2 && strcmp(a.env.first, "A=1") == 0 &&
		strcmp(image_words_next(a.env.first), "B=") == 0,
	    "what runs instead");
	r[0].decision = DECISION_ALLOW;
	p.family[FAMILY_COMMAND].n = 1;
	load(&p);
	T(!image_restricts_commands(&im), "it only allows");
}

static void
network(const char *host, const char *addr, uint16_t port, enum decision d,
    const char *rule)
{
	struct net_query q = { host, NULL, port };
	uint8_t bytes[16];
	char text[64];
	struct verdict v;
	int ret;

	if (addr != NULL) {
		snprintf(text, sizeof(text), "%s%s",
		    strchr(addr, ':') == NULL ? "::ffff:" : "", addr);
		if (inet_pton(AF_INET6, text, bytes) != 1)
			exit(1);
		q.addr = bytes;
	}
	ret = image_eval_network(&im, &q, &v);
	is(ret, &v, 0, d, rule, host == NULL ? addr : host);
}

static void
test_network(void)
{
	struct cidr ten[] = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10 },
	    104 } };
	struct cidr ula[] = { { { 0xfc }, 7 }, { { 0 }, 0 } };
	uint16_t https[] = { 8443, 443 }, ssh[] = { 22 };
	struct rule r[] = {
		{ .name = "api",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .network = { .domains = WORDS("api.corp.test",
				     "**.cdn.corp.test"),
			.port = https,
			.nports = 2 } },
		{ .name = "inside",
		    .message = "",
		    .decision = DECISION_AUDIT,
		    .network = { .domains = WORDS("*.corp.test", "*"),
			.cidr = ten,
			.ncidrs = 1 } },
		{ .name = "six",
		    .message = "",
		    .decision = DECISION_APPROVE,
		    .network = { .cidr = ula, .ncidrs = 1 } },
		{ .name = "ssh",
		    .message = "",
		    .network = { .port = ssh, .nports = 1 } },
		{ .name = "all-six",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .network = { .cidr = ula + 1, .ncidrs = 1 } },
		{ .name = "dns",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .network = { .domains = WORDS("**") } },
	};
	struct policy p = { .name = "t", .family[FAMILY_NETWORK] = FAMILY(r) };
	char longest[300];
	struct net_query q = { longest, NULL, 1 };
	struct verdict v;

	p.family[FAMILY_NETWORK].n = 5;
	load(&p);
	network("api.corp.test", NULL, 443, DECISION_ALLOW, "api");
	network("API.Corp.Test.", NULL, 8443, DECISION_ALLOW, "api");
	network("api.corp.test", NULL, 80, DECISION_DENY,
	    "default-deny-network");
	network("a.b.cdn.corp.test", NULL, 443, DECISION_ALLOW, "api");
	network("cdn.corp.test", NULL, 443, DECISION_DENY,
	    "default-deny-network");
	network("x.corp.test", "10.1.2.3", 80, DECISION_AUDIT, "inside");
	network("x.corp.test", "11.1.2.3", 80, DECISION_DENY,
	    "default-deny-network");
	network("a.x.corp.test", "10.1.2.3", 80, DECISION_DENY,
	    "default-deny-network");
	network("localhost", "10.0.0.1", 80, DECISION_AUDIT, "inside");
	/* a rule with domains never matches where no name is known */
	network(NULL, "10.0.0.1", 80, DECISION_DENY, "default-deny-network");
	network("", "10.0.0.1", 80, DECISION_DENY, "default-deny-network");
	network(NULL, "fd00::1", 80, DECISION_APPROVE, "six");
	network(NULL, "10.0.0.1", 22, DECISION_DENY, "ssh");
	network("x.test", "2001:db8::1", 22, DECISION_DENY, "ssh");
	/* ::/0 is every IPv6 address, and no IPv4 one */
	network(NULL, "2001:db8::1", 80, DECISION_ALLOW, "all-six");
	network(NULL, "192.0.2.1", 80, DECISION_DENY, "default-deny-network");
	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	T(image_eval_network(&im, &q, &v) == -1 && v.decision == DECISION_DENY,
	    "no name is so long");
	p.family[FAMILY_NETWORK].n = 6;
	load(&p);
	network("any.thing", NULL, 1, DECISION_ALLOW, "dns");
	network("any.thing", NULL, 22, DECISION_DENY, "ssh");
}

static void
test_unix(void)
{
	struct rule r[] = {
		{ .name = "docker",
		    .message = "",
		    .ops = 15,
		    GLOBS("/{,var/}run/docker.sock", "@docker*") },
		{ .name = "mine",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .ops = 1U << UNIX_OP_CONNECT | 1U << UNIX_OP_BIND,
		    GLOBS("/tmp/**", "@*") },
	};
	struct policy p = { .name = "t", .family[FAMILY_UNIX] = FAMILY(r) };
	struct {
		enum unix_op op;
		const char *path;
		enum decision d;
		const char *rule;
	} want[] = {
		{ UNIX_OP_CONNECT, "/run/docker.sock", DECISION_DENY,
		    "docker" },
		{ UNIX_OP_SENDTO, "/var/run/docker.sock", DECISION_DENY,
		    "docker" },
		{ UNIX_OP_CONNECT, "@docker-1", DECISION_DENY, "docker" },
		{ UNIX_OP_CONNECT, "@x", DECISION_ALLOW, "mine" },
		{ UNIX_OP_BIND, "/tmp/a/b", DECISION_ALLOW, "mine" },
		{ UNIX_OP_SENDTO, "/tmp/a/b", DECISION_DENY,
		    "default-deny-unix" },
		{ UNIX_OP_CONNECT, "/tmp", DECISION_DENY, "default-deny-unix" },
	};
	struct verdict v;
	size_t i;
	int ret;

	load(&p);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ret = image_eval_unix(&im, want[i].op, want[i].path,
		    strlen(want[i].path), &v);
		is(ret, &v, 0, want[i].d, want[i].rule, want[i].path);
	}
	T(image_eval_unix(&im, UNIX_OP_BIND, "x", 1, &v) == -1, "no path");
	T(image_eval_unix(&im, UNIX_OP_MAX, "/x", 2, &v) == -1, "no operation");
	T(image_eval_unix(&im, UNIX_OP_BIND, "/tmp/\0x", 7, &v) == -1,
	    "a path with a NUL");
	T(image_eval_unix(&im, UNIX_OP_BIND, "@a\0b", 4, &v) == 0 &&
		v.decision == DECISION_ALLOW,
	    "an abstract name with a NUL");
	T(image_has_unix_rules(&im) && image_restricts_sendto(&im),
	    "rules that restrict sendto");
}

/* Which rules are about the host's sockets, and which policies about all sends. */
static void
test_unix_named(void)
{
	struct rule r[] = {
		{ .name = "no",
		    .message = "",
		    .ops = 15,
		    GLOBS("/run/no.sock") },
		{ .name = "named",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .ops = 15,
		    GLOBS("/run/a.sock", "/run/b\\*c", "@name", "/run/{d,e}") },
		{ .name = "audit",
		    .message = "",
		    .decision = DECISION_AUDIT,
		    .ops = 1U << UNIX_OP_CONNECT,
		    GLOBS("/run/f") },
		{ .name = "paths",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .ops = 15,
		    GLOBS("/**") },
		{ .name = "names",
		    .message = "",
		    .decision = DECISION_ALLOW,
		    .ops = 15,
		    GLOBS("@**") },
	};
	struct policy p = { .name = "t", .family[FAMILY_UNIX] = FAMILY(r) };
	static const struct {
		const char *path;
		bool named;
	} want[] = { { "/run/a.sock", true }, { "/run/b*c", true },
		{ "/run/bxc", false }, { "@name", false }, { "/run/d", false },
		{ "/run/f", true }, { "/run/no.sock", false },
		{ "/run/other", false } };
	struct policy none = { .name = "t" };
	struct verdict v;
	size_t i;

	load(&p);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		(void)image_eval_unix(&im, UNIX_OP_CONNECT, want[i].path,
		    strlen(want[i].path), &v);
		T(image_names_socket(&im, &v, want[i].path) == want[i].named,
		    "%s is %snamed", want[i].path, want[i].named ? "" : "not ");
	}
	T(image_restricts_sendto(&im), "one is denied to all");
	r[0].ops = r[2].ops = 1U << UNIX_OP_CONNECT;
	load(&p);
	T(image_has_unix_rules(&im) && !image_restricts_sendto(&im),
	    "everybody sends everywhere");
	r[2].ops = 1U << UNIX_OP_SENDTO;
	load(&p);
	T(image_restricts_sendto(&im), "a send is to be written down");
	load(&none);
	T(!image_has_unix_rules(&im) && !image_restricts_sendto(&im),
	    "no rules");
}

static void
test_signals(void)
{
	struct rule r[] = {
		{ .name = "init",
		    .message = "",
		    .decision = DECISION_ABSORB,
		    .signal = { .signals = 1ULL << 9 | 1ULL << 15,
			.target = SIGNAL_SYSTEM,
			.fallback = DECISION_AUDIT } },
		{ .name = "soft",
		    .message = "",
		    .decision = DECISION_REDIRECT,
		    .signal = { .signals = 1ULL << 9,
			.target = SIGNAL_PROCESS,
			.pattern = "post*",
			.redirect_signo = 15 } },
		{ .name = "range",
		    .message = "",
		    .decision = DECISION_AUDIT,
		    .signal = { .signals = ~0ULL,
			.target = SIGNAL_PID_RANGE,
			.min_pid = 100,
			.max_pid = 200 } },
	};
	struct policy p = { .name = "t", .family[FAMILY_SIGNAL] = FAMILY(r) };
	struct {
		struct signal_query q;
		enum decision d;
		const char *rule;
		enum decision fallback;
		uint32_t signo;
	} want[] = {
		{ { 9, 1U << SIGNAL_SYSTEM, 1, "init" }, DECISION_ABSORB,
		    "init", DECISION_AUDIT, 0 },
		{ { 1, 1U << SIGNAL_SYSTEM, 1, "init" }, DECISION_DENY,
		    "default-deny-signals", DECISION_DENY, 0 },
		{ { 9, 1U << SIGNAL_EXTERNAL, 7, "postgres" },
		    DECISION_REDIRECT, "soft", DECISION_DENY, 15 },
		{ { 9, 1U << SIGNAL_PROCESS, 7, "x" }, DECISION_DENY,
		    "default-deny-signals", DECISION_DENY, 0 },
		{ { 9, 0, 7, NULL }, DECISION_DENY, "default-deny-signals",
		    DECISION_DENY, 0 },
		{ { 63, 0, 200, "x" }, DECISION_AUDIT, "range", DECISION_DENY,
		    0 },
		{ { 63, 0, 201, "x" }, DECISION_DENY, "default-deny-signals",
		    DECISION_DENY, 0 },
		{ { 64, 0, 150, "x" }, DECISION_DENY, "default-deny-signals",
		    DECISION_DENY, 0 },
	};
	struct signal_action a;
	struct verdict v;
	size_t i;
	int ret;

	load(&p);
	T(image_has_signal_rules(&im), "signals are decided");
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ret = image_eval_signal(&im, &want[i].q, &v, &a);
		is(ret, &v, 0, want[i].d, want[i].rule, "a signal");
		T(a.fallback == want[i].fallback &&
			a.redirect_signo == want[i].signo,
		    "and what stands in for it");
	}
	want[0].q.signo = 0;
	T(image_eval_signal(&im, &want[0].q, &v, &a) == -1, "no signal");
	want[0].q.signo = 65;
	T(image_eval_signal(&im, &want[0].q, &v, &a) == -1, "no signal");
	p.family[FAMILY_SIGNAL].n = 0;
	load(&p);
	T(!image_has_signal_rules(&im), "without rules they are not");
}

static void
test_redirects(void)
{
	struct rule dns[] = {
		{ .name = "one",
		    .message = "",
		    .decision = DECISION_REDIRECT,
		    .redirect = { .match = "^api[.]",
			.addr = { 1, 2 },
			.tell = REDIRECT_WARN } },
	};
	struct rule connect[] = {
		{ .name = "proxy",
		    .message = "",
		    .decision = DECISION_REDIRECT,
		    .redirect = { .match = ":80$",
			.to = "127.0.0.1:3128",
			.sni = "x.test",
			.fail = REDIRECT_FAIL_OPEN } },
		{ .name = "socket",
		    .message = "",
		    .decision = DECISION_REDIRECT,
		    .redirect = { .match = ":", .to_unix = "/run/x" } },
	};
	struct policy p = { .name = "t",
		.family[FAMILY_DNS] = FAMILY(dns),
		.family[FAMILY_CONNECT] = FAMILY(connect) };
	struct redirect r;
	struct verdict v;
	struct aerr e;
	int ret;

	load(&p);
	ret = image_eval_redirect(&im, FAMILY_DNS, "api.x", &v, &r);
	is(ret, &v, -1, DECISION_DENY, "", "not prepared");
	T(image_prepare(&im, &e) == 0, "prepared");
	ret = image_eval_redirect(&im, FAMILY_DNS, "api.x", &v, &r);
	is(ret, &v, 0, DECISION_REDIRECT, "one", "api.x");
	T(r.addr[1] == 2 && r.tell == 2 && r.fail == 0, "its address");
	ret = image_eval_redirect(&im, FAMILY_DNS, "x.api.", &v, &r);
	is(ret, &v, 0, DECISION_ALLOW, "", "x.api.");
	ret = image_eval_redirect(&im, FAMILY_CONNECT, "a:80", &v, &r);
	is(ret, &v, 0, DECISION_REDIRECT, "proxy", "a:80");
	T(strcmp(r.to, "127.0.0.1:3128") == 0 && r.to_unix[0] == '\0' &&
		strcmp(r.sni, "x.test") == 0 && r.fail == 1,
	    "another place");
	ret = image_eval_redirect(&im, FAMILY_CONNECT, "a:81", &v, &r);
	T(image_redirects_to(&im, "/run/x") &&
		!image_redirects_to(&im, "/run/xy") &&
		!image_redirects_to(&im, "/run/") &&
		!image_redirects_to(&im, ""),
	    "sockets that a redirect has");
	T(ret == 0 && strcmp(r.to_unix, "/run/x") == 0 && r.to[0] == '\0',
	    "a socket");
	T(image_eval_redirect(&im, FAMILY_FILE, "a", &v, &r) == -1,
	    "files are not redirected so");
}

static void
env(const struct verdict *rule, const char *name, enum decision d,
    const char *why)
{
	struct verdict v;
	int ret = image_eval_env(&im, rule, name, strlen(name), &v);

	is(ret, &v, 0, d, why, name);
}

static void
test_env(void)
{
	struct rule r[] = {
		{ .name = "own",
		    .message = "",
		    .ops = 1,
		    GLOBS("own"),
		    .command = { .max_depth = UINT32_MAX,
			.env = { .given = true,
			    .has_allow = true,
			    .allow = WORDS("PATH", "LD_*"),
			    .deny = WORDS("LD_AUDIT"),
			    .max_keys = 3 } } },
		{ .name = "none",
		    .message = "",
		    .ops = 1,
		    GLOBS("none"),
		    .command = { .max_depth = UINT32_MAX,
			.env = { .given = true, .has_allow = true } } },
		{ .name = "rest",
		    .message = "",
		    .ops = 1,
		    .command = { .max_depth = UINT32_MAX } },
	};
	struct policy p = { .name = "t",
		.family[FAMILY_COMMAND] = FAMILY(r),
		.env = { .given = true,
		    .deny = WORDS("MY_*"),
		    .max_bytes = 1000,
		    .block_iteration = true },
		.env_inject = WORDS("X=1", "Y=2"),
		.wrappers_add = WORDS("chronic"),
		.wrappers_remove = WORDS("env", "nice") };
	struct env_limits l;
	struct verdict v, own;

	load(&p);
	env(NULL, "MY_X", DECISION_DENY, "deny");
	env(NULL, "PATH", DECISION_ALLOW, "default-allow");
	env(NULL, "LD_PRELOAD", DECISION_DENY, "default-secret-deny");
	env(NULL, "ANTHROPIC_API_KEY", DECISION_DENY, "default-secret-deny");
	env(NULL, "npm_config__authToken", DECISION_DENY,
	    "default-secret-deny");
	env(NULL, "ANTHROPIC_API_KEYS", DECISION_ALLOW, "default-allow");
	image_eval_command(&im, &(struct command_query){ .command = "own" },
	    &own);
	env(&own, "MY_X", DECISION_DENY, "default-deny");
	env(&own, "PATH", DECISION_ALLOW, "allow");
	/* a list of what is allowed switches the built-in one off */
	env(&own, "LD_PRELOAD", DECISION_ALLOW, "allow");
	env(&own, "LD_AUDIT", DECISION_DENY, "deny");
	image_env_limits(&im, &own, &l);
	T(l.max_keys == 3 && l.max_bytes == 0 && !l.block_iteration,
	    "limits of the rule");
	image_eval_command(&im, &(struct command_query){ .command = "none" },
	    &v);
	env(&v, "PATH", DECISION_DENY, "default-deny");
	image_eval_command(&im, &(struct command_query){ .command = "x" }, &v);
	env(&v, "MY_X", DECISION_DENY, "deny");
	image_env_limits(&im, &v, &l);
	T(l.max_keys == 0 && l.max_bytes == 1000 && l.block_iteration,
	    "limits of the policy");
	T(image_eval_env(&im, NULL, "A=", 2, &v) == -1 &&
		image_eval_env(&im, NULL, "", 0, &v) == -1 &&
		image_eval_env(&im, NULL, "A\0", 2, &v) == -1,
	    "no names");
	T(image_env_inject(&im).n == 2 &&
		strcmp(image_env_inject(&im).first, "X=1") == 0 &&
		image_wrappers(&im, true).n == 1 &&
		image_wrappers(&im, false).n == 2 &&
		strcmp(image_wrappers(&im, false).first, "env") == 0,
	    "what is added, and wrappers");
}

int
main(void)
{
	test_files();
	test_catchall();
	test_commands();
	test_network();
	test_unix();
	test_unix_named();
	test_signals();
	test_redirects();
	test_env();
	if (im.unprepare != NULL)
		im.unprepare(&im);
	compiled_free(&out);
	return done_testing();
}
