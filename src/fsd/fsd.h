/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of fsd share. The parts are kept apart: node.c and backing.c
 * know what exists, decide.c what the policy says of it, record.c and
 * attr_cmd.c what is written down and for whom, handle.c what is open, and
 * op_*.c speak FUSE and bring them together.
 */
#ifndef FSD_H
#define FSD_H

#define FUSE_USE_VERSION 314

#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

#include <fuse3/fuse_lowlevel.h>

#include "agentsh.h"
#include "event.h"
#include "image.h"
#include "proc.h"
#include "profile.h"

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

struct node;

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
	bool dead;		  /* waits to be freed */
	_Atomic bool frozen;	  /* not to be written to; gitsettings.c */
};

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
	unsigned ops;
	uint32_t timeout_ms;
	struct ident id;
	const struct node *about; /* while it is asked, where that is known */
	char path[AGENTSH_PATH_MAX + 1];
};

/* Who asked: a process and the command that it belongs to. */
struct actor {
	uint32_t pid;	  /* thread group, as the session numbers it */
	uint64_t command; /* 0: none */
	char id[AGENTSH_CMDID_MAX + 1];
};

/* One more field of an event, and the one after it. */
struct extra {
	enum event_field field;
	const char *str; /* NULL: num */
	uint64_t num;
	const struct extra *next;
};

/* Who moves the bytes of an open file. */
enum handle_mode {
	HANDLE_PLAIN,  /* fsd, as nobody else is there for it */
	HANDLE_CACHED, /* fsd */
	HANDLE_THROUGH /* the kernel: fsd does not see them */
};

/* An open file, or a directory being listed. */
struct handle {
	LIST_ENTRY(handle) entry;
	struct node *node;
	struct actor actor;	/* who opened it */
	int fd;			/* -1 in a listing */
	_Atomic bool maps;	/* a mapping that stores may come of it */
	_Atomic uint64_t nread; /* bytes not yet recorded */
	_Atomic uint64_t nwritten;
	_Atomic uint64_t nallocated;
	_Atomic bool more_read; /* there may have been more than is known */
	_Atomic bool more_written;
	/* through.c */
	_Atomic enum handle_mode mode;
	bool reads;
	bool writes;
	bool told;		      /* that bytes may have been read */
	bool doubt;		      /* a change may not show in ctime */
	struct statx_timestamp ctime; /* when it was counted last */
	pthread_mutex_t lock;	      /* of the listing */
	DIR *dir;		      /* of a host directory */
	off_t dir_off;		      /* where dir stands */
	struct dirent *dir_next;      /* read, but did not fit */
	struct listing *listing; /* of a directory with entries of our own */
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

/* node.c: which nodes there are, their names and their descriptors */
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
/* Holds the node that this name means, NULL when it is not known. */
struct node *node_by_name(struct node *parent, const char *text);
bool node_has_aliases(struct node *);
void name_gone(struct node *parent, const char *text);
void name_add(struct node *, struct node *parent, const char *text);
void name_moved(struct node *from, const char *old, struct node *to,
    const char *new, bool exchange);
/* An O_PATH descriptor until node_done, or -1 with errno. */
int node_use(struct node *);
void node_done(struct node *);
/* Is n that directory, or beneath it? */
bool node_is_beneath(struct node *n, const struct node *top);
/* Are all directories that it has a name in watched, and a directory itself? */
bool node_is_watched(struct node *);
/* Around what reads the names of the graph; nothing of the host is asked then. */
void node_lock(void);
void node_unlock(void);

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

/* still.c */
/* Has a file of the workspace one of the names that it is known by, or none at
 * all any more? The caller has claimed nothing. */
bool node_is_there(struct node *);

/* absent.c */
/* The kernel is about to be told that the name is not there, to believe it for
 * so long. false: there are too many already, and it must not. */
bool absent_add(const struct node *parent, const char *text, unsigned seconds);
/* Has it forget all of them. It waits for who works in their directories. */
void absent_forget(void);

/* mounts.c: directories that may be changed beside the workspace; nodes there
 * have VIEW_WORKSPACE */
int mounts_on_fs_mount(struct chan *, struct imsg *);
/* After the descriptors are there, before there are threads. */
void mounts_init(void);
/* Their descriptors, which stay; how many there are. */
size_t mounts_fds(int fds[PROFILE_MOUNTS]);
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

/* Bits of a mode that a command may set: never one by which a program would run
 * as the session's user when somebody else starts it outside. Of a directory
 * S_ISGID only says whose group new files get. */
#define MODE_FILE (S_ISVTX | 0777)
#define MODE_DIR (S_ISVTX | S_ISGID | 0777)

/* backing.c: the host's files, by descriptors held */
/* Once the descriptors are there, before there are threads. */
void backing_init(void);
int backing_open(int parent_fd, const char *text, struct statx *);
int backing_stat(int fd, struct statx *);
/* Is another file system mounted on that name? Asks neither of the two. */
bool backing_is_mount(int parent_fd, const char *text);
bool backing_same(const struct ident *, const struct statx *);
void backing_ident(struct ident *, const struct statx *);
/* Opens for I/O what an O_PATH descriptor means. */
int backing_reopen(int path_fd, int flags);
/* The name of a descriptor beneath fsd.self_fd. */
void backing_name(char dst[16], int fd);
/* Is that directory, below the one of top_fd, still there? */
bool backing_is_at(int dir_fd, int top_fd, const char *below);
/* May a file system that is not of this machine hold it? */
bool backing_is_remote(int fd);
void backing_attr(struct stat *, const struct statx *);
uint64_t backing_ino(uint64_t dev, uint64_t ino);

/* policy.c: the compiled policy, which can change between two operations. An
 * operation has one from its beginning to its end, and what a ruling points to
 * stays as long. */
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
bool ruling_denies(const struct ruling *);
void ask_path(struct ruling *, enum file_op, enum view, const char *, size_t);
/* All known names of the node. */
void ask_node(struct ruling *, enum file_op, struct node *);
void ask_child(struct ruling *, enum file_op, struct node *parent,
    const char *text);
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

/* symlink.c */
/* Does a link at that path, in the workspace at mount, lead out of it? What
 * cannot be known for certain does. */
bool symlink_escapes(const char *mount, const char *path, const char *target);
/* Denies what leads out, where the configuration wants that. */
void ask_symlink(struct ruling *, struct node *, const char *target);

/* gitsettings.c: changes of settings of git that may happen although they are
 * protected, and do not deny by themselves. n: what is at from; the names are
 * claimed. */
void gitsettings_init(void);
bool gitsettings_may_rename(struct node *n, int from_fd, const char *from,
    int to_fd, const char *to, bool to_exists, const char *to_path);
bool gitsettings_may_remove(struct node *parent, const char *text,
    const char *path);

/* Around what writes, from before it does to when a handle counts: false, the
 * node is frozen, and there is no end. */
bool gitsettings_begin_write(struct node *);
void gitsettings_end_write(struct node *);

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
void attr_actor(uint32_t tid, struct actor *);
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

/* handle.c: what is open */
void handle_init(size_t max);
/* NULL with errno. */
struct handle *handle_new(fuse_req_t, struct node *, int fd);
void handle_free(struct handle *);
/* Records the bytes that no sync has recorded, and frees it. */
void handle_done(struct handle *);
/* May somebody have it mapped to store there, by a handle still open? */
bool handle_maps(const struct node *);
/* Records the bytes of all handles that a command opened. */
void handle_sync(uint64_t command);
static inline struct handle *
handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* watch.c: what others change in the workspace */
/* Before the sandbox; where it is not possible, nothing is watched. */
void watch_init(void);
/* 0 or an error number. */
int watch_start(void);
/* Watches a directory of the workspace, where that is possible. Says true when
 * this is new: what was seen of it before may have changed meanwhile. */
bool watch_dir(struct node *);
/* Of a node that ends: under the graph's lock, and then without. */
void watch_unlink(struct node *);
void watch_end(const struct node *);

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
/* The next answer of this thread, to an open, tells the kernel. */
void through_reply(const struct handle *);
/* Finds out what there is to record. */
void through_count(struct handle *);
/* Around what changes a file's size without being writing. */
void through_settle(struct node *);
void through_resized(struct node *);

/* redirect.c: names that mean other ones */
struct place {
	struct node *parent;
	struct node *walked; /* has one lookup of ours, or NULL */
	char text[256];
};

/* The first two before anything is claimed; each may wait for names. */
/* As lookup_child; *done: the name is redirected, and the answer holds. */
int redirect_lookup(fuse_req_t, struct node *parent, const char *text,
    struct fuse_entry_param *, bool *done);
/* Where the object of that name is, and where a new one comes to be: there or
 * at the name itself. 0, or an error number; place_done() after 0. */
int redirect_existing(fuse_req_t, struct node *parent, const char *text,
    struct place *);
int redirect_new(fuse_req_t, struct node *parent, const char *text,
    struct place *);
void place_done(struct place *);
bool redirect_covers(const char *path);
bool redirect_is(struct node *parent, const char *text);
/* The node is to be written, which the policy refuses: 0 when that is all to be
 * said; ESTALE when the path leads to a copy from now on. */
int redirect_writing(fuse_req_t, struct node *, bool empty);

/* trash.c: soft deletes */
struct trashing {
	char token[33]; /* "" until its manifest is there */
	bool begun;
	bool copied;
	int fd;	     /* O_PATH of the object */
	int data_fd; /* of what of it can be read, or -1 */
	int copy_fd; /* of a copy of a file, or -1 */
	uint64_t bytes;
	struct statx stx;
};

int trash_on_fs_trash(struct chan *, struct imsg *);
/* Its directory, for the sandbox; -1. */
int trash_dir(void);
/* Before the sandbox; what is too old goes when there are threads. */
void trash_start(void);
void trash_expire(void);
bool trash_is_there(void);
/* Is every delete of the workspace a soft one? */
bool trash_takes_all(void);
/* Is that where an agent must not make what looks like a trash? */
bool trash_guards(enum file_op, const char *path);
/* Is that the trash? Is it the trash, or a directory above? */
bool trash_is_it(const struct statx *);
bool trash_is_beneath(const struct statx *);
/*
 * The steps of one delete. r is the ruling that it is soft. Each step is 0 or
 * an error for the caller: EACCES when r has become a denial that is to be
 * recorded. trash_finish() ends it whatever came before, once.
 */
int trash_begin(fuse_req_t, struct trashing *, int pfd, const char *text,
    struct ruling *r);
/* Moves the object: the name is gone. */
int trash_take(struct trashing *, int pfd, const char *text, struct ruling *r);
/* The object is in the trash too, and its name is about to be replaced. */
int trash_keep(struct trashing *, struct ruling *r);
void trash_finish(struct trashing *, bool done);
void trash_record(fuse_req_t, const struct trashing *, const struct ruling *);

/* trash_note.c */
struct trash_note {
	const char *workspace; /* on the host */
	const char *path;      /* as the session sees it */
	const struct statx *stx;
	int data_fd;
	struct actor actor;
	char hash[65]; /* or "" */
};

/* Writes and syncs; -1 with EEXIST when the token is taken. */
int trash_note_write(int dir_fd, const char *token, const struct trash_note *);

/* device.c: what libfuse reads and writes */
enum device_form {
	DEVICE_PLAIN,
	DEVICE_STATX,	/* a getattr that wants the time of birth too */
	DEVICE_TMPFILE, /* a create of a file without a name */
};
enum device_form device_form(void);
/* The next answer, to an open, has this number of a registered file. */
void device_backing(uint32_t);
int device_attach(struct fuse_session *, int fd);
/* A request has come to this thread; makes of it one that libfuse knows. */
struct fuse_in_header;
void device_request(struct fuse_in_header *);

/* serve.c: the FUSE session and its threads */
/* Before the sandbox. */
void serve_prepare(void);
/* offered: the kernel can do FUSE over io_uring. Says whether it is done; fatal
 * where it has to be. */
bool serve_choose(bool offered);
/* How requests come, in a word. */
const char *serve_detail(void);
int serve_start(int device_fd);
/* A thread that hears no signal and is not waited for. 0 or an error number. */
int thread_start(void *(*)(void *), void *);
int reply_error(fuse_req_t, int error);

/* op_name.c */
int lookup_child(fuse_req_t, struct node *parent, const char *text,
    struct fuse_entry_param *, bool quiet);
/* As node_use, of a directory whose names are worked on: -1 with ESTALE when it
 * is not where its path says, by which it is decided. */
int node_use_at(struct node *);
/* May the kernel keep for long what it is told of the node, or of what is in it?
 * It hears of changes, and none has to be asked for each time. */
bool may_keep(struct node *);
/* Of what was found: its attributes are in e already. */
void entry_times(struct node *, struct fuse_entry_param *);
void op_lookup(fuse_req_t, fuse_ino_t, const char *);
void op_forget(fuse_req_t, fuse_ino_t, uint64_t);
void op_forget_multi(fuse_req_t, size_t, struct fuse_forget_data *);
void op_readlink(fuse_req_t, fuse_ino_t);

/* op_make.c */
void op_mkdir(fuse_req_t, fuse_ino_t, const char *, mode_t);
void op_mknod(fuse_req_t, fuse_ino_t, const char *, mode_t, dev_t);
void op_symlink(fuse_req_t, const char *, fuse_ino_t, const char *);
void op_link(fuse_req_t, fuse_ino_t, fuse_ino_t, const char *);
void op_unlink(fuse_req_t, fuse_ino_t, const char *);
void op_rmdir(fuse_req_t, fuse_ino_t, const char *);

/* op_rename.c */
void op_rename(fuse_req_t, fuse_ino_t, const char *, fuse_ino_t, const char *,
    unsigned);

/* op_file.c */
void op_create(fuse_req_t, fuse_ino_t, const char *, mode_t,
    struct fuse_file_info *);
void op_open(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void op_flush(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void op_release(fuse_req_t, fuse_ino_t, struct fuse_file_info *);

/* op_data.c */
void op_read(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void op_write(fuse_req_t, fuse_ino_t, const char *, size_t, off_t,
    struct fuse_file_info *);
void op_fsync(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
void op_fallocate(fuse_req_t, fuse_ino_t, int, off_t, off_t,
    struct fuse_file_info *);
void op_lseek(fuse_req_t, fuse_ino_t, off_t, int, struct fuse_file_info *);
void op_copy(fuse_req_t, fuse_ino_t, off_t, struct fuse_file_info *, fuse_ino_t,
    off_t, struct fuse_file_info *, size_t, int);

/* op_dir.c */
void op_opendir(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void op_readdir(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void op_readdirplus(fuse_req_t, fuse_ino_t, size_t, off_t,
    struct fuse_file_info *);
void op_releasedir(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void op_fsyncdir(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);

/* op_attr.c */
int node_stat(struct node *, const struct handle *, struct statx *);
int node_attr(struct node *, const struct handle *, struct stat *);
/* The mode of a directory, which the caller holds, may have changed: who may not
 * go there must not go by what the kernel remembers. After the reply, as the
 * kernel lets nobody in before. */
void attr_closed(struct node *);
void op_getattr(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void op_setattr(fuse_req_t, fuse_ino_t, struct stat *, int,
    struct fuse_file_info *);
void op_access(fuse_req_t, fuse_ino_t, int);
void op_statfs(fuse_req_t, fuse_ino_t);

/* op_statx.c */
/* once: the kernel may not keep the answer. */
void reply_statx(fuse_req_t, struct node *, const struct handle *, bool once);

/* op_xattr.c */
/* The mode of something new: the caller's mask counts where the directory has
 * no access list for what is made in it. */
mode_t masked_mode(fuse_req_t, int dir_fd, mode_t);
void op_getxattr(fuse_req_t, fuse_ino_t, const char *, size_t);
void op_listxattr(fuse_req_t, fuse_ino_t, size_t);
void op_setxattr(fuse_req_t, fuse_ino_t, const char *, const char *, size_t,
    int);
void op_removexattr(fuse_req_t, fuse_ino_t, const char *);

#endif
