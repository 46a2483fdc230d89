/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of posix.c: bytes of files, and locks.
 */
#include <sys/file.h>

#include "posix.h"

void
c_seek(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0644);

	DO(ftruncate(fd, 10 * BLOCK));
	DO(pwrite(fd, "data", 4, 4 * BLOCK));
	fsync(fd);
	DO(lseek(fd, 0, SEEK_DATA));
	DO(lseek(fd, 0, SEEK_HOLE));
	DO(lseek(fd, 4 * BLOCK, SEEK_HOLE) <= 5 * BLOCK);
	DO(lseek(fd, 6 * BLOCK, SEEK_DATA));
	DO(lseek(fd, 20 * BLOCK, SEEK_HOLE));
	DO(lseek(fd, -5, SEEK_SET));
	DO(lseek(fd, 0, SEEK_END));
	DO(lseek(fd, 0, 9));
	close(fd);
}

void
c_copy(void)
{
	int a = file("a", 0, "0123456789"), b = file("b", 0, "");
	int ap = open("a", O_WRONLY | O_APPEND), r = open("a", O_RDONLY);
	off_t in = 2, out = 5;

	DO(copy_file_range(a, &in, b, &out, 5, 0));
	DO(in);
	DO(out);
	DO(size_of("b"));
	DO(copy_file_range(a, &in, b, &out, 100, 0));
	DO(copy_file_range(a, &in, b, &out, 100, 0));
	in = 0;
	out = 1;
	DO(copy_file_range(a, &in, a, &out, 5, 0));
	out = 20;
	DO(copy_file_range(a, &in, a, &out, 5, 0));
	show("a");
	in = 0;
	DO(copy_file_range(a, &in, ap, NULL, 5, 0));
	in = out = 0;
	DO(copy_file_range(a, &in, r, &out, 5, 0));
	DO(copy_file_range(a, &in, b, &out, 5, 1));
	DO(lseek(a, 0, SEEK_SET));
	DO(sendfile(b, a, NULL, 4));
	show("b");
}

void
c_fallocate(void)
{
	int fd = file("f", 0, "0123456789"), r = open("f", O_RDONLY);
	struct stat st;
	char buf[8];

	DO(fallocate(fd, 0, 0, 3 * BLOCK));
	DO(size_of("f"));
	DO(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5 * BLOCK));
	DO(size_of("f"));
	fstat(fd, &st);
	DO(st.st_blocks * 512 >= 5 * BLOCK);
	DO(pwrite(fd, "abcdefgh", 8, BLOCK));
	DO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK, 4));
	DO(pread(fd, buf, 8, BLOCK));
	DO(buf[0]);
	DO(buf[4]);
	DO(fallocate(fd, FALLOC_FL_ZERO_RANGE, BLOCK, BLOCK));
	DO(pread(fd, buf, 8, BLOCK));
	DO(buf[4]);
	DO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4));
	DO(fallocate(fd, 0, -1, 4));
	DO(fallocate(fd, 0, 0, 0));
	DO(fallocate(r, 0, 0, 4));
	DO(posix_fallocate(fd, 6 * BLOCK, 10));
	DO(size_of("f"));
}

void
c_tmpfile(void)
{
	char path[64];
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	DO(fd >= 0);
	DO(write(fd, "hidden", 6));
	DO(fstat(fd, &st));
	DO(st.st_nlink);
	DO(st.st_mode);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "made", AT_SYMLINK_FOLLOW));
	show("made");
	DO(links_of("made"));
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "made", AT_SYMLINK_FOLLOW));
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	DO(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "made2", AT_SYMLINK_FOLLOW));
	DO(open(".", O_TMPFILE | O_RDONLY, 0600));
}

static int
try_flock(int how)
{
	int fd = open("f", O_RDWR);

	return flock(fd, how | LOCK_NB) == 0 ? 0 : errno;
}

static int
try_lock(int type)
{
	struct flock fl = { .l_type = (short)type,
		.l_whence = SEEK_SET,
		.l_start = 5,
		.l_len = 1 };

	return fcntl(open("f", O_RDWR), F_SETLK, &fl) == 0 ? 0 : errno;
}

static int
try_ofd(int type)
{
	struct flock fl = { .l_type = (short)type, .l_whence = SEEK_SET };

	return fcntl(open("f", O_RDWR), F_OFD_SETLK, &fl) == 0 ? 0 : errno;
}

static int
hold_and_wait(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLKW, &fl) == 0 ? 0 : errno;
}

void
c_locks(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = file("f", 0, "0123456789"), fd2 = open("f", O_RDWR);

	DO(flock(fd, LOCK_EX));
	DO(other(try_flock, LOCK_SH));
	DO(flock(fd2, LOCK_SH | LOCK_NB));
	DO(flock(fd, LOCK_SH));
	DO(other(try_flock, LOCK_SH));
	DO(other(try_flock, LOCK_EX));
	DO(flock(fd, LOCK_UN));
	DO(fcntl(fd, F_SETLK, &fl));
	DO(other(try_lock, F_RDLCK));
	DO(fcntl(fd2, F_SETLK, &fl));
	fl.l_type = F_RDLCK;
	DO(fcntl(fd, F_SETLK, &fl));
	DO(other(try_lock, F_RDLCK));
	DO(other(try_lock, F_WRLCK));
	/* closing any descriptor of the file ends the process's locks */
	close(fd2);
	DO(other(try_lock, F_WRLCK));
	fl.l_type = F_WRLCK;
	DO(fcntl(fd, F_OFD_SETLK, &fl));
	DO(other(try_ofd, F_RDLCK));
	fd2 = open("f", O_RDWR);
	DO(fcntl(fd2, F_OFD_SETLK, &fl));
	fl.l_type = F_RDLCK;
	DO(fcntl(fd2, F_OFD_GETLK, &fl));
	DO(fl.l_type);
	DO(fl.l_pid == -1);
	close(fd);
	DO(other(try_ofd, F_WRLCK));
	DO(other(hold_and_wait, fd2));
}

static int
write_byte(int at)
{
	int fd = open("f", O_WRONLY);

	return pwrite(fd, "W", 1, at) == 1 ? 0 : errno;
}

static int
map_byte(int at)
{
	int fd = open("f", O_RDWR);
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		return errno;
	m[at] = 'M';
	return 0;
}

static int
touch_map(int arg)
{
	int fd = open("f", O_RDWR);
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		return errno;
	if (ftruncate(fd, 10) == -1)
		return errno;
	m[arg] = 1;
	return 0;
}

void
c_mmap(void)
{
	char buf[16] = "";
	char *m, *p;
	int fd = open("f", O_RDWR | O_CREAT, 0644), r;

	DO(ftruncate(fd, 8192));
	m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	DO(m != MAP_FAILED);
	memcpy(m + 100, "mapped", 6);
	DO(pread(fd, buf, 6, 100));
	DO(memcmp(buf, "mapped", 6));
	r = open("f", O_RDONLY);
	DO(pread(r, buf, 6, 100));
	DO(memcmp(buf, "mapped", 6));
	DO(pwrite(fd, "direct", 6, 200));
	DO(memcmp(m + 200, "direct", 6));
	DO(other(write_byte, 300));
	DO(m[300]);
	DO(other(map_byte, 301));
	DO(m[301]);
	DO(pread(r, buf, 2, 300));
	DO(buf[1]);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, r, 0);
	p[0] = 'P';
	DO(m[0]);
	DO(msync(m, 8192, MS_SYNC));
	DO(mmap(NULL, 8192, PROT_WRITE, MAP_SHARED, r, 0) == MAP_FAILED);
	close(fd);
	m[400] = 'A';
	DO(munmap(m, 8192));
	DO(pread(r, buf, 1, 400));
	DO(buf[0]);
	fd = open("f", O_RDWR | O_APPEND);
	m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	m[500] = 'Z';
	DO(munmap(m, 8192));
	close(fd);
	DO(size_of("f"));
	DO(pread(r, buf, 1, 500));
	DO(buf[0]);
	DO(other(touch_map, 5));
	DO(size_of("f"));
	DO(other(touch_map, 5000));
}

void
c_direct(void)
{
	char *buf = aligned_alloc(4096, 8192);
	int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644);
	int plain = open("f", O_RDWR);

	DO(fd >= 0);
	memset(buf, 'd', 8192);
	DO(write(fd, buf, 8192));
	DO(pread(plain, buf, 100, 50));
	DO(buf[99]);
	DO(pwrite(plain, "X", 1, 4096));
	DO(pread(fd, buf, 4096, 4096));
	DO(buf[0]);
	DO(pread(fd, buf, 4096, 8192));
	DO(fcntl(plain, F_SETFL, O_DIRECT));
	DO(pread(plain, buf, 4096, 0));
	DO(buf[0]);
	free(buf);
}

static int
append(int who)
{
	char text[8];
	int fd = open("f", O_WRONLY | O_APPEND), i;

	snprintf(text, sizeof(text), "%06d\n", who);
	for (i = 0; i < 200; i++) {
		if (write(fd, text, 7) != 7)
			return errno;
	}
	return 0;
}

void
c_append(void)
{
	char rec[7];
	int fd, i, st, whole = 0;

	fd = file("f", O_APPEND, "first\n\n");
	DO(pwrite(fd, "second\n", 7, 0));
	DO(lseek(fd, 0, SEEK_CUR));
	show("f");
	fflush(stdout);
	for (i = 0; i < 4; i++) {
		if (fork() == 0)
			_exit(append(i));
	}
	for (i = 0; i < 4; i++) {
		wait(&st);
		DO(WEXITSTATUS(st));
	}
	DO(size_of("f"));
	lseek(fd, 14, SEEK_SET);
	while (read(fd, rec, 7) == 7)
		whole += memcmp(rec, "00000", 5) == 0 && rec[6] == '\n';
	DO(whole);
	DO(fcntl(fd, F_SETFL, 0));
	DO(pwrite(fd, "FIRST", 5, 0));
	DO(fcntl(fd, F_SETFL, O_APPEND));
	DO(write(fd, "end", 3));
	DO(size_of("f"));
}

void
c_unlinked(void)
{
	char buf[16], path[64];
	struct stat st;
	int fd = file("f", 0, "content"), again;

	DO(unlink("f"));
	DO(fstat(fd, &st));
	DO(st.st_nlink);
	DO(pread(fd, buf, 7, 0));
	DO(pwrite(fd, "more", 4, 7));
	DO(ftruncate(fd, 9));
	DO(fchmod(fd, 0600));
	DO(fstat(fd, &st));
	DO(st.st_size);
	DO(st.st_mode);
	DO(futimens(fd, NULL));
	DO(fsetxattr(fd, "user.a", "v", 1, 0));
	DO(fgetxattr(fd, "user.a", buf, sizeof(buf)));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	DO(again >= 0);
	DO(pread(again, buf, 9, 0));
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
	close(file("f", 0, "new"));
	DO(pread(fd, buf, 9, 0));
	show("f");
	close(file("g", 0, "g"));
	again = open("f", O_RDONLY);
	DO(rename("g", "f"));
	DO(read(again, buf, 3));
	DO(fstat(again, &st));
	DO(st.st_nlink);
	mkdir("d", 0755);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	DO(rmdir("d"));
	DO(fstat(fd, &st));
	DO(openat(fd, "x", O_CREAT | O_WRONLY, 0644));
	DO(mkdirat(fd, "x", 0755));
}

void
c_sync(void)
{
	int fd = file("f", 0, "x"), d = open(".", O_RDONLY | O_DIRECTORY);

	DO(fsync(fd));
	DO(fdatasync(fd));
	DO(syncfs(fd));
	DO(fsync(d));
	DO(fdatasync(d));
	DO(syncfs(d));
	DO(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	DO(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	DO(fd = open("s", O_CREAT | O_WRONLY | O_SYNC, 0644) >= 0);
}

void
c_io(void)
{
	struct iovec iov[2] = { { (void *)(uintptr_t) "ab", 2 },
		{ (void *)(uintptr_t) "cd", 2 } };
	struct statvfs sv;
	char buf[16];
	int fd = file("f", 0, "0123456789"), p[2], r = open("f", O_RDONLY);
	int w = open("f", O_WRONLY);

	DO(pwritev(fd, iov, 2, 3));
	show("f");
	DO(pwritev2(fd, iov, 2, -1, RWF_APPEND));
	DO(size_of("f"));
	DO(read(w, buf, 1));
	DO(write(r, buf, 1));
	DO(pread(fd, buf, 16, 100));
	DO(pread(fd, buf, 16, -1));
	DO(pwrite(fd, "end", 3, 100));
	DO(size_of("f"));
	DO(ftruncate(r, 0));
	DO(ftruncate(fd, -1));
	DO(truncate("f", 5));
	DO(truncate(".", 5));
	show("f");
	if (pipe(p) == -1)
		exit(1);
	lseek(fd, 0, SEEK_SET);
	DO(splice(fd, NULL, p[1], NULL, 5, 0));
	DO(splice(p[0], NULL, w, NULL, 5, 0));
	DO(size_of("f"));
	DO(lseek(fd, 1L << 40, SEEK_SET) == 1L << 40);
	DO(write(fd, "far", 3));
	DO(size_of("f") == (1L << 40) + 3);
	DO(pread(fd, buf, 4, 1L << 39));
	DO(buf[0]);
	DO(fstatvfs(fd, &sv));
	DO(sv.f_namemax);
	DO(sv.f_bsize);
	DO(open("f", O_RDONLY | O_TRUNC) >= 0);
	DO(size_of("f"));
	DO(dup3(fd, fd, 0));
	DO(readahead(r, 0, 10));
}
