/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hostile peer: what its files share. One trial is one message that the
 * gate must judge, sent to one real process (the victim) by whoever plays the
 * far end of one of its channels.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <sys/types.h>

#include "chan.h"

/* How many times slower than usual this machine is: TEST_SLOW; who is started by
 * agentshd, without an environment, reads it beside its executable. */
extern unsigned slow;
#define WAIT_MS (10000 * (int)slow)
#define GIVE_UP 10 /* failures of one kind that are enough */

/* When the message comes. */
enum when {
	WHEN_START, /* before SYS_START, or the first thing that is said */
	WHEN_RUN,   /* after the start */
	WHEN_ASKED, /* in place of an answer to the victim's question */
	WHEN_LATER, /* maker only: by the process that becomes init */
	WHEN_MAX
};

struct trial {
	enum role victim;
	enum role peer;
	enum when when;
	uint32_t type;
	size_t body;
	int nfds;
	int wrong; /* this descriptor is of the wrong kind; -1: none */
	uint8_t fill;
};

/* A process just before (start false) or after SYS_START. */
struct victim {
	pid_t pid;
	int privd;	    /* our end of its channel to agentshd, or -1 */
	int peer[ROLE_MAX]; /* our ends of its other channels, or -1 */
	uint32_t asked;	    /* id of its question on that channel, or 0 */
	char scratch[128];  /* a directory to remove, or "" */
};

struct edge {
	enum role a, b;
};

extern const struct edge edges[];
extern const size_t nedges;
extern const char *const files[ROLE_MAX];
extern const char *helper_dir, *work_dir;
extern unsigned long trials;

/* hostile.c: the tests are counted there */
/* A trial that went wrong; false when enough has been said. */
bool trial_failed(const struct trial *, const char *what);
/* Did so many go wrong that no more need be tried? */
bool trial_enough(void);
/* One test: fn is to try all of one edge at one time. */
void trial_run(const struct trial *, void (*fn)(const struct trial *));

/* hostile_wire.c */
void die(const char *what) __attribute__((noreturn));
/*
 * Every trial of this victim, peer and time. thin: what is no row of this
 * channel in one or two of its sizes and counts, not in all. sizes: what is a
 * row also in all sizes to 64, and around each power of two.
 */
void trial_each(const struct trial *, bool thin, bool sizes,
    void (*)(const struct trial *));
/* Is it a row, in the state in which the victim is? */
bool trial_is_legal(const struct trial *);
/* Sends it. id: of the question it answers, or 0. */
void trial_send(int fd, const struct trial *, uint32_t id);
/* Is the channel closed by the far end? What that still says is dropped. */
bool is_closed(int fd);
/* Waits for the end; the wait status, or -1 when it did not end. */
int wait_end(pid_t, int ms);
const char *ending(int st);
extern const char *const when_names[WHEN_MAX];
void trial_print(const struct trial *);
/* As a word of digits, dots and minus signs, and back. */
void trial_name(char *, size_t, const struct trial *);
bool trial_parse(const char *, struct trial *);

/* hostile_victim.c */
void victim_start(struct victim *, enum role, enum when);
int victim_end(struct victim *);
/* Asks policyd for an image to start execd and fsd with. */
void victim_image(void);
/* Brings sessiond to ask for a session; WHEN_ASKED. */
void victim_ask_session(struct victim *);
/* Answers that: its channel to execd is ours then. */
void victim_give_session(struct victim *);
/* Gives policyd a channel to a session's execd or fsd, which is ours then. */
void victim_give_asker(struct victim *, enum role);
/* Opens a session at netd; its channels to execd and policyd are ours then. */
void victim_give_net(struct victim *);
/* The operator's command, with its question asked. */
void victim_start_ctl(struct victim *);

/* hostile_cast.c: the part of one helper, for the real agentshd */
int cast_main(enum role, const char *self) __attribute__((noreturn));

/* What one of the cast is to do; in the directory of the executables. */
#define CAST_TRIAL "trial"     /* the name of a trial, or of a row of them */
#define CAST_RESULT "result"   /* lines about trials that failed, then "done" */
#define CAST_CLIENTS 6	       /* who connect, of root's agentshd */
#define CAST_MAKER "maker.pid" /* a maker that stays alive */
#define CAST_SLOW "slow"       /* by how much all takes longer */
#define CAST_FAILED_MS                                                         \
	(4000 * slow) /* a session's helper that breaks the rules: the
			      * session must be over by then */

/* hostile_privd.c: agentshd is the victim, the cast is ours */
void privd_trials(enum role peer);

#endif
