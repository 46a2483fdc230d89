/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision of signals: kill(2) and its kin wait in the kernel until they
 * are answered here, in sessions whose policy has signal_rules. Where the
 * target is not the process that asks, the signal is sent for it, to the
 * process that was decided, whoever has its number by then.
 */
#ifndef SIGNAL_CALL_H
#define SIGNAL_CALL_H

#include <sys/queue.h>

#include <linux/seccomp.h>
#include <signal.h>

#include "image.h"
#include "look.h"
#include "supervise.h"
#include "target.h"

#define SIGNAL_NAME_MAX 64 /* bytes of a process's name; a program's has 15 */

/* A process of the session, by the session's numbers. */
struct sigtarget {
	int dir_fd; /* its directory in the session's /proc, ours; or -1 */
	/* what pidfd_send_signal(2) takes: the same, or the caller itself, or
	 * what the caller has; not to be closed */
	int fd;
	unsigned flags; /* of that call */
	uint32_t pid;	/* 0: not of the session */
	uint32_t ppid;
	uint32_t pgid;
	uint32_t uid;
	uint32_t relations; /* mask of enum signal_target, to who calls */
	bool dead;	    /* it waits for its parent only */
	char name[SIGNAL_NAME_MAX + 1];
};

enum sigform {
	SIGNAL_TO_PROCESS,
	SIGNAL_TO_THREAD,
	SIGNAL_TO_GROUP,
	SIGNAL_TO_ALL,
	SIGNAL_TO_PIDFD,
	SIGNAL_TO_OWNER /* F_SETOWN: later, and by the kernel */
};

/* One question of the kernel. */
struct sigcall {
	TAILQ_ENTRY(sigcall) entry; /* while it waits (signal_group.c) */
	struct seccomp_notif req;
	struct target t;       /* who asks */
	struct sigtarget self; /* the same */
	struct sigtarget to;   /* SIGNAL_TO_PROCESS, _THREAD, _PIDFD */
	uint64_t command;      /* that it belongs to, or 0 */
	uint64_t image_number; /* of the one that decides it */
	const char *call;
	enum sigform form;
	uint32_t signo;
	uint32_t pid; /* a process, or a group */
	uint32_t tid;
	int pidfd; /* a copy of the caller's, or -1 */
	unsigned flags;
	bool has_info;
	struct look look; /* reads it, in a thread */
	siginfo_t info;
	int info_error; /* it cannot be read */
	struct sigask
	    *ask; /* what an operator is asked, or has said; or NULL */
};

/* error: of the signal, or 0. */
typedef void sigsent(void *arg, int error);

/* What the rules say of one target, and what is done: APPROVE, when an operator
 * has to be asked. */
struct sigsaid {
	struct verdict v;
	enum decision done;
	uint32_t signo; /* that is sent */
	/* where an operator has to approve it: what came of that, or NULL */
	const struct msg_approval_answer *said;
};

/* signal_target.c */
/* The process that has this number, or whose thread has: 0 or an errno.
 * sigtarget_close() is due. */
int sigtarget_open(struct sigtarget *, uint32_t pid);
/* The process of a pidfd, or of a directory in /proc: 0 or an errno. fd stays
 * the caller's. */
int sigtarget_of_fd(struct sigtarget *, int fd, unsigned flags);
void sigtarget_close(struct sigtarget *);
/* Where it is read: not of one that is of no session. */
int sigtarget_dir(const struct sigtarget *);
/* Fills name and relations. 0; -1: it cannot be found out; 1, when it shall be
 * quick: it would take longer. */
int sigtarget_relate(const struct sigtarget *self, struct sigtarget *,
    bool quick);
/* Pid 1 or a keeper of commands: ours. */
bool sigtarget_is_ours(const struct sigtarget *);

/* signal_parse.c */
/* The call: 0, or the errno that it fails with. */
int sigcall_parse(struct sigcall *);
/* In a thread: what goes with it, out of the caller's memory. */
void sigcall_look(struct sigcall *);
/* Who signals itself is looked at once. The kernel finds out by itself whether
 * the thread is one of the process, where that is named too. */
bool sigcall_is_to_self(const struct sigcall *);
/* Of one target, its process, and what goes with the signal: 0, or the errno that
 * the call fails with. */
int sigcall_find(struct sigcall *);

/* signal_call.c */
/* Who asks: 0, or -1: it was answered, or nobody waits any more. */
int sigcall_open(struct sigcall *);
void sigcall_decide(const struct sigcall *, const struct sigtarget *,
    struct sigsaid *);
/* The signal that was decided: 0, and the last two are for sigsend(), or an
 * errno. */
int sigcall_send(const struct sigcall *, const struct sigtarget *,
    const struct sigsaid *, sigsent *, void *);
/* Its descriptors, which are few. */
void sigcall_close(struct sigcall *);
void sigcall_free(struct sigcall *);
/* Looks at it, decides, answers, frees. quick: or leaves it to siggroup_add(). */
void sigcall_run(struct sigcall *, bool quick);
/* From its beginning: an operator has answered. */
void sigcall_again(struct sigcall *);

/* signal_ask.c: signals that an operator has to approve */
/* One more target that it is asked about. */
void sigask_add(struct sigcall *, const struct sigtarget *,
    const struct sigsaid *);
/* true: it waits, and is run again, or freed; false: that is refused. */
bool sigask_start(struct sigcall *);
bool sigask_is_answered(const struct sigcall *);
/* s->done: ALLOW or DENY. */
void sigask_use(const struct sigcall *, const struct sigtarget *,
    struct sigsaid *);
/* Withdraws what is not answered. */
void sigask_free(struct sigcall *);

/* signal_group.c: what takes longer: groups of processes, all of them, and whose
 * kin is far away */
void siggroup_init(void);
/* Takes it: answered later. */
void siggroup_add(struct sigcall *);
/* A signal has arrived: there may be room for more. */
void siggroup_resume(void);
/* The oldest image that is needed here. */
uint64_t siggroup_image(void);

/* signal_send.c: by pid 1 */
/* Should one more be sent now? Those of a group that has begun are. */
bool sigsend_has_room(void);
/* 0: it is on its way, in the order of the calls, and the function is called
 * later, when it has arrived; or an errno. The descriptor stays the caller's. */
int sigsend(const struct msg_init_signal *, int fd, sigsent *, void *);
/* SIGKILL for who may not go on, as sigsend(); what fails ends us, and with that
 * the session. */
void sigsend_end(int fd, sigsent *, void *);
/* A function for that: it has ended, or what fails ends us. */
void sigsend_ended(void *, int err);
int signal_on_init_signalled(struct chan *, struct imsg *);

/* signal_record.c: unless it was just allowed */
void signal_name(char *dst, size_t size, uint32_t signo);
void record_signal(const struct sigcall *, const struct sigtarget *,
    const struct sigsaid *);

#endif
