/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of pid 1 and of the keepers. They are under the filter of the
 * commands, which has execd decide signals, and must be able to end commands
 * when execd is busy or dead: the filter lets a call go on that has the secret
 * in two arguments that kill(2) does not use. Only these processes, which
 * nobody in the session can look into, have it: a leader loses it in its exec.
 */
#include <sys/syscall.h>

#include <unistd.h>

#include "init.h"

static uint64_t secret[2];

void
init_kill_secret(uint64_t secret1, uint64_t secret2)
{
	secret[0] = secret1;
	secret[1] = secret2;
}

int
init_kill(pid_t pid, int signo)
{
	return (int)syscall(SYS_kill, pid, signo, 0, 0, secret[0], secret[1]);
}
