/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of init share: pid 1 of a session, the keeper it forks for
 * every command, and the leader that becomes the command.
 */
#ifndef INIT_H
#define INIT_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "agentsh.h"

/* setup.c: rights of the sandbox, given up once and for all commands. */
struct setup {
	uid_t uid;
	gid_t gid;
	const char *home;
	int filter_fd; /* seccomp program, as struct sock_filter[] */
};

/* Returns the Landlock ABI; any failure ends the process. listener: for who
 * answers the questions of the filter. */
int setup_enter(const struct setup *, int *listener);
/* In a leader: no signal to a process outside of the command. 0 or -1. */
int setup_scope_signals(int abi);

/* leader.c: what a command needs before its exec. */
struct leader {
	int spec_fd;
	int stdio[3];
	int result_fd; /* close-on-exec: {stage, errno} when the exec failed */
	int master_fd; /* of its terminal, the keeper's; -1: it has none */
	int landlock_abi;
	uint32_t pids_max; /* of the session; 0: no limit */
};

void leader_run(const struct leader *) __attribute__((noreturn));

/* builtin.c: a command that needs no program, done by the leader. */
struct spec;
/* Does it not matter to it that its directory is gone? */
bool builtin_starts_anywhere(const struct spec *);
/* Its exit status. Descriptors 0 to 2 are the command's. */
int builtin_run(const struct spec *);

/* term.c: a pseudo terminal of the session's own. 0, or -1 with errno; *slave
 * is what a command opens as its standard descriptors. */
int term_open(uint16_t rows, uint16_t cols, int *master, int *slave);
/* The process group in the foreground, or -1. */
pid_t term_foreground(int master);
/* In a session leader: makes it the controlling terminal. 0 or -1. */
int term_control(int slave);

/* keeper.c: reports and orders, one packet each on the keeper's socket. */
enum keeper_kind {
	KEEPER_RUNNING, /* pid */
	KEEPER_FAILED,	/* stage, errno */
	KEEPER_EXITED,	/* wait status, user us, system us, maxrss KB */
	KEEPER_SIGNAL,	/* order: signo, enum kill_whom but KILL_TREE */
	KEEPER_KILL,	/* order: the end of every descendant */
	KEEPER_MAX
};

#define KEEPER_WORDS 5

struct keeper_packet {
	uint64_t word[KEEPER_WORDS];
};

/* proc_fd is the session's /proc. */
void keeper_run(int ctl_fd, int proc_fd, struct leader *)
    __attribute__((noreturn));
/* One packet without waiting: 1, 0 nothing there, -1 the far end is gone. */
int keeper_receive(int fd, struct keeper_packet *);
int keeper_send(int fd, enum keeper_kind, const uint64_t *words, size_t n);

/* secret.c: calls that the commands' filter asks execd about unless who calls
 * knows the secret of INIT_SETUP. There is no other way to send a signal here. */
void secret_set(uint64_t secret1, uint64_t secret2);
void secret_forget(void);
/* kill(2) */
int init_kill(pid_t, int signo);
/* tgkill(2) */
int init_kill_thread(pid_t pid, pid_t tid, int signo);
/* pidfd_send_signal(2): to a process of this namespace, or one beneath it. */
int init_kill_held(int fd, int signo, const siginfo_t *, unsigned flags);

/* signal.c: INIT_SIGNAL of execd. */
struct chan;
struct imsg;
int init_on_signal(struct chan *, struct imsg *);

/* tree.c: processes as /proc shows them. */
struct tree_node {
	pid_t pid;
	pid_t ppid;
	pid_t pgid;
	char state;  /* as proc_pid_stat(5) has it */
	bool doomed; /* SIGKILL is on its way: nothing of it runs any more */
};

struct tree {
	struct tree_node *node;
	size_t n;
	size_t cap;
};

/* All processes of the namespace. 0 or -1. */
int tree_scan(struct tree *, int proc_fd);
/* The ancestor of a process whose parent is ours, or 0. */
pid_t tree_top(const struct tree *, const struct tree_node *);
/* SIGSTOP or SIGKILL to the living descendants of root, and to their process
 * groups; to how many, those left out that are stopped already. */
size_t tree_signal(const struct tree *, pid_t root, int signo);
/* Children of this single-threaded process: their number, or -1. */
ssize_t tree_children(int proc_fd, pid_t *pids, size_t max);
void tree_free(struct tree *);

#endif
