/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of execd share: the helper that decides and supervises the
 * commands of one session.
 */
#ifndef EXECD_H
#define EXECD_H

#include <sys/queue.h>

#include "event.h"
#include "filter.h"
#include "image.h"
#include "precheck.h"
#include "proc.h"
#include "profile.h"
#include "spec.h"

struct command {
	TAILQ_ENTRY(command) entry;
	uint64_t number;
	char id[AGENTSH_CMDID_MAX + 1];
	uint32_t request; /* sessiond's, of EXEC_START */
	uint64_t start_us;
	uint64_t timeout_ms; /* 0: none */
	uint32_t pid; /* of the leader, as the session sees it; 0: none yet */
	bool wants_terminal; /* and INIT_TERMINAL did not come yet */
	bool known_to_fsd;   /* FS_COMMAND was sent */
	bool ended;	     /* INIT_EXITED or INIT_FAILED came */
	unsigned syncing;    /* waits for so many of FS_SYNCED, NET_SYNCED */
	bool gone;	     /* INIT_GONE came: no process is left */
	bool timed_out;
	bool killed;	 /* a tree kill was asked for */
	bool redirected; /* what starts is a rule's replacement */
	char rule[AGENTSH_NAME_MAX + 1]; /* that allowed it */
	/* an operator has to approve it, as it is executed (approve.c) */
	struct {
		bool wanted;
		bool granted;
		uint32_t timeout_ms;
		char rule[AGENTSH_NAME_MAX + 1];
		char message[AGENTSH_TEXT_MAX + 1];
		/* of the command inside that the rule is about, each with its
		 * NUL; approved with the whole, once. NULL: it is the whole */
		char *words;
		size_t words_len;
		bool used;
	} approve;
	uint64_t unwatched; /* execs of it whose end will not be known */
	uint32_t keeper;    /* its pid, as the session sees it; 0: none yet */
	/* of the rule that its own start fell under after all */
	bool denied;
	struct msg_exec_denied denial;
	uint32_t error; /* errno, when the start failed */
	uint32_t stage; /* enum spawn_stage of that */
	struct msg_init_exited result;
	struct msg_net_synced net; /* what it had of the network */
	struct spec spec;	   /* until it runs */
	struct event *timer;
};

struct execd {
	struct proc p;
	struct image image;
	uint64_t image_number;		    /* how often it was replaced */
	TAILQ_HEAD(, old_image) old_images; /* execs were decided by them */
	struct image next; /* prepared; its base is NULL when there is none */
	uint64_t next_generation;
	struct event_base *base;
	struct buf event; /* the record being made */
	TAILQ_HEAD(, command) commands;
	uint64_t highest;   /* command number seen */
	int image_fd;	    /* until it is mapped */
	int filter_fd;	    /* until init has it */
	uint64_t secret[2]; /* of init and the keepers */
	bool guards;	    /* the kernel lets commands end our processes */
	/* the session's user and mount namespace, until entered */
	int ns_fd[2];
	/* /proc of the host: commands by the numbers we know */
	int proc_fd;
	/* the session's processes by its own numbers, where no command can
	 * lock it, as it can /proc */
	int sess_proc_fd;
	int root_fd;	/* the session's root */
	dev_t own_proc; /* its /proc, which is not looked up again: fsd would
			 * have to answer */
	/* of the filter that the commands have */
	bool gate_open[FILTER_GATES];
	/* where its workspace is on the host, and in the session */
	bool shares_net; /* its sockets are in the host's network namespace */
	char workspace[AGENTSH_PATH_MAX + 1];
	char mount[AGENTSH_PATH_MAX + 1];
	/* what may be changed beside it */
	char *mounts[PROFILE_MOUNTS];
	size_t nmounts;
};

extern struct execd execd;

/* execd.c */
/* The image with that number, of those that are not forgotten; or the one that
 * decides now. */
const struct image *execd_image(uint64_t number);
/* Nothing under way was decided by an image older than this one. */
void execd_forget_images(uint64_t oldest);

/* command.c: one command from EXEC_START until nothing of it is left. */
int command_on_exec_start(struct chan *, struct imsg *);
int command_on_exec_kill(struct chan *, struct imsg *);
int command_on_exec_signal(struct chan *, struct imsg *);
int command_on_init_terminal(struct chan *, struct imsg *);
int command_on_init_spawned(struct chan *, struct imsg *);
int command_on_init_running(struct chan *, struct imsg *);
int command_on_init_failed(struct chan *, struct imsg *);
int command_on_init_exited(struct chan *, struct imsg *);
int command_on_init_gone(struct chan *, struct imsg *);
int command_on_fs_synced(struct chan *, struct imsg *);
int command_on_net_synced(struct chan *, struct imsg *);
void command_free(struct command *);
struct command *command_find(uint64_t number);
/* NULL: no command is known that has it. */
struct command *command_of_keeper(uint32_t pid);
/* If it was the command's own start, the client hears of it. */
struct exec;
void command_exec_denied(const struct exec *);

/* record.c: the events of commands. */
/* execd.event is complete. */
void record_emit(void);
void record_policy(const struct command *, const struct precheck *);
void record_redirected(const struct command *, const struct spec *to,
    const struct precheck *);
void record_started(const struct command *);
void record_finished(const struct command *, uint64_t duration_us);
void record_killed(const struct command *, uint32_t signo);

/* enter.c: takes both descriptors; any failure ends the process. */
void enter_session(int user_ns, int mount_ns);
/* hurry.c: between hurry(true) and hurry(false) a call that waits is interrupted,
 * as a command may have made it wait. Not in a thread. */
void hurry_init(void);
void hurry(bool on);
/* Ends a descriptor that was taken from a command, or -1. */
void drop_fd(int fd);

#endif
