/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy says of an operation.
 */
#ifndef FSD_DECIDE_H
#define FSD_DECIDE_H

#include "node.h"

/* What the policy says of one operation: the strictest of all answers. */
struct ruling {
	enum decision decision; /* DECISION_MAX: nothing was asked */
	enum file_op op;
	enum view view;
	const char *rule;
	const char *message;
	const char *settings; /* a path that is not held to be protected */
	/* of an answer that says approve: for which operations the same rule
	 * says so, and which object it is about, all 0: look for it by the path */
	bool approved; /* by an operator */
	bool logs;     /* a rule that was asked wants each open told */
	unsigned ops;
	uint32_t timeout_ms;
	struct ident id;
	const struct node *about; /* while it is asked, where that is known */
	char path[AGENTSH_PATH_MAX + 1];
};

/* policy.c: the compiled policy, which can change between two operations. An
 * operation has one from its beginning to its end, and what a ruling points to
 * stays as long. */
/* Before there are threads. */
void policy_init(void);
void policy_enter(void);
void policy_leave(void);
/* The one of this thread's operation; NULL outside of any. */
const struct image *policy_image(void);
/* Has it a rule that redirects files? */
bool policy_redirects(void);
bool policy_is_there(void);
int policy_on_policy_image(struct chan *, struct imsg *);
int policy_on_policy_prepare(struct chan *, struct imsg *);
int policy_on_policy_commit(struct chan *, struct imsg *);
/* Has the kernel forget all that it was told, and waits for that a second. */
void policy_forget(void);
/* The same of what is beneath a directory, which has another path now. */
void policy_forget_beneath(const struct node *);
int policy_on_policy_abandon(struct chan *, struct imsg *);

/* decide.c: what the policy says */
void ruling_init(struct ruling *);
/* Is it not to be done? Where nothing was asked it is not. */
bool ruling_denies(const struct ruling *);
/* The same of a second look, beside a decision that stands: where nothing was
 * asked it has nothing against it. */
bool ruling_objects(const struct ruling *);
void ask_path(struct ruling *, enum file_op, enum view, const char *, size_t);
/* All known names of the node. */
void ask_node(struct ruling *, enum file_op, struct node *);
void ask_child(struct ruling *, enum file_op, struct node *parent,
    const char *text);
/* The same; path is what was asked for, and "" when it is too long. */
void ask_at(struct ruling *, enum file_op, struct node *parent,
    const char *text, char path[AGENTSH_PATH_MAX + 1]);
void ask_open(struct ruling *, struct node *, int flags);
/* Would an object of this type be readable and writable at that path? */
void ask_use(struct ruling *, mode_t type, enum view, const char *, size_t);
/* May an object of this type come to be at that path? */
void ask_made(struct ruling *, mode_t type, enum view, const char *, size_t);
/* A further name, or another one, must not allow what those it has deny. */
void ask_second_name(struct ruling *, struct node *, const char *path);
void ask_other_name(struct ruling *, mode_t type, enum view, const char *old,
    const char *new);
void refuse(struct ruling *, const char *rule, const char *message);
void refuse_node(struct ruling *, enum file_op, struct node *, const char *rule,
    const char *message);

/* socket.c */
/* May a unix socket be there? The rules for sockets, after those for files. */
void ask_socket(struct ruling *, const char *path);
int socket_on_fs_socket(struct chan *, struct imsg *);
int socket_on_fs_unix(struct chan *, struct imsg *);
int socket_on_fs_bind(struct chan *, struct imsg *);

/* symlink.c */
/* Denies what leads out, where the configuration wants that. */
void ask_symlink(struct ruling *, struct node *, const char *target);

/* gitsettings.c: changes of settings of git that may happen although they are
 * protected, and do not deny by themselves. n: what is at from; the names are
 * claimed. */
struct settings {
	struct node *node; /* NULL: nothing was compared */
	int fd; /* keeps others from opening it to be written, or -1 */
	bool leased;
	uint64_t since_ms;
	bool was; /* frozen before */
	struct statx stx;
};

void gitsettings_init(void);
/* gitsettings_done() ends what this begins, whatever it says. */
bool gitsettings_may_rename(struct settings *, struct node *n, int from_fd,
    const char *from, int to_fd, const char *to, bool to_exists,
    const char *to_path);
/* Renamed: is it what was compared, still? */
bool gitsettings_hold(const struct settings *);
/* stays: it has its new name. */
void gitsettings_done(struct settings *, bool stays);
bool gitsettings_may_remove(struct node *parent, const char *text,
    const char *path);

/* Around what writes, from before it does to when a handle counts: false, the
 * node is frozen, and there is no end. */
bool gitsettings_begin_write(struct node *);
void gitsettings_end_write(struct node *);
/* What a frozen node is refused by. */
void gitsettings_refuse(struct ruling *, enum file_op, struct node *);

#endif
