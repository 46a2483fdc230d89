/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that an operator has to approve. The caller waits in its call. After
 * the answer the call is decided from its beginning: whom it then reaches has to
 * be one of those that the operator was shown, the same process with the same
 * program, by the same rule.
 */
#include <sys/stat.h>

#include <dirent.h>
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
#define TOKEN_MAX 64   /* in bytes, of one in the identity */
#define WORD_MAX (AGENTSH_PATH_MAX + 512)
#define THREADS_MAX 64 /* looked at for one that has not ended */

_Static_assert(TARGETS_MAX *TOKEN_MAX <= APPROVAL_IDENTITY_MAX,
    "the targets of a signal fit into an identity");

/* What a target is. */
struct seen {
	bool gone;	       /* it has ended, and waits for its parent */
	size_t process;	       /* bytes of the token: which process it is */
	char token[TOKEN_MAX]; /* and which file its program is */
};

/* One call that has to be approved, and what it was asked for. */
struct sigask {
	struct asking a;
	struct sigcall *k;
	const char *why; /* not all of it can be shown; or NULL */
	size_t n;
	struct seen seen[TARGETS_MAX];
	size_t tail[TARGETS_MAX]; /* of its word: what may not change */
	char *words; /* who sends it, then a word a target, each with its NUL */
	size_t words_len;
};

/* --- what a target is */

/* When it began, in ticks since the machine's start: with its number that is one
 * process. -1: it cannot be found out. */
static int
start_time(const struct sigtarget *t, unsigned long long *ticks, bool *gone)
{
	unsigned long long size;
	unsigned long threads;
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
	for (i = 0; s != NULL && i < 18; i++)
		s = strchr(s + 1, ' ');
	if (s == NULL ||
	    sscanf(s, " %lu %*s %llu %llu", &threads, ticks, &size) != 3)
		return -1;
	/* the memory is that of its first thread, which may have ended alone */
	*gone = size == 0 && threads <= 1;
	return 0;
}

static bool
has_program(int dir_fd)
{
	char c;

	return readlinkat(dir_fd, "exe", &c, 1) == 1;
}

/* The directory of a thread of it that has its program still, as the first one
 * may have ended before the others. -1: there is none. */
static int
open_thread(const struct sigtarget *t)
{
	struct dirent *de;
	DIR *tasks;
	int fd, i;

	if (has_program(sigtarget_dir(t)))
		return openat(sigtarget_dir(t), ".",
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(sigtarget_dir(t), "task",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tasks = fd == -1 ? NULL : fdopendir(fd);
	if (tasks == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	fd = -1;
	for (i = 0; fd == -1 && i < THREADS_MAX; i++) {
		de = readdir(tasks);
		if (de == NULL)
			break;
		if (de->d_name[0] == '.')
			continue;
		fd = openat(dirfd(tasks), de->d_name,
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd != -1 && !has_program(fd)) {
			close(fd);
			fd = -1;
		}
	}
	closedir(tasks);
	return fd;
}

/* By the directory of a thread. 0 or -1. */
static int
read_program(int dir_fd, char *dst, size_t size)
{
	ssize_t n = dir_fd == -1 ? -1 :
				   readlinkat(dir_fd, "exe", dst, size - 1);

	dst[n > 0 ? n : 0] = '\0';
	return n > 0 && (size_t)n < size - 1 ? 0 : -1;
}

static const char *
command_of(const struct sigtarget *t, int dir_fd)
{
	struct target k = {
		.dir_fd = -1, .inner_tgid = t->pid, .inner_ppid = t->ppid
	};
	const struct command *c;
	pid_t ppid;

	if (dir_fd == -1 || target_imprint(dir_fd, &k.imprint, &ppid) == -1)
		return NULL;
	c = lineage_command(&k);
	return c != NULL ? c->id : NULL;
}

/* What the agent can choose comes last. The result is where that begins which
 * has to be the same still: who has just executed a program is not known to be
 * of its command yet, and is a moment later. */
static size_t
make_word(char word[WORD_MAX], const struct sigask *q,
    const struct sigtarget *t, const char *rule, const char *c,
    const char *program)
{
	int n = snprintf(word, WORD_MAX, "pid %u%s%s", t->pid,
	    c != NULL ? ", command " : "", c != NULL ? c : "");

	snprintf(word + n, WORD_MAX - (size_t)n, "%s%s: %s",
	    strcmp(rule, q->a.m.rule) != 0 ? ", rule " : "",
	    strcmp(rule, q->a.m.rule) != 0 ? rule : "", program);
	return (size_t)n;
}

/* What it is now, and its word, with *tail. 0, or -1: it lives, and what it is
 * cannot be found out. */
static int
see(struct seen *now, char word[WORD_MAX], size_t *tail, const struct sigask *q,
    const struct sigtarget *t, const char *rule)
{
	char program[AGENTSH_PATH_MAX + 1];
	struct statx st = { 0 };
	unsigned long long ticks;
	int fd = open_thread(t), r = -1;

	/* its file system may be one that makes who asks wait */
	if (read_program(fd, program, sizeof(program)) == 0)
		r = statx(fd, "exe", AT_STATX_DONT_SYNC, STATX_INO, &st);
	/* in this order: a process that dies loses its program, and then it has
	 * no memory */
	if (start_time(t, &ticks, &now->gone) == -1)
		r = -1;
	else if (now->gone) {
		r = 0;
		snprintf(program, sizeof(program), "(%s)", t->name);
	}
	if (r == 0) {
		now->process = (size_t)snprintf(now->token, TOKEN_MAX,
		    "%x:%llx", t->pid, ticks);
		snprintf(now->token + now->process, TOKEN_MAX - now->process,
		    ":%x.%x:%llx", st.stx_dev_major, st.stx_dev_minor,
		    (unsigned long long)st.stx_ino);
		*tail = make_word(word, q, t, rule, command_of(t, fd), program);
	}
	if (fd != -1)
		close(fd);
	return r;
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
	/* of the thread that waits */
	if (read_program(k->t.dir_fd, program, sizeof(program)) == -1)
		q->why = "the sender cannot be looked at";
	add_word(q, program);
	return q;
}

void
sigask_add(struct sigcall *k, const struct sigtarget *t,
    const struct sigsaid *s)
{
	char word[WORD_MAX];
	struct sigask *q = k->ask;

	if (q == NULL)
		q = k->ask = ask_new(k, s);
	if (q->n == TARGETS_MAX) {
		q->why = "too many processes to be shown";
	} else if (see(&q->seen[q->n], word, &q->tail[q->n], q, t,
		       s->v.rule_name) == -1) {
		q->why = "a process cannot be looked at";
	} else {
		add_word(q, word);
		q->n++;
	}
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
		    "%s%s", i > 0 ? " " : "", q->seen[i].token);
}

bool
sigask_start(struct sigcall *k)
{
	struct sigask *q = k->ask;

	set_object(q);
	if (q->why == NULL && asking_words(&q->a, q->words, q->words_len) == -1)
		q->why = "too many processes to be shown";
	if (q->why == NULL && asking_start(&q->a) == -1)
		q->why = "too many signals of this session wait";
	if (q->why == NULL)
		return true;
	/* as if it had been answered, so that nobody asks again */
	asking_refuse(&q->a.answer, APPROVAL_REFUSED, q->why);
	q->a.answered = true;
	return false;
}

bool
sigask_is_answered(const struct sigcall *k)
{
	return k->ask != NULL && k->ask->a.answered;
}

/* Was this target shown, as what it is now? One that is dead meanwhile is told of
 * as kill(2) tells of those who wait for their parent. */
static bool
was_shown(const struct sigask *q, const struct seen *now, const char *tail)
{
	const char *w = q->words + strlen(q->words) + 1;
	const struct seen *was;
	size_t i;

	for (i = 0; i < q->n; i++, w += strlen(w) + 1) {
		was = &q->seen[i];
		if (was->process != now->process ||
		    memcmp(was->token, now->token, now->process) != 0)
			continue;
		return now->gone ||
		    (strcmp(was->token, now->token) == 0 &&
			strcmp(w + q->tail[i], tail) == 0);
	}
	return false;
}

void
sigask_use(const struct sigcall *k, const struct sigtarget *t,
    struct sigsaid *s)
{
	static struct msg_approval_answer changed;
	char word[WORD_MAX], name[16], operation[32];
	const struct sigask *q = k->ask;
	struct seen now;
	size_t tail;

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
	if (strcmp(operation, q->a.m.operation) == 0 &&
	    see(&now, word, &tail, q, t, s->v.rule_name) == 0 &&
	    was_shown(q, &now, word + tail)) {
		s->done = DECISION_ALLOW;
		return;
	}
	changed = q->a.answer;
	changed.outcome = APPROVAL_CHANGED;
	s->said = &changed;
}
