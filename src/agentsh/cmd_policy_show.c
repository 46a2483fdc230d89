/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy show: the normal form of a policy, which is what a session at
 * /workspace would be under. A name is looked for where a server of this user
 * or of the system would.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/buf.h"
#include "../common/path.h"
#include "../common/policycheck.h"
#include "../common/vis.h"
#include "cli.h"

/* DIR/policies/NAME.yaml or .yml; is it there? */
static bool
try_dir(const char *dir, const char *name, char path[PATH_MAX])
{
	static const char *const suffixes[] = { "yaml", "yml" };
	size_t i;
	int n;

	for (i = 0; i < 2; i++) {
		n = snprintf(path, PATH_MAX, "%s/policies/%s.%s", dir, name,
		    suffixes[i]);
		/* one that cannot be read is not passed over */
		if (n > 0 && n < PATH_MAX &&
		    (access(path, F_OK) == 0 || errno != ENOENT))
			return true;
	}
	return false;
}

static bool
find_name(const char *name, char path[PATH_MAX])
{
	const char *helpers = secure_getenv("AGENTSH_HELPER_DIR");
	const char *config = secure_getenv("XDG_CONFIG_HOME");
	const char *home = secure_getenv("HOME");
	char dir[PATH_MAX];
	int n = 0;

	if (config != NULL && config[0] == '/')
		n = snprintf(dir, sizeof(dir), "%s/agentsh", config);
	else if (home != NULL && home[0] == '/')
		n = snprintf(dir, sizeof(dir), "%s/.config/agentsh", home);
	/* root's sessions are the service's */
	if (geteuid() != 0 && n > 0 && (size_t)n < sizeof(dir) &&
	    try_dir(dir, name, path))
		return true;
	if (try_dir(AGENTSH_SYSCONFDIR, name, path))
		return true;
	return try_dir(helpers != NULL && helpers[0] == '/' ? helpers :
							      AGENTSH_DATADIR,
	    name, path);
}

int
cmd_policy_show(struct args *a)
{
	char path[PATH_MAX], safe[PATH_MAX];
	const char *file = a->argv[0];
	struct warnings w = { 0 };
	struct aerr e = { 0 };
	struct buf out;
	int ret = 0;

	if (policy_name_is_valid(file)) {
		if (!find_name(file, path)) {
			say("policy %s: there is no policy of this name", file);
			return EXIT_FAILURE;
		}
		file = path;
	}
	if (policy_show_file(file, &w, &out, &e) == -1) {
		say("%s", e.message);
		return EXIT_FAILURE;
	}
	vis_str(safe, sizeof(safe), file);
	if (printf("# %s\n", safe) < 0 ||
	    fwrite(out.data, 1, out.len, stdout) != out.len ||
	    fflush(stdout) == EOF) {
		say("standard output: %s", strerror(errno));
		ret = EXIT_FAILURE;
	}
	policy_warnings(&w);
	warnings_free(&w);
	buf_free(&out);
	return ret;
}
