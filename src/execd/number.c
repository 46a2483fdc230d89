/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers that processes have in the session, of which a command knows, and
 * as the host does: the kernel is asked by a descriptor of the session's pid
 * namespace, or, where it does not know the question, what /proc says is read.
 */
#include <sys/ioctl.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"
#include "nspid.h"
#include "target.h"

static int ns_fd = -1; /* -1: /proc has to do */

/* 0: it has none. */
static uint32_t
ask(unsigned long question, uint32_t pid)
{
	int n = ioctl(ns_fd, question, pid);

	return n > 0 ? (uint32_t)n : 0;
}

/* The number after a title: the last of the line. 0: there is none. */
static uint32_t
last_number(const char *buf, const char *title)
{
	const char *s = strstr(buf, title);
	unsigned long n = 0;
	char *end;

	if (s == NULL)
		return 0;
	for (s += strlen(title); *s == '\t' || *s == ' '; s = end) {
		n = strtoul(s, &end, 10);
		if (end == s)
			break;
	}
	return (uint32_t)n;
}

int
number_of_target(struct target *t)
{
	char buf[4096];

	if (ns_fd != -1) {
		t->inner_tid = ask(NSPID_PID_IN, (uint32_t)t->tid);
		t->inner_tgid = ask(NSPID_TGID_IN, (uint32_t)t->tid);
		t->tgid = t->inner_tid == t->inner_tgid ?
		    t->tid :
		    (pid_t)ask(NSPID_TGID_FROM, t->inner_tid);
	} else if (target_text(t->dir_fd, "status", buf, sizeof(buf)) != -1) {
		/* a newline in the name is shown as \n, proc_pid_status(5) */
		t->tgid = (pid_t)last_number(buf, "\nTgid:");
		t->inner_tid = last_number(buf, "\nNSpid:");
		t->inner_tgid = last_number(buf, "\nNStgid:");
	}
	return t->tgid <= 1 || t->inner_tgid == 0 || t->inner_tid == 0 ? -1 : 0;
}

uint32_t
number_inner(pid_t pid)
{
	char name[32], buf[4096];

	if (ns_fd != -1)
		return ask(NSPID_PID_IN, (uint32_t)pid);
	snprintf(name, sizeof(name), "%d/status", (int)pid);
	if (target_text(execd.proc_fd, name, buf, sizeof(buf)) == -1)
		return 0;
	return last_number(buf, "\nNStgid:");
}

void
number_init(void)
{
	ns_fd = openat(execd.sess_proc_fd, "1/ns/pid", O_RDONLY | O_CLOEXEC);
	/* init's own number: does the kernel know the question? */
	if (ns_fd != -1 && ask(NSPID_TGID_FROM, 1) == 0) {
		close(ns_fd);
		ns_fd = -1;
	}
	if (ns_fd == -1)
		log_debug("numbers of processes are read in /proc");
}
