/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations, as libfuse calls them, and what these share.
 */
#ifndef FSD_OPS_H
#define FSD_OPS_H

#include "decide.h"
#include "handle.h"

/* op_name.c */
int lookup_child(fuse_req_t, struct node *parent, const char *text,
    struct fuse_entry_param *, bool quiet);
/* The same, by what node_use_at said of the parent. */
int lookup_at(fuse_req_t, struct node *parent, int pfd, const char *text,
    struct fuse_entry_param *, bool quiet);
/* As node_use, of a directory that is where the graph's path of it says: -1 with
 * ESTALE when it is not. */
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

/* still.c */
/* As node_use, of the directory of something at path, which was decided: -1 with
 * ESTALE when it is not there. */
int stand_use(struct node *parent, const char *path);
/* Is it still there, by that descriptor? Asked once something was made, and
 * before anybody hears of it. */
bool stand_holds(const struct node *parent, int fd, const char *path);
/* A second look at a file of the workspace, of which the operation was decided:
 * has it one of the names that it is known by, or none at all any more, and may
 * it be done by that name too? 0; ESTALE: it is elsewhere; EACCES: r, which is
 * this look's own and begun here, denies it. claimed: the caller has claims; else
 * it has none. */
int node_stands(struct node *, struct ruling *r, enum file_op, bool claimed);
/* The same of who changes its attributes, without a claim: 0, or what to answer.
 * late: it was done, and the caller takes it back, which is recorded. */
int node_attr_stands(fuse_req_t, struct node *, enum file_op, enum event_type,
    bool late);
/* One of its names, the parent held, or NULL; the caller frees text. false: no
 * memory. */
bool node_some_name(struct node *, struct node **parent, char **text);

/* undo.c: fd is of the directory, path what was decided */
/* What r says of what is taken back; the caller gets ESTALE, and the kernel
 * looks for the path again. */
void undo_refuse(struct ruling *);
/* Removes what was made, if it is that still; id NULL: not known. The session
 * ends where it stays. */
void undo_made(int fd, const char *text, const char *path, mode_t type,
    const struct ident *);
/* What may stay neither here nor there. */
void undo_aside(const char *path, int fd, const char *text);
/* The path of text where its directory is now. -1: no policy speaks of it. */
int undo_place(const struct node *parent, int fd, const char *path,
    const char *text, char now[AGENTSH_PATH_MAX + 1]);

/* op_make.c */
void op_mkdir(fuse_req_t, fuse_ino_t, const char *, mode_t);
void op_mknod(fuse_req_t, fuse_ino_t, const char *, mode_t, dev_t);
void op_symlink(fuse_req_t, const char *, fuse_ino_t, const char *);

/* op_link.c */
void op_link(fuse_req_t, fuse_ino_t, fuse_ino_t, const char *);

/* op_remove.c */
void op_unlink(fuse_req_t, fuse_ino_t, const char *);
void op_rmdir(fuse_req_t, fuse_ino_t, const char *);

/* op_rename.c */
void op_rename(fuse_req_t, fuse_ino_t, const char *, fuse_ino_t, const char *,
    unsigned);

/* beneath.c */
/* Asks for everything in the directory text beneath that one, as what is moved
 * from one path to another. false: something went while it was looked at, which
 * is denied as well. */
bool ask_beneath(struct ruling *, enum view, int dir_fd, const char *text,
    const char *old, const char *new);

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
/* Answers with them; once: the kernel may not keep them. */
void attr_reply(fuse_req_t, struct node *, const struct handle *, bool once);
/* Would the policy refuse an open for this, by access(2)'s bits? It is no attempt
 * of one. */
bool attr_refuses(struct node *, int mask);
void op_getattr(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void op_access(fuse_req_t, fuse_ino_t, int);
void op_statfs(fuse_req_t, fuse_ino_t);

/* op_setattr.c */
void op_setattr(fuse_req_t, fuse_ino_t, struct stat *, int,
    struct fuse_file_info *);

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
