/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh server: becomes agentshd.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autostart.h"
#include "cli.h"

int
cmd_server(struct args *a)
{
	struct client_error e;
	char path[PATH_MAX], *argv[5];
	int n = 0;

	if (agentshd_find(path, sizeof(path), &e) == -1) {
		say("%s", e.text);
		return EXIT_FAILURE;
	}
	argv[n++] = xstrdup("agentshd");
	if (a->opt[OPT_D] != NULL)
		argv[n++] = xstrdup("-d");
	if (a->opt[OPT_CONFIG] != NULL) {
		argv[n++] = xstrdup("-f");
		argv[n++] = xstrdup(a->opt[OPT_CONFIG]);
	}
	argv[n] = NULL;
	signal(SIGPIPE, SIG_DFL);
	execv(path, argv);
	say("%s: %s", path, strerror(errno));
	return EXIT_FAILURE;
}
