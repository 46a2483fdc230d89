/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of what the kernel knows: nodes, their names, their descriptors; and
 * who works on which name.
 */
#ifndef FSD_NODE_H
#define FSD_NODE_H

#include <sys/queue.h>

#include "fsd.h"
#include "profile.h"
#include "told.h"

struct handle;
struct node;
struct shared;

/* How a file was when it was opened to be read the last time. */
struct seen {
	_Atomic bool any;
	uint64_t size;
	struct statx_timestamp ctime;
};

/* One name of a node. The parent is held by it. */
struct name {
	LIST_ENTRY(name) of_node;
	LIST_ENTRY(name) by_text;
	struct node *node;
	struct node *parent;
	bool gone; /* removed; kept for its text, as the node's last name */
	char text[];
};

LIST_HEAD(name_list, name);

/* What the kernel calls a node id is the address of one of these. */
struct node {
	LIST_ENTRY(node) by_ident;
	TAILQ_ENTRY(node) lru; /* while fd is not -1 */
	struct ident id;
	enum view view;
	mode_t type;	   /* S_IFMT bits */
	const char *fixed; /* path of a node that never moves, else NULL */
	/* the mount of the profile that it was found in; NULL: the workspace,
	 * or the host's tree */
	const struct node *top;
	struct name_list names;
	uint64_t nlookup; /* the kernel's references */
	unsigned holds;	  /* ours: names beneath, handles, operations */
	unsigned users;	  /* operations that use fd now */
	unsigned opens;	  /* handles */
	int fd;		  /* O_PATH, or -1: to be opened again by a name */
	bool anchor;	  /* something may be mounted on it */
	int wd;		  /* of a directory that is watched, else 0 */
	LIST_ENTRY(node) by_wd;
	/* through.c: its handles by who moves their bytes */
	uint32_t backing;	  /* the kernel's number of it */
	unsigned through;	  /* the kernel */
	unsigned cached;	  /* fsd */
	_Atomic unsigned writers; /* of the former, those that may write */
	struct handle *writer;	  /* the only one of these since the first */
	uint64_t base;		  /* size, as far as it was counted */
	struct told told;	  /* watch.c, of a file of the workspace */
	struct seen seen;	  /* kept.c, of the same */
	_Atomic bool mapped;	  /* the same: perhaps, to be written */
	/* handle.c: the descriptor that is read by all who open it now */
	struct shared *shared;
	_Atomic bool plain;  /* op_file.c: it may have one, as was found out */
	bool dead;	     /* waits to be freed */
	_Atomic bool frozen; /* not to be written to; gitsettings.c */
};

/* node.c: which nodes there are */
void node_init(size_t max_fds);
struct known {
	fuse_ino_t ino;
	mode_t type;
	fuse_ino_t parent; /* of its name; 0: none */
	char *text;
};

/* All that the kernel can know beneath top, or everywhere (NULL), but for those
 * that never move: one each name. The caller frees it by known_free. Their
 * number. */
size_t node_known(struct known **, const struct node *top);
void known_free(struct known *, size_t n);
struct node *node_of(fuse_ino_t);
fuse_ino_t node_number(const struct node *);
struct node *node_workspace(void);
/* The node of an object just opened as O_PATH (fd is taken): one lookup more
 * for the kernel. NULL with errno on lack of memory or descriptors. */
struct node *node_enter(struct node *parent, const char *text, int fd,
    const struct statx *);
/* The same of a file that has no name; text is only said of it. */
struct node *node_enter_unnamed(struct node *parent, const char *text, int fd,
    const struct statx *);
/* One of the nodes that never move gets one lookup more. */
void node_again(struct node *);
void node_forget(struct node *, uint64_t n);
void node_hold(struct node *, bool open);
void node_release(struct node *, bool open);
/* Is n that directory, or beneath it? */
bool node_is_beneath(struct node *n, const struct node *top);
/* Are all directories that it has a name in watched, and a directory itself? */
bool node_is_watched(struct node *);
/* Around what reads the names of the graph; nothing of the host is asked then. */
void node_lock(void);
void node_unlock(void);

/* nodename.c: their names */
/* Holds the node that this name means, NULL when it is not known. */
struct node *node_by_name(struct node *parent, const char *text);
bool node_has_aliases(struct node *);
void name_gone(struct node *parent, const char *text);
void name_add(struct node *, struct node *parent, const char *text);
void name_moved(struct node *from, const char *old, struct node *to,
    const char *new, bool exchange);

/* nodefd.c: their descriptors */
/* An O_PATH descriptor until node_done, or -1 with errno. */
int node_use(struct node *);
void node_done(struct node *);

/* nodepath.c */
/* Length of the path of the node's first name, or -1 with errno. */
int node_path(struct node *, char path[AGENTSH_PATH_MAX + 1]);
int node_child_path(struct node *parent, const char *text,
    char path[AGENTSH_PATH_MAX + 1]);
/* Calls fn for each known name's path until it returns not 0. 0 or -1. */
int node_each_path(struct node *, int (*fn)(void *, const char *, size_t),
    void *);

/* fixed.c: directories of ours */
void fixed_init(struct node *, enum view, const char *path, int fd);
void fixed_ways_init(void);
/* An inode number for the one at that place. */
uint64_t fixed_number(const char *path);
/* The one at that place, or NULL. */
struct node *node_virtual(const char *path);

/* absent.c */
/* The kernel is about to be told that the name is not there, to believe it for
 * so long. false: there are too many already, and it must not. */
bool absent_add(const struct node *parent, const char *text, unsigned seconds);
/* Has it forget all of them. It waits for who works in their directories. */
void absent_forget(void);

/* mounts.c: directories beside the workspace; nodes there have VIEW_WORKSPACE */
int mounts_on_fs_mount(struct chan *, struct imsg *);
/* After the descriptors are there, before there are threads. */
void mounts_init(void);
struct sandbox_dir;
/* What fsd may do there; how many there are. */
size_t mounts_dirs(struct sandbox_dir *);
/* Is the path in one that is read-only? */
bool mounts_are_ro(const char *path, size_t len);
/* The one at that place, or NULL. */
struct node *mounts_node(const char *path);
/* Is it one of them? */
bool mounts_have(const struct statx *);
/* The path that such a path begins with: of a mount, or fsd.mount. *fd, unless
 * NULL: the directory there, which stays open. */
const char *mounts_top(const char *path, int *fd);
/* They have no name by which watch.c would find them. */
void mounts_watch(void);
/* May one be on another machine? */
bool mounts_are_remote(void);

/* claim.c: who works on which name */
#define CLAIM_NAMES 2

enum claim_kind {
	CLAIM_LOOK,   /* finds out what the name means */
	CLAIM_CHANGE, /* gives it a meaning, or takes it away */
};

struct claim_name {
	struct node *parent; /* NULL: none */
	const char *text;
};

/* Names, and directories beneath which nobody makes anything meanwhile. The
 * claim and what it points to are the caller's, and stay until its end. */
struct claim {
	LIST_ENTRY(claim) entry;
	enum claim_kind kind;
	struct claim_name name[CLAIM_NAMES];
	struct node *tree[CLAIM_NAMES];
};

/* Waits until nobody is in the way; the caller has no claim yet. */
void claim_begin(struct claim *);
void claim_one(struct claim *, enum claim_kind, struct node *, const char *);
void claim_end(struct claim *);

#endif
