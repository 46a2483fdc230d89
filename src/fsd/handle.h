/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is open, who moves its bytes, and what others do to files meanwhile.
 */
#ifndef FSD_HANDLE_H
#define FSD_HANDLE_H

#include <sys/queue.h>

#include <dirent.h>
#include <pthread.h>

#include "node.h"

/* Who moves the bytes of an open file. */
enum handle_mode {
	HANDLE_PLAIN,  /* fsd, as nobody else is there for it */
	HANDLE_CACHED, /* fsd */
	HANDLE_THROUGH /* the kernel: fsd does not see them */
};

/* An open file, or a directory being listed. */
struct handle {
	LIST_ENTRY(handle) entry; /* unless it is shared */
	struct node *node;
	struct actor actor; /* who opened it, or used it last; handle.c locks */
	_Atomic uint64_t whose; /* actor.command, to be read without the lock */
	int fd;			/* -1 in a listing */
	struct shared *shared;	/* whose fd it is, or NULL: its own */
	_Atomic bool maps;	/* a mapping that stores may come of it */
	_Atomic uint64_t nread; /* bytes not yet recorded */
	_Atomic uint64_t nwritten;
	_Atomic uint64_t nallocated;
	_Atomic unsigned nwrites; /* by fsd, and none of them forgotten */
	_Atomic bool more_read;	  /* there may have been more than is known */
	_Atomic bool more_written;
	/* through.c */
	_Atomic enum handle_mode mode;
	struct seen seen;   /* kept.c: how the file is that it reads anew */
	bool kept;	    /* it has its bytes already; */
	uint64_t kept_size; /* so many */
	bool reads;
	bool writes;
	bool
	    fresh; /* there was nothing in it when it was opened to be written */
	bool told;		      /* that bytes may have been read */
	bool doubt;		      /* a change may not show in ctime */
	struct statx_timestamp ctime; /* when it was counted last */
	pthread_mutex_t lock;	      /* of the listing */
	DIR *dir; /* of a host directory; NULL while it is closed */
	TAILQ_ENTRY(handle) by_read;
	off_t dir_off;		 /* where dir stands */
	struct dirent *dir_next; /* read, but did not fit */
	struct listing *listing; /* of a directory with entries of our own */
};

/* handle.c: what is open */
/* So many with a descriptor of their own, and so many in all. */
void handle_init(size_t max_fds, size_t max);
/* Takes fd. shares: it is of a file that is read by offsets alone; h->fd is then
 * that of the node's other such handles where there are some. NULL with errno,
 * and fd is not taken. */
struct handle *handle_new(fuse_req_t, struct node *, int fd, bool shares);
void handle_free(struct handle *);
/* Records the bytes that no sync has recorded, and frees it. */
void handle_done(struct handle *);
/* May somebody have it mapped to store there, by a handle still open? */
bool handle_maps(const struct node *);
/* Records the bytes of all handles of a command. */
void handle_sync(uint64_t command);
/* The same of one. */
void handle_record(struct handle *);
/* Counts what the request has moved, for the command that asked: who opened it can
 * have lent it to another one. */
void handle_moved(fuse_req_t, struct handle *, _Atomic uint64_t *count,
    uint64_t n);
/* The kernel has written n bytes that were stored in mappings of the file, by the
 * first handle that it found. Whose they are is only known where all that can be
 * mapped so are of one command; else all of these may have written more. */
void handle_stored(struct handle *, uint64_t n);
static inline struct handle *
handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* dirs.c: directories being listed; but for dir_close() under the handle's lock,
 * or before anybody else knows the handle */
/* So many are open at one time. */
void dirs_init(size_t max);
/* NULL with errno. */
DIR *dir_open(struct node *);
/* Takes dir. */
void dir_has(struct handle *, DIR *dir);
/* Opens it again where it was closed: h->dir, unless it is one of ours. -1 with
 * errno. */
int dir_use(struct handle *);
void dir_close(struct handle *);

/* watch.c: what others change in the workspace */
/* Before the sandbox; where it is not possible, nothing is watched. */
void watch_init(void);
/* 0 or an error number. */
int watch_start(void);
/* Watches a directory of the workspace, where that is possible. Says true when
 * this is new: what was seen of it before may have changed meanwhile. */
bool watch_dir(struct node *);
/* The kernel is about to be told these, or has written itself. */
void watch_told(struct node *, const struct stat *);
void watch_wrote(struct node *);
/* A file is opened, and is so: where the kernel may know of something else it
 * is to ask again. */
void watch_opened(struct node *, const struct statx *);
/* Of a node that ends: under the graph's lock, and then without. */
void watch_unlink(struct node *);
void watch_end(const struct node *);

/* kept.c: bytes that the kernel has read before */
/* Of a new handle, whose file is open by these flags: may they stay? */
bool kept_open(struct handle *, int flags);
/* The kernel reads by it: what it had of the file before is gone. */
void kept_read(struct handle *);

/* through.c: files that the kernel reads and writes itself */
/* Takes the channel to fusereg, before the others are watched. */
void through_init(void);
/* offered: the kernel can do it. Says whether it shall; fatal where it has to. */
bool through_start(bool offered);
/* Who moves the bytes of large files, in a word. */
bool through_is_on(void);
const char *through_detail(void);
int through_on_reg_opened(struct chan *, struct imsg *);
/* Decides on a new handle, whose file is open by these flags. */
void through_begin(struct handle *, int flags);
void through_end(struct handle *);
/* Shall what is written skip the kernel's memory? */
bool through_is_direct(const struct handle *);
/* The next answer of this thread, to an open, tells the kernel. */
void through_reply(const struct handle *);
/* Finds out what there is to record. */
void through_count(struct handle *);
/* Around what changes a file's size without being writing. */
void through_settle(struct node *);
void through_resized(struct node *);

#endif
