/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of maker, in words for whoever asked for the session.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "maker.h"

int
make_error(struct aerr *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t len;

	e->http = 500;
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	len = strlen(e->message);
	snprintf(e->message + len, sizeof(e->message) - len, ": %s",
	    strerror(saved));
	errno = saved;
	return -1;
}

int
make_errorx(struct aerr *e, int http, const char *fmt, ...)
{
	va_list ap;

	e->http = http;
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	return -1;
}

void
make_tell_failed(struct chan *ch, const struct aerr *e)
{
	struct msg_make_failed m = { 0 };

	m.http_status = (uint32_t)e->http;
	snprintf(m.message, sizeof(m.message), "%s", e->message);
	if (msg_send_make_failed(ch, 0, &m, NULL) == 0)
		chan_drain(ch, 1000);
}
