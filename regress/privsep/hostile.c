/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile peer. Plays the far end of each channel of one real process (the
 * victim) up to some point, then breaks the rules there: every type, many
 * sizes, every number of descriptors, descriptors of a wrong kind.
 * What is no row of msg.def must end the channel, and the victim by itself;
 * what is a row, filled with rubbish, must not make it crash. Each trial is a
 * new process; what that leaves no time for, unit/t_gate_all tries of the same
 * code within one. HOSTILE_ALL in the environment: more of what is no row,
 * and with sanitizers as much as without.
 *
 *	hostile victim directory-of-helpers work-directory [peer]
 *
 * Prints "# edge PEER VICTIM" for each direction of a channel that was tried.
 * agentshd as the victim, with its peer: the directory is one of a cast, see
 * hostile_privd.c.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/t.h"
#include "hostile.h"
#include "log.h"
#include "path.h"

const char *helper_dir, *work_dir;
unsigned long trials;
unsigned slow = 1;

static enum role victim;

/* The test that runs. */
static struct trial the_edge;
static void (*the_fn)(const struct trial *);

bool
trial_failed(const struct trial *t, const char *what)
{
	t_fail(files[t->victim], (int)t->type, what);
	if (t_failed_checks <= T_MAX_REPORTS)
		trial_print(t);
	return t_failed_checks < 4;
}

bool
trial_enough(void)
{
	return t_failed_checks >= GIVE_UP;
}

static void
edge(void)
{
	the_fn(&the_edge);
}

void
trial_run(const struct trial *t, void (*fn)(const struct trial *))
{
	unsigned long before = trials;

	the_edge = *t;
	the_fn = fn;
	T_RUN(edge);
	printf("# edge %s %s: %s, %lu trials\n", files[t->peer],
	    files[t->victim], when_names[t->when], trials - before);
	fflush(stdout);
}

/* A session's process says who has closed a channel to it. */
static bool
is_peers_end(const struct trial *t, int st)
{
	return (t->victim == ROLE_EXECD || t->victim == ROLE_FSD ||
		   t->victim == ROLE_FUSEREG || t->victim == ROLE_INIT) &&
	    t->peer != ROLE_PRIVD &&
	    WEXITSTATUS(st) == AGENTSH_EXIT_PEER + (int)t->peer;
}

/* By the test's environment. */
static void
set_slow(void)
{
	const char *text = getenv("TEST_SLOW");
	unsigned long n = text == NULL ? 1 : strtoul(text, NULL, 10);

	slow = n < 1 ? 1 : n > 100 ? 100 : (unsigned)n;
}

/* The state that a victim must leave behind. */
static bool
ended_well(const struct trial *t, int st)
{
	if (st == -1 || !WIFEXITED(st))
		return false;
	/* the end of a session is no failure of init, nonsense of a row is */
	if (t->victim == ROLE_INIT)
		return WEXITSTATUS(st) == 0 || is_peers_end(t, st) ||
		    (WEXITSTATUS(st) == 1 && trial_is_legal(t));
	/* those that end with an answer, by a message that is a row */
	if (WEXITSTATUS(st) == 0)
		return trial_is_legal(t) &&
		    (t->victim == ROLE_READCONF || t->victim == ROLE_CTL);
	return WEXITSTATUS(st) == 1 || is_peers_end(t, st);
}

static void
start_for(struct victim *v, const struct trial *t)
{
	if (t->victim == ROLE_CTL) {
		victim_start_ctl(v);
		return;
	}
	victim_start(v, t->victim, t->when);
	if (t->victim == ROLE_SESSIOND && t->when == WHEN_ASKED)
		victim_ask_session(v);
	if (t->victim == ROLE_SESSIOND && t->peer == ROLE_EXECD)
		victim_give_session(v);
	if (t->victim == ROLE_POLICYD &&
	    (t->peer == ROLE_EXECD || t->peer == ROLE_FSD ||
		t->peer == ROLE_NETD))
		victim_give_asker(v, t->peer);
	if (t->victim == ROLE_NETD &&
	    (t->peer == ROLE_EXECD || t->peer == ROLE_POLICYD))
		victim_give_net(v);
}

static void
try_one(const struct trial *t)
{
	struct victim v;
	int st;

	if (trial_enough())
		return;
	start_for(&v, t);
	trial_send(v.peer[t->peer], t, v.asked);
	/* not every channel's end ends the helper; agentshd's does */
	if (!is_closed(v.peer[t->peer]))
		trial_failed(t, "channel still open");
	if (v.privd != -1)
		shutdown(v.privd, SHUT_RDWR);
	st = victim_end(&v);
	trials++;
	if (!ended_well(t, st))
		trial_failed(t, ending(st));
}

static void
try_all(const struct trial *t)
{
	trial_each(t, getenv("HOSTILE_ALL") == NULL, true, try_one);
}

static void
run_edge(enum role peer, enum when when)
{
	struct trial t = {
		.victim = victim, .peer = peer, .when = when, .wrong = -1
	};

	trial_run(&t, try_all);
}

static void
run_victim(void)
{
	enum role far;
	size_t i;

	if (victim == ROLE_EXECD || victim == ROLE_FSD || victim == ROLE_NETD)
		victim_image();
	for (i = 0; i < nedges; i++) {
		if (edges[i].a != victim && edges[i].b != victim)
			continue;
		far = edges[i].a == victim ? edges[i].b : edges[i].a;
		/* it is heard when it was asked to register a file */
		if (victim == ROLE_FSD && far == ROLE_FUSEREG)
			continue;
		/* whom it is started by */
		if (far == ROLE_PRIVD || victim == ROLE_INIT)
			run_edge(far, WHEN_START);
		if (victim == ROLE_READCONF)
			continue;
		if (victim == ROLE_CTL ||
		    (victim == ROLE_SESSIOND && far == ROLE_EXECD)) {
			run_edge(far, WHEN_ASKED);
			continue;
		}
		run_edge(far, WHEN_RUN);
		if (victim == ROLE_SESSIOND && far == ROLE_PRIVD)
			run_edge(far, WHEN_ASKED);
	}
}

static enum role
role_of(const char *file)
{
	enum role r;

	for (r = 0; r < ROLE_MAX; r++) {
		if (strcmp(files[r], file) == 0)
			return r;
	}
	return ROLE_MAX;
}

int
main(int argc, char **argv)
{
	enum role cast = role_of(path_basename(argv[0])), peer = ROLE_MAX;

	if (cast != ROLE_MAX)
		cast_main(cast, argv[0]);
	set_slow();
	if (argc == 4 || argc == 5) {
		victim = role_of(argv[1]);
		helper_dir = argv[2];
		work_dir = argv[3];
	}
	if (argc == 5)
		peer = role_of(argv[4]);
	if (argc < 4 || victim == ROLE_MAX ||
	    (victim == ROLE_PRIVD) != (peer != ROLE_MAX)) {
		fprintf(stderr,
		    "usage: hostile victim helpers work-directory\n"
		    "       hostile agentshd cast work-directory peer\n");
		return 2;
	}
	setenv("ASAN_OPTIONS", "exitcode=99:detect_leaks=0", 1);
	setenv("UBSAN_OPTIONS", "exitcode=99", 1);
	signal(SIGPIPE, SIG_IGN);
	log_init("hostile");
	if (victim == ROLE_PRIVD)
		privd_trials(peer);
	else
		run_victim();
	printf("# %s: %lu trials\n", argv[1], trials);
	return done_testing();
}
