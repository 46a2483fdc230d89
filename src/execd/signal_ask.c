/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that an operator has to approve. The caller waits in its call. After
 * the answer the call is decided from its beginning: whom it then reaches has to
 * be one of those that the operator was shown, the same process with the same
 * program, by the same rule.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"
#include "signal_call.h"
#include "template.h"

#define TARGETS_MAX 24 /* of one call, as many as a person looks at */
#define TOKEN_MAX 26   /* in bytes, of one in the identity */
#define WORD_MAX (AGENTSH_PATH_MAX + 512)

_Static_assert(TARGETS_MAX *TOKEN_MAX <= APPROVAL_IDENTITY_MAX,
    "the targets of a signal fit into an identity");

/* One call that has to be approved, and what it was asked for. */
struct sigask {
	struct asking a;
	struct sigcall *k;
	bool all; /* no target was left out */
	size_t n;
	char token[TARGETS_MAX][TOKEN_MAX]; /* which process it is */
	size_t tail[TARGETS_MAX]; /* of its word: what may not change */
	char *words; /* who sends it, then a word a target, each with its NUL */
	size_t words_len;
};

/* --- what a target is */

/* When it began, in ticks since the machine's start: with its number that is one
 * process. *gone: it has ended, and waits for its parent. -1: it cannot be found
 * out. */
static int
start_time(const struct sigtarget *t, unsigned long long *ticks, bool *gone)
{
	unsigned long long size;
	char buf[1024];
	const char *s;
	ssize_t n;
	int fd, i;

	fd = openat(sigtarget_dir(t), "stat", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	/* behind the name, which may have any byte in it */
	s = strrchr(buf, ')');
	for (i = 0; s != NULL && i < 20; i++)
		s = strchr(s + 1, ' ');
	if (s == NULL || sscanf(s, " %llu %llu", ticks, &size) != 2)
		return -1;
	*gone = size == 0;
	return 0;
}

static int
make_token(char token[TOKEN_MAX], const struct sigtarget *t, bool *gone)
{
	unsigned long long ticks;
	int n;

	if (start_time(t, &ticks, gone) == -1)
		return -1;
	n = snprintf(token, TOKEN_MAX, "%x:%llx", t->pid, ticks);
	return n > 0 && n < TOKEN_MAX - 1 ? 0 : -1;
}

static void
put_program(char *dst, size_t size, const struct sigtarget *t)
{
	ssize_t n = readlinkat(sigtarget_dir(t), "exe", dst, size - 1);

	dst[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		snprintf(dst, size, "(%s)", t->name);
}

static const char *
command_of(const struct sigtarget *t)
{
	struct target k = {
		.dir_fd = -1, .inner_tgid = t->pid, .inner_ppid = t->ppid
	};
	const struct command *c;
	pid_t ppid;

	if (target_imprint(sigtarget_dir(t), &k.imprint, &ppid) == -1)
		return NULL;
	c = lineage_command(&k);
	return c != NULL ? c->id : NULL;
}

/* What the agent can choose comes last. The result is where that begins which
 * has to be the same still: who has just executed a program is not known to be
 * of its command yet, and is a moment later. */
static size_t
make_word(char word[WORD_MAX], const struct sigask *q,
    const struct sigtarget *t, const char *rule)
{
	char program[AGENTSH_PATH_MAX + 1];
	const char *c = command_of(t);
	int n;

	put_program(program, sizeof(program), t);
	n = snprintf(word, WORD_MAX, "pid %u%s%s", t->pid,
	    c != NULL ? ", command " : "", c != NULL ? c : "");
	snprintf(word + n, WORD_MAX - (size_t)n, "%s%s: %s",
	    strcmp(rule, q->a.m.rule) != 0 ? ", rule " : "",
	    strcmp(rule, q->a.m.rule) != 0 ? rule : "", program);
	return (size_t)n;
}

static void
add_word(struct sigask *q, const char *word)
{
	size_t len = strlen(word) + 1;
	char *more = realloc(q->words, q->words_len + len);

	if (more == NULL)
		fatal("an approval");
	memcpy(more + q->words_len, word, len);
	q->words = more;
	q->words_len += len;
}

/* --- what is asked for */

static void
free_ask(struct sigask *q)
{
	asking_end(&q->a);
	free(q->words);
	free(q);
}

void
sigask_free(struct sigcall *k)
{
	struct sigask *q = k->ask;

	k->ask = NULL;
	if (q != NULL)
		free_ask(q);
}

static void
on_answer(void *arg)
{
	struct sigask *q = arg;

	sigcall_again(q->k);
}

static void
on_gone(void *arg)
{
	struct sigask *q = arg;

	sigcall_free(q->k);
}

static struct sigask *
ask_new(struct sigcall *k, const struct sigsaid *s)
{
	const struct command *c = command_find(k->command);
	const char *values[TEMPLATE_MAX] = { NULL };
	char program[AGENTSH_PATH_MAX + 1], name[16];
	struct sigask *q = calloc(1, sizeof(*q));
	struct msg_approval_ask *m;

	if (q == NULL)
		fatal("an approval");
	q->k = k;
	q->all = true;
	q->a.id = k->req.id;
	q->a.on_answer = on_answer;
	q->a.on_gone = on_gone;
	q->a.arg = q;
	m = &q->a.m;
	m->kind = APPROVAL_SIGNAL;
	m->pid = k->self.pid;
	m->timeout_ms = s->v.timeout_ms;
	signal_name(name, sizeof(name), k->signo);
	snprintf(m->operation, sizeof(m->operation), "%s (%u)", name, k->signo);
	snprintf(m->rule, sizeof(m->rule), "%s", s->v.rule_name);
	values[TEMPLATE_SIGNAL] = name;
	values[TEMPLATE_RULE] = m->rule;
	(void)template_expand(m->message, sizeof(m->message), s->v.message,
	    values);
	snprintf(m->command_id, sizeof(m->command_id), "%s",
	    c != NULL ? c->id : "");
	put_program(program, sizeof(program), &k->self);
	add_word(q, program);
	return q;
}

void
sigask_add(struct sigcall *k, const struct sigtarget *t,
    const struct sigsaid *s)
{
	char word[WORD_MAX];
	struct sigask *q = k->ask;
	bool gone;

	if (q == NULL)
		q = k->ask = ask_new(k, s);
	if (q->n == TARGETS_MAX || make_token(q->token[q->n], t, &gone) == -1) {
		q->all = false;
		return;
	}
	q->tail[q->n] = make_word(word, q, t, s->v.rule_name);
	add_word(q, word);
	q->n++;
}

static void
set_object(struct sigask *q)
{
	struct msg_approval_ask *m = &q->a.m;
	const struct sigcall *k = q->k;
	size_t i, n = 0;

	if (k->form == SIGNAL_TO_ALL)
		snprintf(m->object, sizeof(m->object), "all, %zu processes",
		    q->n);
	else if (k->form == SIGNAL_TO_GROUP)
		snprintf(m->object, sizeof(m->object),
		    "group %u, %zu processes",
		    k->pid != 0 ? k->pid : k->self.pgid, q->n);
	else
		snprintf(m->object, sizeof(m->object), "pid %u", k->to.pid);
	for (i = 0; i < q->n; i++)
		n += (size_t)snprintf(m->identity + n, sizeof(m->identity) - n,
		    "%s%s", i > 0 ? " " : "", q->token[i]);
}

bool
sigask_start(struct sigcall *k)
{
	struct sigask *q = k->ask;
	const char *why = NULL;

	set_object(q);
	if (!q->all || asking_words(&q->a, q->words, q->words_len) == -1)
		why = "too many processes to be shown";
	else if (asking_start(&q->a) == -1)
		why = "too many signals of this session wait";
	if (why == NULL)
		return true;
	/* as if it had been answered, so that nobody asks again */
	asking_refuse(&q->a.answer, APPROVAL_REFUSED, why);
	q->a.answered = true;
	return false;
}

bool
sigask_is_answered(const struct sigcall *k)
{
	return k->ask != NULL && k->ask->a.answered;
}

/* Was this target shown, as what it is now? tail NULL: it is dead meanwhile, which
 * is told as kill(2) tells of those who wait for their parent. */
static bool
was_shown(const struct sigask *q, const char *token, const char *tail)
{
	const char *w = q->words + strlen(q->words) + 1;
	size_t i;

	for (i = 0; i < q->n; i++, w += strlen(w) + 1) {
		if (strcmp(q->token[i], token) == 0)
			return tail == NULL ||
			    strcmp(w + q->tail[i], tail) == 0;
	}
	return false;
}

void
sigask_use(const struct sigcall *k, const struct sigtarget *t,
    struct sigsaid *s)
{
	static struct msg_approval_answer changed;
	char token[TOKEN_MAX], word[WORD_MAX], name[16], operation[32];
	const struct sigask *q = k->ask;
	size_t tail;
	bool gone;

	s->done = DECISION_DENY;
	if (q == NULL) {
		/* it came after the look that nobody had to approve */
		asking_refuse(&changed, APPROVAL_REFUSED,
		    "the process was not there when that could be asked");
		s->said = &changed;
		return;
	}
	s->said = &q->a.answer;
	if (q->a.answer.outcome != APPROVAL_GRANTED)
		return;
	signal_name(name, sizeof(name), k->signo);
	snprintf(operation, sizeof(operation), "%s (%u)", name, k->signo);
	/* in this order: a process that dies loses its program, and then it has
	 * no memory */
	tail = make_word(word, q, t, s->v.rule_name);
	if (strcmp(operation, q->a.m.operation) == 0 &&
	    make_token(token, t, &gone) == 0 &&
	    was_shown(q, token, gone ? NULL : word + tail)) {
		s->done = DECISION_ALLOW;
		return;
	}
	changed = q->a.answer;
	changed.outcome = APPROVAL_CHANGED;
	s->said = &changed;
}
