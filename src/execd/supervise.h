/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision of execs: each execve(2) and execveat(2) of a session waits
 * in the kernel until it is answered here.
 */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <sys/queue.h>

#include <linux/seccomp.h>

#include "asking.h"
#include "judge.h"
#include "look.h"
#include "msg.h"
#include "target.h"

#define EXECS_MAX 192 /* that are not answered; others wait in the kernel */
#define EXEC_INTERPRETERS 4 /* scripts whose interpreter is a script */

struct approval;
struct chan;
struct command;
struct exec;

/* To which command a program belongs, and how many execs below its first. */
struct lineage {
	uint64_t command;
	uint32_t depth;
};

TAILQ_HEAD(execs, exec);

enum exec_state {
	EXEC_NEW,
	EXEC_PARKED,  /* its keeper is not known yet */
	EXEC_LOOKING, /* a thread looks at what it asks for */
	EXEC_ASKED,   /* an operator is asked (approve.c) */
	EXEC_QUEUED,  /* another thread of its process is in an exec, or it is
		       * held, or its tracer is in an exec */
	EXEC_HOLDING, /* allowed, when its tracer is held (traced.c) */
	EXEC_TRACED,  /* goes on beneath its tracer, until it is looked at */
	EXEC_RUNNING, /* allowed and traced, until it has executed or failed */
	EXEC_DONE     /* answered */
};

/* One file of those that an exec opens: the program, interpreters. */
struct link {
	struct file file;
	char command[AGENTSH_PATH_MAX + 1]; /* its name, made absolute */
	struct words argv;
};

/* One question of the kernel. */
struct exec {
	TAILQ_ENTRY(exec) entry;
	struct seccomp_notif req;
	enum exec_state state;
	uint64_t since_us;
	/*
	 * While a thread looks, the target, and what is from dirfd to verified,
	 * is read and written by it alone, and this is not freed.
	 */
	struct look look;
	bool looking;
	bool dropped; /* meanwhile */
	void (*run)(struct exec *);
	void (*then)(struct exec *);
	struct target t;
	struct lineage l; /* of the program to be */
	int dirfd;
	int flags;
	bool truncated; /* there are more words than were read */
	char path[AGENTSH_PATH_MAX + 16];
	size_t nlinks;
	int read_error; /* errno: path and words could not be read */
	int file_error; /* that it fails with; -1: a file cannot be read */
	pid_t stopped;	/* with the new program in it */
	struct imprint imprint;
	bool ended;    /* it was killed meanwhile */
	bool verified; /* it is what was decided */
	struct judge j;
	struct approval *approval;	 /* asked for, or answered; or NULL */
	struct msg_approval_answer said; /* what came of that, for the record */
	uint64_t image_number;		 /* of the image that j points into */
	struct replacement *replacement; /* NULL: none */
	bool adopted;			 /* trace_begin() found it held */
	struct traced *traced; /* NULL: nobody in the session traces it */
	struct words was; /* what was asked for, where another took its place */
	/* [0]: what was named. The last member: supervise.c clears the rest */
	struct link link[1 + EXEC_INTERPRETERS];
};

/* supervise.c: which state each is in */
/* Before the sandbox is closed. */
void supervise_init(void);
/* A keeper became known: who waits for that is decided now. */
void supervise_retry(void);
/* Nothing of the command is left. */
void supervise_forget(uint64_t command);
/* Lets go of the images that no exec needs any more. */
void supervise_forget_images(void);
/* There is an answer for one that waits: it is decided from its beginning. */
void supervise_answered(struct exec *);
/* It is denied without the rules. */
void supervise_refuse(struct exec *, const char *rule, const char *message);
/* Somebody is not held any more: who is queued may get its turn. */
void supervise_queued(void);
/* Who waits is gone. */
void supervise_drop(struct exec *);
/* One that was watched is done; others of its process get their turn. */
void supervise_over(struct exec *);
/* All that are not over. */
struct execs *supervise_execs(void);

/* looking.c */
/* run() is called in a thread (look.c), then() here, unless the exec was
 * dropped. */
void supervise_look(struct exec *, void (*run)(struct exec *),
    void (*then)(struct exec *));

/* crowd.c: commands whose calls wait for something that does not come */
/* Of max that may wait: does a command with own of them, the first since then,
 * keep what is left for others, and for longer than many at once take? */
bool crowd_keeps(size_t own, size_t all, size_t max, uint64_t since_us);
/* Does its command keep what is left for others? It is stuck, then, and has to
 * try again: no command has more than it leaves. */
bool crowd_is(const struct exec *);
/* It is told to try again. A thread may have it. */
void crowd_refuse(struct exec *);
/* So many came at once that none is taken any more: those that are looked at
 * are answered, where they are a crowd. */
void crowd_shed(void);

/* children.c: what waitpid(2) tells */
/* Before the sandbox is closed. */
void children_init(void);
/* Who was seized is not who asked: it is let go when it stops, and nobody gets
 * the answer. */
void children_let_loose(const struct exec *);
/* How many are traced: by the main thread, which must not wait then. */
size_t supervise_traced(void);

/* approve.c: what an operator has to approve */
/* err: what decide_exec() says. */
bool approve_is_wanted(const struct exec *, int err);
/* x->said tells why, or who. */
enum approve_say approve_exec(struct exec *);
/* Withdraws what is not answered. */
void approve_free(struct exec *);

/* decide.c */
/* In a thread: reads what is asked for, and finds its files. */
void decide_look(struct exec *);
/* After that. 0: allowed; an errno: x->j says why it is denied; -1: fails by
 * itself with *natural, without a decision. */
int decide_exec(struct exec *, int *natural);
/* Into x->path and x->link: what takes the place. 0 or an errno. */
int decide_replaced(struct exec *, const char *path, const struct words *);
/* In a thread: finds its files; x->file_error. */
void decide_look_replaced(struct exec *);

/* trace.c: an exec that was allowed, until it is done */
/* 0, or an errno: it cannot be watched, and must not go on. */
int trace_begin(struct exec *);
/* In a thread: the program is there, and has not run yet. */
void trace_look(struct exec *);
/* The same of a process by its directory in /proc: ended, imprint, verified. */
void trace_verify(struct exec *, int dir_fd);
/* One that is watched already stops once more, as for trace_begin(): 0, or an
 * errno. */
int trace_interrupt(const struct exec *);
/* A process goes on without us, with the signal that it has stopped for. */
void trace_release(pid_t, int status);
/* What waitpid(2) told of it. true: the watch is over; else supervise_over() may
 * come of it later. */
bool trace_step(struct exec *, pid_t pid, int status);

/* traced.c: the same of a thread that a debugger in the session traces */
/* Before the sandbox is closed. */
void traced_init(void);
/* Its tracer, by the host's number; 0: none, or that is not let be. */
pid_t traced_by(const struct exec *);
/* It may execute, as far as the rules go: its state says what it waits for. */
void traced_begin(struct exec *, pid_t tracer);
/* Those that wait for somebody who is held, each as far as it goes. */
void traced_step(void);
/* A thread asks for an exec: if it was in one, that is over. */
void traced_asks(pid_t tid);
void traced_free(struct exec *);

/* attach.c: who may trace whom */
/* Does it not stop at an exec when it is traced? By the session's number. */
bool attach_is_loose(uint32_t inner_tgid);
/* Some who are held have stopped, or ended. */
void attach_step(void);

/* replace.c: another program in the place of the one that was asked for */
/* The rule's, for an exec that is denied: 0, or -1: it cannot be done. */
int replace_prepare(struct exec *);
/* In a thread: finds it. */
void replace_look(struct exec *);
/* Was it found, and is it not too long? */
bool replace_is_ready(const struct exec *);
const char *replace_path(const struct exec *, const struct words **argv);
/* As trace_step(), until the process makes its call again. */
bool replace_step(struct exec *, pid_t tid, int status);
bool replace_is_again(const struct exec *);
void replace_free(struct exec *);

/* lineage.c */
bool lineage_find(const struct target *, struct lineage *);
/* The command of a process, which may still be init's own program beneath the
 * keeper; NULL: it is of none that is known. */
struct command *lineage_command(const struct target *);
void lineage_add(const struct imprint *, pid_t tgid, const struct lineage *);
void lineage_forget(uint64_t command);

/* exits.c: how processes end that have executed a program, where the kernel
 * tells it */
/* Before the sandbox is closed. */
void exits_init(void);
/* This one is stopped, at its exec. */
void exits_watch(const struct exec *, pid_t tgid);
/* Those of a command that have ended are recorded now; then none is left. */
void exits_collect(uint64_t command);
void exits_forget(uint64_t command);

/* record.c */
void record_process_exit(const char *command_id, uint32_t pid, const char *file,
    uint32_t depth, int status);
void record_exec(const struct exec *, enum decision done);
/* why NULL: it is not what was decided. */
void record_exec_changed(const struct exec *, const char *why);
/* Without path and words: a thread may have them. */
void record_exec_crowd(const struct exec *);
void record_exec_replaced(const struct exec *);
void record_exec_unreplaced(const struct exec *);

#endif
