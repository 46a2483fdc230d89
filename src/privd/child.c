/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that privd starts: fork, become the child's user, exec; and their
 * end, by pidfd, so that no signal ever goes to a number that was used again.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "privd.h"
#include "proc.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int
become(enum role role, const struct cred *cred)
{
	bool enters;

	/* maker works with our rights */
	if (role == ROLE_MAKER)
		return lockdown_keep();
	/* execd needs one right of ours until it is in the session's
	 * namespaces, which an ordinary user owns; fusereg keeps it */
	enters = (role == ROLE_EXECD || role == ROLE_FUSEREG) &&
	    privd.mode == MODE_SERVICE;
	if (lockdown_child(enters) == -1)
		return -1;
	/* an ordinary user's helpers are that user already */
	if (privd.mode == MODE_USER || cred == NULL)
		return 0;
	if (enters && prctl(PR_SET_KEEPCAPS, 1) == -1)
		return -1;
	if (setgroups(cred->ngroups, cred->groups) == -1 ||
	    setresgid(cred->gid, cred->gid, cred->gid) == -1 ||
	    setresuid(cred->uid, cred->uid, cred->uid) == -1)
		return -1;
	if (enters && lockdown_enter() == -1)
		return -1;
	/* it must be for good */
	if (cred->uid != 0 && setuid(0) != -1)
		fatalx("could become root again");
	return 0;
}

/* 0 and 1 /dev/null, 2 as ours, 3 the channel, nothing else. */
static int
arrange_fds(int sock)
{
	int null;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1)
		return -1;
	if (sock == AGENTSH_PARENT_FD) {
		if (fcntl(sock, F_SETFD, 0) == -1)
			return -1;
	} else if (dup2(sock, AGENTSH_PARENT_FD) == -1)
		return -1;
	return close_range(AGENTSH_PARENT_FD + 1, ~0U, 0);
}

static void
child_exec(enum role role, const struct cred *cred, int sock, pid_t parent)
{
	static char area_opt[] = "-T";
	char path[AGENTSH_PATH_MAX + 32];
	char name[32];
	char *argv[4] = { name, NULL, NULL, NULL }, *envp[] = { NULL };

	snprintf(name, sizeof(name), "%s", proc_rows[role].file);
	snprintf(path, sizeof(path), "%s/%s", privd.paths.helpers, name);
	if (privd.areas != NULL) {
		argv[1] = area_opt;
		argv[2] = (char *)(uintptr_t)privd.areas;
	}
	signal(SIGPIPE, SIG_DFL);
	/* helpers end when their channel does, after what is in it: a service
	 * manager's SIGTERM to all of us is for privd to act upon */
	if (role != ROLE_MAKER)
		signal(SIGTERM, SIG_IGN);
	if (arrange_fds(sock) == -1 || become(role, cred) == -1)
		fatal("start of %s", name);
	/* after the last change of uid, which clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("start of %s", name);
	if (getppid() != parent)
		_exit(1);
	execve(path, argv, envp);
	fatal("%s", path);
}

/* Who was gone before; ROLE_MAX: it ended by itself. */
static enum role
blames(const siginfo_t *si)
{
	int n = si->si_status - AGENTSH_EXIT_PEER;

	return si->si_code == CLD_EXITED && n >= 0 && n < ROLE_MAX ?
	    (enum role)n :
	    ROLE_MAX;
}

/* In words, for logs and clients. */
static void
describe(char *dst, size_t size, const siginfo_t *si)
{
	enum role peer = blames(si);

	if (peer != ROLE_MAX)
		snprintf(dst, size, "its channel to %s was closed",
		    proc_rows[peer].file);
	else if (si->si_code == CLD_EXITED)
		snprintf(dst, size, "exit status %d", si->si_status);
	else
		snprintf(dst, size, "signal %d (%s)", si->si_status,
		    strsignal(si->si_status));
}

static void
child_free(struct child *c)
{
	TAILQ_REMOVE(&privd.children, c, entry);
	if (c->ev != NULL)
		event_free(c->ev);
	if (c->end != NULL)
		event_free(c->end);
	chan_free(c->ch);
	close(c->pidfd);
	free(c);
}

/* Reaps what no child structure knows: the litter of a maker that died. */
static void
sweep(void)
{
	struct child *c;
	struct sess *s;
	siginfo_t si;

	/* a process may wait whose MAKE_CLONED was not read yet */
	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->maker != NULL && !s->maker->stuck)
			return;
	}
	for (;;) {
		memset(&si, 0, sizeof(si));
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == -1 ||
		    si.si_pid == 0)
			return;
		TAILQ_FOREACH(c, &privd.children, entry) {
			if (c->pid == si.si_pid)
				return; /* its own event comes */
		}
		waitid(P_PID, (id_t)si.si_pid, &si, WEXITED | WNOHANG);
	}
}

static void
child_cb(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;
	siginfo_t si;
	char how[64];

	(void)what;
	/* its last words come before its death */
	while (c->ch != NULL && chan_step(c->ch, 0) == 1)
		continue;
	memset(&si, 0, sizeof(si));
	if (waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG) == -1) {
		if (errno == EINTR)
			return;
		log_warn("waitid of %s", proc_rows[c->role].file);
		si.si_code = CLD_KILLED;
	} else if (si.si_pid == 0)
		return; /* not yet */
	describe(how, sizeof(how), &si);
	log_debug("%s (pid %d): %s", proc_rows[c->role].file, (int)c->pid, how);
	if (c->sess != NULL)
		sess_child_died(c->sess, c, how, blames(&si));
	else
		helper_died(c, how);
	child_free(c);
	sweep();
	privd_stop_step();
}

static void
kill_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	child_kill(arg);
}

void
child_expect_end(struct child *c)
{
	static const struct timeval grace = { .tv_sec = 1 };

	if (c->end != NULL)
		return;
	c->end = evtimer_new(privd.base, kill_cb, c);
	if (c->end == NULL || evtimer_add(c->end, &grace) == -1)
		child_kill(c);
}

/* Out of the loop, where nobody is inside of the channel. */
static void
hang_up_cb(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	chan_free(c->ch);
	c->ch = NULL;
}

static void
child_chan_closed(struct chan *ch, const char *why)
{
	static const struct timeval now = { 0 };
	struct child *c = ch->arg;

	log_debug("%s (pid %d): channel closed: %s", proc_rows[c->role].file,
	    (int)c->pid, why);
	/* most often it is about to exit, and its status tells more than our
	 * signal; but without channel nobody goes on */
	if (c->role != ROLE_INIT || !c->sess->rooted) {
		child_expect_end(c);
		return;
	}
	/* pid 1 has said all that there is to say, and goes on */
	c->end = evtimer_new(privd.base, hang_up_cb, c);
	if (c->end == NULL || evtimer_add(c->end, &now) == -1)
		fatalx("cannot make a timer");
}

static int
child_watch(struct child *c)
{
	c->ev = event_new(privd.base, c->pidfd, EV_READ | EV_PERSIST, child_cb,
	    c);
	return c->ev == NULL || event_add(c->ev, NULL) == -1 ? -1 : 0;
}

bool
child_is_pidfd(int fd)
{
	/* without effect; other descriptors are EBADF */
	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0 ||
	    errno != EBADF;
}

struct child *
child_adopt(enum role role, pid_t pid, int pidfd, struct sess *s)
{
	static uint64_t last_number;
	struct child *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		fatal("child");
	c->number = ++last_number;
	c->role = role;
	c->pid = pid;
	c->pidfd = pidfd;
	c->sess = s;
	c->uid = s != NULL ? s->uid : privd.uid;
	TAILQ_INSERT_TAIL(&privd.children, c, entry);
	if (child_watch(c) == -1)
		fatalx("cannot watch a child");
	return c;
}

struct child *
child_spawn(enum role role, const struct cred *cred, struct sess *s)
{
	struct child *c;
	pid_t pid, parent = getpid();
	int pair[2], pidfd;

	if (chan_join(ROLE_PRIVD, role, pair) == -1)
		return NULL;
	pid = fork();
	if (pid == 0)
		child_exec(role, cred, pair[1], parent);
	close(pair[1]);
	pidfd = pid == -1 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd == -1) {
		log_warn("start of %s", proc_rows[role].file);
		if (pid != -1 && kill(pid, SIGKILL) == 0)
			waitpid(pid, NULL, 0);
		close(pair[0]);
		return NULL;
	}
	c = child_adopt(role, pid, pidfd, s);
	if (cred != NULL)
		c->uid = cred->uid;
	c->ch = chan_new(pair[0], ROLE_PRIVD, role, privd_handlers, c);
	if (c->ch == NULL || chan_watch(c->ch, privd.base) == -1)
		fatalx("cannot watch a child");
	/* a helper can ask for nothing before it is ready */
	if ((R_HELPERS & (1U << role)) != 0)
		c->ch->state = ST_START;
	c->ch->on_close = child_chan_closed;
	return c;
}

void
child_kill(struct child *c)
{
	if (c == NULL)
		return;
	if (syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0) == -1 &&
	    errno != ESRCH)
		log_warn("kill %s (pid %d)", proc_rows[c->role].file,
		    (int)c->pid);
}

void
child_give_up(struct child *c)
{
	if (c == NULL || c->stuck)
		return;
	c->stuck = true;
	log_warnx("%s (pid %d) was killed and does not end: it waits in the"
		  " kernel, most often for a file system whose server does not"
		  " answer",
	    proc_rows[c->role].file, (int)c->pid);
}
