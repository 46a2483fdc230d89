/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw mode, and the way back from it on every way out. A handler does no more
 * than tcsetattr(3) and signals, which it may.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tty.h"

/* What ends a program that does not say otherwise. */
static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM,
	SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
	SIGSYS, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGSTKFLT };

static struct termios tty_saved;
static volatile sig_atomic_t tty_is_raw;
static volatile sig_atomic_t tty_resized;
static volatile sig_atomic_t tty_stopped;
static volatile sig_atomic_t tty_continued;
static sigset_t tty_before;

bool
tty_is_there(void)
{
	struct termios tio;

	return tcgetattr(STDIN_FILENO, &tio) == 0;
}

void
tty_size(uint16_t *rows, uint16_t *cols)
{
	struct winsize ws;

	*rows = *cols = 0;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == -1)
		return;
	/* one that has no size is given the usual one */
	*rows = ws.ws_row;
	*cols = ws.ws_col;
}

void
tty_restore(void)
{
	int saved = errno;

	if (tty_is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &tty_saved);
	tty_is_raw = 0;
	errno = saved;
}

static void
tty_deadly_cb(int signo)
{
	/* not until it is drained: nobody may read it any more */
	if (tty_is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &tty_saved);
	tty_is_raw = 0;
	signal(signo, SIG_DFL);
	raise(signo);
}

static void
tty_signal_cb(int signo)
{
	if (signo == SIGWINCH)
		tty_resized = 1;
	else if (signo == SIGTSTP)
		tty_stopped = 1;
	else
		tty_continued = 1;
}

static int
tty_enter(void)
{
	struct termios tio;

	/* what is there while we are in raw mode may be our own */
	if (!tty_is_raw && tcgetattr(STDIN_FILENO, &tty_saved) == -1)
		return -1;
	tio = tty_saved;
	cfmakeraw(&tio);
	tty_is_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &tio) == 0)
		return 0;
	tty_is_raw = 0;
	return -1;
}

static void
tty_handlers(void)
{
	struct sigaction sa, old;
	sigset_t ours;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = tty_deadly_cb;
	sigemptyset(&sa.sa_mask);
	/* raise(3) in the handler ends us at once */
	sa.sa_flags = SA_NODEFER;
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		/* what nohup(1) and the like have had ignored stays so */
		if (sigaction(deadly[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(deadly[i], &sa, NULL);
	}
	sa.sa_handler = tty_signal_cb;
	sa.sa_flags = SA_RESTART;
	sigemptyset(&ours);
	sigaddset(&ours, SIGWINCH);
	sigaddset(&ours, SIGTSTP);
	sigaddset(&ours, SIGCONT);
	sigprocmask(SIG_BLOCK, &ours, &tty_before);
	sigaction(SIGWINCH, &sa, NULL);
	sigaction(SIGTSTP, &sa, NULL);
	sigaction(SIGCONT, &sa, NULL);
}

int
tty_raw(void)
{
	static bool once;

	if (!once) {
		tty_handlers();
		atexit(tty_restore);
		once = true;
	}
	if (tty_enter() == 0)
		return 0;
	say("standard input: %s", strerror(errno));
	return -1;
}

const sigset_t *
tty_mask(void)
{
	return &tty_before;
}

bool
tty_changed(void)
{
	bool changed = tty_resized || tty_stopped || tty_continued;

	if (tty_stopped) {
		tty_stopped = 0;
		tty_restore();
		/* SIGTSTP has a handler */
		raise(SIGSTOP);
	}
	/* a shell gives the terminal back in its own mode */
	if (tty_continued || !tty_is_raw)
		tty_enter();
	tty_resized = tty_continued = 0;
	return changed;
}
