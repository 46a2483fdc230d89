/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fusereg takes from an fsd that lies: a file that its user may read and
 * write, opened for real, and nothing else.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

#include "../../src/fusereg/check.h"
#include "t.h"

static char dir[] = "/tmp/t_fusereg.XXXXXX";

static int
checked(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC), error;

	if (fd == -1)
		return -1;
	error = reg_check_file(fd);
	close(fd);
	return error;
}

static void
make(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1 || fchmod(fd, mode) == -1)
		exit(1);
	close(fd);
}

static void
user_files(void)
{
	CHECK_INT(checked("mine", O_RDWR), 0);
	CHECK_INT(checked("mine", O_RDONLY), 0);
	CHECK_INT(checked("mine", O_WRONLY), 0);
	CHECK_INT(checked("read", O_RDONLY), EACCES);
	CHECK_INT(checked("write", O_WRONLY), EACCES);
	if (getuid() != geteuid())
		CHECK_INT(checked("roots", O_RDONLY), EACCES);
}

static void
no_files(void)
{
	CHECK_INT(checked("mine", O_PATH), EBADF);
	CHECK_INT(checked("read", O_PATH), EBADF);
	CHECK_INT(checked(".", O_RDONLY), EINVAL);
	CHECK_INT(checked("/dev/null", O_RDWR), EINVAL);
	CHECK_INT(reg_check_file(-1), EBADF);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return 1;
	make("mine", 0600);
	make("read", 0400);
	make("write", 0200);
	make("roots", 0644);
	/* root may read and write everything */
	if (geteuid() == 0 &&
	    (chmod(dir, 0755) == -1 || chown("mine", 65534, 65534) == -1 ||
		chown("read", 65534, 65534) == -1 ||
		chown("write", 65534, 65534) == -1 ||
		setgroups(0, NULL) == -1 || setegid(65534) == -1 ||
		seteuid(65534) == -1))
		return 1;
	T_RUN(user_files);
	T_RUN(no_files);
	if (getuid() != geteuid() && seteuid(0) == -1)
		return 1;
	unlink("mine");
	unlink("read");
	unlink("write");
	unlink("roots");
	rmdir(dir);
	return done_testing();
}
