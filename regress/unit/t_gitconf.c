/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which changes of settings of git are harmless: what git writes by itself, and
 * nothing by which it would run a program.
 */
#include <string.h>

#include "gitconf.h"
#include "t.h"

#define NEW "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n"
#define ORIGIN                                                                 \
	"[remote \"origin\"]\n\turl = https://x.test/r.git\n"                  \
	"\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
#define MAIN "[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n"
#define HOOKS "[core]\n\thooksPath = .husky\n[alias]\n\tx = !make\n"

static const struct {
	const char *old;
	const char *new;
	bool harmless;
} rows[] = {
	{ "", "", true },
	{ "", NEW, true },
	{ NEW, NEW ORIGIN MAIN, true },
	{ NEW ORIGIN, NEW ORIGIN MAIN, true },
	{ NEW, NEW "[user]\n\tname = A B\n\temail = a@b.test\n", true },
	{ NEW, "", true },
	{ "# a comment\n" NEW, "; another\n\n" NEW, true },
	/* what somebody else has set stays, and may stay */
	{ HOOKS, HOOKS ORIGIN, true },
	{ HOOKS, NEW HOOKS, true },
	{ HOOKS, NEW, false },
	{ HOOKS, "", false },
	{ NEW, HOOKS, false },
	{ HOOKS, "[alias]\n\tx = !make\n[core]\n\thooksPath = .husky\n",
	    false },
	{ HOOKS, HOOKS "[alias]\n\tx = !evil\n", false },
	{ HOOKS, "[core]\n\thooksPath = .huskx\n[alias]\n\tx = !make\n",
	    false },
	{ HOOKS, "[core]\n\thookspath = .husky\n[alias]\n\tX = !make\n", true },
	/* programs */
	{ NEW, NEW "\tfsmonitor = evil\n", false },
	{ NEW, NEW "\tFsMonitor = evil\n", false },
	{ NEW, NEW "\tworktree = /x\n", false },
	{ NEW, NEW "\tsshCommand = evil\n", false },
	{ NEW, NEW "[include]\n\tpath = x\n", false },
	{ NEW, NEW "[filter \"x\"]\n\tclean = evil\n", false },
	{ NEW, NEW "[remote \"o\"]\n\tuploadpack = evil\n", false },
	{ NEW, NEW "[remote \"o\"]\n\turl = ext::sh -c evil\n", false },
	{ NEW, NEW "[remote \"o\"]\n\turl = -oProxyCommand=evil\n", false },
	{ NEW, NEW "[submodule \"o\"]\n\tupdate = !evil\n", false },
	{ NEW, NEW "[extensions]\n\tworktreeConfig = true\n", false },
	/* what git reads in another way than it looks */
	{ NEW, "[core] fsmonitor = evil\n", false },
	{ NEW, "[core]\n\tbare = false \\\n\tfsmonitor = evil\n", false },
	{ NEW, "[core]\n\tbare = \"\n\tfsmonitor = evil\n", false },
	{ NEW, "[core]\n\tbare = \"false\"\n", false },
	{ NEW, "[core.x]\n\tbare = false\n", false },
	{ NEW, "[remote \"o\\\"x\"]\n\turl = x\n", false },
	{ NEW, "\xef\xbb\xbf[core]\n\tfsmonitor = evil\n", false },
	{ NEW, "[core]\r\tfsmonitor = evil\n", false },
	{ NEW, "[core]\n\tbare = true\rfsmonitor = evil\n", false },
	{ NEW, "bare = false\n", false },
	{ NEW, "[core\n\tbare = false\n", false },
	{ NEW, "[core]]\n\tbare = false\n", false },
	{ NEW, "[core]\n\tbare false\n", false },
	{ NEW, "[core \"x\"]\n\tbare = false\n", false },
	/* what is bound to a remote stays bound to it */
	{ ORIGIN, "[remote \"origin\"]\n\turl = https://evil.test/\n", false },
	{ ORIGIN, ORIGIN "\turl = https://evil.test/\n", false },
	{ ORIGIN, ORIGIN "\tpushurl = https://evil.test/\n", false },
	{ ORIGIN, ORIGIN "\ttagopt = --no-tags\n", false },
	{ ORIGIN, ORIGIN "\tprune = true\n", true },
	{ ORIGIN, ORIGIN "[remote \"b\"]\n\turl = https://b.test/\n", true },
	{ "[remote \"o\"]\n\turl = x\n",
	    "[remote \"o\"]\n\turl = x\n\tfetch = y\n", true },
	{ ORIGIN, ORIGIN "[remote \"b\"]\n\tpushurl = y\n\turl = x\n", true },
	{ MAIN, MAIN "\tpushRemote = b\n", false },
	{ ORIGIN, "", false },
	{ MAIN, "[branch \"main\"]\n\tremote = evil\n", false },
	{ MAIN, MAIN "[branch \"x\"]\n\tremote = origin\n", true },
};

int
main(void)
{
	static char big[GITCONF_MAX + 2];
	size_t i, n;
	bool got;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = gitconf_is_harmless(rows[i].old, strlen(rows[i].old),
		    rows[i].new, strlen(rows[i].new));
		T(got == rows[i].harmless, "row %zu is %s harmless", i,
		    rows[i].harmless ? "" : "not");
	}
	T(!gitconf_is_harmless("", 0, "[core]\n\tbare = \0true\n", 22),
	    "a byte that ends no text");
	T(gitconf_is_harmless("", 0, "[core]", 6) &&
		gitconf_is_harmless("", 0, "[core]\n\tbare", 12),
	    "a text without a last newline");
	T(gitconf_may_go(NEW ORIGIN MAIN, strlen(NEW ORIGIN MAIN)) &&
		gitconf_may_go("", 0) &&
		!gitconf_may_go(HOOKS, strlen(HOOKS)) &&
		!gitconf_may_go("[core] bare = x", 15),
	    "what may go as a whole");
	memset(big, '#', sizeof(big));
	T(!gitconf_is_harmless("", 0, big, sizeof(big) - 1) &&
		gitconf_is_harmless("", 0, big, GITCONF_MAX),
	    "no more than %d bytes", GITCONF_MAX);
	for (n = 0; n + 40 < GITCONF_MAX;)
		n += (size_t)snprintf(big + n, 40,
		    "[remote \"%zu\"]\nurl = x\n", n);
	T(!gitconf_is_harmless("", 0, big, n), "no more remotes than %d", 1000);
	return done_testing();
}
