/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options and SYS_HELLO, the same for each process that agentshd starts.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "start.h"

static void __attribute__((noreturn)) usage(enum role role)
{
	fprintf(stderr,
	    "usage: %s [-dv] [-T area[,area]]\n"
	    "%s is a part of agentsh that agentshd(8) starts; it does nothing"
	    " by itself.\n",
	    role_name(role), role_name(role));
	exit(2);
}

/* Where memory is short the kernel kills what has most of it: a session's
 * commands then, and after them what serves this one session alone, rather than
 * what serves all, or the host, however many commands share what is missing.
 * init and commands have it of maker. */
static void
be_killed_first(enum role role)
{
	const char *adj = role == ROLE_MAKER ? "500" : "300";
	int fd;

	if (role != ROLE_MAKER && role != ROLE_EXECD && role != ROLE_FSD &&
	    role != ROLE_FUSEREG)
		return;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	/* not if it was started with a higher one */
	if (fd == -1 || write(fd, adj, strlen(adj)) == -1)
		log_debug("oom_score_adj: %s", strerror(errno));
	if (fd != -1)
		close(fd);
}

void
start_options(enum role role, int argc, char **argv)
{
	struct stat st;
	int c;

	while ((c = getopt(argc, argv, "dT:v")) != -1) {
		switch (c) {
		case 'd':
			break; /* helpers never detach */
		case 'T':
			if (log_set_areas(optarg) == -1)
				usage(role);
			break;
		case 'v':
			log_set_verbose(log_get_verbose() + 1);
			break;
		default:
			usage(role);
		}
	}
	if (optind != argc || fstat(AGENTSH_PARENT_FD, &st) == -1 ||
	    !S_ISSOCK(st.st_mode))
		usage(role);
	be_killed_first(role);
}

int
start_hello(enum role role, struct imsg *im, struct msg_sys_hello *m)
{
	if (msg_get_sys_hello(im, m) == -1)
		return -1;
	if (m->table_hash != msg_table_hash())
		fatalx(
		    "agentshd and %s are of different builds: reinstall agentsh",
		    role_name(role));
	if (m->role != role || m->run_mode >= MODE_MAX)
		return -1;
	log_set_verbose((int)m->verbose);
	return 0;
}
