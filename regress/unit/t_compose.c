/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies of a session with mounts as one: beneath a mount it must decide
 * as that mount's policy alone does, and everywhere else as the base policy
 * alone, whatever globs either has.
 */
#include "p.h"
#include "t.h"

static const char base_text[] =
    "version: 1\nname: base\nfile_rules:\n"
    "- {name: b-all-m, paths: ['/m/**', '/usr/m/**'], decision: audit}\n"
    "- {name: b-key, paths: ['**/*.key'], decision: deny}\n"
    "- {name: b-root, paths: ['${PROJECT_ROOT}/**'], decision: allow}\n"
    "- {name: b-read, paths: ['/{m,n}', '/n/**'], operations: [read, stat, list], decision: allow}\n"
    "- {name: default-deny-files, paths: ['/**'], decision: deny}\n"
    "command_rules:\n- {name: b-ls, commands: [ls], decision: allow}\n";
static const char own_text[] =
    "version: 1\nname: own\nfile_rules:\n"
    "- {name: o-star, paths: ['/m/d*/f'], decision: audit}\n"
    "- {name: o-quest, paths: ['/m/dat?'], operations: [list], decision: allow}\n"
    "- {name: o-half, paths: ['/m/data/ha{lf,lves}/[a-c]*'], decision: allow}\n"
    "- {name: o-deep, paths: ['**/deep/**'], decision: deny}\n"
    "- {name: o-any, paths: ['**x**y'], decision: allow}\n"
    "- {name: o-key, paths: ['**/*.key'], operations: [read], decision: allow}\n"
    "- {name: o-self, paths: ['${PROJECT_ROOT}'], operations: [stat], decision: allow}\n"
    "- {name: o-in, paths: ['${WORKSPACE}/in/**'], decision: allow}\n"
    "- {name: o-not, paths: ['/n/**', '/workspace/**', '/m/dat', '/m/dataset/**'], decision: deny}\n"
    "- {name: o-usr, paths: ['/**/lib/*'], operations: [stat], decision: allow}\n"
    "command_rules:\n- {name: o-cat, commands: [cat], decision: allow}\n"
    "network_rules:\n- {name: o-net, decision: allow}\n";

static const char *const paths[] = { "/", "/m", "/m/dat", "/m/data",
	"/m/dataset", "/m/dataset/f", "/m/data/f", "/m/data/d/f",
	"/m/data/half/a", "/m/data/halves/cd", "/m/data/half/d",
	"/m/data/half/a/b", "/m/data/a.key", "/m/data/b/c.key", "/m/data/deep",
	"/m/data/deep/a", "/m/data/a/deep/b.key", "/m/data/x", "/m/data/xy",
	"/m/data/in", "/m/data/in/a", "/m/data/in/a/b", "/m/data/.x",
	"/m/data/lib/z", "/m/d/f", "/m/x/y", "/m/in/a", "/n", "/n/a",
	"/n/a.key", "/n/in/a", "/n/deep/a", "/n/xy", "/workspace/a",
	"/workspace/in/a", "/workspace/a.key", "/usr/m", "/usr/m/lib/z",
	"/usr/m/a", "/usr/lib/z", "/usr/m/in/b", "/etc/passwd",
	"/m/data/\xc3\xa9/y", "/m/datax/y" };

static const struct mount_text mounts[] = {
	{ "/m/data", "own.yaml", (const uint8_t *)own_text,
	    sizeof(own_text) - 1 },
	{ "/usr/m", "own.yaml", (const uint8_t *)own_text,
	    sizeof(own_text) - 1 },
	{ "/srv/plain", NULL, NULL, 0 },
};

static int
load(struct p *p, const char *text, const struct mount_text *m, size_t n)
{
	int fd, ret;

	memset(p, 0, sizeof(*p));
	if (policy_build_mounts("p.yaml", (const uint8_t *)text, strlen(text),
		m, n, &p_vars, false, &p->policy, &p->out, &p->e) == -1)
		return -1;
	fd = memfd_sealed("policy", p->out.image.data, p->out.image.len);
	ret = image_map(&p->image, fd, &p->e);
	close(fd);
	return ret;
}

static bool
is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

static void
test_same(void)
{
	static const struct vars vars[] = { { "/m/data", "/home/u", "u" },
		{ "/usr/m", "/home/u", "u" } };
	struct p all, base, own[2];
	char want[AGENTSH_NAME_MAX + 16];
	const char *have;
	size_t i, k, wrong = 0, inside = 0;
	int op;

	T(load(&all, base_text, mounts, 3) == 0 &&
		p_load(&base, base_text, NULL) == 0 &&
		p_load(&own[0], own_text, &vars[0]) == 0 &&
		p_load(&own[1], own_text, &vars[1]) == 0,
	    "they compile: %s", all.e.message);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (k = 0; k < 2 && !is_in(paths[i], mounts[k].path); k++)
			continue;
		for (op = 0; op < FILE_OP_MAX; op++) {
			have = p_file(k == 2 ? &base : &own[k],
			    (enum file_op)op, paths[i]);
			/* what the loader needs a mount has not */
			snprintf(want, sizeof(want), "%s",
			    k < 2 &&
				    strcmp(have,
					"allow default-allow-loader") == 0 ?
				"deny default-deny-files" :
				have);
			/* and the way to a mount can be seen */
			if (strcmp(paths[i], "/m") == 0)
				continue;
			have = p_file(&all, (enum file_op)op, paths[i]);
			inside += k < 2;
			if (strcmp(have, want) == 0)
				continue;
			if (wrong++ < 5)
				printf("# %s %d: %s, want %s\n", paths[i], op,
				    have, want);
		}
	}
	T(wrong == 0 && inside > 200, "%zu decisions in mounts, %zu wrong",
	    inside, wrong);
	T(strcmp(p_command(&all, "ls"), "allow b-ls") == 0 &&
		strcmp(p_command(&all, "cat"), "deny default-deny-commands") ==
		    0,
	    "commands are the base policy's");
	T(strcmp(p_file(&all, FILE_OP_STAT, "/srv"),
	      "deny default-deny-files") != 0,
	    "the way to a mount: %s", p_file(&all, FILE_OP_STAT, "/srv"));
	T(strcmp(p_file(&all, FILE_OP_LIST, "/srv"),
	      "deny default-deny-files") == 0,
	    "no more than that");
	p_free(&all);
	p_free(&base);
	p_free(&own[0]);
	p_free(&own[1]);
}

#define HEAD "version: 1\nname: t\n"
#define ALL "file_rules:\n- {name: all, paths: ['/**'], decision: allow}\n"

static void
test_protected(void)
{
	static const char off[] = HEAD "defaults: {protected: off}\n" ALL;
	static const char on[] = HEAD ALL;
	const struct mount_text m[] = {
		{ "/m/off", "off", (const uint8_t *)off, sizeof(off) - 1 },
		{ "/m/on", "on", (const uint8_t *)on, sizeof(on) - 1 },
		{ "/m/none", NULL, NULL, 0 },
	};
	struct p p;

	T(load(&p, on, m, 3) == 0, "compiles: %s", p.e.message);
	T(strcmp(p_file(&p, FILE_OP_WRITE, "/m/on/.bashrc"),
	      "deny protected-shell") == 0 &&
		strcmp(p_file(&p, FILE_OP_WRITE, "/m/none/.bashrc"),
		    "deny protected-shell") == 0 &&
		strcmp(p_file(&p, FILE_OP_WRITE, "/m/on/d/.bashrc"),
		    "allow all") == 0,
	    "in the root of each mount");
	T(strcmp(p_file(&p, FILE_OP_WRITE, "/m/off/.bashrc"), "allow all") ==
		    0 &&
		strcmp(p_file(&p, FILE_OP_WRITE, "/m/off/d/.git/hooks/x"),
		    "allow all") == 0,
	    "off in one");
	p_free(&p);
	T(load(&p, off, m, 3) == 0, "base without: %s", p.e.message);
	T(strcmp(p_file(&p, FILE_OP_WRITE, "/m/on/.bashrc"),
	      "deny protected-shell") == 0 &&
		strcmp(p_file(&p, FILE_OP_WRITE, "/workspace/.bashrc"),
		    "allow all") == 0 &&
		strcmp(p_file(&p, FILE_OP_WRITE, "/m/none/.bashrc"),
		    "allow all") == 0,
	    "on in one");
	p_free(&p);
}

static enum mount_kind
planned(const struct plan *plan, const char *path)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		if (strcmp(plan->row[i].path, path) == 0)
			return plan->row[i].kind;
	}
	return MOUNT_FSD;
}

/* What is native, or hidden, is so with all mounts beneath. */
static void
test_plan(void)
{
	static const char base[] = HEAD
	    "file_rules:\n"
	    "- {name: usr, paths: ['/usr', '/usr/**'], operations: [open, read, stat, list, readlink, access], decision: allow}\n"
	    "- {name: default-deny-files, paths: ['/**'], decision: deny}\n";
	static const char read[] = HEAD "defaults: {reads: allow}\n";
	static const char write[] = HEAD ALL;
	static const char none[] = HEAD;
	const struct {
		const char *text, *usr; /* policy of the mounts */
		enum mount_kind kind;
	} t[] = {
		{ NULL, "no policy", MOUNT_NATIVE_RO },
		{ read, "reads", MOUNT_NATIVE_RO },
		{ write, "everything", MOUNT_FSD },
		{ none, "nothing", MOUNT_FSD },
	};
	struct mount_text m[2] = { { .path = "/usr/m" }, { .path = "/var/m" } };
	struct p p;
	size_t i, k;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (k = 0; k < 2; k++) {
			m[k].name = t[i].text == NULL ? NULL : "m";
			m[k].text = (const uint8_t *)t[i].text;
			m[k].len = t[i].text == NULL ? 0 : strlen(t[i].text);
		}
		T(load(&p, base, m, 2) == 0 &&
			planned(&p.out.plan, "/usr") == t[i].kind,
		    "/usr with a mount that has %s", t[i].usr);
		/* a look at the way there makes /var differ */
		T(planned(&p.out.plan, "/var") == MOUNT_FSD &&
			planned(&p.out.plan, "/root") == MOUNT_HIDDEN,
		    "/var is decided");
		p_free(&p);
	}
}

static void
test_bad(void)
{
	static const char bad[] = HEAD "file_rules: 1\n";
	static const char warn[] = HEAD ALL
	    "- {name: never, paths: ['/x'], decision: deny}\n";
	struct mount_text m = { "/m", "m.yaml", (const uint8_t *)bad,
		sizeof(bad) - 1 };
	struct p p;

	T(load(&p, HEAD ALL, &m, 1) == -1 &&
		strncmp(p.e.message, "m.yaml:3:", 9) == 0,
	    "the file that is wrong: %s", p.e.message);
	m.text = (const uint8_t *)warn;
	m.len = sizeof(warn) - 1;
	T(load(&p, HEAD ALL, &m, 1) == 0 && p.policy.warnings.n == 1 &&
		strncmp(p.policy.warnings.text[0], "m.yaml:5:", 9) == 0,
	    "its warnings");
	p_free(&p);
}

int
main(void)
{
	test_same();
	test_protected();
	test_plan();
	test_bad();
	return done_testing();
}
