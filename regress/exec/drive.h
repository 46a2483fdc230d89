/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with the real execd and the real init; privd, sessiond and fsd are
 * played by the test.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include <sys/types.h>

#include "chan.h"
#include "event.h"
#include "ring.h"

#define DRIVE_UID 61001 /* of the session, when root starts us */
#define DRIVE_COMMANDS 65536

/* What was heard about one command. */
struct state {
	bool started, denied, failed, exited, forgotten;
	uint32_t pid, keeper, error;
	struct msg_exec_exited exit;
	char text[AGENTSH_NAME_MAX + AGENTSH_TEXT_MAX + 4];
};

/* The session. */
struct drive {
	uid_t uid;
	gid_t gid;
	bool ready, over;
	pid_t execd_pid, init_pid;
	struct chan *execd;   /* as privd */
	struct chan *sess;    /* as sessiond */
	struct chan *fs;      /* as fsd */
	struct chan *policyd; /* as policyd */
	struct ring ring;
	uint64_t number; /* of the last command */
	size_t events[EV_MAX];
	struct state state[DRIVE_COMMANDS];
	const char *probe;
	char output[65536]; /* of the last command that run() ran */
};

extern struct drive d;

/* Of a command; all may be 0 but out_fd, see drive_start. */
struct request {
	const char *cwd;
	const char *env;
	uint64_t timeout_ms;
	int out_fd; /* -1: /dev/null */
};

/* Starts everything; d.ready tells whether it serves. */
void drive_session(const char *execd, const char *init, int verbose);
uint64_t drive_now_ms(void);
/* Handles what comes for at most ms, or until *until. */
void drive_pump(int ms, const bool *until);

/* Asks for a command, with its output to r->out_fd (-1: nowhere); its number. */
uint64_t drive_start(const struct request *r, const char *const *argv);
uint64_t drive_sh_start(const char *script, uint64_t timeout_ms);
bool drive_settled(const struct state *);
const struct state *drive_wait(uint64_t number, int ms);
/* Runs to the end; the output is in d.output. */
const struct state *drive_run(struct request *r, const char *const *argv);
const struct state *drive_sh(const char *script);
void drive_kill(uint64_t number);

/* Open descriptors of a process; 0 where we may not look. */
size_t drive_fds(pid_t);
/* Our number for a child of init that the session calls inner; 0: none. */
pid_t drive_outer_pid(uint32_t inner);
/* Processes of the session with a word in their command line. */
int drive_marked(const char *word);

#endif
