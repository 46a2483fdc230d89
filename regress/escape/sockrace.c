/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries to reach a socket "evil" by a call that is asked about "good", in the
 * ways that a process has to change what was looked at. Prints how often each
 * was reached: "WAY good N bad N"; it ends when "evil" was, and with
 * "won" behind the way it tries for longer. Run by A27.sh, in a session.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 3 /* longer than a scheduler keeps one of two threads */
#define SECONDS_WON 20

static struct shared {
	struct sockaddr_un addr; /* that is used */
	struct mmsghdr vec[2];
	atomic_bool done;
} * sh;
static struct sockaddr_un good, bad;
static socklen_t len;
static int good_fd, bad_fd;  /* who listens */
static volatile int used_fd; /* the number that a call uses */
static volatile int unix_fd, inet_fd;

/* Both have one length. */
static void
name(struct sockaddr_un *a, const char *text, bool abstract)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, abstract ? "\0" : "/tmp/", abstract ? 1 : 5);
	memcpy(a->sun_path + (abstract ? 1 : 5), text, 5);
	if (len == 0)
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		    (abstract ? 5 : 10));
}

static int
serve(const struct sockaddr_un *a, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);

	unlink(a->sun_path);
	if (fd == -1 || bind(fd, (const struct sockaddr *)a, len) == -1 ||
	    (type != SOCK_DGRAM && listen(fd, 4096) == -1))
		err(1, "serve");
	return fd;
}

static void *
swap_address(void *arg)
{
	(void)arg;
	while (!atomic_load(&sh->done)) {
		memcpy(sh->addr.sun_path, bad.sun_path, sizeof(bad.sun_path));
		atomic_signal_fence(memory_order_seq_cst);
		memcpy(sh->addr.sun_path, good.sun_path, sizeof(good.sun_path));
		atomic_signal_fence(memory_order_seq_cst);
	}
	return NULL;
}

static void *
swap_fd(void *arg)
{
	(void)arg;
	while (!atomic_load(&sh->done)) {
		dup2(inet_fd, used_fd);
		dup2(unix_fd, used_fd);
	}
	return NULL;
}

/* Both at once. */
static void *
swap_both(void *arg)
{
	(void)arg;
	while (!atomic_load(&sh->done)) {
		memcpy(sh->addr.sun_path, bad.sun_path, sizeof(bad.sun_path));
		dup2(inet_fd, used_fd);
		memcpy(sh->addr.sun_path, good.sun_path, sizeof(good.sun_path));
		dup2(unix_fd, used_fd);
	}
	return NULL;
}

static unsigned
drain(int fd, int type)
{
	char c[16];
	unsigned n = 0;
	int a;

	if (type == SOCK_DGRAM) {
		while (recv(fd, c, sizeof(c), 0) >= 0)
			n++;
		return n;
	}
	while ((a = accept(fd, NULL, NULL)) != -1) {
		close(a);
		n++;
	}
	return n;
}

static void
try_connect(int fd)
{
	(void)connect(fd, (const struct sockaddr *)&sh->addr, len);
}

static void
try_send(int fd, const char *way)
{
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_name = &sh->addr,
		.msg_namelen = len,
		.msg_iov = &iov,
		.msg_iovlen = 1 };

	if (strcmp(way, "sendto") == 0) {
		(void)sendto(fd, "x", 1, MSG_DONTWAIT,
		    (const struct sockaddr *)&sh->addr, len);
	} else if (strncmp(way, "sendmsg", 7) == 0) {
		(void)sendmsg(fd, &m, MSG_DONTWAIT);
	} else {
		sh->vec[0].msg_hdr = sh->vec[1].msg_hdr = m;
		sh->vec[0].msg_hdr.msg_name = &good;
		if (way[strlen(way) - 1] == '2')
			sh->vec[1].msg_hdr.msg_name = &bad;
		(void)sendmmsg(fd, sh->vec, 2, MSG_DONTWAIT);
	}
}

/* A name that is bound while it changes, and listened at. */
static void
try_bind(unsigned *ngood, unsigned *nbad)
{
	struct sockaddr_un is;
	socklen_t n = sizeof(is);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(good.sun_path);
	unlink("/tmp/evil");
	if (bind(fd, (const struct sockaddr *)&sh->addr, len) == 0 &&
	    listen(fd, 1) == 0 &&
	    getsockname(fd, (struct sockaddr *)&is, &n) == 0) {
		if (memcmp(is.sun_path, good.sun_path, 10) == 0)
			(*ngood)++;
		else
			(*nbad)++;
	}
	close(fd);
}

/* What is bound is another socket of the two than was asked about. */
static void
try_bind_other(unsigned *ngood, unsigned *nbad)
{
	struct sockaddr_un is;
	socklen_t n;
	int fds[2], i;

	unlink(good.sun_path);
	for (i = 0; i < 2; i++)
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
	close(unix_fd);
	close(inet_fd);
	unix_fd = fds[0];
	inet_fd = fds[1];
	(void)dup2(unix_fd, used_fd);
	(void)bind(used_fd, (const struct sockaddr *)&sh->addr, len);
	for (i = 0; i < 2; i++) {
		n = sizeof(is);
		if (listen(fds[i], 1) == -1 ||
		    getsockname(fds[i], (struct sockaddr *)&is, &n) == -1)
			continue;
		if (memcmp(is.sun_path, good.sun_path, 10) == 0)
			(*ngood)++;
		else
			(*nbad)++;
	}
}

static void
start(const char *way, pid_t *child)
{
	pthread_t t;

	if (strstr(way, "shared") != NULL) {
		*child = fork();
		if (*child == 0) {
			swap_address(NULL);
			_exit(0);
		}
	} else if (strcmp(way, "sendmmsg2") != 0) {
		if (pthread_create(&t, NULL,
			strcmp(way, "bind-abstract-fd") == 0 ? swap_both :
			    strstr(way, "-fd") != NULL	     ? swap_fd :
							       swap_address,
			NULL) != 0)
			errx(1, "pthread_create");
	}
}

int
main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	bool abstract = strstr(way, "abstract") != NULL;
	bool binds = strncmp(way, "bind", 4) == 0;
	int type = strncmp(way, "send", 4) == 0 ? SOCK_DGRAM : SOCK_STREAM;
	unsigned ngood = 0, nbad = 0;
	bool won = argc > 2;
	time_t end = time(NULL) + (won ? SECONDS_WON : SECONDS);
	pid_t child = -1;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		err(1, "mmap");
	/* what is bound is by path until it is changed */
	name(&good, "good", abstract && !binds);
	name(&bad, "evil", abstract);
	sh->addr = strstr(way, "-fd") != NULL && !binds ? bad : good;
	if (!binds) {
		good_fd = serve(&good, type);
		bad_fd = serve(&bad, type);
	}
	unix_fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	inet_fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	used_fd = dup(unix_fd);
	start(way, &child);
	while (time(NULL) < end && nbad == 0) {
		if (strcmp(way, "bind-abstract-fd") == 0) {
			try_bind_other(&ngood, &nbad);
			continue;
		}
		if (binds) {
			try_bind(&ngood, &nbad);
			continue;
		}
		if (strstr(way, "-fd") == NULL) {
			used_fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
		} else if (type == SOCK_STREAM) {
			close(unix_fd);
			unix_fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
		}
		if (type == SOCK_DGRAM)
			try_send(used_fd, way);
		else
			try_connect(used_fd);
		if (strstr(way, "-fd") == NULL)
			close(used_fd);
		ngood += drain(good_fd, type);
		nbad += drain(bad_fd, type);
	}
	atomic_store(&sh->done, true);
	if (child > 0)
		waitpid(child, NULL, 0);
	printf("%s good %u bad %u\n", way, ngood, nbad);
	return 0;
}
