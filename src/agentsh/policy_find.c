/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy by its name: where a server of this user, or of the system, would
 * look for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/path.h"
#include "cli.h"

/* DIR/NAME.yaml or .yml; is it there? */
static bool
try_policies(const char *dir, const char *name, char path[PATH_MAX])
{
	static const char *const suffixes[] = { "yaml", "yml" };
	size_t i;
	int n;

	for (i = 0; i < 2; i++) {
		n = snprintf(path, PATH_MAX, "%s/%s.%s", dir, name,
		    suffixes[i]);
		/* one that cannot be read is not passed over */
		if (n > 0 && n < PATH_MAX &&
		    (access(path, F_OK) == 0 || errno != ENOENT))
			return true;
	}
	return false;
}

static bool
try_dir(const char *dir, const char *name, char path[PATH_MAX])
{
	char policies[PATH_MAX];
	int n = snprintf(policies, sizeof(policies), "%s/policies", dir);

	return n > 0 && (size_t)n < sizeof(policies) &&
	    try_policies(policies, name, path);
}

/* Those that come with agentsh. */
static bool
find_shipped(const char *name, char path[PATH_MAX])
{
	const char *helpers = secure_getenv("AGENTSH_HELPER_DIR");

	return try_dir(helpers != NULL && helpers[0] == '/' ? helpers :
							      AGENTSH_DATADIR,
	    name, path);
}

static bool
find_name(const char *name, char path[PATH_MAX])
{
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
	return find_shipped(name, path);
}

const char *
policy_find_in(const char *dir, const char *name, char path[PATH_MAX])
{
	if (try_policies(dir, name, path) || find_shipped(name, path))
		return path;
	say("policy %s: there is none of this name in %s, nor among those that come with agentsh",
	    name, dir);
	return NULL;
}

const char *
policy_find(const char *word, char path[PATH_MAX])
{
	if (!policy_name_is_valid(word))
		return word;
	if (find_name(word, path))
		return path;
	say("policy %s: there is no policy of this name", word);
	return NULL;
}
