/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command in a session, for the test scripts (run_in of lib.sh), in one
 * small process where curl and jq were five: a test asks for hundreds.
 *
 *	run_in SOCKET SECONDS SESSION COMMAND [ARG...]
 *
 * The whole answer goes to descriptor 1, its HTTP status to 4, or 000 where
 * there was none in time, and the standard output of the command to 3. The
 * status is the command's.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentsh/httpreply.h"
#include "agentsh/jsontree.h"
#include "utf8.h"

#define MAX_ANSWER (256U << 20)
#define OUT_FD 3
#define STATUS_FD 4

static FILE *request;

/* Ends the process. */
static void __attribute__((noreturn, format(printf, 1, 2)))
no_answer(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "run_in: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	dprintf(STATUS_FD, "000\n");
	exit(1);
}

static void
too_late(int sig)
{
	static const char text[] = "run_in: no answer in time\n";

	(void)sig;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)!write(STATUS_FD, "000\n", 4);
	_exit(1);
}

static void
put_string(const char *s)
{
	if (!utf8_is_valid(s, strlen(s)))
		no_answer("a word that is not UTF-8");
	putc('"', request);
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == '"' || *s == '\\')
			fprintf(request, "\\u%04x", (unsigned)*s);
		else
			putc(*s, request);
	}
	putc('"', request);
}

static void
write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, data, len);
		if (n == -1) {
			/* who reads the output may have had enough */
			if (fd == OUT_FD && errno == EPIPE)
				return;
			no_answer("write: %s", strerror(errno));
		}
		data += n;
		len -= (size_t)n;
	}
}

static int
dial(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sun.sun_path))
		no_answer("%s: too long", path);
	memcpy(sun.sun_path, path, strlen(path));
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		no_answer("%s: %s", path, strerror(errno));
	return fd;
}

static char *
body_of(char **words, size_t *len)
{
	char *body = NULL;
	int i;

	request = open_memstream(&body, len);
	if (request == NULL)
		no_answer("no memory");
	fprintf(request, "{\"command\":");
	put_string(words[0]);
	fprintf(request, ",\"args\":[");
	for (i = 1; words[i] != NULL; i++) {
		if (i > 1)
			putc(',', request);
		put_string(words[i]);
	}
	fprintf(request, "]}");
	if (fclose(request) == EOF)
		no_answer("no memory");
	return body;
}

static void
ask(int fd, const char *session, const char *body, size_t len)
{
	char head[1024];
	int n = snprintf(head, sizeof(head),
	    "POST /api/v1/sessions/%s/exec HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n",
	    session, len);

	if (n < 0 || (size_t)n >= sizeof(head))
		no_answer("%s: too long", session);
	write_all(fd, head, (size_t)n);
	write_all(fd, body, len);
}

static void
hear(int fd, struct hr *h)
{
	static char data[65536];
	ssize_t n;
	int r = 0;

	hr_init(h, MAX_ANSWER);
	while (r == 0) {
		n = read(fd, data, sizeof(data));
		if (n == -1)
			no_answer("read: %s", strerror(errno));
		if (n == 0)
			no_answer("the answer was cut off");
		r = hr_feed(h, data, (size_t)n);
	}
	if (r == -1)
		no_answer("no HTTP: %s", h->err);
}

int
main(int argc, char **argv)
{
	const struct jval *out;
	const char *err;
	struct json *json;
	struct hr h;
	uint64_t code;
	size_t len;
	char *body;
	int fd;

	if (argc < 5) {
		fprintf(stderr,
		    "usage: run_in socket seconds session command"
		    " [arg ...]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, too_late);
	alarm((unsigned)strtoul(argv[2], NULL, 10));
	body = body_of(argv + 4, &len);
	fd = dial(argv[1]);
	ask(fd, argv[3], body, len);
	hear(fd, &h);
	write_all(STDOUT_FILENO, (char *)h.body.data, h.body.len);
	if (h.status != 200 && h.status != 403) {
		dprintf(STATUS_FD, "%03d\n", h.status);
		_exit(1);
	}
	json = json_parse(h.body.data, h.body.len, &err);
	if (json == NULL)
		no_answer("no JSON: %s", err);
	out = jv_at(json->root, "result.stdout");
	if (out != NULL && out->type == J_STRING)
		write_all(OUT_FD, out->str, out->len);
	if (jv_u64(json->root, "result.exit_code", &code) == -1)
		no_answer("no exit code");
	dprintf(STATUS_FD, "%03d\n", h.status);
	/* what is allocated goes with the process, and no leak is to say so */
	_exit((int)code);
}
