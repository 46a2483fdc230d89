/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that go, for good or to the trash. The change of the host's directory and
 * that of our graph are one step for everybody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "decide.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "redirect.h"
#include "serve.h"
#include "trashing.h"

/* To the trash instead. 0, or an error number. */
static int
remove_softly(fuse_req_t req, struct node *parent, int pfd, const char *text,
    const char *path, struct ruling *r, struct trashing *k)
{
	int error;

	error = trash_begin(req, k, pfd, text, r);
	if (error != 0)
		return error;
	k->parent = parent;
	k->path = path;
	error = trash_take(k, pfd, text, r);
	trash_finish(k, error == 0);
	return error;
}

static int
remove_entry(fuse_req_t req, struct node *parent, const char *text,
    const char *path, int flags, struct ruling *r, struct trashing *k)
{
	struct node *n;
	int pfd, fd = -1, rc = -1, saved;

	/* what is open stays reachable by its descriptor, also by one that is not
	 * for I/O, O_PATH: of those nobody tells us. So the descriptor goes when
	 * the kernel forgets the node, and the file's room with it */
	n = node_by_name(parent, text);
	if (n != NULL)
		fd = node_use(n);
	pfd = stand_use(parent, path);
	saved = errno;
	if (pfd != -1 && r->decision == DECISION_SOFT_DELETE) {
		saved = remove_softly(req, parent, pfd, text, path, r, k);
		rc = saved == 0 ? 0 : -1;
		node_done(parent);
	} else if (pfd != -1) {
		rc = unlinkat(pfd, text, flags);
		saved = errno;
		node_done(parent);
	}
	if (rc == 0)
		name_gone(parent, text);
	if (fd != -1)
		node_done(n);
	if (n != NULL)
		node_release(n, false);
	return rc == 0 ? 0 : saved;
}

static void
op_remove(fuse_req_t req, fuse_ino_t ino, const char *text, enum file_op op,
    enum event_type event, int flags)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct place p;
	struct claim c;
	struct ruling r;
	struct trashing k;
	int error;

	error = redirect_existing(req, node_of(ino), text, &p);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	ruling_init(&r);
	claim_one(&c, CLAIM_CHANGE, p.parent, p.text);
	if (op == FILE_OP_DELETE &&
	    node_child_path(p.parent, p.text, path) != -1 &&
	    gitsettings_may_remove(p.parent, p.text, path))
		r.settings = path;
	ask_at(&r, op, p.parent, p.text, path);
	if (!ruling_denies(&r))
		error = remove_entry(req, p.parent, p.text, path, flags, &r,
		    &k);
	claim_end(&c);
	place_done(&p);
	if (record_denied(req, event, &r)) {
		reply_error(req, EACCES);
		return;
	}
	if (error == 0 && r.decision == DECISION_SOFT_DELETE)
		trash_record(req, &k, &r);
	else if (error == 0)
		record_done(req, event, &r, NULL);
	reply_error(req, error);
}

void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	op_remove(req, parent, text, FILE_OP_DELETE, EV_FILE_DELETE, 0);
}

void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	op_remove(req, parent, text, FILE_OP_RMDIR, EV_DIR_DELETE,
	    AT_REMOVEDIR);
}
