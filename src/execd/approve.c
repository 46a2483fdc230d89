/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execs that an operator has to approve. The question of the kernel stays
 * unanswered meanwhile, others go on, and who asked can be killed. After the
 * answer the exec is read and decided from its beginning: what then would run has
 * to be what the operator was shown, the same files and the same words.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking.h"
#include "clock.h"
#include "execd.h"
#include "log.h"
#include "supervise.h"

/* A shell that was refused tries the same program by its other names in PATH:
 * nobody is asked twice for that. */
#define RECENT_MS 2000
#define RECENT_MAX 16

struct approval {
	struct asking a;
	TAILQ_ENTRY(approval) entry; /* of those that were refused */
	struct exec *x;		     /* who waits; NULL: nobody does any more */
	pid_t tgid;
	uint64_t answered_ms;
};

static struct {
	TAILQ_HEAD(approvals, approval) recent; /* that were refused */
	size_t nrecent;
} appr = { .recent = TAILQ_HEAD_INITIALIZER(appr.recent) };

static void
approval_free(struct approval *a)
{
	if (a == NULL)
		return;
	asking_end(&a->a);
	free(a);
}

/* --- what is asked for */

/* Each file that would be opened, and its state: who changes one of them after
 * the answer is found out. */
static void
put_identity(char *dst, size_t size, const struct exec *x)
{
	const struct stat *st;
	size_t i, n = 0;

	dst[0] = '\0';
	for (i = 0; i < x->nlinks && n < size; i++) {
		st = &x->link[i].file.st;
		n += (size_t)snprintf(dst + n, size - n,
		    "%s%llx:%llx:%lld:%lld.%09ld:%lld.%09ld", i > 0 ? " " : "",
		    (unsigned long long)st->st_dev,
		    (unsigned long long)st->st_ino, (long long)st->st_size,
		    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		    (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
	}
}

static void
on_answer(void *arg)
{
	struct approval *a = arg;

	a->answered_ms = clock_ms();
	supervise_answered(a->x);
}

static void
on_gone(void *arg)
{
	struct approval *a = arg;

	supervise_drop(a->x);
}

/* NULL: it cannot be shown to anybody as a whole. */
static struct approval *
approval_new(struct exec *x)
{
	const struct link *l = &x->link[0];
	const struct command *c = command_find(x->l.command);
	struct approval *a;
	struct msg_approval_ask *m;

	if (x->truncated || l->argv.n == 0)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		fatal("an approval");
	if (asking_words(&a->a, l->argv.bytes, l->argv.len) == -1) {
		free(a);
		return NULL;
	}
	a->x = x;
	a->tgid = x->t.tgid;
	a->a.id = x->req.id;
	a->a.on_answer = on_answer;
	a->a.on_gone = on_gone;
	a->a.arg = a;
	m = &a->a.m;
	m->kind = APPROVAL_COMMAND;
	m->pid = x->t.inner_tgid;
	m->timeout_ms = x->j.v.timeout_ms;
	/* 0 here as well: policyd's own */
	if (m->timeout_ms == 0)
		m->timeout_ms = (uint32_t)execd.p.conf.exec_approval_ms;
	snprintf(m->operation, sizeof(m->operation), "execve");
	snprintf(m->object, sizeof(m->object), "%.*s", AGENTSH_PATH_MAX,
	    l->file.name[0] != '\0' ? l->file.name : x->path);
	/* what a program does depends on where */
	file_spell(&x->t, AT_FDCWD, ".", m->cwd, sizeof(m->cwd));
	put_identity(m->identity, sizeof(m->identity), x);
	snprintf(m->rule, sizeof(m->rule), "%s", x->j.v.rule_name);
	judge_message(&x->j, NULL, m->message, sizeof(m->message));
	snprintf(m->command_id, sizeof(m->command_id), "%s",
	    c != NULL ? c->id : "");
	return a;
}

/* --- the answers of a short time ago */

static void
forget_recent(void)
{
	struct approval *a;
	uint64_t now = clock_ms();

	while ((a = TAILQ_FIRST(&appr.recent)) != NULL &&
	    (appr.nrecent > RECENT_MAX || now - a->answered_ms > RECENT_MS)) {
		TAILQ_REMOVE(&appr.recent, a, entry);
		appr.nrecent--;
		approval_free(a);
	}
}

static const struct approval *
find_recent(const struct approval *a)
{
	const struct approval *r;

	forget_recent();
	TAILQ_FOREACH(r, &appr.recent, entry) {
		if (r->tgid == a->tgid && asking_is_same(&r->a, &a->a))
			return r;
	}
	return NULL;
}

static void
keep_recent(struct approval *a)
{
	a->x = NULL;
	TAILQ_INSERT_TAIL(&appr.recent, a, entry);
	appr.nrecent++;
	forget_recent();
}

/* --- who waits */

void
approve_free(struct exec *x)
{
	struct approval *a = x->approval;

	x->approval = NULL;
	if (a == NULL)
		return;
	if (a->a.answered &&
	    (a->a.answer.outcome == APPROVAL_DENIED ||
		a->a.answer.outcome == APPROVAL_TIMED_OUT))
		keep_recent(a);
	else
		approval_free(a);
}

/* --- the decision */

/* The client's command needs it, whatever the rules say of the program that it
 * is: they were asked for all that is in its words, too. */
static bool
is_for_command(const struct exec *x)
{
	const struct command *c = command_find(x->l.command);

	return c != NULL && x->l.depth == 0 && c->approve.wanted;
}

bool
approve_is_wanted(const struct exec *x, int err)
{
	return err == 0 ? is_for_command(x) :
			  x->j.v.decision == DECISION_APPROVE;
}

/* What was approved with the whole command, when it comes to be executed. */
static bool
is_covered(const struct exec *x)
{
	struct command *c = command_find(x->l.command);
	const uint8_t *w;
	size_t i, len;

	if (c == NULL || !c->approve.granted || c->approve.used ||
	    c->approve.words == NULL ||
	    strcmp(c->approve.rule, x->j.v.rule_name) != 0)
		return false;
	w = (const uint8_t *)c->approve.words;
	for (i = 0; i < x->j.argc; i++) {
		len = strlen(x->j.argv[i]) + 1;
		if ((size_t)(w - (const uint8_t *)c->approve.words) + len >
			c->approve.words_len ||
		    memcmp(w, x->j.argv[i], len) != 0)
			return false;
		w += len;
	}
	if ((size_t)(w - (const uint8_t *)c->approve.words) !=
	    c->approve.words_len)
		return false;
	c->approve.used = true;
	return true;
}

static enum approve_say
refuse(struct exec *x, enum approval_outcome outcome, const char *reason)
{
	asking_refuse(&x->said, outcome, reason);
	return APPROVE_NO;
}

/* There is an answer; does it fit what would run now? */
static enum approve_say
use_answer(struct exec *x, const struct approval *now)
{
	struct command *c = command_find(x->l.command);

	x->said = x->approval->a.answer;
	if (x->said.outcome != APPROVAL_GRANTED)
		return APPROVE_NO;
	if (!asking_is_same(&x->approval->a, &now->a)) {
		x->said.outcome = APPROVAL_CHANGED;
		return APPROVE_NO;
	}
	if (c != NULL && x->l.depth == 0)
		c->approve.granted = true;
	return APPROVE_YES;
}

static enum approve_say
ask(struct exec *x, struct approval *a)
{
	if (asking_start(&a->a) == -1) {
		approval_free(a);
		return refuse(x, APPROVAL_REFUSED,
		    "too many programs of this session wait");
	}
	x->approval = a;
	return APPROVE_WAIT;
}

enum approve_say
approve_exec(struct exec *x)
{
	struct command *c = command_find(x->l.command);
	const struct approval *recent;
	struct approval *a;
	enum approve_say say;

	if (x->j.v.decision != DECISION_APPROVE) {
		/* allowed by itself: it is the command that needs it */
		x->j.v.decision = DECISION_APPROVE;
		x->j.v.rule_name = c->approve.rule;
		x->j.v.message = c->approve.message;
		x->j.v.timeout_ms = c->approve.timeout_ms;
	} else if (is_covered(x)) {
		memset(&x->said, 0, sizeof(x->said));
		x->said.outcome = APPROVAL_GRANTED;
		return APPROVE_YES;
	}
	if (c != NULL && x->l.depth == 0)
		c->approve.wanted = true;
	if (execd.p.conf.approvals == 0)
		return refuse(x, APPROVAL_OFF, "");
	a = approval_new(x);
	if (a == NULL)
		return refuse(x, APPROVAL_REFUSED,
		    "the arguments are too long to be shown");
	recent = find_recent(a);
	if (x->approval != NULL) {
		say = use_answer(x, a);
		approval_free(a);
		return say;
	}
	if (recent == NULL)
		return ask(x, a);
	x->said = recent->a.answer;
	approval_free(a);
	return APPROVE_NO;
}
