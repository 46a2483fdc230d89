/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to stderr with one write(2) a line, so that lines of several
 * processes do not mix. The whole text is made visible once more before it
 * leaves: a caller that forgets vis_str() cannot forge a line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "vis.h"

static struct {
	const char *role;
	int verbose;
	unsigned areas;
} logger = { "agentsh", 1, 0 };

static const struct {
	const char *name;
	enum log_area area;
} log_areas[] = {
	{ "ipc", LOG_IPC },
	{ "http", LOG_HTTP },
};

void
log_init(const char *role)
{
	logger.role = role;
}

void
log_set_verbose(int verbose)
{
	logger.verbose = verbose;
}

int
log_get_verbose(void)
{
	return logger.verbose;
}

int
log_set_areas(const char *list)
{
	size_t i, n;

	while (*list != '\0') {
		n = strcspn(list, ",");
		for (i = 0; i < sizeof(log_areas) / sizeof(log_areas[0]); i++) {
			if (strlen(log_areas[i].name) == n &&
			    strncmp(log_areas[i].name, list, n) == 0)
				break;
		}
		if (i == sizeof(log_areas) / sizeof(log_areas[0]))
			return -1;
		logger.areas |= log_areas[i].area;
		list += n;
		if (*list == ',')
			list++;
	}
	return 0;
}

static void __attribute__((format(printf, 3, 0)))
log_line(const char *level, const char *errtext, const char *fmt, va_list ap)
{
	char text[2048], safe[4096], line[4352];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	vis_str(safe, sizeof(safe), text);
	n = snprintf(line, sizeof(line), "agentshd[%s]: %s%s%s%s\n",
	    logger.role, level, safe, errtext != NULL ? ": " : "",
	    errtext != NULL ? errtext : "");
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) == -1)
		return; /* nowhere left to say it */
}

void
log_warn(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	log_line("warning: ", strerror(saved), fmt, ap);
	va_end(ap);
	errno = saved;
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("warning: ", NULL, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	if (logger.verbose < 1)
		return;
	va_start(ap, fmt);
	log_line("", NULL, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (logger.verbose < 2)
		return;
	va_start(ap, fmt);
	log_line("debug: ", NULL, fmt, ap);
	va_end(ap);
}

void
log_trace(enum log_area area, const char *fmt, ...)
{
	va_list ap;

	if ((logger.areas & area) == 0)
		return;
	va_start(ap, fmt);
	log_line("trace: ", NULL, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	log_line("fatal: ", strerror(saved), fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("fatal: ", NULL, fmt, ap);
	va_end(ap);
	exit(1);
}
