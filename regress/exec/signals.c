/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a signal in one of many ways to a process that is something to the
 * sender, and prints what the call said and what the target got of it.
 *
 * usage: signals FORM TARGET signal
 *        signals -n calls FORM TARGET signal    nanoseconds a call
 *        signals -s threads calls               a storm: threads of one process
 *                                               that signal each other
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef FIOSETOWN
#define FIOSETOWN 0x8901
#endif
#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#endif
#ifndef F_SETSIG
#define F_SETSIG 10
#endif
#ifndef O_ASYNC
#define O_ASYNC 020000
#endif

static struct shared {
	volatile pid_t pid, tid; /* the target; 0: not there yet */
	volatile bool go;	 /* the target says what it got */
	volatile bool said;
	volatile int signo, code, value;
	volatile pid_t from;
	volatile uid_t uid; /* the sender's */
	volatile bool sent;
	volatile int error;
} * sh;

static sigset_t all;
static const char *form;
static int signo;

static void
nap(void)
{
	struct timespec ts = { 0, 500000 };

	nanosleep(&ts, NULL);
}

static int
number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* --- the target */

static void
report(void)
{
	struct timespec none = { 0, 0 };
	siginfo_t info;
	int s;

	memset(&info, 0, sizeof(info));
	/* what children of ours do is not meant */
	while ((s = sigtimedwait(&all, &info, &none)) == SIGCHLD &&
	    info.si_code > 0)
		continue;
	sh->signo = s > 0 ? s : 0;
	sh->code = info.si_code;
	sh->from = info.si_pid;
	sh->uid = info.si_uid;
	sh->value = info.si_value.sival_int;
	sh->said = true;
}

static void *
be_target(void *arg)
{
	(void)arg;
	sh->tid = (pid_t)syscall(SYS_gettid);
	sh->pid = getpid();
	while (!sh->go)
		nap();
	report();
	return NULL;
}

/* --- the sender */

static int
by_pidfd(pid_t pid, unsigned open_flags, unsigned flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, open_flags);

	return fd == -1 ?
	    -1 :
	    (int)syscall(SYS_pidfd_send_signal, fd, signo, NULL, flags);
}

static int
by_procfd(pid_t pid)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d", (int)pid);
	fd = open(name, O_RDONLY | O_DIRECTORY);
	return fd == -1 ?
	    -1 :
	    (int)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
}

/* The kernel sends it, when a byte comes. */
static int
by_owner(pid_t pid, bool ex)
{
	struct {
		int type;
		pid_t pid;
	} owner = { 1 /* F_OWNER_PID */, pid };
	int fds[2];

	if (pipe(fds) == -1 ||
	    (ex ? fcntl(fds[0], F_SETOWN_EX, &owner) :
		  fcntl(fds[0], F_SETOWN, pid)) == -1 ||
	    fcntl(fds[0], F_SETSIG, signo) == -1 ||
	    fcntl(fds[0], F_SETFL, O_ASYNC) == -1)
		return -1;
	return write(fds[1], "x", 1) == 1 ? 0 : -1;
}

/* SIGURG, when urgent data come. */
static int
by_urgent(pid_t pid)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int l = socket(AF_INET, SOCK_STREAM, 0);
	int c = socket(AF_INET, SOCK_STREAM, 0), s;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&sin, len) == -1 || listen(l, 1) == -1 ||
	    getsockname(l, (struct sockaddr *)&sin, &len) == -1 ||
	    connect(c, (struct sockaddr *)&sin, len) == -1 ||
	    (s = accept(l, NULL, NULL)) == -1 || fcntl(s, F_SETOWN, pid) == -1)
		return -1;
	return send(c, "x", 1, MSG_OOB) == 1 ? 0 : -1;
}

static int
by_ioctl(pid_t pid)
{
	int fds[2];

	if (pipe(fds) == -1)
		return -1;
	return ioctl(fds[0], FIOSETOWN, &pid);
}

static int
send_it(pid_t pid, pid_t tid)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = signo;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = 4711;
	if (strcmp(form, "forged") == 0) {
		info.si_code = SI_KERNEL;
		return (int)syscall(SYS_rt_sigqueueinfo, pid, signo, &info);
	}
	if (strcmp(form, "kill") == 0)
		return kill(pid, signo);
	if (strcmp(form, "group") == 0)
		return kill(-getpgid(pid), signo);
	if (strcmp(form, "zero") == 0)
		return kill(0, signo);
	if (strcmp(form, "all") == 0)
		return kill(-1, signo);
	if (strcmp(form, "tkill") == 0)
		return (int)syscall(SYS_tkill, tid, signo);
	if (strcmp(form, "tgkill") == 0)
		return (int)syscall(SYS_tgkill, pid, tid, signo);
	if (strcmp(form, "queue") == 0)
		return (int)syscall(SYS_rt_sigqueueinfo, pid, signo, &info);
	if (strcmp(form, "tgqueue") == 0)
		return (int)syscall(SYS_rt_tgsigqueueinfo, pid, tid, signo,
		    &info);
	if (strcmp(form, "pidfd") == 0)
		return by_pidfd(pid, 0, 0);
	if (strcmp(form, "pidfd-thread") == 0)
		return by_pidfd(tid, O_EXCL, 0);
	if (strcmp(form, "pidfd-group") == 0)
		return by_pidfd(pid, 0, 4);
	if (strcmp(form, "procfd") == 0)
		return by_procfd(pid);
	if (strcmp(form, "owner") == 0)
		return by_owner(pid, false);
	if (strcmp(form, "owner-urgent") == 0)
		return by_urgent(pid);
	if (strcmp(form, "owner-ex") == 0)
		return by_owner(pid, true);
	if (strcmp(form, "owner-ioctl") == 0)
		return by_ioctl(pid);
	errno = ENOSYS;
	return -1;
}

static int times;

static void
be_sender(void)
{
	struct timespec a, b;
	int i;

	while (sh->pid == 0)
		nap();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < times; i++)
		(void)send_it(sh->pid, sh->tid);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (times > 0) {
		printf("%lld\n",
		    ((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec -
			a.tv_nsec) /
			times);
		fflush(stdout);
	}
	sh->error = send_it(sh->pid, sh->tid) == -1 ? errno : 0;
	sh->sent = true;
}

/* --- who is what */

static pid_t
child(void)
{
	pid_t pid = fork();

	if (pid == -1)
		_exit(3);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void
fork_target(bool own_group)
{
	if (child() != 0)
		return;
	if (own_group)
		setpgid(0, 0);
	be_target(NULL);
	_exit(0);
}

/* The one above us that has pid 1 as its parent. */
static pid_t
keeper(void)
{
	pid_t pid = getpid(), ppid = pid;
	char name[64], line[512], *s;
	FILE *f;

	while (ppid > 1) {
		pid = ppid;
		snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
		f = fopen(name, "r");
		if (f == NULL || fgets(line, sizeof(line), f) == NULL)
			_exit(3);
		fclose(f);
		s = strrchr(line, ')');
		if (s == NULL)
			_exit(3);
		ppid = (pid_t)strtol(s + 4, NULL, 10);
	}
	return pid;
}

static void
arrange(const char *target)
{
	bool own = strncmp(form, "group", 5) == 0 ||
	    strcmp(form, "pidfd-group") == 0;
	pthread_t thread;

	if (strcmp(target, "self") == 0) {
		sh->pid = sh->tid = getpid();
		be_sender();
		report();
	} else if (strcmp(target, "thread") == 0) {
		if (pthread_create(&thread, NULL, be_target, NULL) != 0)
			_exit(3);
		be_sender();
	} else if (strcmp(target, "child") == 0) {
		fork_target(own);
		be_sender();
	} else if (strcmp(target, "grandchild") == 0) {
		if (child() == 0) {
			fork_target(own);
			for (;;)
				pause();
		}
		be_sender();
	} else if (strcmp(target, "orphan") == 0) {
		if (fork() == 0) {
			if (fork() == 0) {
				if (own)
					setpgid(0, 0);
				be_target(NULL);
				_exit(0);
			}
			_exit(0);
		}
		wait(NULL);
		be_sender();
	} else if (strcmp(target, "parent") == 0) {
		if (child() == 0) {
			be_sender();
			sh->go = true;
			_exit(0);
		}
		be_target(NULL);
	} else if (strcmp(target, "sibling") == 0) {
		fork_target(own);
		if (child() == 0) {
			be_sender();
			_exit(0);
		}
	} else {
		sh->pid = strcmp(target, "init") == 0 ? 1 :
		    strcmp(target, "keeper") == 0     ? keeper() :
							number(target);
		sh->tid = sh->pid;
		be_sender();
		sh->said = true;
	}
}

/* Ended, or stopped. */
static bool
is_dead(pid_t pid)
{
	char name[64], line[512], *s = NULL;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	f = fopen(name, "r");
	if (f == NULL)
		return true;
	if (fgets(line, sizeof(line), f) != NULL)
		s = strrchr(line, ')');
	fclose(f);
	return s == NULL || strchr("ZXT", s[2]) != NULL;
}

/* --- a storm */

static volatile sig_atomic_t hits;
static int calls;

static void
on_urg(int s)
{
	(void)s;
	hits++;
}

static void *
storm_thread(void *arg)
{
	volatile pid_t *tids = arg;
	pid_t pid = getpid();
	int i;

	for (i = 0; i < calls; i++)
		syscall(SYS_tgkill, pid, tids[i & 1], SIGURG);
	return NULL;
}

static int
storm(int n)
{
	static pid_t tids[2];
	pthread_t t[64];
	struct timespec a, b;
	int i;

	signal(SIGURG, on_urg);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	tids[0] = tids[1] = getpid();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < n && i < 64; i++) {
		if (pthread_create(&t[i], NULL, storm_thread, tids) != 0)
			return 1;
	}
	for (i = 0; i < n && i < 64; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%s %lld ns a call\n", hits > 0 ? "hit" : "missed",
	    ((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec) /
		((long long)n * calls));
	return 0;
}

int
main(int argc, char **argv)
{
	int i;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (argc == 4 && strcmp(argv[1], "-s") == 0) {
		calls = number(argv[3]);
		return storm(number(argv[2]));
	}
	if (argc == 6 && strcmp(argv[1], "-n") == 0) {
		times = number(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc != 4)
		return 2;
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return 3;
	form = argv[1];
	signo = number(argv[3]);
	arrange(argv[2]);
	for (i = 0; !sh->sent && i < 20000; i++)
		nap();
	sh->go = true;
	for (i = 0; !sh->said && !is_dead(sh->pid) && i < 20000; i++)
		nap();
	printf("%s %s", sh->error == 0 ? "ok" : strerrorname_np(sh->error),
	    !sh->said				? "dead" :
		sh->signo == 0			? "none" :
		sigabbrev_np(sh->signo) != NULL ? sigabbrev_np(sh->signo) :
						  "rt");
	if (getenv("VERBOSE") != NULL)
		printf(" code %d from %s%s value %d", sh->code,
		    sh->from == 0	     ? "0" :
			sh->from == 1	     ? "init" :
			sh->from == getpid() ? "me" :
					       "other",
		    sh->uid == getuid() ? "" : ", another user", sh->value);
	printf("\n");
	return 0;
}
