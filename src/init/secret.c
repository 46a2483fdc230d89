/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of pid 1 and of the keepers that the filter of the commands has execd
 * decide: signals, by which they must be able to end commands when execd is busy
 * or dead, and messages to execd, who cannot be asked about what it is to read.
 * The filter lets such a call go on that has the secret in two arguments which it
 * does not use. Only these processes, which nobody in the session can look into,
 * have it: a leader forgets it before it does anything of its command's.
 */
#include <sys/syscall.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "chan.h"
#include "init.h"

static uint64_t secret[2];

static ssize_t
secret_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return syscall(SYS_sendmsg, fd, m, flags, 0, secret[0], secret[1]);
}

void
secret_set(uint64_t secret1, uint64_t secret2)
{
	secret[0] = secret1;
	secret[1] = secret2;
	chan_sendmsg = secret_sendmsg;
}

void
secret_forget(void)
{
	explicit_bzero(secret, sizeof(secret));
	chan_sendmsg = sendmsg;
}

int
init_kill(pid_t pid, int signo)
{
	return (int)syscall(SYS_kill, pid, signo, 0, 0, secret[0], secret[1]);
}

int
init_kill_thread(pid_t pid, pid_t tid, int signo)
{
	return (int)syscall(SYS_tgkill, pid, tid, signo, 0, secret[0],
	    secret[1]);
}

int
init_kill_held(int fd, int signo, const siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, signo, info, flags,
	    secret[0], secret[1]);
}
