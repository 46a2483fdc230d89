/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all files of fsd share. node.h and backing.h know what exists, decide.h
 * what the policy says of it, record.h what is written down and for whom,
 * handle.h what is open, and ops.h speaks FUSE and brings them together.
 */
#ifndef FSD_H
#define FSD_H

#define FUSE_USE_VERSION 314

#include <sys/stat.h>

#include <stdatomic.h>

#include <fuse3/fuse_lowlevel.h>

#include "agentsh.h"
#include "event.h"
#include "image.h"
#include "proc.h"

/* Where an object lies: the same host file seen by two ways is two nodes. */
enum view {
	VIEW_VIRTUAL, /* an empty directory that something is mounted over */
	VIEW_HOST,    /* the host's tree: never changed */
	VIEW_WORKSPACE,
	VIEW_MAX
};

/* Which host object a node is; birth time tells a reused inode number. */
struct ident {
	uint64_t dev;
	uint64_t ino;
	int64_t btime_sec;
	uint32_t btime_nsec;
};

/* Who asked: a process and the command that it belongs to. */
struct actor {
	uint32_t pid;	  /* thread group, as the session numbers it */
	uint64_t command; /* 0: none */
	char id[AGENTSH_CMDID_MAX + 1];
};

struct fsd {
	struct proc proc;
	struct event_base *base;
	struct fuse_session *session;
	bool can_expire;  /* the kernel can be told to look a name up again */
	bool close_fails; /* the workspace may tell of errors at close only */
	int root_fd;	  /* the host's "/" */
	int work_fd;	  /* the workspace */
	int self_fd;	  /* our /proc/self/fd */
	uint32_t uid;
	uint32_t gid;
	char mount[AGENTSH_PATH_MAX + 1]; /* workspace as the session sees it */
	_Atomic bool settled;		  /* the session's root is complete */
	_Atomic bool init_done;		  /* FUSE_INIT was heard */
};

extern struct fsd fsd;

#endif
