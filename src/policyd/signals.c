/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as policies name them: with or without SIG, in any case, by number,
 * or several by the name of a group.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "parse.h"
#include "units.h"

#define SIGNALS_MAX 63
#define BIT(n) (UINT64_C(1) << (n))

static const struct {
	const char *name;
	uint64_t signals;
} groups[] = {
	{ "@all", (BIT(32) - 1) & ~UINT64_C(1) },
	{ "@fatal", BIT(SIGKILL) | BIT(SIGTERM) | BIT(SIGQUIT) | BIT(SIGABRT) },
	{ "@job",
	    BIT(SIGSTOP) | BIT(SIGCONT) | BIT(SIGTSTP) | BIT(SIGTTIN) |
		BIT(SIGTTOU) },
	{ "@reload", BIT(SIGHUP) | BIT(SIGUSR1) | BIT(SIGUSR2) },
	{ "@ignore", BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) },
};

static const struct {
	const char *name;
	int signo;
} aliases[] = {
	{ "IOT", SIGABRT },
	{ "CLD", SIGCHLD },
	{ "IO", SIGIO },
	{ "POLL", SIGIO },
};

uint32_t
signal_number(const char *text)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	const char *known;
	uint64_t n;
	size_t i;
	int s;

	if (text[0] >= '0' && text[0] <= '9')
		return units_int(text, 10, &n) == 0 && n >= 1 &&
			n <= SIGNALS_MAX ?
		    (uint32_t)n :
		    0;
	for (s = 1; s < 32; s++) {
		known = sigabbrev_np(s);
		if (known != NULL && strcasecmp(known, name) == 0)
			return (uint32_t)s;
	}
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcasecmp(aliases[i].name, name) == 0)
			return (uint32_t)aliases[i].signo;
	}
	return 0;
}

uint64_t
signal_mask(const char *text)
{
	uint32_t n;
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (strcasecmp(groups[i].name, text) == 0)
			return groups[i].signals;
	}
	n = signal_number(text);
	return n == 0 ? 0 : BIT(n);
}

void
signal_text(char *dst, size_t size, uint32_t signo)
{
	const char *name = signo < 32 ? sigabbrev_np((int)signo) : NULL;

	if (name != NULL)
		snprintf(dst, size, "SIG%s", name);
	else
		snprintf(dst, size, "%u", signo);
}
