/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of posix.c: names, modes, times and attributes.
 */
#include "posix.h"

void
c_rename(void)
{
	close(file("a", 0, "a"));
	close(file("b", 0, "b"));
	mkdir("d", 0755);
	mkdir("e", 0755);
	close(file("e/in", 0, "in"));
	DO(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	DO(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	DO(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE));
	show("b");
	show("c");
	DO(renameat2(AT_FDCWD, "e", AT_FDCWD, "c", RENAME_EXCHANGE));
	show("c/in");
	show("e");
	DO(renameat2(AT_FDCWD, "e", AT_FDCWD, "none", RENAME_EXCHANGE));
	DO(renameat2(AT_FDCWD, "b", AT_FDCWD, "e", 3));
	DO(renameat2(AT_FDCWD, "b", AT_FDCWD, "e", 64));
	DO(rename("d", "c"));
	DO(rename("c", "d"));
	show("d/in");
	DO(rename("d", "d/x"));
	DO(rename("d", "b"));
	DO(rename("b", "d"));
	DO(rename("b", "b"));
	DO(link("b", "b2"));
	DO(rename("b", "b2"));
	DO(links_of("b"));
	DO(rename("b", "b/"));
	DO(rename("none", "x"));
	DO(rename("b", ""));
	DO(rename("b", "d/."));
}

void
c_nodes(void)
{
	struct sockaddr_un su = { .sun_family = AF_UNIX, .sun_path = "sock" };
	struct pollfd p;
	char c = 0;
	int r, s, w, t;

	DO(mknod("reg", S_IFREG | 0600, 0));
	DO(mode_of("reg"));
	DO(mknod("fifo", S_IFIFO | 0600, 0));
	DO(mkfifo("fifo", 0600));
	DO(mode_of("fifo"));
	DO(open("fifo", O_WRONLY | O_NONBLOCK));
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	w = open("fifo", O_WRONLY);
	DO(write(w, "x", 1));
	DO(read(r, &c, 1));
	DO(c);
	p.fd = r;
	p.events = POLLIN;
	DO(poll(&p, 1, 0));
	DO(mknod("chr", S_IFCHR | 0600, 0x103));
	DO(mknod("dir", S_IFDIR | 0600, 0));
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	DO(bind(s, (struct sockaddr *)&su, sizeof(su)));
	DO(listen(s, 1));
	DO((mode_of("sock") & S_IFMT) == S_IFSOCK);
	t = socket(AF_UNIX, SOCK_STREAM, 0);
	DO(connect(t, (struct sockaddr *)&su, sizeof(su)));
	DO(bind(t, (struct sockaddr *)&su, sizeof(su)));
	DO(unlink("sock"));
	DO(open("reg", O_RDONLY | O_DIRECTORY));
	close(r);
	close(w);
	close(s);
	close(t);
}

/* An access list as the kernel keeps it: version, then tag, rights, id. */
#define ACL_ENTRIES 5
static void
acl_fill(uint8_t *acl, uint32_t uid)
{
	static const uint16_t tags[ACL_ENTRIES][2] = { { 1, 6 }, { 2, 4 },
		{ 4, 4 }, { 16, 4 }, { 32, 0 } };
	uint32_t version = 2, id;
	size_t i;

	memcpy(acl, &version, 4);
	for (i = 0; i < ACL_ENTRIES; i++) {
		id = tags[i][0] == 2 ? uid : UINT32_MAX;
		memcpy(acl + 4 + 8 * i, tags[i], 4);
		memcpy(acl + 8 + 8 * i, &id, 4);
	}
}

void
c_acl(void)
{
	uint8_t acl[4 + 8 * ACL_ENTRIES], got[256];

	close(file("f", 0, "x"));
	mkdir("d", 0755);
	acl_fill(acl, 4321);
	DO(getxattr("f", "system.posix_acl_access", got, sizeof(got)));
	DO(setxattr("f", "system.posix_acl_access", acl, sizeof(acl), 0));
	DO(getxattr("f", "system.posix_acl_access", got, sizeof(got)));
	DO(getxattr("f", "system.posix_acl_access", NULL, 0));
	DO(mode_of("f"));
	DO(chmod("f", 0660));
	DO(getxattr("f", "system.posix_acl_access", got, sizeof(got)));
	DO(setxattr("f", "system.posix_acl_default", acl, sizeof(acl), 0));
	DO(setxattr("d", "system.posix_acl_default", acl, sizeof(acl), 0));
	close(file("d/new", 0, "x"));
	DO(mode_of("d/new"));
	DO(getxattr("d/new", "system.posix_acl_access", got, sizeof(got)));
	DO(mkdir("d/sub", 0777));
	DO(mode_of("d/sub"));
	DO(getxattr("d/sub", "system.posix_acl_default", got, sizeof(got)));
	DO(listxattr("d", (char *)got, sizeof(got)));
	DO(setxattr("f", "system.posix_acl_access", acl, 7, 0));
	DO(removexattr("f", "system.posix_acl_access"));
	DO(mode_of("f"));
	DO(getxattr("f", "system.posix_acl_access", got, sizeof(got)));
	DO(removexattr("d", "system.posix_acl_default"));
}

void
c_xattr(void)
{
	char got[300], big[5000];
	int fd = file("f", 0, "x");

	DO(setxattr("f", "user.a", "value", 5, XATTR_CREATE));
	DO(setxattr("f", "user.a", "value", 5, XATTR_CREATE));
	DO(setxattr("f", "user.b", "v", 1, XATTR_REPLACE));
	DO(fsetxattr(fd, "user.b", "vv", 2, 0));
	DO(getxattr("f", "user.a", got, sizeof(got)));
	DO(getxattr("f", "user.a", got, 2));
	DO(getxattr("f", "user.a", NULL, 0));
	DO(fgetxattr(fd, "user.b", got, sizeof(got)));
	DO(listxattr("f", got, sizeof(got)));
	DO(listxattr("f", got, 3));
	DO(listxattr("f", NULL, 0));
	DO(removexattr("f", "user.a"));
	DO(removexattr("f", "user.a"));
	DO(getxattr("f", "user.a", got, sizeof(got)));
	DO(setxattr("f", "trusted.a", "v", 1, 0));
	DO(getxattr("f", "security.capability", got, sizeof(got)));
	DO(setxattr("f", "odd.a", "v", 1, 0));
	DO(symlink("f", "l"));
	DO(lsetxattr("l", "user.a", "v", 1, 0));
	memset(big, 'x', sizeof(big));
	DO(setxattr("f", "user.big", big, 3000, 0));
	DO(getxattr("f", "user.big", big, sizeof(big)));
	DO(chmod("f", 0444));
	DO(setxattr("f", "user.c", "v", 1, 0));
}

void
c_statx(void)
{
	struct statx a, b;
	struct stat st;

	close(file("f", 0, "x"));
	DO(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &a));
	DO((a.stx_mask & STATX_BTIME) != 0);
	DO(a.stx_btime.tv_sec > 1000000);
	usleep(20000);
	DO(chmod("f", 0600));
	DO(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &b));
	DO(memcmp(&a.stx_btime, &b.stx_btime, sizeof(a.stx_btime)));
	DO(memcmp(&a.stx_ctime, &b.stx_ctime, sizeof(a.stx_ctime)) != 0);
	DO(a.stx_ino == b.stx_ino);
	stat("f", &st);
	DO(st.st_ino == a.stx_ino);
	DO(a.stx_blksize);
	DO(statx(AT_FDCWD, "none", 0, STATX_BTIME, &a));
	DO(statx(AT_FDCWD, ".", 0, STATX_BTIME, &a));
	DO((a.stx_mask & STATX_BTIME) != 0);
}

void
c_dirs(void)
{
	struct dirent *de;
	char cwd[4096];
	int fd, n = 0, in;
	DIR *d;

	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("a/sub", 0755);
	close(file("a/sub/f", 0, "deep"));
	fd = open("a/sub", O_RDONLY | O_DIRECTORY);
	d = opendir("a");
	DO(rename("a", "b/moved"));
	in = openat(fd, "f", O_RDONLY);
	DO(in >= 0);
	close(in);
	DO(openat(fd, "../../../b/moved/sub/f", O_RDONLY) >= 0);
	DO(mkdirat(fd, "new", 0755));
	show("b/moved/sub/f");
	while ((de = readdir(d)) != NULL)
		n++;
	DO(n);
	DO(fchdir(fd));
	DO(rename("../../../b", "../../../c"));
	DO(strcmp(getcwd(cwd, sizeof(cwd)) + strlen(cwd) - 11, "c/moved/sub"));
	show("f");
	DO(chdir("../../.."));
	close(fd);
	closedir(d);
	DO(rmdir("c"));
	DO(unlink("c"));
	DO(rmdir("none"));
	DO(rmdir("c/moved/sub/f"));
	DO(rmdir("c/."));
	DO(mkdir("c", 0755));
	DO(links_of("c"));
	DO(links_of("c/moved"));
}

void
c_listing(void)
{
	struct dirent *de;
	struct stat st;
	char name[32];
	long at = 0, n = 0, same = 0, typed = 0;
	DIR *d;
	int i;

	mkdir("d", 0755);
	for (i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "d/file%04d", i);
		close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	DO(symlink("x", "d/link"));
	mkfifo("d/fifo", 0600);
	mkdir("d/dir", 0755);
	d = opendir("d");
	while ((de = readdir(d)) != NULL) {
		n++;
		if (n == 700)
			at = telldir(d);
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
		    0) {
			same += strcmp(de->d_name, "..") == 0 ||
			    de->d_ino == st.st_ino;
			typed += de->d_type == (st.st_mode & S_IFMT) >> 12;
		}
	}
	DO(n);
	DO(same);
	DO(typed);
	seekdir(d, at);
	for (n = 0; readdir(d) != NULL; n++)
		;
	DO(n);
	rewinddir(d);
	for (n = 0; (de = readdir(d)) != NULL;)
		n += *de->d_name != '.' &&
		    unlinkat(dirfd(d), de->d_name, 0) == 0;
	DO(n);
	close(file("d/late", 0, ""));
	rewinddir(d);
	for (n = 0; readdir(d) != NULL; n++)
		;
	DO(n);
	closedir(d);
}

void
c_times(void)
{
	struct timespec ts[2] = { { 1000000000, 5 }, { 1100000000, 7 } };
	struct timespec some[2] = { { 0, UTIME_OMIT }, { 1200000000, 9 } };
	struct stat st, now;
	char c;
	int fd = file("f", 0, "x");

	DO(utimensat(AT_FDCWD, "f", ts, 0));
	DO(stat("f", &st));
	DO(st.st_atim.tv_sec);
	DO(st.st_atim.tv_nsec);
	DO(st.st_mtim.tv_sec);
	DO(st.st_mtim.tv_nsec);
	DO(futimens(fd, some));
	DO(stat("f", &st));
	DO(st.st_atim.tv_sec);
	DO(st.st_mtim.tv_sec);
	/* the access is older than the change: it is kept up (relatime) */
	DO(pread(fd, &c, 1, 0));
	DO(fstat(fd, &now));
	DO(now.st_atim.tv_sec > 1300000000);
	DO(now.st_mtim.tv_sec);
	DO(utimensat(AT_FDCWD, "f", ts, 0));
	close(fd);
	fd = open("f", O_RDWR | O_NOATIME);
	DO(pread(fd, &c, 1, 0));
	DO(fstat(fd, &now));
	DO(now.st_atim.tv_sec);
	DO(pwrite(fd, "y", 1, 0));
	DO(fstat(fd, &now));
	DO(now.st_mtim.tv_sec > 1300000000);
	DO(symlink("f", "l"));
	DO(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW));
	DO(lstat("l", &st));
	DO(st.st_mtim.tv_sec);
	mkdir("d", 0755);
	DO(utimensat(AT_FDCWD, "d", ts, 0));
	close(file("d/x", 0, ""));
	DO(stat("d", &st));
	DO(st.st_mtim.tv_sec > 1300000000);
}

void
c_modes(void)
{
	struct stat st;
	int fd;

	umask(027);
	close(file("f", 0, "x"));
	fd = open("g", O_CREAT | O_WRONLY, 0666);
	DO(mode_of("g"));
	DO(mkdir("d", 0777));
	DO(mode_of("d"));
	DO(chmod("d", 01777));
	DO(mode_of("d"));
	DO(chmod("d", 02770));
	DO(mkdir("d/sub", 0755));
	DO(mode_of("d/sub"));
	DO(chmod("f", 0));
	DO(open("f", O_RDONLY));
	DO(access("f", R_OK));
	DO(access("f", F_OK));
	DO(chmod("f", 0400));
	DO(open("f", O_WRONLY));
	DO(access("f", W_OK));
	DO(access("f", X_OK));
	DO(truncate("f", 0));
	DO(write(fd, "y", 1));
	DO(fchmod(fd, 0444));
	DO(write(fd, "y", 1));
	/* a descriptor for writing stays one, whatever the mode */
	DO(ftruncate(fd, 0));
	DO(chown("f", 0, (gid_t)-1));
	DO(chown("f", (uid_t)-1, 0));
	DO(chown("f", getuid(), getgid()));
	DO(stat("f", &st));
	DO(st.st_uid == getuid());
	DO(chmod("d", 0555));
	DO(open("d/new", O_CREAT | O_WRONLY, 0644));
	DO(rmdir("d/sub"));
	DO(rename("f", "d/f"));
	DO(chmod("d", 0755));
	close(file("d/in", 0, "x"));
	mkdir("d/deep", 0755);
	close(file("d/deep/in", 0, "x"));
	DO(stat("d/in", &st));
	DO(chmod("d", 0600));
	usleep(50000);
	DO(stat("d/in", &st));
	DO(open("d/in", O_RDONLY));
	DO(open("d/deep/in", O_RDONLY));
	DO(open("d/none", O_RDONLY));
	DO(unlink("d/in"));
	DO(chmod("d", 0755));
	DO(stat("d/in", &st));
	DO(unlink("d/deep/in"));
	DO(rmdir("d/deep"));
	DO(unlink("d/in"));
	/* the mode is for later opens, not for the one that makes it */
	fd = open("once", O_CREAT | O_RDWR, 0);
	DO(fd >= 0);
	DO(write(fd, "z", 1));
	DO(chmod("none", 0644));
	DO(symlink("f", "l"));
	DO(fchmodat(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno == EOPNOTSUPP);
	DO(chmod("once", 0200));
	DO(open("once", O_RDONLY));
	DO(open("once", O_WRONLY | O_APPEND) >= 0);
	umask(022);
}

void
c_names(void)
{
	char n255[256], n256[257], target[5000];

	memset(n255, 'n', 255);
	n255[255] = '\0';
	memset(n256, 'n', 256);
	n256[256] = '\0';
	memset(target, 't', sizeof(target));
	DO(open(n255, O_CREAT | O_WRONLY, 0644) >= 0);
	DO(open(n256, O_CREAT | O_WRONLY, 0644));
	DO(unlink(n255));
	DO(unlink(n256));
	DO(open("with\nnewline", O_CREAT | O_WRONLY, 0644) >= 0);
	DO(open("\xff\xfe", O_CREAT | O_WRONLY, 0644) >= 0);
	DO(unlink("\xff\xfe"));
	DO(symlink("l2", "l1"));
	DO(symlink("l1", "l2"));
	DO(open("l1", O_RDONLY));
	DO(open("l1", O_RDONLY | O_NOFOLLOW));
	DO(open("l1", O_PATH | O_NOFOLLOW) >= 0);
	DO(open("l1", O_CREAT | O_EXCL | O_WRONLY, 0644));
	DO(readlink("l1", target, sizeof(target)));
	DO(readlink("l1", target, 1));
	DO(size_of("l1"));
	memset(target, 't', sizeof(target));
	target[4095] = '\0';
	DO(symlink(target, "long"));
	target[4094] = '\0';
	DO(symlink(target, "short"));
	DO(symlink("", "empty"));
	DO(symlink("new", "dangling"));
	close(file("dangling", 0, "through"));
	show("new");
	DO(open("new/x", O_RDONLY));
	DO(open("new/", O_RDONLY));
	DO(mkdir("dangling", 0755));
	DO(open(".", O_WRONLY));
	DO(open("new", O_CREAT | O_EXCL, 0644));
	DO(open("sub/none", O_CREAT | O_WRONLY, 0644));
	DO(unlink("."));
}

void
c_links(void)
{
	close(file("a", 0, "one"));
	DO(link("a", "b"));
	DO(links_of("a"));
	DO(ino_of("a") == ino_of("b"));
	DO(link("a", "b"));
	DO(link("none", "c"));
	mkdir("d", 0755);
	DO(link("d", "e"));
	DO(link("a", "d/c"));
	DO(ino_of("a") == ino_of("d/c"));
	close(file("b", O_TRUNC, "two"));
	show("a");
	DO(chmod("b", 0600));
	DO(mode_of("d/c"));
	DO(unlink("a"));
	DO(links_of("b"));
	show("d/c");
	DO(symlink("b", "l"));
	DO(linkat(AT_FDCWD, "l", AT_FDCWD, "l2", 0));
	DO(links_of("l"));
	DO((mode_of("l2") & S_IFMT) == S_IFLNK);
	DO(linkat(AT_FDCWD, "l", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	DO(links_of("b"));
	/* what one may not write must not get names, proc_sys_fs(5) */
	DO(chmod("b", 0400));
	DO(link("b", "own"));
	DO(unlink("own"));
	DO(ino_of("b") == ino_of("d"));
}

static int
run_script(int arg)
{
	(void)arg;
	execl("./script", "script", (char *)NULL);
	return errno;
}

static int
run_copy(int arg)
{
	(void)arg;
	execl("./prog", "true", (char *)NULL);
	return errno;
}

/* By its descriptor, which is open. */
static int
run_fd(int fd)
{
	static char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	static char *const envp[] = { NULL };

	fexecve(fd, argv, envp);
	return errno;
}

static int
run_proc(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	execl(path, "true", (char *)NULL);
	return errno;
}

void
c_exec(void)
{
	char buf[65536];
	ssize_t n;
	int in, out, w;

	close(file("script", 0, "#!/bin/sh\nexit 7\n"));
	DO(other(run_script, 0));
	DO(chmod("script", 0755));
	DO(other(run_script, 0));
	in = open("/bin/true", O_RDONLY);
	out = open("prog", O_CREAT | O_WRONLY, 0755);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		n = write(out, buf, (size_t)n);
	DO(other(run_copy, 0));
	close(out);
	DO(other(run_copy, 0));
	w = open("prog", O_WRONLY);
	DO(other(run_copy, 0));
	close(w);
	w = open("prog", O_RDONLY | O_CLOEXEC);
	DO(link("prog", "other"));
	DO(other(run_fd, w));
	DO(other(run_proc, w));
	DO(unlink("other"));
	DO(rename("prog", "moved"));
	DO(other(run_fd, w));
	DO(unlink("moved"));
	DO(other(run_fd, w));
	DO(other(run_proc, w));
	close(w);
	w = open("fresh", O_CREAT | O_RDWR, 0755);
	lseek(in, 0, SEEK_SET);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		n = write(w, buf, (size_t)n);
	close(w);
	w = open("fresh", O_PATH | O_CLOEXEC);
	DO(unlink("fresh"));
	DO(other(run_fd, w));
	close(w);
	w = open("prog", O_CREAT | O_RDWR, 0755);
	lseek(in, 0, SEEK_SET);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		n = write(w, buf, (size_t)n);
	close(w);
	DO(chmod("prog", 0111));
	line("program that cannot be read", other(run_copy, 0));
}
