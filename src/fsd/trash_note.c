/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of what goes to the trash. The names of its members are those
 * that people's tools know; a path that is no UTF-8 comes a second time, in
 * base64, and that one counts.
 */
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "json.h"
#include "node.h"
#include "trash.h"
#include "trashing.h"
#include "utf8.h"

#define XATTRS_BYTES 65536 /* of all values */

static void
put_time(yajl_gen g, const char *key, int64_t sec, uint32_t nsec)
{
	char day[32], text[64];
	time_t t = (time_t)sec;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	snprintf(text, sizeof(text), "%s.%09uZ", day, nsec);
	json_put_str(g, key, text);
}

static void
put_path(yajl_gen g, const char *key, const char *dir, const char *below)
{
	char path[2 * AGENTSH_PATH_MAX + 2], again[64];
	size_t len;

	snprintf(path, sizeof(path), "%s%s", dir, below);
	len = strlen(path);
	json_key(g, key);
	if (!json_text(g, path, len))
		return;
	snprintf(again, sizeof(again), "%s_base64", key);
	json_key(g, again);
	json_base64(g, path, len);
}

static void
put_xattrs(yajl_gen g, int fd)
{
	char *list = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
	ssize_t len = -1, n;
	size_t at, bytes = 0, i = 0;

	json_key(g, "xattrs");
	yajl_gen_array_open(g);
	if (fd != -1 && list != NULL && value != NULL)
		len = flistxattr(fd, list, XATTR_LIST_MAX);
	for (at = 0; len > 0 && at < (size_t)len && i < TRASH_XATTR_MAX;
	     at += strnlen(list + at, (size_t)len - at) + 1, i++) {
		if (strncmp(list + at, "user.", 5) != 0)
			continue;
		n = fgetxattr(fd, list + at, value, XATTR_SIZE_MAX);
		if (n < 0 || (bytes += (size_t)n) > XATTRS_BYTES)
			continue;
		yajl_gen_map_open(g);
		json_put_str(g, "name", list + at);
		json_key(g, "value");
		json_base64(g, value, (size_t)n);
		yajl_gen_map_close(g);
	}
	yajl_gen_array_close(g);
	free(value);
	free(list);
}

static void
put_note(yajl_gen g, const char *token, const struct trash_note *note)
{
	const struct statx *stx = note->stx;
	const char *top = mounts_top(note->path, NULL);
	/* a mount is where it is on the host */
	const char *work = top == fsd.mount ? note->workspace : top;
	char payload[TRASH_TOKEN + 16];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(payload, sizeof(payload), "payload/%s", token);
	yajl_gen_map_open(g);
	json_put_str(g, "token", token);
	put_path(g, "original_path", work, note->path + strlen(top));
	put_path(g, "workspace", work, "");
	put_path(g, "session_path", note->path, "");
	json_put_str(g, "trash_path", payload);
	json_put_str(g, "type", trash_type(stx->stx_mode));
	json_put_u64(g, "size", stx->stx_size);
	json_put_str(g, "hash", note->hash);
	json_put_str(g, "hash_algo", note->hash[0] != '\0' ? "sha256" : "");
	json_put_u64(g, "mode", stx->stx_mode & 07777);
	json_put_u64(g, "uid", stx->stx_uid);
	json_put_u64(g, "gid", stx->stx_gid);
	put_time(g, "mtime", stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec);
	json_put_str(g, "session", fsd.proc.session_id);
	json_put_str(g, "command", note->actor.id);
	put_time(g, "created", now.tv_sec, (uint32_t)now.tv_nsec);
	json_put_str(g, "platform", "linux");
	put_xattrs(g, note->data_fd);
	yajl_gen_map_close(g);
}

/* Data, then the name: both are there after a crash, or the name is not. */
static int
write_synced(int dir_fd, const char *name, const void *data, size_t len)
{
	int fd, rc, saved;

	fd = openat(dir_fd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd == -1)
		return -1;
	rc = write_all(fd, data, len);
	if (rc == 0)
		rc = fsync(fd);
	if (rc == 0)
		rc = fsync(dir_fd);
	saved = errno;
	close(fd);
	if (rc == -1)
		(void)unlinkat(dir_fd, name, 0);
	errno = saved;
	return rc;
}

int
trash_note_write(int dir_fd, const char *token, const struct trash_note *note)
{
	char name[TRASH_NAME];
	const unsigned char *text;
	size_t len;
	yajl_gen g;
	int rc = -1, saved;

	g = json_new();
	if (g == NULL) {
		errno = ENOMEM;
		return -1;
	}
	put_note(g, token, note);
	trash_manifest_name(name, token);
	if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok && len > 2)
		rc = write_synced(dir_fd, name, text, len);
	else
		errno = ENOMEM;
	saved = errno;
	yajl_gen_free(g);
	errno = saved;
	return rc;
}
