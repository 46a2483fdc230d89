/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leader of a command, from the keeper's fork to the exec. The spec comes
 * from a client by way of execd; spec_read() checks it once more, here, where
 * a mistake costs one command only. Everything that confines the command was
 * inherited; what is added here is for its comfort, but the signal scope.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"
#include "spec.h"

#define LEADER_PATH "/usr/local/bin:/usr/bin:/bin"
#define LEADER_NOFILE 1024 /* soft: select(2) in a command still works */
#define LEADER_NOFILE_HARD 524288

static void __attribute__((noreturn))
leader_fail(const struct leader *l, enum spawn_stage stage, int error)
{
	uint32_t result[2] = { (uint32_t)stage, (uint32_t)error };

	/* eight bytes into an empty pipe are written at once */
	if (write(l->result_fd, result, sizeof(result)) == -1)
		_exit(126);
	_exit(127);
}

static void
leader_reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int signo;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (signo = 1; signo < NSIG; signo++)
		sigaction(signo, &sa, NULL); /* fails for KILL and STOP */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The kernel counts the processes and threads of a user in each user namespace,
 * and the session has its own: the limit is of them all, and nobody in it may
 * raise it again. init and the keepers count and are not bound by it.
 */
static int
leader_limit_pids(uint32_t pids_max)
{
	struct rlimit rl;

	if (pids_max == 0)
		return 0;
	if (getrlimit(RLIMIT_NPROC, &rl) == -1)
		return -1;
	if (rl.rlim_max > pids_max)
		rl.rlim_max = pids_max;
	rl.rlim_cur = rl.rlim_max;
	return setrlimit(RLIMIT_NPROC, &rl);
}

static int
leader_limits(const struct leader *l)
{
	struct rlimit rl = { 0, 0 };

	if (leader_limit_pids(l->pids_max) == -1)
		return -1;
	if (setrlimit(RLIMIT_CORE, &rl) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return -1;
	/* descriptors that commands have sent and nobody receives must not be as
	 * many as those that confine them may have: they could pass none */
	rl.rlim_max -= rl.rlim_max / 4;
	if (rl.rlim_max > LEADER_NOFILE_HARD)
		rl.rlim_max = LEADER_NOFILE_HARD;
	rl.rlim_cur = rl.rlim_max < LEADER_NOFILE ? rl.rlim_max : LEADER_NOFILE;
	return setrlimit(RLIMIT_NOFILE, &rl);
}

/* Descriptors 0 to 2 from where they are, above 2; the rest goes at exec. */
static int
leader_stdio(const struct leader *l)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (dup2(l->stdio[i], i) == -1)
			return -1;
	}
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* execve(2), and a text without "#!" is for the shell, as execvp(3) does it. */
static int
leader_try(const struct spec *spec, const char *path)
{
	char **argv;
	char shell[] = "/bin/sh";
	size_t i;

	execve(path, spec->argv, spec->env);
	if (errno != ENOEXEC)
		return errno;
	argv = calloc(spec->argc + 2, sizeof(*argv));
	if (argv == NULL)
		return ENOMEM;
	argv[0] = shell;
	argv[1] = (char *)(uintptr_t)path;
	for (i = 1; i < spec->argc; i++)
		argv[i + 1] = spec->argv[i];
	execve(shell, argv, spec->env);
	return errno;
}

static const char *
leader_path(const struct spec *spec)
{
	size_t i;

	for (i = 0; i < spec->nenv; i++) {
		if (strncmp(spec->env[i], "PATH=", 5) == 0)
			return spec->env[i] + 5;
	}
	return LEADER_PATH;
}

/* Looks along PATH of the command's own environment. Returns errno. */
static int
leader_search(const struct spec *spec)
{
	char path[AGENTSH_PATH_MAX + 1];
	const char *p, *end;
	int error, result = ENOENT, len;

	if (strlen(spec->file) > NAME_MAX)
		return ENAMETOOLONG;
	for (p = leader_path(spec); p != NULL;
	     p = *end == '\0' ? NULL : end + 1) {
		end = p + strcspn(p, ":");
		if (end - p > AGENTSH_PATH_MAX)
			continue;
		/* an empty part is the working directory */
		len = snprintf(path, sizeof(path), "%.*s%s%s", (int)(end - p),
		    p, end == p ? "./" : "/", spec->file);
		if (len < 0 || (size_t)len >= sizeof(path))
			continue;
		error = leader_try(spec, path);
		switch (error) {
		case EACCES:
			result = EACCES;
			break;
		case ENOENT:
		case ENOTDIR:
		case ESTALE:
		case ENODEV:
		case ETIMEDOUT:
		case ELOOP:
			break;
		default:
			return error;
		}
	}
	return result;
}

void
leader_run(const struct leader *l)
{
	struct spec spec;
	int error;

	/* not looked into by anybody, also when it is a builtin that never
	 * executes a program; all the same */
	secret_forget();
	if (spec_read(l->spec_fd, &spec) == -1)
		leader_fail(l, SPAWN_SPEC, errno);
	if (setsid() == -1 || leader_limits(l) == -1 || leader_stdio(l) == -1)
		leader_fail(l, SPAWN_SETUP, errno);
	if (l->master_fd != -1 && term_control(STDIN_FILENO) == -1)
		leader_fail(l, SPAWN_TERMINAL, errno);
	umask(022);
	leader_reset_signals();
	if (chdir(spec.cwd) == -1 && !builtin_starts_anywhere(&spec))
		leader_fail(l, SPAWN_CHDIR, errno);
	if (setup_scope_signals(l->landlock_abi) == -1)
		leader_fail(l, SPAWN_SETUP, errno);
	if (spec.builtin != BUILTIN_NONE) {
		/* as an exec would: what is init's is gone, and it runs */
		if (close_range(3, ~0U, 0) == -1)
			leader_fail(l, SPAWN_SETUP, errno);
		_exit(builtin_run(&spec));
	}
	if (strchr(spec.file, '/') != NULL)
		error = leader_try(&spec, spec.file);
	else
		error = leader_search(&spec);
	leader_fail(l, SPAWN_EXEC, error);
}
