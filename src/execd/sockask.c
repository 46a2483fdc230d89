/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on sockets that an operator has to approve. The caller waits in its
 * call, and nothing that was taken of it is kept. After the answer the call is
 * begun again: it then has to be the same operation, by that name, on the same
 * socket.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"
#include "socket.h"
#include "supervise.h"

struct sockask {
	struct asking a;
	struct seccomp_notif req;
	unsigned at; /* of a vector of messages: which one */
	bool host;   /* it is about a socket of the host */
};

void
sockask_free(struct sockask *q)
{
	if (q == NULL)
		return;
	asking_end(&q->a);
	free(q);
}

/* Which object the name means: an inode that is used again has other times. An
 * abstract name means itself, each of its bytes. */
static void
put_identity(char *dst, size_t size, const struct dest *d, enum unix_op op)
{
	const char *kind = d->host ? "host" : "path";
	size_t i, n;

	if (d->name[0] == '@') {
		n = (size_t)snprintf(dst, size, "abstract ");
		for (i = 1; i < d->name_len && n < size; i++)
			n += (size_t)snprintf(dst + n, size - n, "%02x",
			    (unsigned char)d->name[i]);
	} else if (op == UNIX_OP_CONNECT || op == UNIX_OP_SENDTO) {
		snprintf(dst, size, "%s %llx:%llx:%lld.%09ld:%lld.%09ld", kind,
		    (unsigned long long)d->st.st_dev,
		    (unsigned long long)d->st.st_ino,
		    (long long)d->st.st_mtim.tv_sec, d->st.st_mtim.tv_nsec,
		    (long long)d->st.st_ctim.tv_sec, d->st.st_ctim.tv_nsec);
	} else if (op == UNIX_OP_LISTEN) {
		dst[0] = '\0';
	} else {
		/* of the directory */
		snprintf(dst, size, "in %llx:%llx",
		    (unsigned long long)d->st.st_dev,
		    (unsigned long long)d->st.st_ino);
	}
}

/* The program that asks, and where on the host the name leads to. -1: they cannot
 * be shown. */
static int
put_words(struct asking *a, const struct sock *s, const struct dest *d)
{
	char words[2 * (AGENTSH_PATH_MAX + 2)];
	ssize_t n = readlinkat(s->t.dir_fd, "exe", words, AGENTSH_PATH_MAX);
	size_t len = n > 0 ? (size_t)n : 0;

	if (n <= 0)
		return -1;
	words[len++] = '\0';
	if (d->host && d->real != NULL && strcmp(d->real, d->name) != 0)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s",
			   d->real) +
		    1;
	return asking_words(a, words, len);
}

static void
on_answer(void *arg)
{
	struct sockask *q = arg;

	socket_again(&q->req, q, q->at, q->host);
}

static void
on_gone(void *arg)
{
	sockask_free(arg);
}

/* NULL: it cannot be shown to anybody. */
static struct sockask *
ask_new(const struct sock *s, const struct dest *d, enum unix_op op)
{
	const struct command *c = lineage_command(&s->t);
	struct sockask *q = calloc(1, sizeof(*q));
	struct msg_approval_ask *m;
	size_t i;

	if (q == NULL)
		fatal("an approval");
	q->req = s->req;
	q->at = s->at;
	q->host = d->host;
	q->a.id = s->req.id;
	q->a.on_answer = on_answer;
	q->a.on_gone = on_gone;
	q->a.arg = q;
	m = &q->a.m;
	m->kind = APPROVAL_SOCKET;
	m->pid = s->t.inner_tgid;
	m->timeout_ms = d->timeout_ms;
	snprintf(m->operation, sizeof(m->operation), "%s", dest_operation(op));
	for (i = 0; i < d->name_len; i++)
		m->object[i] = (char)(d->name[i] == '\0' ? '@' : d->name[i]);
	put_identity(m->identity, sizeof(m->identity), d, op);
	snprintf(m->rule, sizeof(m->rule), "%s", d->rule);
	snprintf(m->message, sizeof(m->message), "%s", d->message);
	snprintf(m->command_id, sizeof(m->command_id), "%s",
	    c != NULL ? c->id : "");
	if (put_words(&q->a, s, d) == -1) {
		sockask_free(q);
		return NULL;
	}
	return q;
}

static enum approve_say
use_answer(struct sock *s, const struct sockask *now)
{
	struct sockask *was = s->ask;
	enum approve_say say = APPROVE_NO;

	s->said = was->a.answer;
	if (s->said.outcome == APPROVAL_GRANTED &&
	    !asking_is_same(&was->a, &now->a))
		s->said.outcome = APPROVAL_CHANGED;
	if (s->said.outcome == APPROVAL_GRANTED)
		say = APPROVE_YES;
	/* it was for this one operation */
	s->for_host = false;
	s->ask = NULL;
	sockask_free(was);
	return say;
}

enum approve_say
sockask_say(struct sock *s, const struct dest *d, enum unix_op op)
{
	struct sockask *q;
	enum approve_say say;

	if (execd.p.conf.approvals == 0) {
		asking_refuse(&s->said, APPROVAL_OFF, "");
		return APPROVE_NO;
	}
	q = ask_new(s, d, op);
	if (q == NULL) {
		asking_refuse(&s->said, APPROVAL_REFUSED,
		    "the caller cannot be looked at");
		return APPROVE_NO;
	}
	if (s->ask != NULL) {
		say = use_answer(s, q);
		sockask_free(q);
		return say;
	}
	if (asking_start(&q->a) == -1) {
		sockask_free(q);
		asking_refuse(&s->said, APPROVAL_REFUSED,
		    "too many operations on sockets of this session wait");
		return APPROVE_NO;
	}
	return APPROVE_WAIT;
}
