/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down, and which command it is of.
 */
#ifndef FSD_RECORD_H
#define FSD_RECORD_H

#include "decide.h"

struct handle;

/* One more field of an event, and the one after it. */
struct extra {
	enum event_field field;
	const char *str; /* NULL: num */
	uint64_t num;
	const struct extra *next;
};

/* record.c: events */
void record_init(void);
/* Records a denial and says true, or says false. */
bool record_denied(fuse_req_t, enum event_type, const struct ruling *);
/* The same of an operation that has two names; r may speak of a third. */
bool record_denied_pair(fuse_req_t, enum event_type, struct ruling *r,
    enum file_op, const char *path, const char *to_path);
/* Records what was done, where that is wanted. */
void record_done(fuse_req_t, enum event_type, const struct ruling *,
    const struct extra *);
/* The message of its rule, filled in. */
void record_message(const struct ruling *, char *dst, size_t size);
/* A denial, of an operation that is to be approved, with the reason in it. */
void record_refused(const struct actor *, enum event_type,
    const struct ruling *, const struct extra *);
/* An event that is made; frees the buffer. */
void record_event(struct buf *);
/* Bytes that the handle has not recorded yet. */
void record_bytes(struct handle *);

/* summary.c: opens of the host's files, counted for each command */
/* n opens at that path, or beneath. */
void summary_opened(const struct actor *, const char *path, uint64_t n);
/* n opens of somebody; lost: there were more that were not heard of. */
void summary_unknown(const struct actor *, uint64_t n, bool lost);
/* Records what was counted for a command since the last time; its events name
 * no process. */
void summary_emit(uint64_t command);

/* attr_cmd.c: which command a process belongs to */
void attr_set_proc(int fd);
int attr_add(uint64_t command, uint32_t keeper, const char *id);
void attr_forget(uint64_t command);
/* Is there no command but this one? */
bool attr_is_alone(uint64_t command);
void attr_actor(uint32_t tid, struct actor *);
/* Is the process still there whose directory in a /proc this is, O_PATH? */
bool attr_is_alive(int dir_fd);
/* A request of a thread that waits for its answer has come to this one: whose it
 * is, is found out once. */
void attr_request(uint32_t tid);
/* The thread whose request this one serves; 0: none. */
uint32_t attr_asker(void);
/* The keeper above a process, which may be of no command known yet; 0: none.
 * Waits for nobody. -1: the process is gone. */
int attr_keeper(uint32_t pid, uint32_t *keeper);
/* A command as an actor, its keeper being the process; keeper 0: not known. How
 * many commands there are. */
size_t attr_command(uint64_t command, uint32_t *keeper, struct actor *);

/* native.c: opens on native mounts */
int native_on_fs_native(struct chan *, struct imsg *);
/* Counts for the command what was opened up to now. */
void native_sync(uint64_t command);
/* It is over: nothing of it comes any more. */
void native_forget(uint64_t command);

#endif
