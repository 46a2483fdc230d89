/* SPDX-License-Identifier: Apache-2.0 */
/*
 * polsign: agentsh policy keygen, sign and verify, which agentsh(1) becomes
 * after it read the words and options. A program of its own, because loading
 * libcrypto takes longer than all else that agentsh does at its start. It runs
 * with the rights of who called it, and trusts no file.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "polsign.h"
#include "polstore.h"
#include "vis.h"
#include "yamldoc.h"

int
complain(const char *fmt, ...)
{
	char text[8192], safe[4 * sizeof(text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vis_str(safe, sizeof(safe), text);
	fprintf(stderr, "agentsh: %s\n", safe);
	return -1;
}

/* In its place at once; without replace only where nothing is. */
static int
put_in_place(const char *tmp, const char *path, bool replace)
{
	if (replace)
		return rename(tmp, path);
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* a file system that cannot */
	if (link(tmp, path) == -1)
		return -1;
	unlink(tmp);
	return 0;
}

int
write_file(const char *path, const char *text, mode_t mode, bool replace)
{
	size_t len = strlen(text), done = 0;
	char tmp[AGENTSH_PATH_MAX + 16];
	ssize_t n = 0;
	int fd, len_tmp;

	len_tmp = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
	if (len_tmp < 0 || (size_t)len_tmp >= sizeof(tmp))
		return complain("%s: the name is too long", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd == -1)
		return complain("%s: %s", tmp, strerror(errno));
	while (done < len) {
		n = write(fd, text + done, len - done);
		if (n == -1 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (n == -1 || fchmod(fd, mode) == -1 || fsync(fd) == -1 ||
	    put_in_place(tmp, path, replace) == -1) {
		complain("%s: %s", path, strerror(errno));
		close(fd);
		unlink(tmp);
		return -1;
	}
	close(fd);
	return 0;
}

/* NAME of NAME.yaml, NAME.yml: what sessions ask for. */
static int
policy_name(const char *file, char *name)
{
	size_t n = strlen(file);

	if (n > 5 && strcmp(file + n - 5, ".yaml") == 0)
		n -= 5;
	else if (n > 4 && strcmp(file + n - 4, ".yml") == 0)
		n -= 4;
	else
		return -1;
	if (n > AGENTSH_NAME_MAX)
		return -1;
	memcpy(name, file, n);
	name[n] = '\0';
	return policy_name_is_valid(name) ? 0 : -1;
}

int
read_policy(const char *path, char **text, size_t *len, int *dir,
    const char **file, char *name)
{
	char parent[AGENTSH_PATH_MAX], err[512];
	const char *slash = strrchr(path, '/');
	int n, errnum;

	*file = slash == NULL ? path : slash + 1;
	n = snprintf(parent, sizeof(parent), "%.*s",
	    slash == NULL ? 1 : (int)(slash + 1 - path),
	    slash == NULL ? "." : path);
	if (n < 0 || (size_t)n >= sizeof(parent))
		return complain("%s: the name is too long", path);
	if (policy_name(*file, name) == -1)
		return complain("%s: a policy's file is called NAME.yaml or"
				" NAME.yml, NAME of letters, digits, _ and -",
		    path);
	*dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir == -1)
		return complain("%s: %s", parent, strerror(errno));
	*text = malloc(YDOC_MAX_BYTES + 1);
	if (*text == NULL) {
		close(*dir);
		return complain("out of memory");
	}
	if (polstore_read(*dir, *file, *text, YDOC_MAX_BYTES, len, NULL,
		&errnum, err, sizeof(err)) == 0)
		return 0;
	free(*text);
	close(*dir);
	return complain("%s: %s", path, err);
}

void
usage(void)
{
	fprintf(stderr,
	    "usage: polsign keygen|sign|verify ...\n"
	    "polsign is a part of agentsh: see agentsh policy in agentsh(1)\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	int r;

	if (argc < 2)
		usage();
	if (polsig_init() == -1) {
		complain("libcrypto cannot be used");
		return EXIT_FAILURE;
	}
	umask(022);
	if (strcmp(argv[1], "keygen") == 0)
		r = keygen(argc - 1, argv + 1);
	else if (strcmp(argv[1], "sign") == 0)
		r = sign(argc - 1, argv + 1);
	else if (strcmp(argv[1], "verify") == 0)
		r = verify(argc - 1, argv + 1);
	else
		usage();
	if (fflush(stdout) == EOF || ferror(stdout)) {
		complain("cannot write to standard output");
		return r == 0 ? EXIT_FAILURE : r;
	}
	return r;
}
