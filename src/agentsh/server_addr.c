/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server: the one an URL names, or the user's own, or the system's. A
 * directory below /tmp proves nothing by its name, so owner, mode and kind of
 * the user's directory are checked before anything in it is used.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define SYSTEM_DIR "/run/agentsh"

static int
set_unix(struct server *s, const char *path, struct client_error *e)
{
	int n;

	memset(s, 0, sizeof(*s));
	n = snprintf(s->path, sizeof(s->path), "%s", path);
	if (n <= 0 || (size_t)n >= sizeof(s->path)) {
		snprintf(e->text, sizeof(e->text),
		    "the path of the server's socket is empty or too long");
		return -1;
	}
	snprintf(s->name, sizeof(s->name), "unix://%s", s->path);
	return 0;
}

static bool
is_host(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (strchr("0123456789abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:_%",
			p[i]) == NULL)
			return false;
	return len > 0;
}

static int
set_http(struct server *s, const char *p)
{
	const char *host = p, *end, *port = "80";
	size_t hlen, plen;

	memset(s, 0, sizeof(*s));
	s->tcp = true;
	if (*p == '[') {
		host = p + 1;
		end = strchr(host, ']');
		if (end == NULL)
			return -1;
		hlen = (size_t)(end - host);
		end++;
	} else {
		hlen = strcspn(p, ":/");
		end = p + hlen;
	}
	if (*end == ':')
		port = end + 1;
	else if (*end != '/' && *end != '\0')
		return -1;
	plen = strspn(port, "0123456789");
	if (plen == 0 || plen > 5 || hlen >= sizeof(s->host) - 1 ||
	    !is_host(host, hlen))
		return -1;
	if (*end == ':' && strcmp(port + plen, "") != 0 &&
	    strcmp(port + plen, "/") != 0)
		return -1;
	if (*end == '/' && end[1] != '\0')
		return -1;
	memcpy(s->host, host, hlen);
	memcpy(s->port, port, plen);
	snprintf(s->name, sizeof(s->name),
	    *p == '[' ? "http://[%s]:%s" : "http://%s:%s", s->host, s->port);
	return 0;
}

int
server_parse(struct server *s, const char *url, struct client_error *e)
{
	if (strncmp(url, "unix://", 7) == 0 && url[7] == '/')
		return set_unix(s, url + 7, e);
	if (strncmp(url, "http://", 7) == 0 && set_http(s, url + 7) == 0)
		return 0;
	snprintf(e->text, sizeof(e->text),
	    "server address %s is not unix:///PATH or http://HOST:PORT", url);
	return -1;
}

int
server_own_dir(char *dst, size_t size)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (geteuid() == 0)
		n = snprintf(dst, size, "%s", SYSTEM_DIR);
	else if (run != NULL && run[0] == '/')
		n = snprintf(dst, size, "%s/agentsh", run);
	else
		n = snprintf(dst, size, "/tmp/agentsh-%u", (unsigned)geteuid());
	return n > 0 && (size_t)n < size ? 0 : -1;
}

int
server_own_dir_check(const char *dir)
{
	struct stat st;
	mode_t forbidden = geteuid() == 0 ? S_IWGRP | S_IWOTH :
					    S_IRWXG | S_IRWXO;

	if (lstat(dir, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & forbidden) != 0)
		return -1;
	return 1;
}

/* For root the system's server is its own; its socket is root's as well. */
int
server_own(struct server *s, struct client_error *e)
{
	char dir[4096], path[4200];

	if (server_own_dir(dir, sizeof(dir)) == -1)
		dir[0] = '\0';
	snprintf(path, sizeof(path), "%s/api.sock", dir);
	if (set_unix(s, path, e) == -1)
		return -1;
	s->own = true;
	return 0;
}

int
server_system(struct server *s)
{
	struct client_error e;

	return set_unix(s, SYSTEM_DIR "/api.sock", &e);
}
