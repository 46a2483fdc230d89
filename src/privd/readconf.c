/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readconf: reads the configuration once, for privd, and ends. It hears privd
 * and the file, which was opened by privd; it is confined before it looks at
 * the file's first byte. A compromise yields a wrong configuration, within the
 * ranges that privd checks again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confparse.h"
#include "log.h"
#include "proc.h"
#include "sandbox.h"
#include "start.h"
#include "yamldoc.h"

#define ANSWER_WAIT_MS 5000

static int readconf_on_sys_hello(struct chan *, struct imsg *);
static int readconf_on_conf_read(struct chan *, struct imsg *);

static struct {
	bool hello;
	int fd;				 /* the file */
	char path[AGENTSH_PATH_MAX + 1]; /* for errors */
} readconf = { .fd = -1 };

static const struct handler readconf_handlers[] = {
	{ MSG_SYS_HELLO, readconf_on_sys_hello },
	{ MSG_CONF_READ, readconf_on_conf_read },
	{ MSG_NONE, NULL },
};

static int
readconf_on_sys_hello(struct chan *ch, struct imsg *im)
{
	struct msg_sys_hello m;

	(void)ch;
	if (start_hello(ROLE_READCONF, im, &m) == -1)
		return -1;
	readconf.hello = true;
	return 0;
}

static int
readconf_on_conf_read(struct chan *ch, struct imsg *im)
{
	struct msg_conf_read m;

	(void)ch;
	if (!readconf.hello || msg_get_conf_read(im, &m) == -1 ||
	    m.run_mode >= MODE_MAX)
		return -1;
	readconf.fd = imsg_take_fd(im, 0);
	memcpy(readconf.path, m.path, sizeof(readconf.path));
	return 0;
}

/* The whole file; one byte more than allowed is enough to refuse it. */
static size_t
read_all(uint8_t *text, size_t max)
{
	size_t len = 0;
	ssize_t n;

	while (len < max) {
		n = read(readconf.fd, text + len, max - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			fatal("%s", readconf.path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return len;
}

static void
answer(struct chan *ch, const struct conf *c)
{
	struct msg_conf_loaded m = { 0 };
	struct buf b;

	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, c);
	if (b.bad)
		fatalx("%s: too large", readconf.path);
	m.conf = b.data;
	m.conf_len = b.len;
	if (msg_send_conf_loaded(ch, 0, &m, NULL) == -1 ||
	    chan_drain(ch, ANSWER_WAIT_MS) == -1)
		fatalx("agentshd is gone");
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	static struct conf conf;
	struct chan *ch;
	struct aerr e = { 0 };
	uint8_t *text;
	size_t len;

	log_init("readconf");
	start_options(ROLE_READCONF, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	ch = chan_new(AGENTSH_PARENT_FD, ROLE_READCONF, ROLE_PRIVD,
	    readconf_handlers, NULL);
	text = malloc(YDOC_MAX_BYTES + 1);
	if (ch == NULL || text == NULL)
		fatal("start");
	ch->state = ST_START;
	while (readconf.fd == -1) {
		if (chan_step(ch, -1) == -1)
			fatalx("agentshd is gone before the start was "
			       "complete");
	}
	sandbox_enter(ROLE_READCONF, NULL, 0);
	len = read_all(text, YDOC_MAX_BYTES + 1);
	if (conf_parse(readconf.path, text, len, &conf, &e) == -1) {
		log_warnx("%s", e.message);
		return 1;
	}
	answer(ch, &conf);
	free(text);
	chan_free(ch);
	return 0;
}
