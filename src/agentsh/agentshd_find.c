/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where agentshd is: in the directory an uninstalled tree names, beside this
 * program's own directory, or where it was configured to be.
 */
#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autostart.h"

/* What root runs on the word of a variable, nobody else may have written. */
static bool
is_roots(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid == 0 &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int
from_variable(const char *dir, char *dst, size_t size, struct client_error *e)
{
	int n;

	n = snprintf(dst, size, "%s/agentshd", dir);
	if (dir[0] != '/' || n < 0 || (size_t)n >= size ||
	    access(dst, X_OK) == -1) {
		snprintf(e->text, sizeof(e->text),
		    "there is no agentshd in AGENTSH_HELPER_DIR (%.300s)", dir);
		return -1;
	}
	if (geteuid() == 0 && (!is_roots(dir) || !is_roots(dst))) {
		snprintf(e->text, sizeof(e->text),
		    "AGENTSH_HELPER_DIR (%.300s) is not root's alone", dir);
		return -1;
	}
	return 0;
}

int
agentshd_find(char *dst, size_t size, struct client_error *e)
{
	const char *dir = secure_getenv("AGENTSH_HELPER_DIR");
	char self[PATH_MAX], *slash;
	ssize_t len;
	int n;

	if (dir != NULL && dir[0] != '\0')
		return from_variable(dir, dst, size, e);
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL)
			*slash = '\0';
		n = snprintf(dst, size, "%s/../sbin/agentshd", self);
		if (n > 0 && (size_t)n < size && access(dst, X_OK) == 0)
			return 0;
	}
	n = snprintf(dst, size, "%s", AGENTSH_SBINDIR "/agentshd");
	if (n > 0 && (size_t)n < size && access(dst, X_OK) == 0)
		return 0;
	snprintf(e->text, sizeof(e->text),
	    "no server runs, and there is no " AGENTSH_SBINDIR "/agentshd");
	return -1;
}
