/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where agentshd is, and the helpers: in the directory an uninstalled tree names, beside this
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
from_variable(const char *dir, const char *name, char *dst, size_t size,
    struct client_error *e)
{
	int n;

	n = snprintf(dst, size, "%s/%s", dir, name);
	if (dir[0] != '/' || n < 0 || (size_t)n >= size ||
	    access(dst, X_OK) == -1) {
		snprintf(e->text, sizeof(e->text),
		    "there is no %s in AGENTSH_HELPER_DIR (%.300s)", name, dir);
		return -1;
	}
	if (geteuid() == 0 && (!is_roots(dir) || !is_roots(dst))) {
		snprintf(e->text, sizeof(e->text),
		    "AGENTSH_HELPER_DIR (%.300s) is not root's alone", dir);
		return -1;
	}
	return 0;
}

/* Beside our own directory, else where it was installed; -1 nowhere. */
static int
from_tree(const char *beside, const char *installed, char *dst, size_t size)
{
	char self[PATH_MAX], *slash;
	ssize_t len;
	int n;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL)
			*slash = '\0';
		n = snprintf(dst, size, "%s/../%s", self, beside);
		if (n > 0 && (size_t)n < size && access(dst, X_OK) == 0)
			return 0;
	}
	n = snprintf(dst, size, "%s", installed);
	if (n > 0 && (size_t)n < size && access(dst, X_OK) == 0)
		return 0;
	return -1;
}

int
agentshd_find(char *dst, size_t size, struct client_error *e)
{
	const char *dir = secure_getenv("AGENTSH_HELPER_DIR");

	if (dir != NULL && dir[0] != '\0')
		return from_variable(dir, "agentshd", dst, size, e);
	if (from_tree("sbin/agentshd", AGENTSH_SBINDIR "/agentshd", dst,
		size) == 0)
		return 0;
	snprintf(e->text, sizeof(e->text),
	    "no server runs, and there is no " AGENTSH_SBINDIR "/agentshd");
	return -1;
}

int
helper_find(const char *name, char *dst, size_t size, struct client_error *e)
{
	const char *dir = secure_getenv("AGENTSH_HELPER_DIR");
	char beside[128], installed[PATH_MAX];

	if (dir != NULL && dir[0] != '\0')
		return from_variable(dir, name, dst, size, e);
	snprintf(beside, sizeof(beside), "libexec/agentsh/%s", name);
	snprintf(installed, sizeof(installed), AGENTSH_LIBEXECDIR "/%s", name);
	if (from_tree(beside, installed, dst, size) == 0)
		return 0;
	snprintf(e->text, sizeof(e->text), "there is no %.400s", installed);
	return -1;
}
