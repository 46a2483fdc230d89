/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and names as text.
 */
#include <string.h>
#include <strings.h>

#include "agentsh.h"
#include "path.h"

bool
path_is_clean(const char *path)
{
	const char *p = path;
	size_t n;

	if (path[0] != '/')
		return false;
	if (path[1] == '\0')
		return true;
	while (*p == '/') {
		n = strcspn(++p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

/* Appends the parts of rel to the clean path in dst. */
static int
path_append(char *dst, size_t size, size_t len, const char *rel)
{
	size_t n;

	for (; *rel != '\0'; rel += n) {
		n = strcspn(rel, "/");
		if (n == 0) {
			n = 1;
			continue;
		}
		if (n == 1 && rel[0] == '.')
			continue;
		if (n == 2 && rel[0] == '.' && rel[1] == '.') {
			while (len > 1 && dst[--len] != '/')
				continue;
			dst[len > 1 ? len : 1] = '\0';
			continue;
		}
		if (len + n + 2 > size)
			return -1;
		if (len > 1)
			dst[len++] = '/';
		memcpy(dst + len, rel, n);
		len += n;
		dst[len] = '\0';
	}
	return 0;
}

int
path_join(char *dst, size_t size, const char *base, const char *rel)
{
	size_t len;

	if (size < 2)
		return -1;
	dst[0] = '/';
	dst[1] = '\0';
	len = 1;
	if (rel[0] != '/') {
		if (path_append(dst, size, len, base) == -1)
			return -1;
		len = strlen(dst);
	}
	return path_append(dst, size, len, rel);
}

size_t
path_program_len(const char *base, size_t len)
{
	static const char suffix[] = ".real";
	size_t n = sizeof(suffix) - 1;

	return len > n && strncasecmp(base + len - n, suffix, n) == 0 ?
	    len - n :
	    len;
}

bool
path_is_beneath(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1)
		return true;
	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

const char *
path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool
session_id_is_valid(const char *id)
{
	size_t n = strspn(id, ALNUM "._-");

	return id[n] == '\0' && n >= 1 && n <= AGENTSH_ID_MAX &&
	    strspn(id, ALNUM) >= 1;
}

int
session_name_split(const char *name, uint32_t *uid, const char **id)
{
	const char *p = name;
	uint64_t n = 0;

	*id = name;
	if (strchr(name, ':') != NULL) {
		/* one way to write a number: no sign, no leading zero */
		for (; *p >= '0' && *p <= '9' && n <= UINT32_MAX; p++)
			n = n * 10 + (uint64_t)(*p - '0');
		if (*p != ':' || p == name || n >= UINT32_MAX ||
		    (name[0] == '0' && p != name + 1))
			return -1;
		*id = p + 1;
	}
	if (!session_id_is_valid(*id))
		return -1;
	if (*id != name)
		*uid = (uint32_t)n;
	return 0;
}

bool
policy_name_is_valid(const char *name)
{
	size_t n = strspn(name, ALNUM "_-");

	return name[n] == '\0' && n >= 1 && n <= AGENTSH_NAME_MAX;
}
