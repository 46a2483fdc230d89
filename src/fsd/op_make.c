/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is made: directories, files by mknod(2), symbolic links. The change of the
 * host's directory and that of our graph are one step for everybody else.
 */
#include <sys/stat.h>

#include <errno.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "serve.h"

/* What is made: type and mode, a symbolic link's text. */
struct making {
	enum file_op op;
	enum event_type event;
	mode_t mode;
	const char *target;
};

static int
make_one(fuse_req_t req, int pfd, const char *text, const struct making *k)
{
	mode_t mode = masked_mode(req, pfd, k->mode);

	switch (k->mode & S_IFMT) {
	case S_IFDIR:
		return mkdirat(pfd, text, mode & MODE_DIR);
	case S_IFLNK:
		return symlinkat(k->target, pfd, text);
	default:
		return mknodat(pfd, text, mode, 0);
	}
}

/* Makes, and looks up what was made. 0 or an error number; *made whatever the
 * looking up says. */
static int
make_entry(fuse_req_t req, struct node *parent, const char *text,
    const char *path, const struct making *k, struct fuse_entry_param *e,
    struct ruling *r, bool *made)
{
	int error, pfd;

	pfd = stand_use(parent, path);
	if (pfd == -1)
		return errno;
	error = make_one(req, pfd, text, k) == -1 ? errno : 0;
	*made = error == 0;
	if (*made && !stand_holds(parent, pfd, path)) {
		undo_made(pfd, text, path, k->mode, NULL);
		undo_refuse(r);
		error = ESTALE;
	} else if (*made) {
		error = lookup_at(req, parent, pfd, text, e, false);
	}
	node_done(parent);
	return error;
}

static void
make(fuse_req_t req, fuse_ino_t ino, const char *text, const struct making *k)
{
	struct node *parent = node_of(ino);
	struct fuse_entry_param e;
	struct claim c;
	struct extra x = { EVF_TARGET, k->target, 0, NULL };
	char path[AGENTSH_PATH_MAX + 1];
	struct ruling r;
	bool made = false;
	int error;

	ruling_init(&r);
	claim_one(&c, CLAIM_CHANGE, parent, text);
	ask_at(&r, k->op, parent, text, path);
	if (S_ISSOCK(k->mode) && !ruling_denies(&r))
		ask_socket(&r, path);
	if (ruling_denies(&r))
		error = EACCES;
	else
		error = make_entry(req, parent, text, path, k, &e, &r, &made);
	claim_end(&c);
	if (record_denied(req, k->event, &r)) {
		reply_error(req, error);
		return;
	}
	if (error == 0 || made)
		record_done(req, k->event, &r, k->target != NULL ? &x : NULL);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	if (fuse_reply_entry(req, &e) == -ENOENT)
		node_forget(node_of(e.ino), 1);
}

void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode)
{
	struct making k = { FILE_OP_MKDIR, EV_DIR_CREATE,
		S_IFDIR | (mode & MODE_DIR), NULL };

	make(req, parent, text, &k);
}

void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode,
    dev_t rdev)
{
	struct making k = { FILE_OP_MKNOD, EV_FILE_MKNOD,
		mode & (S_IFMT | MODE_FILE), NULL };

	(void)rdev;
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
		k.mode = S_IFREG | (mode & MODE_FILE);
		k.op = FILE_OP_CREATE;
		k.event = EV_FILE_CREATE;
		break;
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		reply_error(req, EPERM); /* no device, ever */
		return;
	}
	make(req, parent, text, &k);
}

void
op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
    const char *text)
{
	struct making k = { FILE_OP_SYMLINK, EV_SYMLINK_CREATE, S_IFLNK,
		target };

	make(req, parent, text, &k);
}
