/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which subtrees the compiler proves constant, and which it must not.
 */
#include "p.h"
#include "t.h"

#define FILES "version: 1\nname: t\nfile_rules:\n"
#define CATCHALL                                                               \
	"- {name: default-deny-files, paths: ['/**'], decision: deny}\n"

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

static void
row(const char *text, const struct vars *vars, const char *path,
    enum mount_kind want)
{
	struct p p;
	int ret = p_load(&p, text, vars);

	T(ret == 0 && planned(&p.out.plan, path) == want,
	    "%s is of kind %d: %s", path, want, p.e.message);
	p_free(&p);
}

static void
test_native(void)
{
	row(FILES CATCHALL, NULL, "/usr", MOUNT_NATIVE_RO);
	row(FILES CATCHALL, NULL, "/opt", MOUNT_HIDDEN);
	/* for sockets: a mount would let them through */
	row(FILES "- {name: o, paths: [/opt, '/opt/**'], operations: [open, "
		  "stat, list, readlink, access], decision: allow}\n" CATCHALL,
	    NULL, "/opt", MOUNT_FSD);
	/* writing allowed: not native */
	row(FILES "- {name: o, paths: [/opt, '/opt/**'], decision: allow}\n",
	    NULL, "/opt", MOUNT_FSD);
	/* audit: every access must be seen */
	row(FILES "- {name: u, paths: ['/usr/**'], decision: audit}\n" CATCHALL,
	    NULL, "/usr", MOUNT_FSD);
	/* one file differs */
	row(FILES
	    "- {name: c, paths: [/usr/bin/curl], decision: deny}\n" CATCHALL,
	    NULL, "/usr", MOUNT_FSD);
	row(FILES "- {name: c, paths: ['**/*.pem'], decision: deny}\n" CATCHALL,
	    NULL, "/usr", MOUNT_FSD);
	row(FILES "- {name: c, paths: ['**/*.pem'], decision: deny}\n" CATCHALL,
	    NULL, "/root", MOUNT_FSD);
}

static void
test_hidden(void)
{
	static const struct vars real = { "/home/u/p", "/home/u", "u" };
	static const struct vars opt = { "/opt", "/home/u", "u" };

	row(FILES CATCHALL, NULL, "/root", MOUNT_HIDDEN);
	row(FILES CATCHALL, NULL, "/home", MOUNT_HIDDEN);
	row(FILES CATCHALL, &real, "/home", MOUNT_FSD);
	row(FILES CATCHALL, &opt, "/opt", MOUNT_FSD);
	/* bare reads of /etc pass */
	row(FILES CATCHALL, NULL, "/etc", MOUNT_FSD);
	row(FILES
	    "- {name: a, paths: [/var/lib/x], decision: allow}\n" CATCHALL,
	    NULL, "/var", MOUNT_FSD);
}

/* Each open is to be seen, and each that is refused. */
static void
test_log(void)
{
	row(FILES
	    "- {name: a, paths: [/usr/lib/a], operations: [read], decision: allow, log: full}\n" CATCHALL,
	    NULL, "/usr", MOUNT_FSD);
	row(FILES
	    "- {name: a, paths: [/usr/lib/a], operations: [read], decision: allow, log: summary}\n" CATCHALL,
	    NULL, "/usr", MOUNT_NATIVE_RO);
	row(FILES
	    "- {name: a, paths: [/usr/lib/a], operations: [read], decision: allow, log: full}\n" CATCHALL,
	    NULL, "/lib", MOUNT_NATIVE_RO);
	row(FILES
	    "- {name: a, paths: [/usr/lib/a], operations: [write], decision: deny, log: full}\n" CATCHALL,
	    NULL, "/usr", MOUNT_FSD);
	row(FILES
	    "- {name: a, paths: [/root, '/root/**'], decision: deny, log: full}\n" CATCHALL,
	    NULL, "/root", MOUNT_FSD);
	row(FILES
	    "- {name: a, paths: [/root, '/root/**'], decision: deny}\n" CATCHALL,
	    NULL, "/root", MOUNT_HIDDEN);
}

static void
test_scope(void)
{
	static const char text[] = FILES CATCHALL;
	struct compiled out;
	struct policy p;
	struct aerr e;

	T(policy_build("t", (const uint8_t *)text, strlen(text), &p_vars, true,
	      &p, &out, &e) == 0,
	    "scope all");
	T(planned(&out.plan, "/usr") == MOUNT_FSD, "nothing native");
	T(planned(&out.plan, "/root") == MOUNT_HIDDEN, "hidden stays");
	compiled_free(&out);
	policy_free(&p);
}

int
main(void)
{
	test_native();
	test_hidden();
	test_log();
	test_scope();
	return done_testing();
}
