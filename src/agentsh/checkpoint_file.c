/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file, into the storage and out of it: as a clone where the
 * file system can, else copied. They are named by their hash, which is made of
 * what is kept and not of what was read before, and looked at again on the way
 * back.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/fdio.h"
#include "checkpoint.h"
#include "cli.h"

#define CHUNK 262144
#define KEPT_NAME ".new"

/* Hashes from fd on, writing to `to` unless it is -1. More than max bytes are
 * EFBIG. 0 or -1 with errno. */
static int
pump(int fd, int to, uint64_t max, char hash[CP_HASH_LEN + 1], uint64_t *size)
{
	static uint8_t buf[CHUNK];
	SHA2_CTX ctx;
	ssize_t n;

	*size = 0;
	SHA256Init(&ctx);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		*size += (uint64_t)n;
		if (*size > max) {
			errno = EFBIG;
			return -1;
		}
		SHA256Update(&ctx, buf, (size_t)n);
		if (to != -1 && write_all(to, buf, (size_t)n) == -1)
			return -1;
	}
	SHA256End(&ctx, hash);
	return n == -1 ? -1 : 0;
}

/* Does the storage of another checkpoint have it, to be shared? */
static bool
share(int other, int files, const char *hash, uint64_t size)
{
	struct stat st;

	return other != -1 &&
	    fstatat(other, hash, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && (uint64_t)st.st_size == size &&
	    linkat(other, hash, files, hash, 0) == 0;
}

int
cp_keep(int fd, int files, int other, uint64_t max, char hash[CP_HASH_LEN + 1],
    uint64_t *size)
{
	struct stat st;
	int to, ret = -1;

	if (files == -1)
		return pump(fd, -1, max, hash, size);
	to = openat(files, KEPT_NAME,
	    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (to == -1)
		return -1;
	if (ioctl(to, FICLONE, fd) == 0)
		ret = pump(to, -1, max, hash, size);
	else
		ret = pump(fd, to, max, hash, size);
	if (ret == 0 &&
	    (fstatat(files, hash, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		share(other, files, hash, *size)))
		ret = unlinkat(files, KEPT_NAME, 0);
	else if (ret == 0)
		ret = renameat(files, KEPT_NAME, files, hash);
	close(to);
	return ret;
}

int
cp_fetch(int files, const struct cp_entry *e, int to)
{
	char hash[CP_HASH_LEN + 1];
	uint64_t size;
	int fd, ret;

	fd = openat(files, e->hash, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (ioctl(to, FICLONE, fd) == 0)
		ret = pump(to, -1, e->size, hash, &size);
	else
		ret = pump(fd, to, e->size, hash, &size);
	close(fd);
	if (ret == 0 && (size != e->size || strcmp(hash, e->hash) != 0)) {
		errno = EBADMSG; /* not the bytes that were kept */
		ret = -1;
	}
	return ret;
}

static void
put_hex(char **p, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = data;

	for (; n > 0; n--, b++) {
		*(*p)++ = digits[*b >> 4];
		*(*p)++ = digits[*b & 15];
	}
}

char *
cp_xattrs_get(int fd, bool *ok)
{
	char *names = xcalloc(1, CP_MAX_XATTRS), *value, *out, *p;
	const char *name;
	ssize_t n, len;

	*ok = true;
	n = flistxattr(fd, names, CP_MAX_XATTRS);
	if (n <= 0) {
		*ok = n == 0 || errno == ENOTSUP || errno == EBADF;
		free(names);
		return NULL;
	}
	value = xcalloc(1, CP_MAX_XATTRS);
	out = p = xcalloc(1, 4 * CP_MAX_XATTRS + 8);
	for (name = names; name < names + n; name += strlen(name) + 1) {
		if (strncmp(name, "user.", 5) != 0)
			continue;
		len = fgetxattr(fd, name, value, CP_MAX_XATTRS);
		if (len == -1 ||
		    (size_t)(p - out) + 2 * (strlen(name) + (size_t)len) + 2 >
			4 * CP_MAX_XATTRS) {
			*ok = false;
			break;
		}
		if (p != out)
			*p++ = ',';
		put_hex(&p, name, strlen(name));
		*p++ = '=';
		put_hex(&p, value, (size_t)len);
	}
	free(value);
	free(names);
	if (p != out)
		return out;
	free(out);
	return NULL;
}

/* Bytes in hex up to end, or up to the end of all; the number, or -1. */
static ssize_t
get_hex(const char **p, char end, uint8_t *dst, size_t max)
{
	static const char digits[] = "0123456789abcdef";
	const char *a, *b;
	size_t n = 0;

	while (**p != '\0' && **p != end) {
		a = strchr(digits, (*p)[0]);
		b = (*p)[1] == '\0' ? NULL : strchr(digits, (*p)[1]);
		if (a == NULL || b == NULL || n == max)
			return -1;
		dst[n++] = (uint8_t)((a - digits) << 4 | (b - digits));
		*p += 2;
	}
	return (ssize_t)n;
}

int
cp_xattrs_set(int fd, const char *text)
{
	uint8_t name[256], *value = xcalloc(1, CP_MAX_XATTRS);
	ssize_t n, len;
	int ret = 0;

	while (ret == 0 && text != NULL && *text != '\0') {
		n = get_hex(&text, '=', name, sizeof(name) - 1);
		len = -1;
		if (n > 0 && *text == '=') {
			text++;
			len = get_hex(&text, ',', value, CP_MAX_XATTRS);
		}
		name[n > 0 ? n : 0] = '\0';
		if (len == -1 || strncmp((char *)name, "user.", 5) != 0) {
			errno = EINVAL;
			ret = -1;
			break;
		}
		if (*text == ',')
			text++;
		if (fsetxattr(fd, (char *)name, value, (size_t)len, 0) == -1 &&
		    errno != ENOTSUP)
			ret = -1;
	}
	free(value);
	return ret;
}
